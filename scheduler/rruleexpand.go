package scheduler

// expand turns a checked rule into its readings, given the reading of DTSTART.
func (r *recurrenceRule) expand(start int64) (readings, error) {
	n, since := splitReading(start)
	days := newDayRule(r, n)
	times := r.times(since)
	if r.freq > daily && len(r.positions) > 0 {
		return &positioned{days: days, times: times, positions: r.positions}, nil
	}
	s := &steady{days: days, unit: [...]int{1, 60, 3600, daySeconds}[min(r.freq, daily)], step: 1}
	s.units, s.within.times = divide(times, s.unit)
	if len(r.positions) > 0 {
		s.within.isFixed = true
		for _, place := range chosen(r.positions, s.within.times.perDay()) {
			s.within.chosen = append(s.within.chosen, s.within.times.nth(place))
		}
	}
	s.origin = floorDiv(start, int64(s.unit))
	if r.freq < daily {
		s.step = r.interval
		if err := s.checkPhase(r.interval); err != nil {
			return nil, err
		}
	}
	s.countResidues()
	return s, nil
}

// times returns the times of day that the rule names. What it leaves open is that of DTSTART, or
// anything when it is not longer than the period.
func (r *recurrenceRule) times(since int) timesOfDay {
	return timesOfDay{
		hour:   clockPart(r.hours, since/3600, 24, r.freq <= hourly),
		minute: clockPart(r.minutes, since/60%60, 60, r.freq <= minutely),
		second: clockPart(r.seconds, since%60, 60, r.freq <= secondly),
	}
}

func clockPart(numbers []int, implied, size int, open bool) uint64 {
	switch {
	case len(numbers) > 0:
	case open:
		return 1<<size - 1
	default:
		return 1 << implied
	}
	var set uint64
	for _, n := range numbers {
		set |= 1 << min(n, size-1) // second 60 is second 59 where no leap seconds are kept (3.3.12)
	}
	return set
}

// divide parts times of day into the starts of units and what lies within each unit.
func divide(times timesOfDay, unit int) (units, within timesOfDay) {
	const first = 1 // the set that holds 0 alone
	units, within = times, timesOfDay{hour: first, minute: first, second: first}
	switch unit {
	case daySeconds:
		return timesOfDay{hour: first, minute: first, second: first}, times
	case 3600:
		units.minute, within.minute = first, times.minute
		units.second, within.second = first, times.second
	case 60:
		units.second, within.second = first, times.second
	}
	return units, within
}
