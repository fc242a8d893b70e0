package scheduler

import "time"

// A wall-clock reading is a [time.Time] in UTC whose fields are what a clock in some zone shows. All
// calendar arithmetic happens on readings; only this file knows how they meet instants. (Package
// time's own conversion resolves gaps and overlaps differently from zone to zone.)

// period is a stretch of time during which a zone's offset from UTC is constant.
type period struct {
	start, end time.Time // zero: unbounded
	offset     time.Duration
}

func periodAt(at time.Time, zone *time.Location) period {
	local := at.In(zone)
	_, offset := local.Zone()
	start, end := local.ZoneBounds()
	if !end.IsZero() && !end.After(at) {
		// Where a zone goes on by rule, package time cuts periods at the turn of the UTC year, and in
		// leap years a day too early.
		end = time.Date(at.UTC().Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	return period{start: start, end: end, offset: time.Duration(offset) * time.Second}
}

// before returns the period that ends where p starts.
func (p period) before(zone *time.Location) (period, bool) {
	if p.start.IsZero() {
		return period{}, false
	}
	return periodAt(p.start.Add(-1), zone), true
}

// reading returns what the clock shows at an instant of the period.
func (p period) reading(at time.Time) time.Time { return at.UTC().Add(p.offset) }

// instant returns when the clock shows reading, if it does so during the period.
func (p period) instant(reading time.Time) (time.Time, bool) {
	at := reading.Add(-p.offset)
	return at, !p.startsAfter(at) && !p.endsBy(at)
}

func (p period) startsAfter(at time.Time) bool { return !p.start.IsZero() && at.Before(p.start) }
func (p period) endsBy(at time.Time) bool      { return !p.end.IsZero() && !at.Before(p.end) }

// moment is what becomes of a wall-clock reading in a zone. In a gap there are two answers: cron and
// once take the end of the gap, RFC 5545 (3.3.5) the offset before it, as if the clocks had not yet
// changed.
type moment struct {
	at      time.Time // the instant; the first pass of an overlap; the end of a gap
	shifted time.Time // the instant by RFC 5545: later than at in a gap, else the same
	dst     DST
	end     time.Time // in an overlap: the reading at which it ends
}

// resolve finds the instant of a reading by the rule for fixed local times: one that the clocks skip
// is the first instant after the gap, one that they show twice is its first pass.
func resolve(reading time.Time, zone *time.Location) moment {
	// No offset differs from UTC by more than a day, so the reading's instant lies within one.
	p := periodAt(reading.Add(-26*time.Hour), zone)
	for {
		at, ok := p.instant(reading)
		if ok {
			return p.overlap(at, reading, zone)
		}
		if p.end.IsZero() || at.Before(p.end) {
			// Before the period although later than the one before: the clocks skipped the reading.
			previous, _ := p.before(zone)
			return moment{at: p.start.UTC(), shifted: reading.Add(-previous.offset), dst: DSTGapShifted}
		}
		p = periodAt(p.end, zone)
	}
}

// overlap completes the moment of a reading that p shows at an instant: does the next period show it
// again?
func (p period) overlap(at, reading time.Time, zone *time.Location) moment {
	m := moment{at: at.UTC(), shifted: at.UTC()}
	if p.end.IsZero() {
		return m
	}
	again := periodAt(p.end, zone)
	if _, twice := again.instant(reading); twice {
		m.dst, m.end = DSTFirstPass, p.reading(p.end)
	}
	return m
}

// pass tells which pass of an overlap an instant lies in, if any.
func pass(at time.Time, zone *time.Location) DST {
	p := periodAt(at, zone)
	reading := p.reading(at)
	if previous, ok := p.before(zone); ok {
		if _, twice := previous.instant(reading); twice {
			return DSTSecondPass
		}
	}
	if p.end.IsZero() {
		return DSTNone
	}
	if _, twice := periodAt(p.end, zone).instant(reading); twice {
		return DSTFirstPass
	}
	return DSTNone
}
