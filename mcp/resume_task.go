package mcp

import (
	"context"
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
	task, err := s.cfg.Store.ResumeTask(ctx, c.mutation(in.IdempotencyKey), id, in.Note, func(now time.Time, task ordinaut.DueTask) ordinaut.Decision {
		return scheduler.DecideResume(now, task, ordinaut.CatchUp(in.CatchUp))
	})
	if err != nil {
		return taskChange{}, err
	}
	return taskChange{Task: viewTaskRow(task), Next: nextForTask(task)}, nil
}
