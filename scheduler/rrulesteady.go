package scheduler

import "time"

// readings is the part of a recurrence rule that knows no zone: the readings of the wall clock it
// matches, in Unix seconds, whatever its DTSTART and its end.
type readings interface {
	// next returns the first reading in [from, limit].
	next(from, limit int64, b *budget) (int64, bool)
	// count returns how many readings lie in [low, high).
	count(low, high int64, b *budget) int
	// nth returns the n-th reading of [from, limit], counted from 1.
	nth(from, limit int64, n int, b *budget) (int64, bool)
}

// steady matches, on each matching day, the same times of day; or for HOURLY and finer, those of them
// whose unit INTERVAL leaves.
type steady struct {
	days dayRule
	// unit is what a period lasts, in seconds; a day for DAILY and coarser rules.
	unit int
	step int // INTERVAL of HOURLY and finer, in units; else 1
	// origin is the number of DTSTART's unit, counted from 1970.
	origin int64
	units  timesOfDay // the starts of the units that match
	within offsets    // what matches in each of them, since its start
	// perResidue is how many matching units of a day are in step, by the residue of the first unit
	// that is. Nil when the step is 1, or so long that counting them is quick.
	perResidue []uint16
}

// maxResidues bounds perResidue. A longer step leaves at most 22 units of a day.
const maxResidues = 4096

// offsets is times since the start of a unit: all of some times of day, or those that BYSETPOS chose.
type offsets struct {
	times   timesOfDay
	chosen  []int // sorted; nil: all of times
	isFixed bool  // chosen is what counts
}

func (o *offsets) size() int {
	if o.isFixed {
		return len(o.chosen)
	}
	return o.times.perDay()
}

func (o *offsets) next(since int) (int, bool) {
	if !o.isFixed {
		return o.times.next(since)
	}
	if i := o.before(since); i < len(o.chosen) {
		return o.chosen[i], true
	}
	return 0, false
}

func (o *offsets) before(since int) int {
	if !o.isFixed {
		return o.times.before(time.Duration(since) * time.Second)
	}
	n := 0
	for n < len(o.chosen) && o.chosen[n] < since {
		n++
	}
	return n
}

func (o *offsets) nth(k int) int {
	if o.isFixed {
		return o.chosen[k]
	}
	return o.times.nth(k)
}

func (s *steady) next(from, limit int64, b *budget) (int64, bool) {
	n, since := splitReading(from)
	last, _ := splitReading(limit)
	for {
		found, ok := s.days.next(n, last, b)
		if !ok {
			return 0, false
		}
		if found > n {
			n, since = found, 0
		}
		if at, ok := s.nextOn(n, since, b); ok {
			reading := joinReading(n, at)
			return reading, reading <= limit
		}
		n, since = s.following(n), 0
	}
}

// following returns the next day that may have a unit in step.
func (s *steady) following(n int) int {
	perDay := int64(daySeconds / s.unit)
	if int64(s.step) <= perDay {
		return n + 1
	}
	unit := int64(n+1) * perDay
	return int((unit + modulo(s.origin-unit, int64(s.step))) / perDay)
}

// nextOn returns the first time of day n, which matches, that is not earlier than since.
func (s *steady) nextOn(n, since int, b *budget) (int, bool) {
	if s.unit == daySeconds {
		return s.within.next(since)
	}
	if s.perResidue != nil && s.perResidue[s.residue(n)] == 0 {
		return 0, false
	}
	current := since / s.unit * s.unit
	unit, ok := s.nextUnit(n, current, b)
	if ok && unit == current {
		if at, ok := s.within.next(since - unit); ok {
			return unit + at, true
		}
		unit, ok = s.nextUnit(n, current+s.unit, b)
	}
	return unit + s.within.nth(0), ok
}

// nextUnit returns the start of the first matching unit in step on day n, not earlier than since.
func (s *steady) nextUnit(n, since int, b *budget) (int, bool) {
	if s.step == 1 {
		return s.units.next(since)
	}
	return nextAligned(&s.units, since, s.residue(n)*int64(s.unit), s.step*s.unit, b)
}

