package scheduler

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// maxLatenessLimit is the largest max_lateness_seconds: a week.
const maxLatenessLimit = 7 * 24 * 60 * 60

// Parse checks a schedule that is created or changed at now. It returns the plan and the schedule as
// it should be stored and shown: defaults filled in, `in 20m` turned into an instant, an interval
// and an rrule anchored. The error is an invalid_argument [ordinaut.Error] whose pointer leads into /schedule.
func Parse(s ordinaut.Schedule, now time.Time) (*Plan, ordinaut.Schedule, error) {
	s, err := normalise(s, now.UTC())
	if err != nil {
		return nil, s, err
	}
	plan, err := Compile(s)
	if err != nil {
		return nil, s, err
	}
	if err := plan.checkFires(s, now); err != nil {
		return nil, s, err
	}
	if err := plan.checkShift(s, now); err != nil {
		return nil, s, err
	}
	return plan, s, nil
}

// normalise fills in defaults and settles what depends on the time of creation. Postgres keeps
// microseconds, hence the truncation: a time must survive being stored.
func normalise(s ordinaut.Schedule, now time.Time) (ordinaut.Schedule, error) {
	s.Kind = ordinaut.ScheduleKind(strings.ToLower(strings.TrimSpace(string(s.Kind))))
	if !slices.Contains(ordinaut.ScheduleKinds(), s.Kind) {
		return s, unknownKind(s.Kind)
	}
	s.Timezone = cmp.Or(strings.TrimSpace(s.Timezone), "UTC")
	if err := checkWindow(s, now); err != nil {
		return s, err
	}
	if s.Kind == ordinaut.ScheduleEvent {
		if err := normaliseEvent(&s); err != nil {
			return s, err
		}
	}
	if err := normalisePolicies(&s); err != nil {
		return s, err
	}
	if err := normaliseRules(&s); err != nil {
		return s, err
	}
	s.StartsAt, s.EndsAt = micros(s.StartsAt), micros(s.EndsAt)
	if err := normaliseCondition(&s, now); err != nil {
		return s, err
	}
	switch s.Kind {
	case ordinaut.ScheduleCron:
		if len(s.Expr) <= maxCronLength {
			s.Expr = strings.Join(strings.Fields(s.Expr), " ")
		}
	case ordinaut.ScheduleRRule:
		zone, err := (*zones)(nil).load(s.Timezone)
		if err != nil {
			return s, err
		}
		anchor := now
		if s.StartsAt != nil {
			anchor = *s.StartsAt
		}
		s.Expr, err = settleRRule(s.Expr, zone, anchor)
		return s, err
	case ordinaut.ScheduleInterval:
		s.Expr = strings.TrimSpace(s.Expr)
		if s.StartsAt == nil {
			anchor := now.Truncate(time.Second)
			s.StartsAt = &anchor
		}
	case ordinaut.ScheduleOnce:
		expr, err := settleOnce(s.Expr, now)
		s.Expr = expr
		return s, err
	case ordinaut.ScheduleManual:
		s.Expr = strings.TrimSpace(s.Expr)
	}
	return s, nil
}

func normalisePolicies(s *ordinaut.Schedule) error {
	if s.Kind == ordinaut.ScheduleEvent {
		s.Overlap = cmp.Or(s.Overlap, ordinaut.OverlapAllow) // events do not wait for one another
	}
	s.Overlap = cmp.Or(s.Overlap, ordinaut.OverlapSkip)
	if !slices.Contains(ordinaut.Overlaps(), s.Overlap) {
		return invalid("/schedule/overlap", string(ordinaut.OverlapSkip), "overlap %s is unknown; allowed are %s", quote(string(s.Overlap)), choices(ordinaut.Overlaps()))
	}
	s.CatchUp = cmp.Or(s.CatchUp, ordinaut.CatchUpLatest)
	if !slices.Contains(ordinaut.CatchUps(), s.CatchUp) {
		return invalid("/schedule/catch_up", string(ordinaut.CatchUpLatest), "catch_up %s is unknown; allowed are %s", quote(string(s.CatchUp)), choices(ordinaut.CatchUps()))
	}
	if s.MaxLatenessSeconds < 0 || s.MaxLatenessSeconds > maxLatenessLimit {
		return invalid("/schedule/max_lateness_seconds", "3600", "max_lateness_seconds %d is out of range; allowed is 1 to %d, or 0 for the default", s.MaxLatenessSeconds, maxLatenessLimit)
	}
	return normaliseLimits(s)
}

