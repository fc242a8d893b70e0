package mcp

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// listRunsArgs is the input of list_runs.
type listRunsArgs struct {
	TaskID string              `json:"task_id,omitempty"`
	States []ordinaut.RunState `json:"states,omitempty"`
	Kinds  []ordinaut.RunKind  `json:"kinds,omitempty"`
	Since  string              `json:"since,omitempty"`
	Until  string              `json:"until,omitempty"`
	Limit  int                 `json:"limit,omitempty"`
	Cursor string              `json:"cursor,omitempty"`
}

// listRunsAnswer is the output of list_runs.
type listRunsAnswer struct {
	Runs       []runRow `json:"runs"`
	NextCursor string   `json:"next_cursor,omitempty"`
}

func (a listRunsAnswer) text() string {
	if len(a.Runs) == 0 {
		return "No run."
	}
	lines := make([]string, len(a.Runs))
	for i, r := range a.Runs {
		lines[i] = r.line()
	}
	return strings.Join(lines, "\n") + moreText(a.NextCursor)
}

func (s *Server) listRuns(ctx context.Context, c *call, in listRunsArgs) (listRunsAnswer, error) {
	filter, err := in.filter()
	if err != nil {
		return listRunsAnswer{}, err
	}
	bound := []any{in.TaskID, filter.States, filter.Kinds, in.Since, in.Until}
	after, err := c.after(in.Cursor, bound)
	if err != nil {
		return listRunsAnswer{}, err
	}
	limit := cmp.Or(in.Limit, defaultLimit)
	filter.After, filter.Limit = after, limit+1 // one more tells whether there is another page
	runs, err := s.cfg.Store.ListRuns(ctx, c.agent.NamespaceID, filter)
	if err != nil {
		return listRunsAnswer{}, err
	}
	answer := listRunsAnswer{Runs: make([]runRow, 0, limit)}
	now := s.now()
	for _, run := range runs[:min(len(runs), limit)] {
		answer.Runs = append(answer.Runs, viewRunRow(run, now))
	}
	if len(runs) > limit {
		answer.NextCursor, err = c.cursor(runs[limit-1].ID, bound)
	}
	return answer, err
}

// filter returns the filters of a call, without its page.
func (in listRunsArgs) filter() (store.RunFilter, error) {
	f := store.RunFilter{States: slices.Sorted(slices.Values(in.States)), Kinds: slices.Sorted(slices.Values(in.Kinds))}
	if in.TaskID != "" {
		id, err := taskID(in.TaskID)
		if err != nil {
			return f, err
		}
		f.TaskID = id
	}
	since, err := parseInstant("/since", in.Since)
	if err != nil {
		return f, err
	}
	until, err := parseInstant("/until", in.Until)
	if err != nil {
		return f, err
	}
	if since != nil && until != nil && !until.After(*since) {
		return f, ordinaut.Invalid("/until", "until must be later than since")
	}
	put(&f.Since, since)
	put(&f.Until, until)
	return f, nil
}
