package scheduler

import (
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Words describes the schedule in one English phrase, with its zone, its window and what of its policies
// bears on the times: how often at most, jitter, calendars and quiet hours.
func (p *Plan) Words() string {
	words := p.rule.words()
	if _, counted := p.rule.(interval); !counted && !p.starts.IsZero() {
		words += ", from " + p.local(p.starts)
	}
	if !p.ends.IsZero() {
		words += ", until " + p.local(p.ends)
	}
	if p.schedule == nil {
		return words
	}
	return words + limitWords(*p.schedule) + exclusionWords(p.schedule.Rules)
}

// local writes an instant by the schedule's own clock.
func (p *Plan) local(at time.Time) string { return localWords(at, p.zone) }

func localWords(at time.Time, zone *time.Location) string {
	return at.In(zone).Format("2006-01-02 15:04 MST")
}

func limitWords(s ordinaut.Schedule) string {
	words := ""
	if s.MaxRuns > 0 {
		words += ", at most " + plural(s.MaxRuns, "time")
	}
	if s.JitterSeconds > 0 {
		words += ", each up to " + lengthWords(time.Duration(s.JitterSeconds)*time.Second) + " later"
	}
	return words
}

// exclusionWords tells what calendars and quiet hours make of times.
func exclusionWords(r *ordinaut.Rules) string {
	if r == nil {
		return ""
	}
	words := ""
	if n := len(r.Calendars); n > 0 {
		names := "calendar " + r.Calendars[n-1]
		if n > 1 {
			names = "calendar " + strings.Join(r.Calendars[:n-1], ", ") + " or " + r.Calendars[n-1]
		}
		if r.OnExcluded == ordinaut.ExcludedShift {
			words += ", moved to the next free day when " + names + " excludes it"
		} else {
			words += ", skipped when " + names + " excludes it"
		}
	}
	if r.Quiet != nil && len(r.Quiet.Hours)+len(r.Quiet.Blackouts) > 0 {
		words += "; " + QuietWords(r.Quiet)
	}
	return words
}
