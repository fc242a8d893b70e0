package pipeline

import (
	"slices"

	"github.com/ordinaut/ordinaut"
)

// Actions that hold steps of their own.
const (
	FlowForeach  = "flow.foreach"
	FlowParallel = "flow.parallel"
	FlowSwitch   = "flow.switch"
)

const (
	// maxAllSteps bounds the steps of a pipeline with all that they hold, maxStepNesting how deep they do.
	maxAllSteps    = 200
	maxStepNesting = 5
)

// IsFlow reports whether an action holds steps of its own.
func IsFlow(action string) bool {
	return action == FlowForeach || action == FlowParallel || action == FlowSwitch
}

// holders says which action needs which key, and shows how it is written.
var holders = []struct{ key, action, example string }{ //nolint:gochecknoglobals // constant table
	{"steps", FlowForeach, `{"id": "each", "uses": "flow.foreach", "with": {"items": "${params.cities}"}, "steps": [{"id": "ask", "uses": "http.request", "with": {"url": "https://example.com/${item}"}}]}`},
	{"branches", FlowParallel, `{"id": "both", "uses": "flow.parallel", "branches": {"mail": [{"id": "fetch_mail", "uses": "mail.list"}], "calendar": [{"id": "fetch_events", "uses": "calendar.list_events"}]}}`},
	{"cases", FlowSwitch, `{"id": "route", "uses": "flow.switch", "cases": [{"if": "params.urgent", "steps": [{"id": "now", "uses": "event.publish", "with": {"topic": "alarm"}}]}]}`},
}

// checkHolds holds that a step has exactly the lists of steps which its action works on. The pointer of its
// error starts at the step.
func checkHolds(s *ordinaut.Step) *ordinaut.Error {
	has := map[string]bool{"steps": len(s.Steps) > 0, "branches": len(s.Branches) > 0, "cases": len(s.Cases) > 0}
	for _, h := range holders {
		switch {
		case s.Uses == h.action && !has[h.key]:
			e := ordinaut.Invalid("/"+h.key, "%s needs %s", h.action, h.key)
			e.Example = h.example
			return e
		case s.Uses != h.action && has[h.key]:
			e := ordinaut.Invalid("/"+h.key, "%s belongs to a step that uses %s; this one uses %s", h.key, h.action, clip(s.Uses, 80))
			e.Example = h.example
			return e
		}
	}
	if err := checkAsking(s); err != nil {
		return err
	}
	switch {
	case s.Uses != FlowSwitch && len(s.Default) > 0:
		return ordinaut.Invalid("/default", "default belongs to a step that uses %s", FlowSwitch)
	case IsFlow(s.Uses) && s.Retry != nil:
		return ordinaut.Invalid("/retry", "%s is not tried again as a whole; give retry to the steps in it", s.Uses)
	case IsFlow(s.Uses) && s.TimeoutSeconds > 0:
		return ordinaut.Invalid("/timeout_seconds", "%s has no timeout of its own; give timeout_seconds to the steps in it, or to the task", s.Uses)
	}
	return nil
}

// reach is what expressions in some steps reach beyond what all do.
type reach struct {
	item, failure, cursor bool
}

// within returns the reach of the steps in a block.
func (r reach) within(b ordinaut.Block) reach {
	r.item = r.item || b.Kind == "steps"
	r.failure = r.failure || b.Kind == "on_error"
	return r
}

// names are those that begin a path.
func (r reach) names() []string {
	names := slices.Clone(roots)
	if r.item {
		names = append(names, "item", "index")
	}
	if r.failure {
		names = append(names, "error")
	}
	if r.cursor {
		names = append(names, "cursor")
	}
	return names
}
