package scheduler

import (
	"math"
	"strings"
	"time"
)

// interval is due every so often in real time, whatever the clocks do: at anchor, anchor + every, …
type interval struct {
	anchor time.Time
	every  time.Duration
}

func compileInterval(expr string, anchor time.Time) (rule, error) {
	every, err := parseDuration(expr)
	if err != nil {
		return nil, err
	}
	if every < minInterval || every > maxInterval {
		return nil, invalid("/schedule/expr", "PT15M", "the interval %s is out of range; allowed is 1 second to %d years", quote(expr), horizonYears)
	}
	return interval{anchor: anchor, every: every}, nil
}

func (i interval) next(after time.Time) (time.Time, bool) {
	if after.Before(i.anchor) {
		return i.anchor, true
	}
	passed := after.Sub(i.anchor)
	if passed > math.MaxInt64-i.every {
		return time.Time{}, false // 292 years on, where durations end
	}
	return i.anchor.Add((passed/i.every + 1) * i.every), true
}

func (i interval) count(after, through time.Time) int {
	return int(i.passed(through) - i.passed(after))
}

// passed returns how many occurrences are not later than at.
func (i interval) passed(at time.Time) time.Duration {
	if at.Before(i.anchor) {
		return 0
	}
	return at.Sub(i.anchor)/i.every + 1
}

func (interval) flag(time.Time) DST { return DSTNone }

func (i interval) words() string {
	return "every " + durationWords(i.every) + ", counted from " + i.anchor.UTC().Format("2006-01-02 15:04:05 UTC")
}

// lengthWords returns how long d is: as durationWords, but "an hour" for one of a kind.
func lengthWords(d time.Duration) string {
	words := durationWords(d)
	switch {
	case words == "hour":
		return "an hour"
	case !strings.Contains(words, " "):
		return "a " + words
	default:
		return words
	}
}

// durationWords returns "15 minutes", "1 day 12 hours"; one of a kind alone is just its name.
func durationWords(d time.Duration) string {
	words := ""
	for _, u := range []struct {
		length time.Duration
		name   string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		n := int(d / u.length)
		if n == 0 {
			continue
		}
		if n == 1 && d == u.length && words == "" {
			return u.name
		}
		if words != "" {
			words += " "
		}
		words += plural(n, u.name)
		d %= u.length
	}
	return words
}
