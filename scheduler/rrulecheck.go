package scheduler

import "slices"

// check holds the rules of RFC 5545 (3.3.10) about parts that do not go together, and refuses what
// can never be due for a reason that can be told.
func (r *recurrenceRule) check() error {
	switch {
	case r.count > 0 && r.until != nil:
		return badRRule("COUNT and UNTIL exclude each other; keep one of them")
	case len(r.yearDays) > 0 && r.freq >= daily && r.freq < yearly:
		return badRRule("BYYEARDAY does not go with FREQ=%s; use FREQ=YEARLY", r.freqName())
	case len(r.monthDays) > 0 && r.freq == weekly:
		return badRRule("BYMONTHDAY does not go with FREQ=WEEKLY; use FREQ=MONTHLY, or FREQ=DAILY with BYDAY")
	case len(r.weeks) > 0 && r.freq != yearly:
		return badRRule("BYWEEKNO does not go with FREQ=%s; use FREQ=YEARLY", r.freqName())
	}
	if err := r.checkOrdinals(); err != nil {
		return err
	}
	if err := r.checkMonthDays(); err != nil {
		return err
	}
	return r.checkPositions()
}

func (r *recurrenceRule) freqName() string { return frequencyNames[r.freq] }

// checkOrdinals holds numbered weekdays to where they mean something: within a month or a year.
func (r *recurrenceRule) checkOrdinals() error {
	for _, day := range r.weekdays {
		item, n := day.String(), max(day.n, -day.n)
		switch {
		case n == 0:
		case r.freq < monthly:
			return badRRule("BYDAY item %s numbers a weekday, which does not go with FREQ=%s; use FREQ=MONTHLY or FREQ=YEARLY, or leave the number out", item, r.freqName())
		case len(r.weeks) > 0:
			return badRRule("BYDAY item %s numbers a weekday, which does not go with BYWEEKNO; leave the number out", item)
		case n > 5 && r.numbersMonth():
			return badRRule("BYDAY item %s never matches: no month has that many; allowed are 1 to 5 and -5 to -1", item)
		}
	}
	return nil
}

// numbersMonth reports whether numbered weekdays are counted within the month, not the year.
func (r *recurrenceRule) numbersMonth() bool { return r.freq == monthly || len(r.months) > 0 }

// checkMonthDays refuses days that none of the months has, such as 30 February.
func (r *recurrenceRule) checkMonthDays() error {
	if len(r.monthDays) == 0 || len(r.months) == 0 {
		return nil
	}
	longest := 0
	for _, m := range r.months {
		longest = max(longest, monthLength(2000, m))
	}
	if slices.ContainsFunc(r.monthDays, func(n int) bool { return max(n, -n) <= longest }) {
		return nil
	}
	return badRRule("the rule is never due: no month of BYMONTH has a day of BYMONTHDAY; they have at most %d days", longest)
}

// checkPositions holds BYSETPOS to sets that have such a position.
func (r *recurrenceRule) checkPositions() error {
	if len(r.positions) == 0 {
		return nil
	}
	if !r.restricts() {
		return badRRule("BYSETPOS chooses from the times that another BY part gives; add one, such as BYDAY, or leave BYSETPOS out")
	}
	size := r.largestSet()
	if slices.ContainsFunc(r.positions, func(n int) bool { return max(n, -n) <= size }) {
		return nil
	}
	return badRRule("the rule is never due: with FREQ=%s each %s has at most %d times to choose from, and BYSETPOS names none of them",
		r.freqName(), frequencyUnits[r.freq], size)
}

func (r *recurrenceRule) restricts() bool {
	for name, part := range numberParts {
		if name != "BYSETPOS" && len(*part.values(r)) > 0 {
			return true
		}
	}
	return len(r.weekdays) > 0
}

// largestSet returns how many times one period has at most.
func (r *recurrenceRule) largestSet() int {
	size := 1
	if r.freq > secondly {
		size *= max(len(r.seconds), 1)
	}
	if r.freq > minutely {
		size *= max(len(r.minutes), 1)
	}
	if r.freq > hourly {
		size *= max(len(r.hours), 1)
	}
	return size * [...]int{1, 1, 1, 1, 7, 31, 366}[r.freq]
}

// checkPhase refuses a rule whose steps within the day never meet the hours, minutes and seconds that
// it names: every second hour from 09:00 is never at 10:00.
func (s *steady) checkPhase(interval int) error {
	perDay := daySeconds / s.unit
	common := gcd(interval, perDay)
	stride := common * s.unit
	if _, ok := nextAligned(&s.units, 0, modulo(s.origin, int64(common))*int64(s.unit), stride, &budget{left: daySeconds}); ok {
		return nil
	}
	return badRRule("the rule is never due: INTERVAL=%d, counted from DTSTART, never meets the hours, minutes and seconds of BYHOUR, BYMINUTE and BYSECOND; change one of them, or the time of DTSTART", interval)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
