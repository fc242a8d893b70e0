package explain

import (
	"encoding/json"
	"time"

	"github.com/ordinaut/ordinaut"
)

// blocking returns the run that was live when a finding's fate was decided, or nil when that is not known.
func (j *judge) blocking(f finding) *ordinaut.Run {
	at := f.first
	switch {
	case f.row != nil:
		at = f.row.DecidedAt
	case f.run != nil:
		at = f.run.QueuedAt
	}
	for i := len(j.Runs) - 1; i >= 0; i-- {
		r := &j.Runs[i]
		if f.run != nil && r.ID == f.run.ID || r.Kind == ordinaut.RunProbe || r.QueuedAt.After(at) {
			continue
		}
		if r.FinishedAt == nil || r.FinishedAt.After(at) {
			return r
		}
	}
	return nil
}

// about names a run in a sentence, by the time that it is for.
func (j *judge) about(r *ordinaut.Run) string {
	switch {
	case r.Kind == ordinaut.RunRetry:
		return "the retry of " + j.short(r.QueuedAt)
	case r.NominalAt == nil:
		return "the run of " + j.short(r.QueuedAt)
	}
	return "the run of " + j.short(*r.NominalAt)
}

// standIn returns the row of the time that stood in for those of a finding: the first that was decided on
// with it and not coalesced.
func (j *judge) standIn(f finding) *ordinaut.Occurrence {
	for i := range j.Occurrences {
		o := &j.Occurrences[i]
		if o.NominalAt.After(f.last) && o.Fate != ordinaut.FateCoalesced {
			return o
		}
	}
	return nil
}

// lastChange returns the latest change by an action that is not later than at, or nil.
func (j *judge) lastChange(action string, at time.Time) *ordinaut.TaskChange {
	for i := len(j.Changes) - 1; i >= 0; i-- {
		if c := &j.Changes[i]; c.Action == action && !c.At.After(at) {
			return c
		}
	}
	return nil
}

// detail is what the audit trail says of a pause.
type detail struct {
	Note     string `json:"note"`
	Failures int    `json:"failures"`
}

// detailOf reads the detail of a change; what cannot be read says nothing.
func detailOf(c *ordinaut.TaskChange) (d detail) {
	if len(c.Detail) > 0 && json.Unmarshal(c.Detail, &d) != nil {
		return detail{}
	}
	return d
}

// entry returns the entry of a calendar that excludes t, or nil.
func (j *judge) entry(calendar string, t time.Time) *ordinaut.CalendarEntry {
	day := t.In(j.zone).Format(time.DateOnly)
	for i := range j.Calendars {
		if j.Calendars[i].Name != calendar {
			continue
		}
		for k := range j.Calendars[i].Entries {
			e := &j.Calendars[i].Entries[k]
			from, err := time.Parse(time.RFC3339, e.From)
			if err != nil { // dates, which sort as text
				if e.From == day || e.From < day && day < e.To {
					return e
				}
				continue
			}
			if to, err := time.Parse(time.RFC3339, e.To); err == nil && !t.Before(from) && t.Before(to) {
				return e
			}
		}
	}
	return nil
}
