package scheduler

import (
	"strings"
	"time"
)

// Instant reads the argument at pointer, a point in time that lies ahead of now by most at the most: RFC 3339,
// or `in 30m`, which counts from now. It returns UTC, or an invalid_argument [ordinaut.Error].
func Instant(pointer, text string, now time.Time, most time.Duration) (time.Time, error) {
	example := now.Add(time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339)
	at, err := readInstant(pointer, strings.TrimSpace(text), now)
	switch {
	case err != nil:
		return time.Time{}, err
	case !at.After(now):
		return time.Time{}, invalid(pointer, example, "%s has passed; it is now %s", quote(text), now.UTC().Format(time.RFC3339))
	case at.Sub(now) > most:
		return time.Time{}, invalid(pointer, example, "%s is too far ahead; allowed are %d days", quote(text), most/day)
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

func readInstant(pointer, text string, now time.Time) (time.Time, error) {
	if len(text) > 3 && strings.EqualFold(text[:3], "in ") {
		d, err := parseDuration(strings.TrimSpace(text[3:]))
		if err != nil {
			err.Pointer, err.Example = pointer, "in 30m"
			return time.Time{}, err
		}
		return now.Add(d), nil
	}
	at, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	if err != nil || len(text) > maxOnceLength {
		return time.Time{}, invalid(pointer, "in 30m", "%s is not an instant; write RFC 3339 (2030-05-01T09:00:00+02:00) or in 30m", quote(text))
	}
	return at, nil
}
