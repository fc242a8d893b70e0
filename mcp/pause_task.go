package mcp

import (
	"context"
	"time"

	"github.com/ordinaut/ordinaut/scheduler"
)

// maxPause is how far ahead a pause may end by itself.
const maxPause = 366 * 24 * time.Hour

// pauseTaskArgs is the input of pause_task.
type pauseTaskArgs struct {
	TaskID         string `json:"task_id"`
	Until          string `json:"until,omitempty"`
	Note           string `json:"note,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

func (s *Server) pauseTask(ctx context.Context, c *call, in pauseTaskArgs) (taskChange, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return taskChange{}, err
	}
	var until *time.Time
	if in.Until != "" {
		at, err := scheduler.Instant("/until", in.Until, s.now(), maxPause)
		if err != nil {
			return taskChange{}, err
		}
		until = &at
	}
	task, err := s.cfg.Store.PauseTask(ctx, c.mutation(in.IdempotencyKey), id, in.Note, until)
	if err != nil {
		return taskChange{}, err
	}
	return taskChange{Task: viewTaskRow(task), Next: nextForTask(task)}, nil
}
