package mcp

import (
	"context"

	"github.com/ordinaut/ordinaut"
)

// createTaskArgs is the input of create_task.
type createTaskArgs struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	chosenSchedule
	Pipeline []ordinaut.Step `json:"pipeline"`
	ordinaut.Ends
	Params         map[string]any  `json:"params,omitempty"`
	Priority       int             `json:"priority,omitempty"`
	TimeoutSeconds int             `json:"timeout_seconds,omitempty"`
	Retry          *ordinaut.Retry `json:"retry,omitempty"`
	// PauseAfterFailures is nil for the default.
	PauseAfterFailures *int   `json:"pause_after_failures,omitempty"`
	IdempotencyKey     string `json:"idempotency_key,omitempty"`
}

// taskAnswer is the output of create_task and update_task.
type taskAnswer struct {
	Task      taskView        `json:"task"`
	Words     string          `json:"words"`
	NextTimes []plannedTime   `json:"next_times"`
	Excluded  []excludedTimes `json:"excluded,omitempty"`
	Warnings  []string        `json:"warnings,omitempty"`
	Next      string          `json:"next"`
}

func (a taskAnswer) text() string {
	return taskText(a.Task, a.Words, a.NextTimes, a.Excluded, a.Warnings) + "\n" + a.Next
}

func (s *Server) createTask(ctx context.Context, c *call, in createTaskArgs) (taskAnswer, error) {
	d := draft{now: s.now(), spec: ordinaut.TaskSpec{
		Title: in.Title, Description: in.Description, Pipeline: in.Pipeline, Ends: in.Ends, Params: in.Params,
		Priority: in.Priority, TimeoutSeconds: in.TimeoutSeconds, Retry: in.Retry,
		PauseAfterFailures: defaultFailures,
	}}
	put(&d.spec.PauseAfterFailures, in.PauseAfterFailures)
	if err := s.setChosen(ctx, c, &d, in.chosenSchedule); err != nil {
		return taskAnswer{}, err
	}
	if err := s.checkPipeline(ctx, c, &d); err != nil {
		return taskAnswer{}, err
	}
	d.fillDefaults()
	task, err := s.cfg.Store.CreateTask(ctx, c.mutation(in.IdempotencyKey), d.spec, d.first())
	if err != nil {
		return taskAnswer{}, err
	}
	return s.answerOf(ctx, &d, task)
}
