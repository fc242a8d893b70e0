package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// Findings says what about a schedule is legal and yet often not meant: how day fields combine, months
// that it skips, policies that cancel each other out. Each is a sentence without its full stop.
func (p *Plan) Findings(s ordinaut.Schedule) []string {
	var found []string
	switch r := p.rule.(type) {
	case *cron:
		found = append(found, r.findings()...)
	case *rrule:
		found = append(found, skippedMonths(r.rule.monthDays)...)
		found = append(found, r.openParts()...)
	}
	if s.CatchUp == ordinaut.CatchUpAll && s.Overlap == ordinaut.OverlapSkip {
		found = append(found, "catch_up all with overlap skip starts one run only, since it is live when the others come; overlap buffer_all starts each in turn")
	}
	return found
}

func (c *cron) findings() []string {
	byDay, byWeekday := c.fields[fieldDay], c.fields[fieldWeekday]
	var found []string
	switch {
	case byDay.text == "*" || byWeekday.text == "*":
	case byDay.star || byWeekday.star:
		found = append(found, "day of month and weekday are both restricted and one begins with *, so both must hold; most other programs take either")
	default:
		found = append(found, "day of month and weekday are both restricted, so either suffices")
	}
	if byWeekday.text == "*" && !byDay.lastDay && byDay.nearest == 0 {
		found = append(found, skippedMonths(members(c.days.dayBits))...)
	}
	return found
}

// openParts tells of parts of the time of day that the rule takes from where it counts, when those are odd:
// most likely the moment at which the rule was written.
func (r *rrule) openParts() []string {
	_, since := splitReading(r.start)
	if since%60 == 0 {
		return nil
	}
	var open, closed []string
	for _, part := range []struct {
		name, example string
		freq          frequency
		given         bool
	}{
		{"BYHOUR", "9", hourly, len(r.rule.hours) > 0},
		{"BYMINUTE", "0", minutely, len(r.rule.minutes) > 0},
		{"BYSECOND", "0", secondly, len(r.rule.seconds) > 0},
	} {
		if !part.given && r.rule.freq > part.freq {
			open, closed = append(open, part.name), append(closed, part.name+"="+part.example)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the rule does not say %s, so it takes that of %s, from which it counts; write %s",
		join(open), time.Unix(r.start, 0).UTC().Format(time.TimeOnly), strings.Join(closed, ";"))}
}

// skippedMonths tells of days that not every month has, when there is no other day in each month.
func skippedMonths(days []int) []string {
	if len(days) == 0 || slices.ContainsFunc(days, func(n int) bool { return n < 29 }) {
		return nil
	}
	least := slices.Min(days)
	return []string{fmt.Sprintf("months without a day %d are skipped; the last day of every month is L in cron, BYMONTHDAY=-1 in rrule", least)}
}

// ClockChanges returns the occurrences of the year after after on which a change of the clocks bears,
// the first of each change. A rhythm that follows the local clock has none worth telling.
func (p *Plan) ClockChanges(after time.Time) []Fire {
	switch r := p.rule.(type) {
	case *cron:
		if r.follows {
			return nil
		}
	case *rrule:
		if r.rule.freq < daily {
			return nil
		}
	default:
		return nil
	}
	const near = 3 * time.Hour // further than any clock is set in our times
	var changed []Fire
	limit := after.AddDate(1, 0, 0)
	for at := periodAt(after, p.zone).end; !at.IsZero() && at.Before(limit); at = periodAt(at, p.zone).end {
		from := at.Add(-near)
		if from.Before(after) {
			from = after
		}
		for _, f := range p.Preview(from, nearChange) {
			if f.DST != DSTNone && !f.UTC.After(at.Add(near)) {
				changed = append(changed, f)
				break
			}
		}
	}
	return changed
}

// nearChange is how many occurrences around a change of the clocks are looked at.
const nearChange = 20

// Near returns the first occurrence that is no further than within from at.
func (p *Plan) Near(at time.Time, within time.Duration) (time.Time, bool) {
	next, ok := p.Next(at.Add(-within - 1))
	return next, ok && !next.After(at.Add(within))
}
