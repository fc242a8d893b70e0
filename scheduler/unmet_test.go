package scheduler

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ordinaut/ordinaut"
)

// Law: when a schedule goes, each nominal time that it has had by now and that waits gets its one row; what
// lies ahead, and what the schedule that follows begins with, gets none.
func TestUnmetTimes(t *testing.T) {
	t.Parallel()
	now := at("2026-11-25T10:30:00Z")
	when := func(text string) *time.Time { instant := at("2026-11-25T" + text + ":00Z"); return &instant }
	hourly := ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 * * * *", Timezone: "UTC", CatchUp: ordinaut.CatchUpLatest}
	for name, c := range map[string]struct {
		change func(*ordinaut.DueTask)
		next   *time.Time
		want   []string
	}{
		"one was put off":              {nil, when("15:00"), []string{"schedule 10:00 10:00 1 skipped(schedule_changed)"}},
		"nobody came for long":         {func(d *ordinaut.DueTask) { d.NextAt = when("06:00") }, nil, []string{"schedule 06:00 10:00 5 skipped(schedule_changed)"}},
		"nothing has come":             {func(d *ordinaut.DueTask) { d.NextAt = when("11:00") }, when("15:00"), nil},
		"nothing was left":             {func(d *ordinaut.DueTask) { d.NextAt = nil }, nil, nil},
		"a pause has passed over them": {func(d *ordinaut.DueTask) { d.State, d.NextAt = ordinaut.TaskPaused, when("09:00") }, nil, []string{"schedule 09:00 10:00 2 skipped(paused)"}},
		"the next schedule has it too": {nil, when("10:00"), nil},
		"a snoozed one has come": {func(d *ordinaut.DueTask) {
			d.SnoozedAt, d.SnoozedUntil, d.NextAt = when("09:00"), when("10:40"), when("11:00")
		}, nil, []string{"schedule 09:00 09:00 1 skipped(schedule_changed)"}},
		"a snoozed one and the next": {func(d *ordinaut.DueTask) { d.SnoozedAt, d.SnoozedUntil = when("08:00"), when("10:40") }, nil, []string{"schedule 08:00 08:00 1 skipped(schedule_changed)", "schedule 10:00 10:00 1 skipped(schedule_changed)"}},
		"a snoozed one lies ahead": {func(d *ordinaut.DueTask) {
			d.SnoozedAt, d.SnoozedUntil, d.NextAt = when("11:00"), when("11:40"), when("12:00")
		}, nil, nil},
		"a schedule that nobody can read": {func(d *ordinaut.DueTask) { d.Kind = "lunar" }, nil, nil},
		"a probe was overdue": {func(d *ordinaut.DueTask) {
			d.Kind, d.Expr, d.StartsAt = ordinaut.ScheduleCondition, "", when("00:00")
			d.Rules = &ordinaut.Rules{Condition: &ordinaut.Condition{Every: "PT10M"}}
		}, nil, []string{"probe 10:00 10:30 4 skipped(schedule_changed)"}},
	} {
		task := ordinaut.DueTask{TaskID: ordinaut.NewTaskID(), Schedule: hourly, State: ordinaut.TaskActive, NextAt: when("10:00")}
		if c.change != nil {
			c.change(&task)
		}
		var got []string
		for _, o := range Unmet(now, task, c.next, ordinaut.ReasonScheduleChanged) {
			got = append(got, fmt.Sprintf("%s %s %s %d %s(%s)", o.Kind, o.NominalAt.Format("15:04"), o.LastAt.Format("15:04"), o.Count, o.Fate, o.Reason))
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}
