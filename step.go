package ordinaut

import (
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
)

// Step is one element of a pipeline.
type Step struct {
	ID   string `json:"id"`
	Uses string `json:"uses"`
	// With is the action's input; strings in it may hold ${…} expressions.
	With map[string]any `json:"with,omitempty"`
	// If is an expression; the step is skipped when it is false or null.
	If string `json:"if,omitempty"`
	// SaveAs is the name under steps by which later steps reach the output. Default: ID.
	SaveAs string `json:"save_as,omitempty"`
	// TimeoutSeconds bounds one try of the step. Default 60; of approval.request, which waits for so long, a day.
	TimeoutSeconds float64 `json:"timeout_seconds,omitempty"`
	// OnTimeout is what becomes of approval.request when nobody has decided in time. Default deny.
	OnTimeout OnTimeout `json:"on_timeout,omitempty"`
	Retry     *Retry    `json:"retry,omitempty"`
	OnError   OnError   `json:"on_error,omitzero"`
	// Expect is an expression over the output that must be true, else the step fails.
	Expect string `json:"expect,omitempty"`
	// Steps are what flow.foreach does for each item.
	Steps []Step `json:"steps,omitempty"`
	// Branches are the lists of steps that flow.parallel runs side by side, by name.
	Branches map[string][]Step `json:"branches,omitempty"`
	// Cases are those of flow.switch, Default what it does when none applies.
	Cases   []Case `json:"cases,omitempty"`
	Default []Step `json:"default,omitempty"`
}

// Flow reports whether the step's action works on the lists of steps in it.
func (s *Step) Flow() bool { return len(s.Steps)+len(s.Branches)+len(s.Cases) > 0 }

// Case is one way of flow.switch: the steps that run if the expression is true and none before was.
type Case struct {
	If    string `json:"if"`
	Steps []Step `json:"steps"`
}

// Block is a list of steps within a step.
type Block struct {
	// Pointer is where the list is, as a JSON pointer from the step.
	Pointer string
	// Name is that of the branch; empty for what has none.
	Name  string
	Steps []Step
	// Kind is the key that holds it: steps, branches, cases, default or on_error; in a task pipeline,
	// on_failure or finally.
	Kind string
}

// Blocks returns the lists of steps within the step, in a fixed order: steps, branches by name, cases,
// default, on_error.
func (s *Step) Blocks() []Block {
	var all []Block
	if len(s.Steps) > 0 {
		all = append(all, Block{Pointer: "/steps", Kind: "steps", Steps: s.Steps})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Branches)) {
		all = append(all, Block{Pointer: "/branches/" + name, Name: name, Kind: "branches", Steps: s.Branches[name]})
	}
	for i, c := range s.Cases {
		all = append(all, Block{Pointer: "/cases/" + strconv.Itoa(i) + "/steps", Kind: "cases", Steps: c.Steps})
	}
	if len(s.Default) > 0 {
		all = append(all, Block{Pointer: "/default", Kind: "default", Steps: s.Default})
	}
	if len(s.OnError.Steps) > 0 {
		all = append(all, Block{Pointer: "/on_error", Kind: "on_error", Steps: s.OnError.Steps})
	}
	return all
}

// Ends is what a pipeline does when its steps have ended.
type Ends struct {
	// Assert are expressions that must be true once all steps have succeeded, else the run fails.
	Assert []string `json:"assert,omitempty"`
	// Output is an expression whose value is the run's output; empty means that of the last step that succeeded.
	Output string `json:"output,omitempty"`
	// OnFailure are the steps that run when the run fails or its time is over.
	OnFailure []Step `json:"on_failure,omitempty"`
	// Finally are the steps that run after all others, whatever became of them, unless the run was canceled.
	Finally []Step `json:"finally,omitempty"`
}

// Blocks returns the lists of steps of the task with their JSON pointers: pipeline, on_failure, finally.
func (s *TaskSpec) Blocks() []Block {
	return []Block{
		{Pointer: "/pipeline", Kind: "pipeline", Steps: s.Pipeline},
		{Pointer: "/on_failure", Kind: "on_failure", Steps: s.OnFailure},
		{Pointer: "/finally", Kind: "finally", Steps: s.Finally},
	}
}

// AllSteps yields each step of the task, outer ones first, with its JSON pointer.
func (s *TaskSpec) AllSteps() iter.Seq2[string, *Step] {
	return func(yield func(string, *Step) bool) {
		for _, b := range s.Blocks() {
			if !allSteps(b.Steps, b.Pointer, yield) {
				return
			}
		}
	}
}

// AllSteps yields each step of a list and all within it, outer ones first, with its JSON pointer from the
// list.
func AllSteps(steps []Step) iter.Seq2[string, *Step] {
	return func(yield func(string, *Step) bool) { allSteps(steps, "", yield) }
}

func allSteps(steps []Step, at string, yield func(string, *Step) bool) bool {
	for i := range steps {
		s, here := &steps[i], at+"/"+strconv.Itoa(i)
		if !yield(here, s) {
			return false
		}
		for _, b := range s.Blocks() {
			if !allSteps(b.Steps, here+b.Pointer, yield) {
				return false
			}
		}
	}
	return true
}

// OnTimeout says what becomes of an approval that nobody has decided in time.
type OnTimeout string

// Ends of an approval that nobody has decided in time.
const (
	OnTimeoutDeny    OnTimeout = "deny" // the default
	OnTimeoutApprove OnTimeout = "approve"
	OnTimeoutFail    OnTimeout = "fail" // the step fails
)

// OnErrorPolicy says what a failed step does to its run.
type OnErrorPolicy string

// Policies for a failed step.
const (
	OnErrorFail     OnErrorPolicy = "fail"     // the run fails; the default
	OnErrorContinue OnErrorPolicy = "continue" // the failure is recorded and the next step starts
)

// OnError is what becomes of a step's failure: a policy or, as a list in JSON, steps that take care of it.
// When those succeed the run goes on.
type OnError struct {
	Policy OnErrorPolicy
	Steps  []Step
}

// Handled reports whether the run outlives the step's failure.
func (o *OnError) Handled() bool { return o.Policy == OnErrorContinue || len(o.Steps) > 0 }

// MarshalJSON writes the policy as a string or the steps as a list.
func (o OnError) MarshalJSON() ([]byte, error) {
	if len(o.Steps) > 0 {
		return json.Marshal(o.Steps)
	}
	return json.Marshal(o.Policy)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (o *OnError) UnmarshalJSON(raw []byte) error {
	*o = OnError{}
	if json.Unmarshal(raw, &o.Policy) == nil {
		return nil
	}
	if err := json.Unmarshal(raw, &o.Steps); err != nil {
		return errors.New("on_error is fail, continue or a list of steps")
	}
	return nil
}
