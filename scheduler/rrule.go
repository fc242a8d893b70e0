package scheduler

import (
	"math"
	"slices"
	"time"
)

// rruleReach is how far a search looks, in days: a century, since INTERVAL can make a rule rarer than
// the horizon and still sound.
const rruleReach = 36525

// rrule is a recurrence of RFC 5545: a rule that is evaluated on the wall clock of a zone from DTSTART
// on, and single instants that are added to it and taken from it. Instants are in Unix seconds.
type rrule struct {
	zone     *time.Location
	rule     *recurrenceRule
	readings readings
	start    int64 // the reading of DTSTART
	last     int64 // the last reading, by COUNT
	until    int64 // the last instant, by UNTIL
	added    []moment
	removed  []int64 // sorted
}

// compileRRule reads an expr: a rule, with DTSTART, RDATE and EXDATE lines if it has any. Without a
// DTSTART the rule counts from anchor.
func compileRRule(expr string, zone *time.Location, anchor time.Time) (rule, error) {
	return compileRRuleWithin(expr, zone, anchor, &budget{left: countBudget})
}

// compileRRuleWithin is compileRRule that settles COUNT with steps of b, which several rules may share.
func compileRRuleWithin(expr string, zone *time.Location, anchor time.Time, b *budget) (rule, error) {
	text, err := splitRRule(expr, zone)
	if err != nil {
		return nil, err
	}
	start := periodAt(anchor, zone).reading(anchor)
	switch at, ok := parseCalendarTime(text.start); {
	case ok:
		start = at.reading
	case anchor.IsZero():
		return nil, badRRule("DTSTART is missing; write a line such as DTSTART:20300501T090000 before the rule, or set starts_at")
	}
	r := &rrule{zone: zone, start: start.Unix(), last: math.MaxInt64 / 4, until: math.MaxInt64 / 4}
	if r.rule, err = parseRule(text.rule); err != nil {
		return nil, err
	}
	if err := r.rule.check(); err != nil {
		return nil, err
	}
	if r.readings, err = r.rule.expand(r.start); err != nil {
		return nil, err
	}
	if err := r.bound(b); err != nil {
		return nil, err
	}
	r.addDates(text)
	return r, nil
}

// bound finds where COUNT or UNTIL ends the rule. COUNT counts readings, so that the last of them is
// settled once, with steps of shared.
func (r *rrule) bound(shared *budget) error {
	if until := r.rule.until; until != nil {
		end := *until
		if end.dateOnly {
			end.reading = end.reading.Add(day - time.Second)
		}
		r.until = end.moment(r.zone).shifted.Unix()
	}
	if r.rule.count == 0 {
		return nil
	}
	if _, ok := r.readings.next(r.start, r.start+rruleReach*daySeconds, &budget{left: nextBudget}); !ok {
		return badRRule("the rule is never due: no date satisfies all its parts")
	}
	most := min(countBudget, shared.left)
	b := &budget{left: most}
	defer func() { shared.spend(most - b.left) }()
	ceiling := joinReading(date{10000, 1, 1}.number(), 0) - 1
	last, ok := r.readings.nth(r.start, ceiling, r.rule.count, b)
	switch {
	case ok:
		r.last = last
	case b.left < 0:
		return badRRule("COUNT=%d reaches too far to be settled in advance; leave COUNT out and give the end as UNTIL", r.rule.count)
	}
	return nil // the year 9999 ends it first
}

// neverDue says why there is no time later than after within the horizon.
func (r *rrule) neverDue(after time.Time) error {
	switch first, ok := r.next(time.Unix(r.start-widest, 0)); {
	case !ok && r.until < r.start-widest:
		return badRRule("the rule is never due: UNTIL lies before DTSTART, which is %s", localText(time.Unix(r.start, 0).UTC()))
	case !ok:
		return badRRule("the rule is never due: no date satisfies all its parts")
	case first.After(after):
		return badRRule("the rule is due for the first time in %d; allowed are the coming %d years", first.Year(), horizonYears)
	default:
		return badRRule("the rule has no time left after %s: COUNT or UNTIL has ended it", after.UTC().Format(time.RFC3339))
	}
}

func (r *rrule) addDates(text rruleText) {
	for _, t := range text.removed {
		r.removed = append(r.removed, t.moment(r.zone).shifted.Unix())
	}
	slices.Sort(r.removed)
	r.removed = slices.Compact(r.removed)
	for _, t := range text.added {
		m := t.moment(r.zone)
		if !r.isRemoved(m.shifted.Unix()) {
			r.added = append(r.added, m)
		}
	}
	slices.SortFunc(r.added, func(a, b moment) int { return a.shifted.Compare(b.shifted) })
	r.added = slices.CompactFunc(r.added, func(a, b moment) bool { return a.shifted.Equal(b.shifted) })
}

func (r *rrule) isRemoved(at int64) bool {
	_, found := slices.BinarySearch(r.removed, at)
	return found
}

