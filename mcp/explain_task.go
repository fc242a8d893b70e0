package mcp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/explain"
	"github.com/ordinaut/ordinaut/store"
)

// explainTaskArgs is the input of explain_task.
type explainTaskArgs struct {
	TaskID string `json:"task_id"`
	At     string `json:"at,omitempty"`
	Since  string `json:"since,omitempty"`
	Until  string `json:"until,omitempty"`
	RunID  string `json:"run_id,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// explainTaskAnswer is the output of explain_task.
type explainTaskAnswer struct {
	Verdict  string         `json:"verdict"`
	Sentence string         `json:"sentence"`
	Evidence []evidenceView `json:"evidence"`
	Fix      *fixView       `json:"fix"`
	MakeUp   *fixView       `json:"make_up,omitempty"`
	Times    []verdictView  `json:"times"`
	Counts   map[string]int `json:"counts"`
	Cut      bool           `json:"cut,omitempty"`

	timezone string // of the schedule; the text tells times by it
}

// evidenceView is one fact of an explanation.
type evidenceView struct {
	At   string `json:"at"`
	What string `json:"what"`
	ID   string `json:"id,omitempty"`
}

// fixView is a call that puts something right.
type fixView struct {
	Tool      string         `json:"tool"`
	Arguments map[string]any `json:"arguments"`
	Why       string         `json:"why"`
}

// verdictView is a nominal time, or Count of them, and the verdict on it.
type verdictView struct {
	NominalAt string `json:"nominal_at"`
	LastAt    string `json:"last_at,omitempty"`
	Count     int    `json:"count,omitempty"`
	Verdict   string `json:"verdict"`
	RunID     string `json:"run_id,omitempty"`
}

func (a explainTaskAnswer) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)", a.Sentence, a.Verdict)
	for _, e := range a.Evidence {
		b.WriteString("\n" + local(e.At, a.timezone) + " " + e.What)
		if e.ID != "" {
			b.WriteString(", " + e.ID)
		}
	}
	if a.Fix != nil {
		fmt.Fprintf(&b, "\nTo put it right: %s %s, which %s.", a.Fix.Tool, compact(a.Fix.Arguments), a.Fix.Why)
	}
	if a.MakeUp != nil {
		fmt.Fprintf(&b, "\nTo make up for what did not run: %s %s, which %s.", a.MakeUp.Tool, compact(a.MakeUp.Arguments), a.MakeUp.Why)
	}
	if len(a.Times) > 1 {
		b.WriteString("\nTimes:")
		for _, t := range a.Times {
			b.WriteString("\n" + a.line(t))
		}
	}
	if a.Cut {
		b.WriteString("\nThere is more: detail full or a shorter stretch shows it.")
	}
	return b.String()
}

func (a explainTaskAnswer) line(v verdictView) string {
	s := local(v.NominalAt, a.timezone)
	if v.Count > 1 {
		s += fmt.Sprintf(" to %s, %d times", local(v.LastAt, a.timezone), v.Count)
	}
	s += ": " + v.Verdict
	if v.RunID != "" {
		s += ", " + v.RunID
	}
	return s
}

func (s *Server) explainTask(ctx context.Context, c *call, in explainTaskArgs) (explainTaskAnswer, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return explainTaskAnswer{}, err
	}
	filter, question, err := in.question()
	if err != nil {
		return explainTaskAnswer{}, err
	}
	history, err := s.cfg.Store.TaskHistory(ctx, c.agent.NamespaceID, id, filter)
	if err != nil {
		return explainTaskAnswer{}, err
	}
	keepErrors(&history, c.agent.May(ordinaut.ScopeRunsRead))
	found, err := explain.Explain(history, question)
	if err != nil {
		return explainTaskAnswer{}, err
	}
	answer := viewExplanation(found)
	answer.timezone = history.Task.Spec.Schedule.Timezone
	return answer, nil
}

// keepErrors tidies what actions answered, or takes it out: that is for those who may read runs.
func keepErrors(h *ordinaut.TaskHistory, may bool) {
	told := func(text string) string {
		if !may {
			return ""
		}
		return tidy(text, maxErrorChars)
	}
	for i := range h.Runs {
		h.Runs[i].Error = told(h.Runs[i].Error)
	}
	for i := range h.Approvals {
		h.Approvals[i].Message = told(h.Approvals[i].Message)
	}
	if h.Condition != nil {
		h.Condition.Error = told(h.Condition.Error)
	}
}

// question reads what is asked, and which stretch of the history answers it.
func (in explainTaskArgs) question() (store.HistoryFilter, explain.Question, error) {
	var f store.HistoryFilter
	q := explain.Question{Full: in.Detail == detailFull}
	at, err := askedInstant("/at", in.At)
	if err != nil {
		return f, q, err
	}
	since, err := askedInstant("/since", in.Since)
	if err != nil {
		return f, q, err
	}
	until, err := askedInstant("/until", in.Until)
	if err != nil {
		return f, q, err
	}
	if in.RunID != "" {
		if q.RunID, err = runID(in.RunID); err != nil {
			return f, q, err
		}
		f.RunID = q.RunID
	}
	switch stretch := since != nil || until != nil; {
	case at != nil && stretch:
		return f, q, ordinaut.Invalid("/at", "at and since or until exclude each other: ask for an instant or for a stretch")
	case in.RunID != "" && (at != nil || stretch):
		return f, q, ordinaut.Invalid("/run_id", "run_id stands alone: leave at, since and until out")
	case since != nil && until != nil && !until.After(*since):
		return f, q, ordinaut.Invalid("/until", "until must be later than since")
	}
	put(&f.Since, since)
	put(&f.Until, until)
	switch {
	case at != nil:
		q.At = at
		f.Since, f.Until = explain.Stretch(*at)
	case in.RunID != "":
		f.Since, f.Until = explain.Stretch(q.RunID.Time())
	}
	return f, q, nil
}

// askedInstant is parseInstant for a time that somebody asks about: one that can be told in words.
func askedInstant(pointer, text string) (*time.Time, error) {
	t, err := parseInstant(pointer, text)
	if err == nil && t != nil && (t.Year() < 1970 || t.Year() > 2200) {
		return nil, ordinaut.Invalid(pointer, "the year %d is out of range (1970 to 2200)", t.Year())
	}
	return t, err
}

func viewExplanation(e explain.Explanation) explainTaskAnswer {
	a := explainTaskAnswer{
		Verdict: string(e.Verdict), Sentence: printable(e.Sentence), Evidence: []evidenceView{}, Times: []verdictView{},
		Counts: make(map[string]int, len(e.Counts)), Cut: e.Cut,
	}
	for _, fact := range e.Evidence {
		a.Evidence = append(a.Evidence, evidenceView{At: stamp(fact.At), What: tidy(fact.What, maxErrorChars), ID: fact.ID})
	}
	for _, t := range e.Times {
		v := verdictView{NominalAt: stamp(t.NominalAt), Verdict: string(t.Verdict)}
		if t.Count > 1 {
			v.LastAt, v.Count = stamp(t.LastAt), t.Count
		}
		if !t.RunID.IsZero() {
			v.RunID = t.RunID.String()
		}
		a.Times = append(a.Times, v)
	}
	for code, n := range e.Counts {
		a.Counts[string(code)] = n
	}
	a.Fix, a.MakeUp = viewFix(e.Fix), viewFix(e.MakeUp)
	return a
}

func viewFix(f *explain.Fix) *fixView {
	if f == nil {
		return nil
	}
	v := &fixView{Tool: f.Tool, Arguments: f.Arguments, Why: f.Why}
	if f.Schedule != nil {
		v.Arguments["schedule"] = viewSchedule(*f.Schedule)
	}
	return v
}
