package mcp

import (
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut/scheduler"
)

const (
	// maxExcluded is how many stretches of times left out are listed; the others are counted.
	maxExcluded = 20
	// maxClockChanges is how many days on which the clocks change are told.
	maxClockChanges = 4
)

// plannedTime is one time at which a run is to start, after all policies.
type plannedTime struct {
	timeView
	// NominalAt is the schedule's own time, where policy moves it; Reason says why, "" for jitter alone.
	NominalAt string `json:"nominal_at,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Calendar  string `json:"calendar,omitempty"`
	// Count is how many nominal times it stands for, when it is more than one.
	Count int `json:"count,omitempty"`
}

// line returns the time as text, by the clock of a timezone and with its day of the week.
func (t plannedTime) line(timezone string) string {
	line := weekday(t.Local) + t.Local
	if t.DST != "" {
		line += " (" + t.DST + ")"
	}
	switch {
	case t.NominalAt != "" && t.Reason != "":
		line += fmt.Sprintf(", moved from %s: %s", local(t.NominalAt, timezone), t.Reason)
	case t.NominalAt != "":
		line += ", jitter included"
	}
	if t.Count > 1 {
		line += fmt.Sprintf(", one run for %d times", t.Count)
	}
	return line
}

// weekday returns the day of the week of a local time, with a space after it.
func weekday(local string) string {
	t, err := time.Parse(time.RFC3339, local)
	if err != nil {
		return ""
	}
	return t.Format("Mon ")
}

// excludedTimes is a stretch of nominal times that policy leaves out, from At to LastAt.
type excludedTimes struct {
	At       string `json:"at"`
	Local    string `json:"local"`
	LastAt   string `json:"last_at,omitempty"`
	Count    int    `json:"count"`
	Reason   string `json:"reason"`
	Calendar string `json:"calendar,omitempty"`
}

func (x excludedTimes) line(timezone string) string {
	line := weekday(x.Local) + x.Local
	if x.Count > 1 {
		line = fmt.Sprintf("%d times from %s to %s", x.Count, x.Local, local(x.LastAt, timezone))
	}
	line += ", " + x.Reason
	if x.Calendar != "" {
		line += " " + x.Calendar
	}
	return line
}

// views returns the times that start, at most count, and the stretches between them that are left out.
func (o outlook) views(count int) ([]plannedTime, []excludedTimes) {
	started, skipped := o.through(count)
	return plannedTimes(started), excludedTimesOf(skipped)
}

func plannedTimes(fires []scheduler.Fire) []plannedTime {
	views := make([]plannedTime, len(fires))
	for i, f := range fires {
		zone := f.Local.Location()
		t := plannedTime{timeView: timeView{UTC: stamp(f.Due), Local: f.Due.In(zone).Format(stampLayout), DST: string(f.DST)}, Calendar: f.Calendar}
		if !f.Due.Equal(f.UTC) {
			t.NominalAt, t.Reason = stamp(f.UTC), string(f.Reason)
		}
		if f.Count > 1 {
			t.Count = f.Count
		}
		views[i] = t
	}
	return views
}

func excludedTimesOf(fires []scheduler.Fire) []excludedTimes {
	var views []excludedTimes
	for _, f := range fires[:min(len(fires), maxExcluded)] {
		x := excludedTimes{
			At: stamp(f.First), Local: f.First.In(f.Local.Location()).Format(stampLayout), Count: f.Count,
			Reason: string(f.Reason), Calendar: f.Calendar,
		}
		if f.Count > 1 {
			x.LastAt = stamp(f.UTC)
		}
		views = append(views, x)
	}
	return views
}
