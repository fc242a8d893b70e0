package scheduler

import "slices"

// positioned matches, of the times in each week, month or year, those at the positions of BYSETPOS.
type positioned struct {
	days      dayRule
	times     timesOfDay
	positions []int // sorted
}

// chosen returns the places, counted from 0, of the positions that a set of so many times has.
func chosen(positions []int, size int) []int {
	var places []int
	for _, n := range positions {
		place := n - 1
		if n < 0 {
			place = size + n
		}
		if 0 <= place && place < size {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// chosenPeriod is the readings of one period that are chosen, in order.
type chosenPeriod struct {
	days   []int
	places []int
	times  *timesOfDay
}

// choose expands one period.
func (p *positioned) choose(number int, buffer []int, b *budget) chosenPeriod {
	c := chosenPeriod{days: p.days.in(number, buffer[:0], b), times: &p.times}
	c.places = chosen(p.positions, len(c.days)*p.times.perDay())
	b.spend(len(p.positions))
	return c
}

// reading returns the i-th of the chosen.
func (c *chosenPeriod) reading(i int) int64 {
	perDay := c.times.perDay()
	return joinReading(c.days[c.places[i]/perDay], c.times.nth(c.places[i]%perDay))
}

// before returns how many of the chosen are less than reading.
func (c *chosenPeriod) before(reading int64) int {
	low, high := 0, len(c.places)
	for low < high {
		if middle := (low + high) / 2; c.reading(middle) < reading {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

func (p *positioned) next(from, limit int64, b *budget) (int64, bool) {
	n, _ := splitReading(from)
	var buffer [366]int
	for number := p.days.due(p.days.period(n)); joinReading(p.days.begin(number), 0) <= limit && b.spend(1); number += p.days.interval {
		c := p.choose(number, buffer[:], b)
		if i := c.before(from); i < len(c.places) {
			reading := c.reading(i)
			return reading, reading <= limit
		}
	}
	return 0, false
}

func (p *positioned) count(low, high int64, b *budget) int {
	if low >= high {
		return 0
	}
	n, _ := splitReading(low)
	total := 0
	var buffer [366]int
	sizes := map[int]int{} // how many are chosen of so many days
	for number := p.days.due(p.days.period(n)); joinReading(p.days.begin(number), 0) < high && b.spend(1); number += p.days.interval {
		if joinReading(p.days.begin(number), 0) < low || joinReading(p.days.begin(number+1), 0) > high {
			c := p.choose(number, buffer[:], b)
			total += max(c.before(high)-c.before(low), 0)
			continue
		}
		days := len(p.days.in(number, buffer[:0], b))
		size, known := sizes[days]
		if !known {
			size = len(chosen(p.positions, days*p.times.perDay()))
			sizes[days] = size
		}
		total += size
	}
	return total
}

func (p *positioned) nth(from, limit int64, n int, b *budget) (int64, bool) {
	first, _ := splitReading(from)
	var buffer [366]int
	for number := p.days.due(p.days.period(first)); joinReading(p.days.begin(number), 0) <= limit && b.spend(1); number += p.days.interval {
		c := p.choose(number, buffer[:], b)
		skipped := c.before(from)
		if has := len(c.places) - skipped; n > has {
			n -= has
			continue
		}
		return c.reading(skipped + n - 1), b.left >= 0
	}
	return 0, false
}
