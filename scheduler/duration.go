package scheduler

import (
	"strconv"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	maxDurationLength = 64
	minInterval       = time.Second
	maxInterval       = horizonYears * 365 * day
)

// parseDuration reads an ISO 8601 duration (PT15M, P1DT12H, P2W) or a Go duration (1h30m) of whole
// seconds. Years and months have no fixed length and are refused.
func parseDuration(text string) (time.Duration, *ordinaut.Error) {
	if len(text) > maxDurationLength {
		return 0, badDuration("the duration is %d bytes long; at most %d are allowed", len(text), maxDurationLength)
	}
	if text == "" {
		return 0, badDuration("a duration is missing")
	}
	var d time.Duration
	if text[0] == 'P' || text[0] == 'p' {
		iso, err := parseISODuration(strings.ToUpper(text))
		if err != nil {
			return 0, err
		}
		d = iso
	} else {
		parsed, err := time.ParseDuration(text)
		if err != nil {
			return 0, badDuration("%s is not a duration", quote(text))
		}
		d = parsed
	}
	if d%time.Second != 0 {
		return 0, badDuration("%s is not a whole number of seconds", quote(text))
	}
	return d, nil
}

func badDuration(format string, args ...any) *ordinaut.Error {
	return invalid("/schedule/expr", "PT15M", format+"; write ISO 8601 (PT15M, PT36H, P1D) or like 15m, 1h30m", args...)
}

// parseISODuration reads P[n]W[n]D[T[n]H[n]M[n]S] with units in this order, at least one of them.
func parseISODuration(text string) (time.Duration, *ordinaut.Error) {
	date, clock, hasClock := strings.Cut(text[1:], "T")
	total := time.Duration(0)
	for _, part := range []struct{ text, units string }{{date, "YMWD"}, {clock, "HMS"}} {
		d, err := parseISOPart(text, part.text, part.units)
		if err != nil {
			return 0, err
		}
		total += d
	}
	if date == "" && clock == "" || hasClock && clock == "" {
		return 0, badDuration("%s is not an ISO 8601 duration", quote(text))
	}
	if total > maxInterval {
		return 0, badDuration("%s is longer than %d years", quote(text), horizonYears)
	}
	return total, nil
}

func parseISOPart(whole, text, units string) (time.Duration, *ordinaut.Error) {
	total := time.Duration(0)
	for text != "" {
		end := strings.IndexAny(text, units)
		if end < 1 || end > 10 {
			return 0, badDuration("%s is not an ISO 8601 duration", quote(whole))
		}
		n, err := strconv.ParseUint(text[:end], 10, 31)
		if err != nil {
			return 0, badDuration("%s is not an ISO 8601 duration: its numbers must be whole", quote(whole))
		}
		unit := isoUnit(units, text[end])
		if unit == 0 {
			return 0, badDuration("%s counts years or months, whose length differs; use cron for calendar dates, or days", quote(whole))
		}
		if time.Duration(n) > maxInterval/unit {
			return 0, badDuration("%s is longer than %d years", quote(whole), horizonYears)
		}
		total += time.Duration(n) * unit
		units = units[strings.IndexByte(units, text[end])+1:]
		text = text[end+1:]
	}
	return total, nil
}

// isoUnit returns the length of a unit; M is a minute only in the part after T.
func isoUnit(units string, unit byte) time.Duration {
	switch unit {
	case 'W':
		return 7 * day
	case 'D':
		return day
	case 'H':
		return time.Hour
	case 'M':
		if strings.HasSuffix(units, "S") {
			return time.Minute
		}
		return 0
	case 'S':
		return time.Second
	default:
		return 0
	}
}
