package explain

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ordinaut/ordinaut"
)

// near is how close to now a day of the week is enough of a date.
const near = 6 * 24 * time.Hour

// moment returns t as a person in the schedule's zone says it: Mon 08:30 Europe/Berlin, with the date
// when it is further away than a week.
func (j *judge) moment(t time.Time) string { return j.short(t) + " " + j.zone.String() }

// short is moment without the zone.
func (j *judge) short(t time.Time) string {
	layout := "Mon 15:04"
	if t.Sub(j.Now).Abs() > near {
		layout = "Mon 2 Jan 2006 15:04"
	}
	if t.Second() != 0 {
		layout += ":05"
	}
	return t.In(j.zone).Format(layout)
}

// lasting returns a duration in its largest unit or two: 41 minutes, 1 hour 5 minutes, 340 ms.
func lasting(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return count(int(d.Round(time.Second)/time.Second), "second")
	case d < time.Hour:
		return count(int(d.Round(time.Minute)/time.Minute), "minute")
	}
	minutes := int(d.Round(time.Minute) / time.Minute)
	large, small, units := minutes/60, minutes%60, [2]string{"hour", "minute"}
	if d >= 48*time.Hour {
		large, small, units = minutes/(24*60), minutes%(24*60)/60, [2]string{"day", "hour"}
	}
	if small == 0 {
		return count(large, units[0])
	}
	return count(large, units[0]) + " " + count(small, units[1])
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// subject begins a sentence about a finding: what was to happen, and when.
func (j *judge) subject(f finding) string {
	at := j.moment(f.first)
	switch f.kind {
	case ordinaut.RunManual:
		return "It was started by hand at " + at
	case ordinaut.RunRetry:
		return "It was retried at " + at
	case ordinaut.RunEvent:
		if f.count > 1 {
			return fmt.Sprintf("%d events came from %s to %s", f.count, j.short(f.first), j.moment(f.last))
		}
		return "An event came at " + at
	case ordinaut.RunCondition:
		return "Its condition was met at " + at
	case ordinaut.RunProbe:
		return "Its condition was looked at at " + at
	case ordinaut.RunBackfill:
		return "It was made up for " + at
	}
	verb := "was"
	if f.first.After(j.Now) {
		verb = "is"
	}
	if f.count > 1 {
		return fmt.Sprintf("It %s due %d times from %s to %s", verb, f.count, j.short(f.first), j.moment(f.last))
	}
	return fmt.Sprintf("It %s due at %s", verb, at)
}

// ending returns text as the end of a sentence.
func ending(text string) string {
	text = strings.TrimSpace(text)
	if end, _ := utf8.DecodeLastRuneInString(text); strings.ContainsRune(".?!…", end) {
		return text
	}
	return text + "."
}

// took says how long a run took, or has taken so far.
func (j *judge) took(r *ordinaut.Run) string {
	switch {
	case r.StartedAt == nil:
		return ""
	case r.FinishedAt != nil:
		return lasting(r.FinishedAt.Sub(*r.StartedAt))
	default:
		return lasting(j.Now.Sub(*r.StartedAt))
	}
}
