package mcp

import (
	"context"
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

// maxSnooze is how far ahead an occurrence may be moved.
const maxSnooze = 31 * 24 * time.Hour

// snoozeTaskArgs is the input of snooze_task.
type snoozeTaskArgs struct {
	TaskID         string `json:"task_id"`
	Until          string `json:"until"`
	Note           string `json:"note,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

func (s *Server) snoozeTask(ctx context.Context, c *call, in snoozeTaskArgs) (taskChange, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return taskChange{}, err
	}
	until, err := scheduler.Instant("/until", in.Until, s.now(), maxSnooze)
	if err != nil {
		return taskChange{}, err
	}
	task, err := s.cfg.Store.SnoozeTask(ctx, c.mutation(in.IdempotencyKey), id, in.Note, until, following)
	if err != nil {
		return taskChange{}, err
	}
	return taskChange{Task: viewTaskRow(task), Next: nextForSnoozed(task)}, nil
}

func following(task ordinaut.DueTask) (store.Following, error) {
	next, due, err := scheduler.Follow(task)
	if err != nil {
		err = notPublic(err)
	}
	return store.Following{NextAt: next, DueAt: due}, err
}

// nextForSnoozed says what was moved and what follows. A repeated call may find that it has started.
func nextForSnoozed(task ordinaut.Task) string {
	if task.SnoozedAt == nil {
		return "What was snoozed is over; list_runs with task_id shows it."
	}
	at := func(t *time.Time) string { return local(stamp(*t), task.Spec.Schedule.Timezone) }
	moved := fmt.Sprintf("The occurrence of %s starts at %s instead", at(task.SnoozedAt), at(task.SnoozedUntil))
	if task.NextAt == nil {
		return moved + "; it is the last of the schedule."
	}
	return moved + "; the one of " + at(task.NextAt) + " stays where it is. snooze_task moves it again."
}
