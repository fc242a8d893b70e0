package mcp

import "context"

// pauseTaskArgs is the input of pause_task.
type pauseTaskArgs struct {
	TaskID         string `json:"task_id"`
	Note           string `json:"note,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

func (s *Server) pauseTask(ctx context.Context, c *call, in pauseTaskArgs) (taskChange, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return taskChange{}, err
	}
	task, err := s.cfg.Store.PauseTask(ctx, c.mutation(in.IdempotencyKey), id, in.Note)
	if err != nil {
		return taskChange{}, err
	}
	return taskChange{Task: viewTaskRow(task), Next: nextForTask(task)}, nil
}
