package scheduler

import (
	"fmt"
	"strings"
)

// special reads L, nW, n#k and nL, notes them in v and returns their canonical text; "" means that
// the item is a plain one.
func (f cronField) special(item string, v *fieldValue) (string, error) {
	if item == "" {
		return "", f.invalid(item, "a list item is empty")
	}
	switch f.name {
	case "day of month":
		return f.specialDay(item, v)
	case "weekday":
		return f.specialWeekday(item, v)
	default:
		return "", nil
	}
}

func (f cronField) specialDay(item string, v *fieldValue) (string, error) {
	if item == "L" {
		v.lastDay = true
		return "L", nil
	}
	if item == "LW" {
		return "", f.invalid(item, "the last workday of a month is no day of cron; use kind rrule with FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1")
	}
	if back, counted := strings.CutPrefix(item, "L-"); counted {
		if n, ok := digits(back); ok && n <= 30 {
			return "", f.invalid(item, "days before the last are none of cron; use kind rrule with FREQ=MONTHLY;BYMONTHDAY=-%d", n+1)
		}
	}
	day, found := strings.CutSuffix(item, "W")
	if !found {
		return "", nil
	}
	n, err := f.number(item, day)
	if err != nil {
		return "", err
	}
	v.nearest |= 1 << n
	return fmt.Sprintf("%dW", n), nil
}

func (f cronField) specialWeekday(item string, v *fieldValue) (string, error) {
	day, ordinal, numbered := strings.Cut(item, "#")
	if numbered {
		n, err := f.number(item, day)
		if err != nil {
			return "", err
		}
		k, ok := digits(ordinal)
		if !ok || k < 1 || k > 5 {
			return "", f.invalid(item, "the number after # must be 1 to 5")
		}
		v.nth[k-1] |= 1 << (n % 7)
		return fmt.Sprintf("%d#%d", n%7, k), nil
	}
	day, last := strings.CutSuffix(item, "L")
	if !last {
		return "", nil
	}
	n, err := f.number(item, day)
	if err != nil {
		return "", err
	}
	v.lastWeekday |= 1 << (n % 7)
	return fmt.Sprintf("%dL", n%7), nil
}
