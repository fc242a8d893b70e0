package mcp

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

const (
	// maxBackfill is how many nominal times one call looks at.
	maxBackfill             = 1000
	defaultBackfillRate     = 60
	defaultBackfillPriority = 8
)

// backfillTaskArgs is the input of backfill_task.
type backfillTaskArgs struct {
	TaskID         string `json:"task_id"`
	From           string `json:"from"`
	Until          string `json:"until"`
	DryRun         bool   `json:"dry_run,omitempty"`
	All            bool   `json:"all,omitempty"`
	RatePerMinute  int    `json:"rate_per_minute,omitempty"`
	Priority       int    `json:"priority,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// backfillTaskAnswer is the output of backfill_task.
type backfillTaskAnswer struct {
	Runs         int    `json:"runs"`
	Existing     int    `json:"existing"`
	Excluded     int    `json:"excluded"`
	FirstAt      string `json:"first_at,omitempty"`
	LastAt       string `json:"last_at,omitempty"`
	LastStartsAt string `json:"last_starts_at,omitempty"`
	Next         string `json:"next"`
}

func (a backfillTaskAnswer) text() string {
	text := fmt.Sprintf("Runs: %d; times that have one already: %d; left out by calendars or quiet hours: %d.", a.Runs, a.Existing, a.Excluded)
	if a.Runs > 0 {
		text += fmt.Sprintf("\nFor %s to %s; the last starts at %s.", a.FirstAt, a.LastAt, a.LastStartsAt)
	}
	return text + "\n" + a.Next
}

func (s *Server) backfillTask(ctx context.Context, c *call, in backfillTaskArgs) (backfillTaskAnswer, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return backfillTaskAnswer{}, err
	}
	from, until, err := s.pastRange(in)
	if err != nil {
		return backfillTaskAnswer{}, err
	}
	done, err := s.cfg.Store.BackfillTask(ctx, c.mutation(in.IdempotencyKey), id, store.Backfill{
		Times: func(task ordinaut.DueTask) ([]time.Time, int, error) {
			past, err := scheduler.Past(task, from, until, maxBackfill)
			if err != nil {
				return nil, 0, fmt.Errorf("read the stored schedule of %s: %w", id, notPublic(err))
			}
			if past.More != nil {
				bad := ordinaut.Invalid("/until", "the range holds more than %d times of the schedule: end this call at the example, and go on from there in another", maxBackfill)
				bad.Example = stamp(*past.More)
				return nil, 0, bad
			}
			return past.Starts, past.Excluded, nil
		},
		All: in.All, DryRun: in.DryRun,
		Every:    time.Minute / time.Duration(cmp.Or(in.RatePerMinute, defaultBackfillRate)),
		Priority: cmp.Or(in.Priority, defaultBackfillPriority),
	})
	if err != nil {
		return backfillTaskAnswer{}, err
	}
	answer := backfillTaskAnswer{Runs: done.Runs, Existing: done.Existing, Excluded: done.Excluded, Next: nextForBackfill(in, done)}
	if done.Runs > 0 {
		answer.FirstAt, answer.LastAt, answer.LastStartsAt = stamp(done.FirstAt), stamp(done.LastAt), stamp(done.LastDue)
	}
	return answer, nil
}

// pastRange reads from and until, which must be in order and not reach into the future.
func (s *Server) pastRange(in backfillTaskArgs) (from, until time.Time, err error) {
	first, err := parseInstant("/from", in.From)
	if err != nil {
		return from, until, err
	}
	last, err := parseInstant("/until", in.Until)
	if err != nil {
		return from, until, err
	}
	now := s.now()
	switch {
	case first == nil:
		return from, until, ordinaut.Invalid("/from", "is empty; write RFC 3339, as in %s", stamp(now.AddDate(0, 0, -1).Truncate(time.Hour)))
	case last == nil:
		return from, until, ordinaut.Invalid("/until", "is empty; write RFC 3339, as in %s", stamp(now.Truncate(time.Hour)))
	case last.After(now):
		bad := ordinaut.Invalid("/until", "until lies ahead: only what has passed can be made up for; it is now %s", stamp(now))
		bad.Example = stamp(now.Truncate(time.Minute))
		return from, until, bad
	case !last.After(*first):
		return from, until, ordinaut.Invalid("/until", "until must be later than from")
	}
	return *first, *last, nil
}

func nextForBackfill(in backfillTaskArgs, done store.Backfilled) string {
	switch {
	case done.Runs == 0 && done.Existing > 0 && !in.All:
		return "Every time in the range has a run already; all true makes up for those that ran by the schedule too."
	case done.Runs == 0:
		return "There is nothing to make up for in the range."
	case in.DryRun:
		return "Nothing was made: the same call without dry_run makes them."
	default:
		return "list_runs with task_id shows them; cancel_run stops one."
	}
}
