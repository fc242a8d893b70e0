package mcp

import (
	"context"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

const (
	detailFull = "full"
	// latestOccurrences is how far get_task looks back into the ledger.
	latestOccurrences = 10
)

// getTaskArgs is the input of get_task.
type getTaskArgs struct {
	TaskID string `json:"task_id"`
	Detail string `json:"detail,omitempty"`
}

// getTaskAnswer is the output of get_task.
type getTaskAnswer struct {
	Task      taskView        `json:"task"`
	Words     string          `json:"words"`
	NextTimes []plannedTime   `json:"next_times"`
	Excluded  []excludedTimes `json:"excluded,omitempty"`
	Pipeline  []ordinaut.Step `json:"pipeline,omitempty"`
	ordinaut.Ends
	Params map[string]any `json:"params,omitempty"`
	// AgentQuiet are the quiet hours of the task's owner, which bear on it too.
	AgentQuiet *ordinaut.Quiet `json:"agent_quiet,omitempty"`
	// Occurrences are there whenever they were asked for, so that none is told from not asked.
	Occurrences []occurrenceView `json:"occurrences,omitzero"`
	Condition   *conditionView   `json:"condition,omitempty"`
}

func (a getTaskAnswer) text() string {
	var b strings.Builder
	b.WriteString(taskText(a.Task, a.Words, a.NextTimes, a.Excluded, nil))
	if a.Pipeline != nil {
		b.WriteString("\nPipeline: " + compact(a.Pipeline))
	}
	if ends := compact(a.Ends); ends != "{}" {
		b.WriteString("\nAt its end: " + ends)
	}
	if a.Params != nil {
		b.WriteString("\nParams: " + compact(a.Params))
	}
	if a.AgentQuiet != nil {
		b.WriteString("\nIts agent is " + scheduler.QuietWords(a.AgentQuiet) + ".")
	}
	switch {
	case len(a.Occurrences) > 0:
		b.WriteString("\nOccurrences, newest first:")
	case a.Occurrences != nil:
		b.WriteString("\nOccurrences: none, its schedule has not been due yet.")
	}
	for _, o := range a.Occurrences {
		b.WriteString("\n" + o.line())
	}
	if a.Condition != nil {
		b.WriteString("\nCondition: " + a.Condition.line())
	}
	return b.String()
}

func (s *Server) getTask(ctx context.Context, c *call, in getTaskArgs) (getTaskAnswer, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return getTaskAnswer{}, err
	}
	task, err := s.cfg.Store.GetTask(ctx, c.agent.NamespaceID, id)
	if err != nil {
		return getTaskAnswer{}, err
	}
	ahead, err := s.outlookOf(ctx, task, nil, previewTimes)
	if err != nil {
		return getTaskAnswer{}, err
	}
	answer := getTaskAnswer{Task: viewTask(task), Words: ahead.plan.Words()}
	answer.NextTimes, answer.Excluded = ahead.views(previewTimes)
	if in.Detail != detailFull {
		return answer, nil
	}
	answer.Pipeline, answer.Ends, answer.Params = task.Spec.Pipeline, task.Spec.Ends, task.Spec.Params
	if answer.AgentQuiet, err = s.cfg.Store.AgentQuiet(ctx, c.agent.NamespaceID, task.OwnerID); err != nil {
		return getTaskAnswer{}, err
	}
	if task.Spec.Schedule.Kind == ordinaut.ScheduleCondition {
		state, err := s.cfg.Store.GetCondition(ctx, c.agent.NamespaceID, id)
		if err != nil {
			return getTaskAnswer{}, err
		}
		answer.Condition = viewCondition(state, s.now())
	}
	list := s.cfg.Store.ListOccurrences
	if answer.Condition != nil {
		list = s.cfg.Store.ListWatch
	}
	rows, err := list(ctx, c.agent.NamespaceID, id, latestOccurrences)
	if err != nil {
		return getTaskAnswer{}, err
	}
	answer.Occurrences = make([]occurrenceView, len(rows))
	for i, row := range rows {
		answer.Occurrences[i] = viewOccurrence(row)
	}
	return answer, nil
}