// nextAdded returns the place of the first added instant later than after.
func (r *rrule) nextAdded(after int64) int {
	i, found := slices.BinarySearchFunc(r.added, after, func(m moment, at int64) int {
		return int(m.shifted.Unix() - at)
	})
	if found {
		i++
	}
	return i
}

func (r *rrule) next(after time.Time) (time.Time, bool) {
	return r.nextWithin(after, &budget{left: nextBudget})
}

func (r *rrule) nextWithin(after time.Time, b *budget) (time.Time, bool) {
	from := after.Unix()
	limit := max(from, r.start) + rruleReach*daySeconds
	at, ok := r.nextByRule(from, limit, b)
	for ok && r.isRemoved(at) {
		at, ok = r.nextByRule(at, limit, b)
	}
	if i := r.nextAdded(from); i < len(r.added) {
		if added := r.added[i].shifted.Unix(); !ok || added < at {
			at, ok = added, true
		}
	}
	return time.Unix(at, 0).UTC(), ok
}

// nextByRule returns the first instant of the rule later than after. Readings are looked for stretch
// by stretch; a stretch without any is left for the one with the next reading.
func (r *rrule) nextByRule(after, limit int64, b *budget) (int64, bool) {
	limit = min(limit, r.last)
	best := int64(math.MaxInt64)
	reading, known := int64(math.MinInt64), false // the first reading not less than any asked for so far
	walk := stretchesFrom(max(after, r.start-widest), r.zone)
	for b.spend(1) {
		s, ok := walk.next()
		if !ok || s.first() >= best {
			break
		}
		low := max(s.low, after+s.offset+1, r.start)
		if low >= s.high {
			continue
		}
		if !known || reading < low {
			if reading, known = r.readings.next(low, limit, b); !known {
				break
			}
		}
		switch {
		case reading < s.high:
			best = min(best, reading-s.offset)
		case best == math.MaxInt64 && reading-s.high > 2*widest:
			walk = stretchesFrom(reading, r.zone)
		}
	}
	return best, best <= r.until
}

// count adds up the stretches between after and through. An instant that a gap shifts onto another
// of the rule counts once.
func (r *rrule) count(after, through time.Time) int {
	b := &budget{left: tallyBudget}
	from, to := after.Unix(), min(through.Unix(), r.until)
	total := 0
	var shifted stretch
	walk := stretchesFrom(max(from, r.start-widest), r.zone)
	for s, ok := walk.next(); ok && s.first() <= to; s, ok = walk.next() {
		s.low = max(s.low, from+s.offset+1, r.start)
		s.high = min(s.high, to+s.offset+1, r.last+1)
		total += r.readings.count(s.low, s.high, b) - r.coinciding(shifted, s, b)
		shifted = stretch{}
		if s.skipped {
			shifted = s
		}
	}
	return total + r.countDates(from, through.Unix(), b)
}

// coinciding returns how many instants of a skipped stretch are also instants of the one after it.
func (r *rrule) coinciding(skipped, s stretch, b *budget) int {
	total := 0
	for from := skipped.low; from < skipped.high; {
		reading, ok := r.readings.next(from, skipped.high-1, b)
		if !ok {
			break
		}
		if twin := reading - skipped.offset + s.offset; s.low <= twin && twin < s.high && r.matches(twin, b) {
			total++
		}
		from = reading + 1
	}
	return total
}

func (r *rrule) matches(reading int64, b *budget) bool {
	_, ok := r.readings.next(reading, reading, b)
	return ok && r.start <= reading && reading <= r.last
}

// countDates returns by how much RDATE and EXDATE change the count in (from, to].
func (r *rrule) countDates(from, to int64, b *budget) int {
	total := 0
	for _, m := range r.added {
		if at := m.shifted.Unix(); from < at && at <= to && !r.byRule(at, b) {
			total++
		}
	}
	for _, at := range r.removed {
		if from < at && at <= to && r.byRule(at, b) {
			total--
		}
	}
	return total
}

// byRule reports whether the rule alone is due at an instant.
func (r *rrule) byRule(at int64, b *budget) bool {
	next, ok := r.nextByRule(at-1, at+widest, b)
	return ok && next == at
}

func (r *rrule) flag(at time.Time) DST {
	second := at.Unix()
	if i := r.nextAdded(second - 1); i < len(r.added) && r.added[i].shifted.Unix() == second && r.added[i].dst != DSTNone {
		return r.added[i].dst
	}
	b := &budget{left: nextBudget}
	walk := stretchesFrom(second, r.zone)
	shifted := false
	for s, ok := walk.next(); ok && s.first() <= second; s, ok = walk.next() {
		if reading := second + s.offset; s.low <= reading && reading < s.high && r.matches(reading, b) {
			if !s.skipped {
				return pass(at, r.zone)
			}
			shifted = true
		}
	}
	if shifted {
		return DSTGapShifted
	}
	return pass(at, r.zone)
}
