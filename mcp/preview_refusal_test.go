package mcp

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A once whose instant has passed since it was previewed is made with a warning while max_lateness lets it
// start, and else refused: it would be missed.
func TestPreviewedOnceThatHasPassed(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(wednesday().Unix())
	h := newHouse(t, func(c *Config) { c.Clock = func() time.Time { return time.Unix(now.Load(), 0) } })
	v := h.connect(t, h.key)
	lenient := v.must(t, "preview_schedule", object{"phrase": "in 20m"}).text1(t, "preview_id")
	strict := v.must(t, "preview_schedule", object{"schedule": object{"kind": "once", "expr": "in 20m", "max_lateness_seconds": 600}}).text1(t, "preview_id")
	now.Add(25 * 60)
	for _, id := range []string{lenient, strict} {
		r := v.must(t, "create_task", fromPreview("Five minutes late", id))
		if want := "2026-11-25T10:37:00Z has passed already, so it starts at once, 5m0s late: is that meant?"; r.text1(t, "warnings", 0) != want {
			t.Errorf("warned as %s, want %s", r.text, want)
		}
		if got := r.times(t, "next_times"); len(got) != 1 || got[0] != "2026-11-25T10:37:00Z" {
			t.Errorf("next times %v", got)
		}
	}
	now.Add(10 * 60)
	v.must(t, "create_task", fromPreview("A quarter late", lenient))
	r := v.call(t, "create_task", fromPreview("Too late", strict))
	const want = "invalid_argument at /preview_id: what was shown cannot be made any more: the instant 2026-11-25T10:37:00Z passed 15m0s ago, " +
		"and max_lateness_seconds and catch_up let it start at most 10m0s late, so it would be missed; give a later one. Call preview_schedule again"
	if !r.failed || !strings.HasPrefix(r.text, want) {
		t.Errorf("answered %s, want %s", r.text, want)
	}
}

// A condition or an event whose expressions, probe or filter create_task would refuse is refused when it is
// previewed, with the same words. Params are not known yet, so they are not missed.
func TestPreviewChecksWhatCreationChecks(t *testing.T) {
	t.Parallel()
	_, v := newWednesday(t)
	watching := func(probe object, when string) object {
		return object{"kind": "condition", "condition": object{"every": "PT5M", "probe": probe, "when": when}}
	}
	get := object{"url": "https://example.com/health"}
	for _, c := range []struct {
		pointer  string
		schedule object
	}{
		{"/schedule/condition/probe/uses", watching(object{"uses": "http.requests", "with": get}, "status != `200`")},
		{"/schedule/condition/probe/uses", watching(object{"uses": "event.publish", "with": object{"topic": "x"}}, "@")},
		{"/schedule/condition/probe/with/method", watching(object{"uses": "http.request", "with": object{"url": "https://example.com", "method": "POST"}}, "@")},
		{"/schedule/condition/probe/with/url", watching(object{"uses": "http.request"}, "@")},
		{"/schedule/condition/when", watching(object{"uses": "http.request", "with": get}, "status !=")},
		{"/schedule/condition/cursor", object{"kind": "condition", "condition": object{
			"every": "PT5M", "probe": object{"uses": "http.request", "with": get}, "when": "@", "cursor": "nothing(@)",
		}}},
		{"/schedule/event/filter", object{"kind": "event", "expr": "mail.*", "event": object{"filter": "payload.amount >"}}},
	} {
		args := manual("Refused")
		args["schedule"] = c.schedule
		previewed, created := v.call(t, "preview_schedule", object{"schedule": c.schedule}), v.call(t, "create_task", args)
		if !previewed.failed || previewed.content["pointer"] != c.pointer {
			t.Errorf("%s: answered %s", c.pointer, previewed.text)
		}
		if previewed.content["message"] == nil || previewed.content["message"] != created.content["message"] {
			t.Errorf("%s: previewed as %s, created as %s", c.pointer, previewed.raw, created.raw)
		}
	}
	v.must(t, "preview_schedule", object{"schedule": watching(object{"uses": "http.request", "with": object{"url": "${params.url}"}}, "status != `200`")})
}
