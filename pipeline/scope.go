package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut/schemas"
)

// Scope is what expressions reach. Its values are of the types that encoding/json gives to any; what
// is rendered from them shares their parts, so neither may be changed afterwards.
type Scope struct {
	// Params are the run's params.
	Params map[string]any
	// Steps holds the output of each step that has one, by save_as.
	Steps map[string]any
	// Run and Task tell of the run and its task, such as id, title and due_at.
	Run, Task map[string]any
	// Event is the event that the run is about; nil when it is about none.
	Event map[string]any
	// Item is what flow.foreach is at, Index its place from 0; Index is nil outside of one.
	Item  any
	Index *int
	// Failure tells the steps of on_error, on_failure and finally what has failed: its step, reason and
	// message. It is nil where nothing has.
	Failure map[string]any
	// Cursor is what the probe before has left; only a [Probe]'s expressions reach it.
	Cursor any
	// Now is the time that now stands for.
	Now time.Time
	// Location is the task's timezone, in which times are shown; nil means UTC.
	Location *time.Location
}

func (s *Scope) zone() *time.Location { return cmp.Or(s.Location, time.UTC) }

// root returns the object that names are looked up in.
func (s *Scope) root() (map[string]any, error) {
	now, err := timeText(s.Now, s.zone())
	if err != nil {
		return nil, err
	}
	root := map[string]any{
		"params": orEmpty(s.Params), "steps": orEmpty(s.Steps), "run": orEmpty(s.Run), "task": orEmpty(s.Task), "now": now,
		"event": nil,
	}
	if s.Event != nil {
		root["event"] = s.Event
	}
	if s.Index != nil {
		root["item"], root["index"] = s.Item, float64(*s.Index)
	}
	root["error"] = nil
	if s.Failure != nil {
		root["error"] = s.Failure
	}
	return root, nil
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// overOutput returns the object that names in expect are looked up in: output, then the output's own
// keys, then what every expression reaches.
func overOutput(root map[string]any, output any) map[string]any {
	over := maps.Clone(root)
	if own, ok := output.(map[string]any); ok {
		maps.Copy(over, own)
	}
	over["output"] = output
	return over
}

// roots are the names that every expression reaches.
var roots = []string{"params", "steps", "event", "run", "task", "now"}

// rootFault says what is wrong with name at the beginning of a path, or "".
func rootFault(name string, known []string) string {
	if slices.Contains(known, name) {
		return ""
	}
	shown := clip(name, 40)
	switch name {
	case "item", "index":
		return shown + " is known in the steps of flow.foreach only"
	case "error":
		return "error is known in the steps of on_error, on_failure and finally only"
	case "secrets", "secret", "env":
		return shown + " cannot be read by expressions"
	case "cursor":
		return "cursor is known in a condition's probe, when and cursor only"
	case "output":
		return "output is known in expect only; a step's output is steps.<its save_as or id>"
	}
	fault := shown + " is no name that expressions know"
	if near := schemas.Nearest(name, known); near != "" {
		return fault + "; did you mean " + near + "?"
	}
	return fault + "; known are " + strings.Join(known, ", ") + ", and text stands in single quotes"
}
