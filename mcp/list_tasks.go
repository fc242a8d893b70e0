package mcp

import (
	"cmp"
	"context"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

const defaultLimit = 20

// listTasksArgs is the input of list_tasks.
type listTasksArgs struct {
	State  string `json:"state,omitempty"`
	Text   string `json:"text,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// listTasksAnswer is the output of list_tasks.
type listTasksAnswer struct {
	Tasks      []taskRow `json:"tasks"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

func (a listTasksAnswer) text() string {
	if len(a.Tasks) == 0 {
		return "No task."
	}
	lines := make([]string, len(a.Tasks))
	for i, t := range a.Tasks {
		lines[i] = t.line()
	}
	return strings.Join(lines, "\n") + moreText(a.NextCursor)
}

func (s *Server) listTasks(ctx context.Context, c *call, in listTasksArgs) (listTasksAnswer, error) {
	filters := []string{in.State, in.Text}
	after, err := c.after(in.Cursor, filters)
	if err != nil {
		return listTasksAnswer{}, err
	}
	limit := cmp.Or(in.Limit, defaultLimit)
	tasks, err := s.cfg.Store.ListTasks(ctx, c.agent.NamespaceID, store.TaskFilter{
		State: ordinaut.TaskState(in.State), Text: in.Text, After: after,
		Limit: limit + 1, // one more tells whether there is another page
	})
	if err != nil {
		return listTasksAnswer{}, err
	}
	answer := listTasksAnswer{Tasks: make([]taskRow, 0, limit)}
	for _, task := range tasks[:min(len(tasks), limit)] {
		answer.Tasks = append(answer.Tasks, viewTaskRow(task))
	}
	if len(tasks) > limit {
		answer.NextCursor, err = c.cursor(tasks[limit-1].ID, filters)
	}
	return answer, err
}

func moreText(cursor string) string {
	if cursor == "" {
		return ""
	}
	return "\nThere are more: repeat the call with cursor " + cursor
}
