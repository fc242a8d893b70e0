package store

import (
	"encoding/json"
	"time"

	"github.com/ordinaut/ordinaut"
)

// leaseColumns name leases, one an element: the first three columns of every statement of Record.
type leaseColumns struct {
	namespaces, runs [][16]byte
	epochs           []int32
}

func (c *leaseColumns) add(l ordinaut.Lease) {
	c.namespaces, c.runs, c.epochs = append(c.namespaces, l.NamespaceID), append(c.runs, l.RunID), append(c.epochs, int32(l.Epoch))
}

// stepColumns are the columns of insertSteps.
type stepColumns struct {
	leaseColumns
	ids, uses, states, reasons, errors []string
	tries, bytes                       []int32
	inputs, outputs                    []json.RawMessage
	starts                             []time.Time
	ends, wakes                        []*time.Time
	seqs                               []int64
}

// add adds the steps of r. The last result of a step wins: one statement cannot write a row twice.
func (c *stepColumns) add(r *ordinaut.Record) {
	for i := range r.Steps {
		st := &r.Steps[i]
		at := c.find(r.Lease.RunID, st.StepID)
		if at < 0 {
			at = len(c.runs)
			c.leaseColumns.add(r.Lease)
			c.ids, c.uses, c.states = append(c.ids, ""), append(c.uses, ""), append(c.states, "")
			c.reasons, c.errors = append(c.reasons, ""), append(c.errors, "")
			c.tries, c.bytes = append(c.tries, 0), append(c.bytes, 0)
			c.inputs, c.outputs = append(c.inputs, nil), append(c.outputs, nil)
			c.starts, c.ends, c.wakes = append(c.starts, time.Time{}), append(c.ends, nil), append(c.wakes, nil)
			c.seqs = append(c.seqs, 0)
		}
		c.ids[at], c.uses[at], c.states[at] = clean(st.StepID), clean(st.Uses), string(st.State)
		c.reasons[at], c.errors[at] = string(st.Reason), clean(st.Error)
		c.tries[at], c.bytes[at] = int32(st.Tries), int32(st.OutputBytes)
		c.inputs[at], c.outputs[at] = cleanJSON(st.Input), cleanJSON(st.Output)
		c.starts[at], c.ends[at], c.wakes[at], c.seqs[at] = st.StartedAt, st.FinishedAt, st.WakesAt, st.Seq
	}
}

// find returns where the run's step is, or -1. Records come sorted by run, so it is near the end.
func (c *stepColumns) find(run ordinaut.RunID, step string) int {
	for i := len(c.runs) - 1; i >= 0 && c.runs[i] == run; i-- {
		if c.ids[i] == step {
			return i
		}
	}
	return -1
}

func (c *stepColumns) args() []any {
	return []any{
		c.namespaces, c.runs, c.epochs, c.ids, c.uses, c.states, c.reasons, c.errors, c.tries, c.inputs, c.outputs,
		c.bytes, c.starts, c.ends, c.wakes, c.seqs,
	}
}

// progressColumns are the columns of insertProgress.
type progressColumns struct {
	leaseColumns
	seqs                           []int64
	types, states, steps, messages []string
	ats                            []time.Time
	percents                       []*float64
}

func (c *progressColumns) add(r *ordinaut.Record) {
	for i := range r.Progress {
		p := &r.Progress[i]
		c.leaseColumns.add(r.Lease)
		c.seqs, c.types, c.ats = append(c.seqs, p.Seq), append(c.types, string(p.Type)), append(c.ats, p.At)
		c.states, c.steps = append(c.states, p.State), append(c.steps, clean(p.Step))
		c.percents, c.messages = append(c.percents, p.Percent), append(c.messages, clean(p.Message))
	}
}

func (c *progressColumns) args() []any {
	return []any{c.namespaces, c.runs, c.epochs, c.seqs, c.types, c.ats, c.states, c.steps, c.percents, c.messages}
}

// eventColumns are the columns of insertEvents.
type eventColumns struct {
	leaseColumns
	ids      [][16]byte
	topics   []string
	payloads []json.RawMessage
	ats      []time.Time
}

func (c *eventColumns) add(r *ordinaut.Record) {
	for i := range r.Events {
		e := &r.Events[i]
		c.leaseColumns.add(r.Lease)
		c.ids, c.topics = append(c.ids, e.ID), append(c.topics, clean(e.Topic))
		c.payloads, c.ats = append(c.payloads, cleanJSON(e.Payload)), append(c.ats, e.At)
	}
}

// eventKey is the key of the event table.
type eventKey struct{ namespace, id [16]byte }

// among returns the events whose key is in hops, each once, in their order and as they were written.
func (c *eventColumns) among(hops map[eventKey]int) []ordinaut.Event {
	all := make([]ordinaut.Event, 0, len(hops))
	for i, id := range c.ids {
		key := eventKey{namespace: c.namespaces[i], id: id}
		n, landed := hops[key]
		if !landed {
			continue
		}
		delete(hops, key)
		all = append(all, ordinaut.Event{
			NamespaceID: c.namespaces[i], ID: id, Topic: c.topics[i], Payload: c.payloads[i],
			Source: ordinaut.EventFromRun, RunID: c.runs[i], Hops: n, At: c.ats[i].UTC().Truncate(time.Microsecond),
		})
	}
	return all
}

func (c *eventColumns) args() []any {
	return []any{c.namespaces, c.runs, c.epochs, c.ids, c.topics, c.payloads, c.ats}
}

// endColumns are the columns of endRuns.
type endColumns struct {
	leaseColumns
	states, reasons, errors []string
	outputs                 []json.RawMessage
	seqs                    []int64
	starts                  []*time.Time
}

func (c *endColumns) add(r *ordinaut.Record) {
	o := r.Outcome
	c.leaseColumns.add(r.Lease)
	c.states, c.reasons, c.errors = append(c.states, string(o.State)), append(c.reasons, string(o.Reason)), append(c.errors, clean(o.Error))
	c.outputs, c.seqs, c.starts = append(c.outputs, cleanJSON(o.Output)), append(c.seqs, o.Seq), append(c.starts, orNull(o.StartedAt))
}

// args relies on the runs being sorted.
func (c *endColumns) args() []any {
	return []any{
		c.namespaces, c.runs, c.epochs, c.states, c.reasons, c.errors, c.outputs, c.seqs, c.starts,
		c.runs[0], c.runs[len(c.runs)-1],
	}
}

func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
