package executor

import (
	"strconv"

	"github.com/ordinaut/ordinaut"
)

// foreach runs the step's steps for each item.
func (x *frame) foreach(st *step, v verdict, input map[string]any) verdict {
	items, _ := input["items"].([]any)
	branches := make([]branch, len(items))
	failures := whole(input["max_failures"], 0)
	for i, item := range items {
		branches[i] = branch{steps: st.blocks[0].steps, closed: true, frame: func() *frame {
			in := x.within(x.id(st)+"["+strconv.Itoa(i)+"].", st.OnError.Handled() || failures > 0)
			in.scope.Item, in.scope.Index = item, &i
			return in
		}}
	}
	v, ended := x.gather(st, v, branches, whole(input["concurrency"], 1), failures)
	if !ended {
		return v
	}
	out := struct {
		Items []branchOutcome `json:"items"`
		tally
	}{Items: make([]branchOutcome, len(branches))}
	for i := range branches {
		out.Items[i] = branches[i].outcome()
		out.count(out.Items[i])
	}
	return x.done(st, v, out)
}

// parallel runs the step's branches side by side.
func (x *frame) parallel(st *step, v verdict, input map[string]any) verdict {
	branches := make([]branch, len(st.blocks))
	failures := whole(input["max_failures"], 0)
	for i, b := range st.blocks {
		branches[i] = branch{steps: b.steps, frame: func() *frame {
			return x.within(x.prefix, st.OnError.Handled() || failures > 0)
		}}
	}
	v, ended := x.gather(st, v, branches, len(branches), failures)
	for i := range branches {
		x.bringOut(branches[i].in, branches[i].steps)
	}
	if !ended {
		return v
	}
	out := struct {
		Branches map[string]branchOutcome `json:"branches"`
		tally
	}{Branches: make(map[string]branchOutcome, len(branches))}
	for i := range branches {
		o := branches[i].outcome()
		out.Branches[st.blocks[i].name] = o
		out.count(o)
	}
	return x.done(st, v, out)
}

// tally counts branches by how they came out.
type tally struct {
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
}

func (t *tally) count(o branchOutcome) {
	if o.State == ordinaut.StepSucceeded {
		t.Succeeded++
	} else {
		t.Failed++
	}
}

// choose runs the steps of the first case that applies. Which one does is settled once: the output of no step
// changes, and now is that of the flow's start.
func (x *frame) choose(st *step, v verdict) verdict {
	x.scope.Now = v.result.StartedAt
	n, err := x.prog.code.Case(st.index, &x.scope)
	if err != nil {
		return x.fail(st, v, &failure{reason: ordinaut.ReasonTemplateError, msg: messageOf(err)})
	}
	out := struct {
		Case   any `json:"case"`
		Output any `json:"output"`
	}{}
	chosen := st.blocks[len(st.blocks)-1]
	switch {
	case n >= 0:
		chosen, out.Case = st.blocks[n], n
	case chosen.kind == "default":
		out.Case = "default"
	default:
		return x.done(st, v, out)
	}
	branches := []branch{{steps: chosen.steps, frame: func() *frame { return x.within(x.prefix, st.OnError.Handled()) }}}
	v, ended := x.gather(st, v, branches, 1, 0)
	x.bringOut(branches[0].in, chosen.steps)
	if !ended {
		return v
	}
	out.Output = branches[0].outcome().Output
	return x.done(st, v, out)
}

// whole returns a number of an input that its schema has found whole, or what it is when left out.
func whole(v any, otherwise int) int {
	if n, ok := v.(float64); ok {
		return int(n)
	}
	return otherwise
}
