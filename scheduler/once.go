package scheduler

import (
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

const (
	maxOnceLength = 64
	// oncePast is how long ago the instant of a new once may lie: the default max_lateness of once.
	oncePast = 24 * time.Hour
)

// once is due at one instant.
type once struct {
	at    time.Time
	dst   DST
	local bool // it was given as a local time
	zone  *time.Location
}

// settleOnce turns `in 20m` into the instant 20 minutes after now; anything else stays as it is.
func settleOnce(expr string, now time.Time) (string, error) {
	expr = strings.TrimSpace(expr)
	if len(expr) < 3 || !strings.EqualFold(expr[:3], "in ") {
		return expr, nil
	}
	d, err := parseDuration(strings.TrimSpace(expr[3:]))
	if err != nil {
		err.Example = "in 20m"
		return expr, err
	}
	if d < 0 || d > maxInterval {
		return expr, invalid("/schedule/expr", "in 20m", "%s is out of range; allowed is 0 seconds to %d years", quote(expr), horizonYears)
	}
	return now.Add(d).Truncate(time.Second).Format(time.RFC3339), nil
}

func compileOnce(expr string, zone *time.Location) (rule, error) {
	if len(expr) > maxOnceLength {
		return nil, badOnce("the instant is %d bytes long; at most %d are allowed", len(expr), maxOnceLength)
	}
	if at, err := time.Parse(time.RFC3339, strings.ToUpper(expr)); err == nil {
		return checkOnceYear(once{at: at.UTC().Truncate(time.Microsecond), zone: zone})
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		reading, err := time.Parse(layout, strings.ToUpper(expr))
		if err != nil {
			continue
		}
		m := resolve(reading.Truncate(time.Microsecond), zone)
		return checkOnceYear(once{at: m.at, dst: m.dst, local: true, zone: zone})
	}
	return nil, badOnce("%s is not an instant", quote(expr))
}

func badOnce(format string, args ...any) *ordinaut.Error {
	return invalid("/schedule/expr", "2030-05-01T09:00:00+02:00",
		format+"; write RFC 3339 (2030-05-01T09:00:00+02:00), a local time of the timezone (2030-05-01T09:00), or in 20m", args...)
}

// checkOnceYear keeps instants where Postgres and differences between times can hold them.
func checkOnceYear(o once) (rule, error) {
	if year := o.at.Year(); year < 1970 || year > 2200 {
		return nil, badOnce("the year %d is out of range (1970 to 2200)", year)
	}
	return o, nil
}

// checkOncePast refuses an instant that has long passed: it is a mistake, not a plan. So is one that is
// later already than the schedule lets it start.
func checkOncePast(at, now time.Time, s *ordinaut.Schedule) error {
	example := now.Add(time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339)
	late := now.Sub(at)
	if late > oncePast {
		return invalid("/schedule/expr", example, "the instant %s has passed; it is now %s", at.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if most := maxLateness(s, s.CatchUp, &phase{}); late > most {
		return invalid("/schedule/expr", example, "the instant %s passed %s ago, and max_lateness_seconds and catch_up let it start at most %s late, so it would be missed; give a later one",
			at.Format(time.RFC3339), late.Round(time.Second), most)
	}
	return nil
}

func (o once) next(after time.Time) (time.Time, bool) { return o.at, o.at.After(after) }

func (o once) count(after, through time.Time) int {
	if o.at.After(after) && !o.at.After(through) {
		return 1
	}
	return 0
}

func (o once) flag(time.Time) DST { return o.dst }

func (o once) words() string {
	local := o.at.In(o.zone)
	layout := "15:04"
	if local.Second() != 0 || local.Nanosecond() != 0 {
		layout = time.TimeOnly
	}
	return "once, on " + local.Format("Monday 2006-01-02") + " at " + local.Format(layout) + " " + o.zone.String()
}
