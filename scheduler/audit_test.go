package scheduler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

// Law: what an audit cannot know it does not call wrong, and what it can know it does.
func TestAuditLooksAwayWhereItCannotBeSure(t *testing.T) {
	t.Parallel()
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return nine.AddDate(0, 0, n) }
	for _, tc := range []struct {
		name   string
		days   []int // that have rows
		next   int   // the day that it waits for
		change func(*ordinaut.AuditedTask)
		want   string
	}{
		{"whole", []int{0, 1, 2}, 3, nil, "L6 L7 T2"},
		{"no rows yet", nil, 0, nil, "T2 T6"},
		{"a gap", []int{0, 2}, 3, nil, "L6! L7 T2"},
		{"no first", []int{1, 2}, 3, nil, "L6 L7! T2"},
		{"a gap before what it waits for", []int{0, 1, 2}, 4, nil, "L6! L7 T2"},
		{"no first, but nobody wrote it down", []int{1, 2}, 3, func(t *ordinaut.AuditedTask) { t.FirstAt = nil }, "L6 T2"},
		{"no rows, and nobody wrote it down", nil, 5, func(t *ordinaut.AuditedTask) { t.FirstAt = nil }, "T2"},
		{"a gap before the version", []int{0, 2, 4}, 5, func(t *ordinaut.AuditedTask) { t.VersionAt, t.FirstAt = day(3), new(day(4)) }, "L6 L7 T2"},
		{"a first time that was over when it was told", []int{1, 2}, 3, func(t *ordinaut.AuditedTask) { t.VersionAt = day(0).Add(time.Hour) }, "L6 T2"},
		{"a first time by a clock that is ahead", []int{1, 2}, 3, func(t *ordinaut.AuditedTask) { t.FirstAt = new(day(1)) }, "L6 L7 T2"},
		{"the first week was dropped", []int{2, 3}, 4, func(t *ordinaut.AuditedTask) { t.History.KeptSince = day(1) }, "L6 T2"},
		{"the first is snoozed", []int{1, 2}, 3, func(t *ordinaut.AuditedTask) { t.SnoozedAt = new(day(0)) }, "L6 L7 T2"},
		{"the one before the next is snoozed", []int{0, 1}, 3, func(t *ordinaut.AuditedTask) { t.SnoozedAt = new(day(2)) }, "L6 L7 T2"},
		{"snoozed before it began", nil, 1, func(t *ordinaut.AuditedTask) { t.SnoozedAt = new(day(0)) }, "T2 T6"},
		{"paused for long", []int{0}, 1, func(t *ordinaut.AuditedTask) { t.State = ordinaut.TaskPaused }, "L6 L7 T2"},
		{"finished with times left", []int{0}, -1, func(t *ordinaut.AuditedTask) { t.State = ordinaut.TaskFinished }, "L6 L7 T5!"},
		{"finished before it began", nil, -1, func(t *ordinaut.AuditedTask) { t.State = ordinaut.TaskFinished }, "T5!"},
		{"finished by max_runs", []int{0}, -1, func(t *ordinaut.AuditedTask) { t.State, t.MaxRuns, t.RunsStarted = ordinaut.TaskFinished, 1, 1 }, "L6 L7 T5"},
		{"finished by its end", []int{0, 1}, -1, func(t *ordinaut.AuditedTask) { t.State, t.EndsAt = ordinaut.TaskFinished, new(day(2)) }, "L6 L7 T5"},
		{"a zone, and no release on record", []int{0, 2}, 3, func(t *ordinaut.AuditedTask) { t.Timezone = "Africa/Accra" }, "L6? T2"},
		{"a zone by another release", []int{0, 2}, 3, func(t *ordinaut.AuditedTask) {
			t.Timezone, t.History.ZoneRelease = "Africa/Accra", "2025b"
		}, "L6? T2"},
		{"a zone by our release", []int{0, 2}, 3, func(t *ordinaut.AuditedTask) {
			t.Timezone, t.History.ZoneRelease = "Africa/Accra", "2026a"
		}, "L6! L7 T2"},
		{"a zone whose rules changed", []int{0, 2, 3}, 4, func(t *ordinaut.AuditedTask) {
			t.Timezone, t.History.ZoneRelease, t.History.ZoneAt = "Africa/Accra", "2026a", day(1)
		}, "L6 T2"},
		{"a gap after the change of rules", []int{0, 2, 4}, 5, func(t *ordinaut.AuditedTask) {
			t.Timezone, t.History.ZoneRelease, t.History.ZoneAt = "Africa/Accra", "2026a", day(1)
		}, "L6! T2"},
		{"UTC has no rules", []int{0, 2, 3}, 4, func(t *ordinaut.AuditedTask) {
			t.History.ZoneRelease, t.History.ZoneAt = "2026b", day(-3)
		}, "L6! L7 T2"},
		{"a schedule of a newer program", []int{0, 2}, 3, func(t *ordinaut.AuditedTask) { t.Kind = "tide" }, "L6? T2"},
		{"what it waits for was decided", []int{0, 1, 2}, 2, nil, "L6! L7 T2!"},
		{"what it waits for was decided by the version before", []int{0, 1, 2}, 2, func(t *ordinaut.AuditedTask) {
			t.VersionAt, t.FirstAt = day(3), new(day(2))
		}, "T2"},
		{"the first time was computed anew", nil, 0, func(t *ordinaut.AuditedTask) { t.FirstAt = new(day(1)) }, "T2 T6"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			task := ordinaut.AuditedTask{
				Schedule:  ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 9 * * *", Timezone: "UTC"},
				State:     ordinaut.TaskActive,
				VersionAt: day(-1).Add(time.Hour), FirstAt: new(day(0)),
				History: ordinaut.History{Now: day(6).Add(time.Minute), KeptSince: day(-9), ZoneAt: day(-9)},
			}
			if tc.next >= 0 {
				task.NextAt = new(day(tc.next))
			}
			if tc.change != nil {
				tc.change(&task)
			}
			rows := make([]ordinaut.Occurrence, len(tc.days))
			for i, n := range tc.days {
				rows[i] = ordinaut.Occurrence{NominalAt: day(n), LastAt: day(n), Count: 1, DecidedAt: day(n).Add(time.Second)}
			}
			var got []string
			told := ""
			for _, found := range scheduler.NewAuditor("2026a").Audit(task, slices.Values(rows)) {
				mark := ""
				switch {
				case found.Left:
					mark = "?"
				case found.Fault != "":
					mark, told = "!", told+"\n"+found.Law+": "+found.Fault
				}
				got = append(got, found.Law+mark)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != tc.want {
				t.Errorf("found %v, want %s%s", got, tc.want, told)
			}
		})
	}
}

