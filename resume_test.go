package ordinaut

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is kept is what a run that goes on does not do again; a flow goes on where something in it has not
// succeeded.
func TestResume(t *testing.T) {
	t.Parallel()
	const (
		list    = `{"id": "a", "uses": "x.y"}, {"id": "b", "uses": "x.y"}, {"id": "c", "uses": "x.y"}`
		bearing = `{"id": "a", "uses": "x.y", "on_error": "continue"}, {"id": "b", "uses": "x.y"}`
		caring  = `{"id": "a", "uses": "x.y", "on_error": [{"id": "tell", "uses": "x.y"}, {"id": "log", "uses": "x.y"}]}, {"id": "b", "uses": "x.y"}`
		each    = `{"id": "each", "uses": "flow.foreach", "with": {"items": []}, "steps": [` + bearing + `]}`
		borne   = `{"id": "each", "uses": "flow.foreach", "with": {"items": []}, "on_error": "continue", "steps": [` + list + `]}, {"id": "z", "uses": "x.y"}`
		nested  = `{"id": "out", "uses": "flow.foreach", "with": {"items": []}, "steps": [{"id": "both", "uses": "flow.parallel", "branches": {
			"p": [{"id": "in", "uses": "flow.foreach", "with": {"items": []}, "steps": [{"id": "s", "uses": "x.y"}]}], "q": [{"id": "t", "uses": "x.y"}]}}]}`
	)
	for _, tc := range []struct{ name, steps, recorded, kept, reopened string }{
		{"nothing was done", list, "", "", ""},
		{"in the middle", list, "a=succeeded b=failed", "a", ""},
		{"between steps", list, "a=succeeded b=skipped", "a b", ""},
		{"it slept", list, "a=succeeded b=waiting", "a", ""},
		{"failures that are borne are kept", bearing, "a=failed b=failed", "a", ""},
		{"those of a run that ended are not", bearing, "a=failed/canceled", "", ""},
		{"those of a run whose time was over are not", bearing, "a=failed/run_timed_out", "", ""},
		{"taken care of", caring, "a=failed tell=succeeded log=succeeded b=failed", "a log tell", ""},
		{"not taken care of", caring, "a=failed tell=succeeded log=failed", "", ""},
		{"items", each, "each=failed/action_failed/in each[0].a=succeeded each[0].b=succeeded each[10].a=failed each[10].b=failed", "each[0].a each[0].b each[10].a", "each"},
		{"a flow under way", each, "each=running/-/in each[0].a=succeeded", "each[0].a", "each"},
		{"a flow that had no input", each, "each=failed", "", ""},
		{"a flow whose failure is borne", borne, "each=failed/action_failed/in each[0].a=succeeded each[1].a=failed z=failed", "each each[0].a each[1].a", ""},
		{"a flow that bore failures", each, "each=succeeded/-/in each[0].a=failed each[0].b=failed", "each each[0].a each[0].b", ""},
		{"what follows a failure", list, "a=succeeded b=failed alarm=succeeded tidy=succeeded close=succeeded", "a", ""},
		{"what follows a success", list, "a=succeeded b=succeeded c=succeeded tidy=succeeded close=failed", "a b c tidy", ""},
		{
			"flows in flows", nested, "out=failed/action_failed/in out[0].both=succeeded/-/in out[0].in=succeeded/-/in out[0].in[0].s=succeeded out[0].t=succeeded " +
				"out[1].both=failed/action_failed/in out[1].in=failed/canceled/in out[1].in[0].s=succeeded out[1].in[1].s=failed out[1].t=failed",
			"out[0].both out[0].in out[0].in[0].s out[0].t out[1].in[0].s", "out out[1].both out[1].in",
		},
	} {
		spec := TaskSpec{Ends: Ends{OnFailure: []Step{{ID: "alarm"}}, Finally: []Step{{ID: "tidy"}, {ID: "close"}}}}
		if err := json.Unmarshal([]byte("["+tc.steps+"]"), &spec.Pipeline); err != nil {
			t.Fatal(err)
		}
		var recorded []StepResult
		for text := range strings.FieldsSeq(tc.recorded) {
			id, rest, _ := strings.Cut(text, "=")
			parts := strings.Split(rest+"//", "/")
			r := StepResult{StepID: id, State: StepState(parts[0]), Reason: Reason(strings.Trim(parts[1], "-"))}
			if parts[2] != "" {
				r.Input = json.RawMessage(`{}`)
			}
			recorded = append(recorded, r)
		}
		got := Resume(&spec, recorded)
		want := Resumption{Kept: strings.Fields(tc.kept), Reopened: strings.Fields(tc.reopened)}
		if diff := cmp.Diff(want, Resumption{append([]string{}, got.Kept...), append([]string{}, got.Reopened...)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}
