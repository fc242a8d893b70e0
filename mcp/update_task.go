package mcp

import (
	"context"
	"errors"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

// updateTries is how often a change without if_version is made anew when others change the task too.
const updateTries = 20

// updateTaskArgs is the input of update_task. What is nil stays as it is.
type updateTaskArgs struct {
	TaskID      string  `json:"task_id"`
	IfVersion   int     `json:"if_version,omitempty"`
	Title       *string `json:"title,omitempty"`
	Description *string `json:"description,omitempty"`
	chosenSchedule
	Pipeline []ordinaut.Step `json:"pipeline,omitempty"`
	changedEnds
	Params             map[string]any  `json:"params,omitempty"`
	Priority           *int            `json:"priority,omitempty"`
	TimeoutSeconds     *int            `json:"timeout_seconds,omitempty"`
	Retry              *ordinaut.Retry `json:"retry,omitempty"`
	PauseAfterFailures *int            `json:"pause_after_failures,omitempty"`
	IdempotencyKey     string          `json:"idempotency_key,omitempty"`
}

// changedEnds are the keys of [ordinaut.Ends] that a call changes. What is empty is taken away.
type changedEnds struct {
	Assert    *[]string        `json:"assert,omitempty"`
	Output    *string          `json:"output,omitempty"`
	OnFailure *[]ordinaut.Step `json:"on_failure,omitempty"`
	Finally   *[]ordinaut.Step `json:"finally,omitempty"`
}

// some reports whether any is changed.
func (e changedEnds) some() bool {
	return e.Assert != nil || e.Output != nil || e.OnFailure != nil || e.Finally != nil
}

func (s *Server) updateTask(ctx context.Context, c *call, in updateTaskArgs) (taskAnswer, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return taskAnswer{}, err
	}
	if !in.changes() {
		return taskAnswer{}, ordinaut.Invalid("", "nothing to change: give at least one of title, description, schedule, preview_id, pipeline, assert, output, on_failure, finally, params, priority, timeout_seconds, pause_after_failures, retry")
	}
	for try := 1; ; try++ {
		answer, err := s.tryUpdate(ctx, c, id, in)
		if in.IfVersion == 0 && try < updateTries && isVersionConflict(err) {
			continue
		}
		return answer, err
	}
}

// isVersionConflict reports whether somebody else changed the task between reading and writing it.
func isVersionConflict(err error) bool {
	var public *ordinaut.Error
	return errors.As(err, &public) && public.Code == ordinaut.CodeConflict && public.Pointer == "/if_version"
}

// tryUpdate changes the task as it is now. It is a conflict if somebody else changes it meanwhile.
func (s *Server) tryUpdate(ctx context.Context, c *call, id ordinaut.TaskID, in updateTaskArgs) (taskAnswer, error) {
	task, err := s.cfg.Store.GetTask(ctx, c.agent.NamespaceID, id)
	if err != nil {
		return taskAnswer{}, err
	}
	d := draft{now: s.now(), spec: task.Spec}
	var next *time.Time // as it is, unless the schedule changes
	if in.given() {
		if err := s.setChosen(ctx, c, &d, in.chosenSchedule); err != nil {
			return taskAnswer{}, err
		}
		next = d.first()
	}
	in.apply(&d.spec)
	if in.Pipeline != nil || in.some() || in.Params != nil || in.given() {
		if err := s.checkPipeline(ctx, c, &d); err != nil {
			return taskAnswer{}, err
		}
	}
	version := in.IfVersion
	if version == 0 {
		version = task.Version
	}
	task, err = s.cfg.Store.UpdateTask(ctx, c.mutation(in.IdempotencyKey), id, version, d.spec, next, unmet(next, ordinaut.ReasonScheduleChanged))
	if err != nil {
		return taskAnswer{}, err
	}
	return s.answerOf(ctx, &d, task)
}

// changes reports whether the call changes anything.
func (in updateTaskArgs) changes() bool {
	return in.Title != nil || in.Description != nil || in.given() || in.Pipeline != nil || in.some() ||
		in.Params != nil || in.Priority != nil || in.TimeoutSeconds != nil || in.Retry != nil || in.PauseAfterFailures != nil
}

// apply puts what was given, schedule aside, into spec.
func (in updateTaskArgs) apply(spec *ordinaut.TaskSpec) {
	put(&spec.Title, in.Title)
	put(&spec.Description, in.Description)
	put(&spec.Priority, in.Priority)
	put(&spec.TimeoutSeconds, in.TimeoutSeconds)
	put(&spec.PauseAfterFailures, in.PauseAfterFailures)
	if in.Pipeline != nil {
		spec.Pipeline = in.Pipeline
	}
	put(&spec.Assert, in.Assert)
	put(&spec.Output, in.Output)
	put(&spec.OnFailure, in.OnFailure)
	put(&spec.Finally, in.Finally)
	if in.Params != nil {
		spec.Params = in.Params
	}
	if in.Retry != nil {
		spec.Retry = in.Retry
	}
}

func put[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// unmet settles what a schedule that goes has had due. next is when the one that follows begins.
func unmet(next *time.Time, why ordinaut.Reason) store.Unmet {
	return func(now time.Time, task ordinaut.DueTask) []ordinaut.Occurrence {
		return scheduler.Unmet(now, task, next, why)
	}
}
