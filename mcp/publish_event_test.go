package mcp

import (
	"strings"
	"testing"

	"github.com/ordinaut/ordinaut"
)

// An event is stored, queued and audited before publish_event answers, once for one idempotency key, and
// what may not be published leaves nothing.
func TestPublishEventStoresBeforeItAnswers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	stored := func() (n int) {
		const count = `SELECT count(*) FROM event e JOIN event_queue q ON q.event_id = e.id
JOIN audit a ON a.action = 'publish_event' AND a.object = 'event_' || replace(e.id::text, '-', '')
WHERE e.topic = 'email.received' AND e.source = 'tool' AND e.payload = '{"n": 1}' AND e.hops = 0`
		if err := h.pool.QueryRow(t.Context(), count).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	args := object{"topic": "email.received", "payload": object{"n": 1}, "idempotency_key": "k"}
	first := v.must(t, "publish_event", args).text1(t, "event", "id")
	if again := v.must(t, "publish_event", args).text1(t, "event", "id"); again != first || stored() != 1 {
		t.Errorf("published %s, then %s; %d stored", first, again, stored())
	}
	for _, tc := range []struct {
		args object
		want string
	}{
		{object{"topic": "task.paused"}, "by Ordinaut itself"},
		{object{"topic": "No"}, "small letters"},
		{object{"topic": "big", "payload": strings.Repeat("word ", 13200)}, "at most 65536"},
	} {
		if r := v.call(t, "publish_event", tc.args); r.content["code"] != "invalid_argument" || !strings.Contains(r.text, tc.want) {
			t.Errorf("topic %v: %s", tc.args["topic"], r.text)
		}
	}
	var all int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM event`).Scan(&all); err != nil || all != 1 {
		t.Errorf("%d events are stored, error %v", all, err)
	}
	reader := h.connect(t, h.guest(t, "default", ordinaut.ScopeTasksRead))
	if r := reader.call(t, "publish_event", object{"topic": "a"}); r.content["code"] != "permission_denied" {
		t.Errorf("without the scope: %s", r.text)
	}
}
