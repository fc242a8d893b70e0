package pipeline

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// parseDuration reads numbers with units, such as 24h, 1h30m or -2d. A day is 24 hours and a week
// seven days of real time, whatever the clocks on the wall do.
func parseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%s is no duration; want numbers with units w d h m s ms, such as 24h or 1h30m", quoted(s))
	rest, sign := s, 1.0
	if rest != "" && rest[0] == '-' {
		rest, sign = rest[1:], -1
	}
	if rest == "" || len(rest) > 40 {
		return 0, bad
	}
	total := 0.0
	for rest != "" {
		n := 0
		for n < len(rest) && (isDigit(rest[n]) || rest[n] == '.') {
			n++
		}
		u := n
		for u < len(rest) && isLetter(rest[u]) {
			u++
		}
		number, err := strconv.ParseFloat(rest[:n], 64)
		unit := unitOf(rest[n:u])
		if err != nil || unit == 0 {
			return 0, bad
		}
		total += number * float64(unit)
		rest = rest[u:]
	}
	if total >= float64(math.MaxInt64) {
		return 0, fmt.Errorf("%s is too long a duration", quoted(s))
	}
	return time.Duration(sign * total), nil
}

func unitOf(name string) time.Duration {
	switch name {
	case "w":
		return 7 * 24 * time.Hour
	case "d":
		return 24 * time.Hour
	case "h":
		return time.Hour
	case "m":
		return time.Minute
	case "s":
		return time.Second
	case "ms":
		return time.Millisecond
	default:
		return 0
	}
}
