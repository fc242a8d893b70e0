package mcp

import (
	"context"
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

// resumeTaskArgs is the input of resume_task.
type resumeTaskArgs struct {
	TaskID         string `json:"task_id"`
	CatchUp        string `json:"catch_up,omitempty"`
	Note           string `json:"note,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

func (s *Server) resumeTask(ctx context.Context, c *call, in resumeTaskArgs) (taskChange, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return taskChange{}, err
	}
	var decision ordinaut.Decision // stays zero when the call is a repetition
	task, err := s.cfg.Store.ResumeTask(ctx, c.mutation(in.IdempotencyKey), id, in.Note, func(now time.Time, task ordinaut.DueTask) ordinaut.Decision {
		decision = scheduler.DecideResume(now, task, ordinaut.CatchUp(in.CatchUp))
		return decision
	})
	if err != nil {
		return taskChange{}, err
	}
	return taskChange{Task: viewTaskRow(task), Next: passedOver(decision) + nextForTask(task)}, nil
}

// passedOver tells what became of the times that a pause passed over, with a space after it.
func passedOver(d ordinaut.Decision) string {
	passed, started := 0, 0
	for _, o := range d.Occurrences {
		passed += o.Count
		if o.Fate == ordinaut.FateStarted {
			started++
		}
	}
	switch {
	case passed == 0:
		return ""
	case started == 0:
		return fmt.Sprintf("Times that the pause passed over: %d, of which none is made up for; backfill_task can. ", passed)
	default:
		return fmt.Sprintf("Times that the pause passed over: %d, of which runs start now: %d. ", passed, started)
	}
}
