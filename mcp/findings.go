package mcp

import (
	"slices"
	"time"

	"github.com/ordinaut/ordinaut/scheduler"
)

// maxClockChanges is how many days on which the clocks change are told.
const maxClockChanges = 4

// warnAboutPlan tells what is odd about a previewed plan, count times of which were asked for.
func (d *draft) warnAboutPlan(from time.Time, started, skipped []scheduler.Fire, count int) {
	schedule := d.spec.Schedule
	for i := 1; i < len(started); i++ {
		if gap := started[i].UTC.Sub(started[i-1].UTC); gap < closeTimes {
			d.warn("the schedule is due every %s: is that meant?", gap)
			break
		}
	}
	d.warnAboutClocks(append(slices.Clip(started), d.plan.ClockChanges(from)...))
	switch _, more := d.plan.Next(from); {
	case len(started) == 0 && len(skipped) > 0:
		d.warn("calendars and quiet hours leave no time at which it starts")
	case len(started) == 0 && more:
		d.warn("no time at which it starts was found")
	case len(started) < min(count, previewTimes) && schedule.Kind != "once", schedule.MaxRuns > 0 && schedule.MaxRuns < previewTimes:
		d.warn("the schedule ends soon: times left: %d", len(started))
	}
	if schedule.JitterSeconds > 0 {
		d.warn("each time is delayed by 0 to %d s more, by the task's id, which is not known yet", schedule.JitterSeconds)
	}
	if left := len(skipped) - maxExcluded; left > 0 {
		d.warn("%d more stretches of times are left out", left)
	}
}

// warnAboutClocks tells of changes of the clocks that bear on times, once a day.
func (d *draft) warnAboutClocks(fires []scheduler.Fire) {
	told := map[string]bool{}
	for _, f := range fires {
		date := f.Local.Format(time.DateOnly)
		if f.DST == scheduler.DSTNone || told[date] || len(told) == maxClockChanges {
			continue
		}
		told[date] = true
		d.warn("at %s a clock change bears on the schedule (%s)", stamp(f.UTC), f.DST)
	}
}