// Law: a row of several times counts those of the schedule from its first to its last.
func TestAuditCountsWhatARowStandsFor(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	task := ordinaut.AuditedTask{
		Schedule:  ordinaut.Schedule{Kind: ordinaut.ScheduleInterval, Expr: "PT1M", Timezone: "UTC", StartsAt: &begin},
		VersionAt: begin.Add(-time.Hour), FirstAt: &begin, NextAt: new(begin.Add(10 * time.Minute)),
	}
	for _, tc := range []struct {
		last  time.Duration
		count int
		fault string
	}{
		{9 * time.Minute, 10, ""},
		{9 * time.Minute, 9, "counts 9, its schedule has 10"},
		{9*time.Minute + time.Second, 10, "is no time of its schedule"},
		{8 * time.Minute, 9, "it waits for 2026-03-02T09:10:00Z"},
	} {
		row := ordinaut.Occurrence{NominalAt: begin, LastAt: begin.Add(tc.last), Count: tc.count}
		fault := ""
		for _, found := range scheduler.NewAuditor("").Audit(task, slices.Values([]ordinaut.Occurrence{row})) {
			fault += found.Fault
		}
		if (tc.fault == "") != (fault == "") || !strings.Contains(fault, tc.fault) {
			t.Errorf("%d until %s: %q, want %q", tc.count, tc.last, fault, tc.fault)
		}
	}
}
