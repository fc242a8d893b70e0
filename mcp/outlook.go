package mcp

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

// outlookTimes is from how many times warnings are drawn, however many are shown.
const outlookTimes = 5

// outlook is what a schedule amounts to under all policies. The tools that tell of a schedule share it, so
// that a task is made as it was previewed.
type outlook struct {
	schedule ordinaut.Schedule
	plan     *scheduler.Plan
	from     time.Time
	fires    []scheduler.Fire
}

// outlookOf looks ahead of a task: at what follows from now on or, unless after is nil, from that on. The
// zero id stands for a task that does not exist yet, whose jitter nobody knows.
func (s *Server) outlookOf(ctx context.Context, task ordinaut.Task, after *time.Time, count int) (outlook, error) {
	o := outlook{schedule: task.Spec.Schedule, from: s.now()}
	line, err := s.timeline(ctx, task)
	if err != nil {
		return o, err
	}
	if o.plan = line.Plan(); !hasTimes(o.schedule.Kind) {
		return o, nil
	}
	if after != nil { // as if the task began then
		o.from, task.NextAt = *after, nil
		if next, ok := o.plan.Next(o.from); ok {
			task.NextAt = &next
		}
	}
	o.fires = line.Ahead(&task, o.from, max(count, outlookTimes))
	return o, nil
}

// timeline lays out the schedule of a task under the policies of today.
func (s *Server) timeline(ctx context.Context, task ordinaut.Task) (*scheduler.Timeline, error) {
	schedule := task.Spec.Schedule
	if task.ID.IsZero() {
		schedule.JitterSeconds = 0
	}
	var calendars []ordinaut.Calendar
	var quiet *ordinaut.Quiet
	if hasTimes(schedule.Kind) {
		var err error
		if calendars, err = s.cfg.Store.CalendarsOf(ctx, task.NamespaceID, schedule); err != nil {
			return nil, err
		}
		if quiet, err = s.cfg.Store.AgentQuiet(ctx, task.NamespaceID, task.OwnerID); err != nil {
			return nil, err
		}
	}
	line, err := scheduler.NewTimeline(schedule, task.ID, calendars, quiet)
	if err != nil {
		return nil, fmt.Errorf("lay out the schedule of %s: %w", task.ID, notPublic(err))
	}
	return line, nil
}

// through returns the times that start, at most count, and those before the last of them that do not.
func (o outlook) through(count int) (started, skipped []scheduler.Fire) {
	for _, f := range o.fires {
		switch f.Fate {
		case ordinaut.FateStarted:
			if started = append(started, f); len(started) == count {
				return started, skipped
			}
		case ordinaut.FateSkipped:
			skipped = append(skipped, f)
		}
	}
	return started, skipped
}

// hasTimes reports whether a kind is due, or looked at, by time alone.
func hasTimes(kind ordinaut.ScheduleKind) bool {
	return kind != ordinaut.ScheduleEvent && kind != ordinaut.ScheduleManual
}

// warnings tells what is odd about the times, of which count are shown.
func (o outlook) warnings(count int) []string {
	if !hasTimes(o.schedule.Kind) {
		return nil
	}
	started, _ := o.through(outlookTimes)
	warnings := append(warningsOfTimes(started, o.from), warningsOfClocks(append(slices.Clip(started), o.plan.ClockChanges(o.from)...))...)
	if odd := o.warningOfEnd(started); odd != "" {
		warnings = append(warnings, odd)
	}
	if jitter := o.schedule.JitterSeconds; jitter > 0 {
		warnings = append(warnings, fmt.Sprintf("each time is delayed by 0 to %d s, by the id of the task", jitter))
	}
	if _, skipped := o.through(count); len(skipped) > maxExcluded {
		warnings = append(warnings, fmt.Sprintf("%d more stretches of times are left out", len(skipped)-maxExcluded))
	}
	return warnings
}

// warningsOfTimes tells of times that are very close, and of one that has passed.
func warningsOfTimes(started []scheduler.Fire, now time.Time) []string {
	if len(started) == 1 && now.Sub(started[0].Due) > time.Second {
		return []string{fmt.Sprintf("%s has passed already, so it starts at once, %s late: is that meant?", stamp(started[0].Due), now.Sub(started[0].Due).Round(time.Second))}
	}
	for i := 1; i < len(started); i++ {
		if gap := started[i].UTC.Sub(started[i-1].UTC); gap < closeTimes {
			return []string{fmt.Sprintf("the schedule is due every %s: is that meant?", gap)}
		}
	}
	return nil
}

// warningOfEnd tells of a schedule that starts nothing, or is soon over.
func (o outlook) warningOfEnd(started []scheduler.Fire) string {
	_, more := o.plan.Next(o.from)
	switch {
	case len(started) == 0 && len(o.fires) > 0:
		return "calendars and quiet hours leave no time at which it starts"
	case len(started) == 0 && more:
		return "no time at which it starts was found"
	case len(started) < previewTimes && o.schedule.Kind != ordinaut.ScheduleOnce:
		return fmt.Sprintf("the schedule ends soon: times left: %d", len(started))
	default:
		return ""
	}
}

// warningsOfClocks tells of changes of the clocks that bear on times, once a day.
func warningsOfClocks(fires []scheduler.Fire) []string {
	var warnings []string
	told := map[string]bool{}
	for _, f := range fires {
		date := f.Local.Format(time.DateOnly)
		if f.DST == scheduler.DSTNone || told[date] || len(told) == maxClockChanges {
			continue
		}
		told[date] = true
		warnings = append(warnings, clockWarning(f))
	}
	return warnings
}

// clockWarning tells what a change of the clocks makes of a time.
func clockWarning(f scheduler.Fire) string {
	at := f.Local.Format(stampLayout)
	switch f.DST {
	case scheduler.DSTGapShifted:
		return fmt.Sprintf("the clocks skip its time on that day, so it is due at %s (%s)", at, f.DST)
	default:
		return fmt.Sprintf("the clocks show its time twice on that day, and it is due at %s (%s)", at, f.DST)
	}
}