// checkWindow keeps times where differences between them fit a [time.Duration].
func checkWindow(s ordinaut.Schedule, now time.Time) error {
	oldest, newest := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), now.AddDate(100, 0, 0)
	example := now.Add(24 * time.Hour).Truncate(time.Hour).Format(time.RFC3339)
	if t := s.StartsAt; t != nil && (t.Before(oldest) || t.After(newest)) {
		return invalid("/schedule/starts_at", example, "starts_at %s is out of range; allowed is 1970 to %d", t.UTC().Format(time.RFC3339), newest.Year())
	}
	if t := s.EndsAt; t != nil && (t.Before(oldest) || t.After(newest)) {
		return invalid("/schedule/ends_at", example, "ends_at %s is out of range; allowed is 1970 to %d", t.UTC().Format(time.RFC3339), newest.Year())
	}
	if s.StartsAt != nil && s.EndsAt != nil && !s.EndsAt.After(*s.StartsAt) {
		return invalid("/schedule/ends_at", "", "ends_at must be later than starts_at (%s)", s.StartsAt.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkFires refuses a schedule that would never start anything.
func (p *Plan) checkFires(s ordinaut.Schedule, now time.Time) error {
	if s.Kind == ordinaut.ScheduleManual || s.Kind == ordinaut.ScheduleEvent {
		return checkEnds(s, now)
	}
	if o, isOnce := p.rule.(once); isOnce {
		if err := checkOncePast(o.at, now, &s); err != nil {
			return err
		}
	}
	first, ok := p.First(now)
	if ok && first.Before(now.AddDate(horizonYears, 0, 0)) {
		return nil
	}
	if w, isWatch := p.rule.(watch); isWatch && w.condition.Deadline != nil && p.ends.Equal(*w.condition.Deadline) {
		return invalid("/schedule/condition/deadline", "", "the watch ends at %s, before its first probe; probe more often, or set a later deadline", p.ends.Format(time.RFC3339))
	}
	if _, later := p.rule.next(laterOf(now, p.starts)); later && !ok && !p.ends.IsZero() {
		return invalid("/schedule/ends_at", "", "the schedule ends at %s, before it is due for the first time", p.ends.Format(time.RFC3339))
	}
	if s.Kind == ordinaut.ScheduleOnce {
		return invalid("/schedule/starts_at", "", "the instant lies outside starts_at and ends_at; a once needs neither")
	}
	if r, recurs := p.rule.(*rrule); recurs {
		return r.neverDue(laterOf(now, p.starts))
	}
	return invalid("/schedule/expr", "0 9 * * MON-FRI", "%s is never due within %d years: no date satisfies all its fields", quote(s.Expr), horizonYears)
}

// checkEnds refuses a schedule without times of its own whose window has passed.
func checkEnds(s ordinaut.Schedule, now time.Time) error {
	if s.EndsAt != nil && !s.EndsAt.After(now) {
		return invalid("/schedule/ends_at", "", "ends_at %s has passed, so nothing would start the task", s.EndsAt.UTC().Format(time.RFC3339))
	}
	return nil
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b.Add(-1)
	}
	return a
}

func micros(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Microsecond)
	return &u
}

func compileManual(expr string) (rule, error) {
	if expr != "" {
		return nil, invalid("/schedule/expr", "", "a manual schedule takes no expr; leave it out, or choose one of the kinds %s", choices(ordinaut.ScheduleKinds()))
	}
	return manual{}, nil
}

// manual is the rule of a task that starts only by run_now.
type manual struct{}

func (manual) next(time.Time) (time.Time, bool) { return time.Time{}, false }
func (manual) count(_, _ time.Time) int         { return 0 }
func (manual) flag(time.Time) DST               { return DSTNone }
func (manual) words() string                    { return "only when started by hand" }
