package mcp

import (
	"context"

	"github.com/ordinaut/ordinaut"
)

// deleteTaskArgs is the input of delete_task.
type deleteTaskArgs struct {
	TaskID         string `json:"task_id"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

func (s *Server) deleteTask(ctx context.Context, c *call, in deleteTaskArgs) (taskChange, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return taskChange{}, err
	}
	task, err := s.cfg.Store.DeleteTask(ctx, c.mutation(in.IdempotencyKey), id, unmet(nil, ordinaut.ReasonTaskDeleted))
	if err != nil {
		return taskChange{}, err
	}
	return taskChange{
		Task: viewTaskRow(task),
		Next: "Its runs stay in list_runs; a live one ends as canceled. create_task makes a new task if this was a mistake.",
	}, nil
}
