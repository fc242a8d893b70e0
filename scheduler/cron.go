package scheduler

import (
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// maxCronLength bounds an expression before anything reads it, in bytes.
const maxCronLength = 200

// cron is a cron expression in a zone. gronx finds the time of day; it is asked only about days that
// are known to match, which bounds its search and keeps it off the years in which it gives up.
type cron struct {
	zone *time.Location
	text string // six fields for gronx, canonical
	days cronDays
	tods timesOfDay
	// follows says that the expression follows the local clock: nothing in a gap, both passes of an
	// overlap. It holds when the second, minute or hour begins with *, as in cron(8) of Debian.
	follows bool
	fields  [len(cronFields)]fieldValue
}

func compileCron(expr string, zone *time.Location) (rule, error) {
	if len(expr) > maxCronLength {
		return nil, invalid("/schedule/expr", "0 9 * * MON-FRI", "the cron expression is %d bytes long; at most %d are allowed", len(expr), maxCronLength)
	}
	texts, err := splitCron(expr)
	if err != nil {
		return nil, err
	}
	c := &cron{zone: zone}
	for i, f := range cronFields {
		if c.fields[i], err = f.parse(texts[i]); err != nil {
			return nil, err
		}
	}
	c.days = newCronDays(c.fields)
	c.tods = newTimesOfDay(c.fields)
	c.follows = c.fields[fieldSecond].star || c.fields[fieldMinute].star || c.fields[fieldHour].star
	written := make([]string, fieldYear)
	for i := range written {
		written[i] = c.fields[i].text
	}
	c.text = strings.Join(written, " ")
	return c, nil
}

// splitCron returns the seven fields of an expression of five to seven, or of a macro.
func splitCron(expr string) ([]string, error) {
	texts := strings.FieldsFunc(expr, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(texts) == 1 && texts[0][0] == '@' {
		macro, ok := cronMacro(texts[0])
		if !ok {
			return nil, invalid("/schedule/expr", "@daily", "macro %s is unknown; allowed are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly", quote(texts[0]))
		}
		texts = strings.Fields(macro)
	}
	switch {
	case len(texts) == 5:
		return append(append([]string{"0"}, texts...), "*"), nil
	case len(texts) == 6 && hasYear(texts[5]):
		return append([]string{"0"}, texts...), nil
	case len(texts) == 6:
		return append(texts, "*"), nil
	case len(texts) == 7:
		return texts, nil
	default:
		return nil, invalid("/schedule/expr", "0 9 * * MON-FRI",
			"a cron expression has 5 fields (minute hour day-of-month month weekday), 6 with seconds first or a year last, or 7 with both; this one has %d", len(texts))
	}
}

func cronMacro(name string) (string, bool) {
	switch strings.ToLower(name) {
	case "@yearly", "@annually":
		return "0 0 1 1 *", true
	case "@monthly":
		return "0 0 1 * *", true
	case "@weekly":
		return "0 0 * * 0", true
	case "@daily", "@midnight":
		return "0 0 * * *", true
	case "@hourly":
		return "0 * * * *", true
	default:
		return "", false
	}
}

// hasYear reports whether a sixth field is a year: it holds four digits in a row.
func hasYear(text string) bool {
	run := 0
	for _, c := range []byte(text) {
		run++
		if c < '0' || c > '9' {
			run = 0
		}
		if run == 4 {
			return true
		}
	}
	return false
}

// nextReading returns the first reading strictly later than after that matches.
func (c *cron) nextReading(after time.Time) (time.Time, bool) {
	after = after.Truncate(time.Second)
	today := after.Truncate(day)
	from := today
	if after.Sub(today) >= c.tods.last {
		from = today.Add(day)
	}
	matching, ok := c.days.next(from)
	if !ok {
		return time.Time{}, false
	}
	if matching.After(today) {
		after = matching.Add(-time.Second)
	}
	next, err := gronx.NextTickAfter(c.text, after, false)
	if err != nil || !next.Truncate(day).Equal(matching) {
		return time.Time{}, false
	}
	return next, true
}

const day = 24 * time.Hour

func (c *cron) next(after time.Time) (time.Time, bool) {
	if c.follows {
		return c.nextFollowing(after)
	}
	return c.nextFixed(after)
}

// nextFixed finds the next occurrence of an expression at fixed local times. Readings and their
// moments rise together, so the first reading whose moment is later than after gives the answer.
func (c *cron) nextFixed(after time.Time) (time.Time, bool) {
	reading := periodAt(after, c.zone).reading(after)
	for {
		next, ok := c.nextReading(reading)
		if !ok {
			return time.Time{}, false
		}
		m := resolve(next, c.zone)
		if m.at.After(after) {
			return m.at, true
		}
		reading = next
		if m.dst == DSTFirstPass {
			reading = m.end.Add(-time.Second) // after lies in the second pass, which repeats nothing
		}
	}
}

// nextFollowing finds the next occurrence of an expression that follows the local clock: period by
// period, each with its own offset.
func (c *cron) nextFollowing(after time.Time) (time.Time, bool) {
	p := periodAt(after, c.zone)
	reading := p.reading(after)
	for {
		next, ok := c.nextReading(reading)
		if at := next.Add(-p.offset); ok && !p.endsBy(at) {
			return at, true
		}
		if p.end.IsZero() {
			return time.Time{}, false
		}
		from := p.end
		following := periodAt(from, c.zone)
		repeats := following.offset < p.offset
		if !ok && !repeats {
			return time.Time{}, false
		}
		// No reading before next matches. Unless the coming period repeats some that are past, go
		// on shortly before next, whatever the offset will be then.
		if near := next.Add(-26 * time.Hour); ok && !repeats && near.After(from) {
			from = near
			following = periodAt(from, c.zone)
		}
		p, reading = following, following.reading(from).Add(-time.Second)
	}
}

// flag tells how the clocks moved the occurrence at.
func (c *cron) flag(at time.Time) DST {
	p := periodAt(at, c.zone)
	previous, ok := p.before(c.zone)
	if ok && !c.follows && at.Equal(p.start) && c.inGap(previous, p) {
		return DSTGapShifted
	}
	return pass(at, c.zone)
}

// inGap reports whether the clocks skip a matching reading between two periods.
func (c *cron) inGap(previous, p period) bool {
	return c.countReadings(p.start.UTC().Add(previous.offset), p.start.UTC().Add(p.offset)) > 0
}

// count adds up the periods between after and through.
func (c *cron) count(after, through time.Time) int {
	from := after.Truncate(time.Second).Add(time.Second)
	to := through.Truncate(time.Second).Add(time.Second)
	total := 0
	for from.Before(to) {
		p := periodAt(from, c.zone)
		end := to
		if !p.end.IsZero() && p.end.Before(to) {
			end = p.end
		}
		total += c.countIn(p, from, end)
		from = end
	}
	return total
}

// countIn counts the occurrences in [from, to), which lies within p.
func (c *cron) countIn(p period, from, to time.Time) int {
	low, high := p.reading(from), p.reading(to)
	previous, ok := p.before(c.zone)
	if c.follows || !ok {
		return c.countReadings(low, high)
	}
	shifted := 0
	if from.Equal(p.start) && c.inGap(previous, p) && c.countReadings(low, low.Add(time.Second)) == 0 {
		shifted = 1
	}
	if repeated := previous.reading(p.start); low.Before(repeated) {
		low = repeated
	}
	return shifted + c.countReadings(low, high)
}

// countReadings counts the matching readings in [low, high).
func (c *cron) countReadings(low, high time.Time) int {
	if !low.Before(high) {
		return 0
	}
	first, last := low.Truncate(day), high.Truncate(day)
	total := c.days.count(first, last) * c.tods.perDay()
	if c.days.match(first) {
		total -= c.tods.before(low.Sub(first))
	}
	if c.days.match(last) {
		total += c.tods.before(high.Sub(last))
	}
	return total
}