// residue returns the number of the first unit of day n that is in step, counted from 0; it may lie
// on a later day.
func (s *steady) residue(n int) int64 {
	return modulo(s.origin-int64(n)*int64(daySeconds/s.unit), int64(s.step))
}

// nextAligned returns the first of times, not earlier than since, that is first plus a multiple of
// stride.
func nextAligned(times *timesOfDay, since int, first int64, stride int, b *budget) (int, bool) {
	for b.spend(1) {
		aligned := first
		if int64(since) > first {
			aligned = int64(since) + modulo(first-int64(since), int64(stride))
		}
		if aligned >= daySeconds {
			return 0, false
		}
		at, ok := times.next(int(aligned))
		if !ok || int64(at) == aligned {
			return at, ok
		}
		since = at
	}
	return 0, false
}

// perDay returns how many readings day n has if it matches.
func (s *steady) perDay(n int, b *budget) int {
	switch {
	case s.unit == daySeconds:
		return s.within.size()
	case s.step == 1:
		return s.units.perDay() * s.within.size()
	case s.perResidue != nil:
		return int(s.perResidue[s.residue(n)]) * s.within.size()
	default:
		return s.unitsBefore(n, daySeconds, b) * s.within.size()
	}
}

// unitsBefore returns how many units of day n match and start earlier than since.
func (s *steady) unitsBefore(n, since int, b *budget) int {
	if s.step == 1 {
		return s.units.before(time.Duration(since) * time.Second)
	}
	total := 0
	for at, ok := s.nextUnit(n, 0, b); ok && at < since; at, ok = s.nextUnit(n, at+1, b) {
		total++
	}
	return total
}

// before returns how many readings day n, which matches, has earlier than since.
func (s *steady) before(n, since int, b *budget) int {
	if s.unit == daySeconds {
		return s.within.before(since)
	}
	current := since / s.unit * s.unit
	total := s.unitsBefore(n, current, b) * s.within.size()
	if unit, ok := s.nextUnit(n, current, b); ok && unit == current {
		total += s.within.before(since - current)
	}
	return total
}

func (s *steady) count(low, high int64, b *budget) int {
	if low >= high {
		return 0
	}
	first, since := splitReading(low)
	last, until := splitReading(high)
	total := 0
	for n, ok := s.days.next(first, last, b); ok; n, ok = s.days.next(s.following(n), last, b) {
		if n < last {
			total += s.perDay(n, b)
		} else {
			total += s.before(n, until, b)
		}
		if n == first {
			total -= s.before(n, since, b)
		}
	}
	return total
}

func (s *steady) nth(from, limit int64, n int, b *budget) (int64, bool) {
	first, since := splitReading(from)
	last, _ := splitReading(limit)
	for on, ok := s.days.next(first, last, b); ok; on, ok = s.days.next(s.following(on), last, b) {
		if on == first {
			n += s.before(on, since, b)
		}
		if has := s.perDay(on, b); n > has {
			n -= has
			continue
		}
		return joinReading(on, s.nthOn(on, n-1, b)), b.left >= 0
	}
	return 0, false
}

// nthOn returns the time of day n before which k others match.
func (s *steady) nthOn(n, k int, b *budget) int {
	if s.unit == daySeconds {
		return s.within.nth(k)
	}
	unit, offset := k/s.within.size(), s.within.nth(k%s.within.size())
	if s.step == 1 {
		return s.units.nth(unit) + offset
	}
	at, ok := s.nextUnit(n, 0, b)
	for ; ok && unit > 0; unit-- {
		at, ok = s.nextUnit(n, at+1, b)
	}
	return at + offset
}

// countResidues fills perResidue.
func (s *steady) countResidues() {
	if s.step == 1 || s.step > maxResidues || s.unit == daySeconds {
		return
	}
	s.perResidue = make([]uint16, s.step)
	for at, ok := s.units.next(0); ok; at, ok = s.units.next(at + 1) {
		s.perResidue[at/s.unit%s.step]++
	}
}

func splitReading(reading int64) (n, since int) {
	n = int(floorDiv(reading, daySeconds))
	return n, int(reading - int64(n)*daySeconds)
}

func joinReading(n, since int) int64 { return int64(n)*daySeconds + int64(since) }
