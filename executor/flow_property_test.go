package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor/downstream"
)

// grower makes random pipelines of flows. Each leaf's step tells by its id whether it fails.
type grower struct {
	t    *rapid.T
	next int
}

func (g *grower) id(kind string) string {
	g.next++
	return fmt.Sprintf("%s%d", kind, g.next)
}

func (g *grower) list(depth int) []ordinaut.Step {
	steps := make([]ordinaut.Step, rapid.IntRange(1, 3).Draw(g.t, "steps"))
	for i := range steps {
		steps[i] = g.step(depth)
	}
	return steps
}

func (g *grower) step(depth int) ordinaut.Step {
	kinds := []string{"ok", "ok", "nap", "bad", "foreach", "parallel", "switch"}
	if depth == 0 {
		kinds = kinds[:4]
	}
	switch kind := rapid.SampledFrom(kinds).Draw(g.t, "kind"); kind {
	case "foreach":
		s := ordinaut.Step{ID: g.id("each"), Uses: "flow.foreach", With: map[string]any{
			"items": []any{"${now}", "${now}"}, "concurrency": float64(rapid.IntRange(1, 3).Draw(g.t, "concurrency")),
			"max_failures": float64(rapid.IntRange(0, 2).Draw(g.t, "max_failures")),
		}, Steps: g.list(depth - 1)}
		return s
	case "parallel":
		return ordinaut.Step{
			ID: g.id("par"), Uses: "flow.parallel", With: map[string]any{"max_failures": 2.0},
			Branches: map[string][]ordinaut.Step{"a": g.list(depth - 1), "b": g.list(depth - 1)},
		}
	case "switch":
		return ordinaut.Step{ID: g.id("pick"), Uses: "flow.switch", Cases: []ordinaut.Case{
			{If: rapid.SampledFrom([]string{"true", "false"}).Draw(g.t, "if"), Steps: g.list(depth - 1)},
		}, Default: g.list(depth - 1)}
	case "nap":
		return ordinaut.Step{ID: g.id("nap"), Uses: "wait.sleep", With: map[string]any{"seconds": 2.0}}
	case "bad":
		s := ordinaut.Step{ID: g.id("bad"), Uses: "s.call"}
		switch rapid.IntRange(0, 2).Draw(g.t, "on_error") {
		case 0:
			s.OnError.Policy = ordinaut.OnErrorContinue
		case 1:
			s.OnError.Steps = []ordinaut.Step{{ID: g.id("ok"), Uses: "s.call"}}
		}
		return s
	default:
		return ordinaut.Step{ID: g.id("ok"), Uses: "s.call"}
	}
}

// crasher is a tool whose worker is lost in some of its calls, and after the call was made in others.
type crasher struct {
	m       *memStore
	run     ordinaut.RunID
	mu      sync.Mutex
	calls   map[string]int
	crashes map[int]bool
	n       int
}

func (c *crasher) call(ctx context.Context, in downstream.Call) (json.RawMessage, error) {
	_, key, _ := strings.Cut(in.IdempotencyKey, "/")
	c.mu.Lock()
	c.calls[key]++
	c.n++
	crash := c.crashes[c.n]
	c.mu.Unlock()
	if crash {
		c.m.set(func() { c.m.steal(c.run) })
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if leaf := key[strings.LastIndex(key, ".")+1:]; strings.HasPrefix(leaf, "bad") {
		return nil, failf(ordinaut.ReasonActionFailed, "bad")
	}
	return json.Marshal(map[string]any{"key": key})
}

// clock is what differs when a run takes longer.
var clock = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`)

// Whatever the flows and wherever workers are lost, a run comes to the same end with the same results, and
// what is recorded is called no more.
func TestFlowsComeToTheSameEndWhateverIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g := grower{t: rt}
		spec := steps(g.list(2)...)
		spec.TimeoutSeconds = 3600
		crashes := map[int]bool{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 20), 0, 4).Draw(rt, "crashes") {
			crashes[n] = true
		}
		type end struct {
			State  ordinaut.RunState
			Output any
			States map[string]ordinaut.StepState
		}
		once := func(crashes map[int]bool) (e end, calls map[string]int) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemStore()
				c := &crasher{m: m, calls: map[string]int{}, crashes: crashes}
				c.run = m.queue(m.task(spec), "")
				stop := start(t, quietConfig(m, tools{"s.call": c.call}))
				defer stop()
				r := m.ended(t, c.run)
				e = end{State: r.out.State, States: map[string]ordinaut.StepState{}}
				json.Unmarshal(clock.ReplaceAll(r.out.Output, nil), &e.Output)
				for id, s := range r.steps {
					e.States[id] = s.State
					if !s.State.Final() {
						t.Errorf("step %s is %s at the end", id, s.State)
					}
				}
				calls = c.calls
			})
			return e, calls
		}
		want, _ := once(nil)
		got, calls := once(crashes)
		spoiled := func(e end) bool {
			for id, state := range e.States {
				if state == ordinaut.StepFailed && strings.HasPrefix(id[strings.LastIndex(id, ".")+1:], "each") {
					return true
				}
			}
			return false
		}
		if want.State != ordinaut.RunSucceeded || spoiled(want) || spoiled(got) {
			// Which of several items fails first is open, and so is what that stops.
			want, got = end{State: want.State}, end{State: got.State}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			doc, _ := json.Marshal(spec.Pipeline)
			rt.Fatalf("%s\ncrashes %v (-without +with):\n%s", doc, crashes, diff)
		}
		repeated := 0
		for _, n := range calls {
			repeated += n - 1
		}
		if most := 4 * len(crashes); repeated > most { // four may be under way at once
			rt.Fatalf("%d calls were repeated after %d crashes", repeated, len(crashes))
		}
	})
}
