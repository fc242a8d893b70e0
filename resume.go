package ordinaut

import (
	"slices"
	"strconv"
	"strings"
)

// Resumption is what a run that goes on where another ended takes over from it, by ids of step results.
type Resumption struct {
	// Kept are those that stay as they are: their steps are not done again.
	Kept []string
	// Reopened are those of flows that go on: they are under way again, on the input that was recorded.
	Reopened []string
}

// Resume returns what a run of the same task takes over of what another has recorded, so that it goes on
// from what made that one fail. Whatever succeeded, was skipped, or failed and was taken care of is kept, with
// all within it. Any other failure is done again: of a flow what is within it, in the same way, and of a step
// whose on_error steps failed too the step itself. What follows the pipeline runs anew in its turn, save what
// succeeded of finally after all else had. Of a result only id, state and reason are looked at, and
// whether it has an input.
func Resume(spec *TaskSpec, recorded []StepResult) Resumption {
	r := resumption{byID: make(map[string]*StepResult, len(recorded)), items: make(map[string]map[string]bool)}
	for i := range recorded {
		id := recorded[i].StepID
		r.byID[id] = &recorded[i]
		for at := 0; ; {
			begin, item, found := nextItem(id, at)
			if !found {
				break
			}
			if r.items[id[:begin]] == nil {
				r.items[id[:begin]] = make(map[string]bool)
			}
			r.items[id[:begin]][item] = true
			at = begin + len(item)
		}
	}
	if r.block("", spec.Pipeline) {
		r.block("", spec.Finally)
	}
	slices.Sort(r.Kept)
	slices.Sort(r.Reopened)
	return r.Resumption
}

// nextItem finds the place of an item in an id from at on: [3]. in each[3].send.
func nextItem(id string, at int) (begin int, item string, found bool) {
	open := strings.IndexByte(id[at:], '[')
	if open < 0 {
		return 0, "", false
	}
	begin = at + open
	inner, _, found := strings.Cut(id[begin+1:], "].")
	if _, err := strconv.Atoi(inner); !found || err != nil {
		return 0, "", false
	}
	return begin, "[" + inner + "].", true
}

type resumption struct {
	Resumption
	byID map[string]*StepResult
	// items are the places of the items that something is recorded of, by the id of their flow.
	items map[string]map[string]bool
}

// block looks at the steps of a list, and reports whether none of them is left to be done.
func (r *resumption) block(prefix string, steps []Step) bool {
	settled := true
	for i := range steps {
		settled = r.step(prefix, &steps[i]) && settled
	}
	return settled
}

func (r *resumption) step(prefix string, s *Step) bool {
	id := prefix + s.ID
	found := r.byID[id]
	switch {
	case found == nil:
		return false
	case r.settled(prefix, s):
		r.keep(prefix, s)
		return true
	case s.Flow() && len(found.Input) > 0:
		r.Reopened = append(r.Reopened, id)
		r.within(prefix, s, r.block)
	}
	return false
}

// settled reports whether a step has come to an end that its run outlived.
func (r *resumption) settled(prefix string, s *Step) bool {
	found := r.byID[prefix+s.ID]
	if found == nil {
		return false
	}
	switch found.State {
	case StepSucceeded, StepSkipped:
		return true
	case StepFailed:
		// With these it ended because its run, or its flow, did: nothing took care of that.
		if found.Reason == ReasonCanceled || found.Reason == ReasonRunTimedOut {
			return false
		}
	default:
		return false
	}
	for i := range s.OnError.Steps {
		if !r.settled(prefix, &s.OnError.Steps[i]) {
			return false
		}
	}
	return s.OnError.Handled()
}

// keep keeps a step with all that is recorded within it and of what took care of its failure.
func (r *resumption) keep(prefix string, s *Step) {
	if found := r.byID[prefix+s.ID]; found != nil && found.State.Final() {
		r.Kept = append(r.Kept, found.StepID)
	}
	each := func(prefix string, steps []Step) bool {
		for i := range steps {
			r.keep(prefix, &steps[i])
		}
		return true
	}
	r.within(prefix, s, each)
	each(prefix, s.OnError.Steps)
}

// within calls do with each list of steps of a flow, as often as it has items.
func (r *resumption) within(prefix string, s *Step, do func(prefix string, steps []Step) bool) {
	for item := range r.items[prefix+s.ID] {
		do(prefix+s.ID+item, s.Steps)
	}
	for _, b := range s.Blocks() {
		if b.Kind != "steps" && b.Kind != "on_error" {
			do(prefix, b.Steps)
		}
	}
}
