package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut/store/storetest"
)

// newSecret returns a secret of a hook as the operator's file has it, and its bytes.
func newSecret() (text string, key []byte) {
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails, by its documentation
	return secretPrefix + base64.StdEncoding.EncodeToString(key), key
}

// configure adds lines to the operator's file.
func (p *plant) configure(lines string) {
	p.t.Helper()
	f, err := os.OpenFile(p.config(), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(lines); err != nil {
		p.t.Fatal(err)
	}
}

// delivery is one request to a hook.
type delivery struct {
	topic, id, body string
	at              time.Time
	keys            [][]byte // each makes a signature
}

func (d delivery) sign(key []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", d.id, d.at.Unix(), d.body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// deliver sends d and returns the answer's status, event and text.
func (d delivery) deliver(t *testing.T, addr string) (status int, event, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/hooks/"+d.topic, strings.NewReader(d.body))
	if err != nil {
		t.Fatal(err)
	}
	var signatures []string
	for _, key := range d.keys {
		signatures = append(signatures, d.sign(key))
	}
	req.Header.Set("Webhook-Id", d.id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(d.at.Unix(), 10))
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a struct {
		EventID string `json:"event_id"`
		Error   string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, a.EventID, a.Error
}

// A signed webhook is an event once, on whatever node it comes in, and starts the task whose filter it passes
// with its payload at hand; what is not signed rightly, or now, or no JSON, stores nothing.
func TestHooksMakeEvents(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "redis://"+storetest.Redis(t))
	oldText, oldKey := newSecret()
	newText, newKey := newSecret()
	_, strange := newSecret()
	p.configure(fmt.Sprintf("hooks:\n  - topic: shop.order\n    secrets: [%q, %q]\n", newText, oldText))
	one, two := p.serve("api,scheduler,worker"), p.serve("api")
	s := p.dial(one, "")
	var made struct{ Task struct{ ID string } }
	s.must(t, "create_task", map[string]any{
		"title":    "orders",
		"schedule": map[string]any{"kind": "event", "expr": "shop.*", "event": map[string]any{"filter": "payload.amount > `100`"}},
		"pipeline": []map[string]any{{"id": "say", "uses": "data.transform", "with": map[string]any{
			"input": "${event.topic} ${event.payload.amount} ${event.source}", "expression": "@",
		}}},
	}, &made)

	good := delivery{topic: "shop.order", id: "msg_1", body: `{"amount": 120}`, at: time.Now(), keys: [][]byte{newKey}}
	status, first, text := good.deliver(t, one.addr)
	if status != http.StatusAccepted || !strings.HasPrefix(first, "event_") {
		t.Fatalf("the first delivery: %d %s %s", status, first, text)
	}
	if status, again, _ := good.deliver(t, two.addr); status != http.StatusOK || again != first {
		t.Errorf("the same on another node: %d %s, want 200 %s", status, again, first)
	}
	with := func(change func(*delivery)) delivery {
		d := good
		d.id = "msg_2"
		change(&d)
		return d
	}
	refused := "no such hook, or its signature or time is not valid"
	for name, c := range map[string]struct {
		d      delivery
		status int
		text   string
	}{
		"strange key":     {with(func(d *delivery) { d.keys = [][]byte{strange} }), 401, refused},
		"no signature":    {with(func(d *delivery) { d.keys = nil }), 401, refused},
		"unknown topic":   {with(func(d *delivery) { d.topic = "shop.other" }), 401, refused},
		"old":             {with(func(d *delivery) { d.at = time.Now().Add(-6 * time.Minute) }), 401, refused},
		"from the future": {with(func(d *delivery) { d.at = time.Now().Add(6 * time.Minute) }), 401, refused},
		"no id":           {with(func(d *delivery) { d.id = "" }), 401, refused},
		"not JSON":        {with(func(d *delivery) { d.body = `{"amount": 1` }), 400, "not valid JSON"},
		"duplicate key":   {with(func(d *delivery) { d.body = `{"amount": 1, "amount": 2}` }), 400, "duplicate key"},
		"two values":      {with(func(d *delivery) { d.body = `1 2` }), 400, "text after"},
		"too large":       {with(func(d *delivery) { d.body = `"` + strings.Repeat("x", 256<<10) + `"` }), 413, "more than 262144"},
	} {
		if status, event, text := c.d.deliver(t, two.addr); status != c.status || !strings.Contains(text, c.text) || event != "" {
			t.Errorf("%s: %d %s %q, want %d with %q", name, status, event, text, c.status, c.text)
		}
	}
	// A sender that changes its secret signs with both; one that has not yet done so signs with the old.
	for i, keys := range [][][]byte{{strange, newKey}, {oldKey}} {
		d := with(func(d *delivery) { d.id, d.keys = fmt.Sprintf("msg_%d", 3+i), keys })
		if status, _, text := d.deliver(t, two.addr); status != http.StatusAccepted {
			t.Errorf("rotation %d: %d %s", i, status, text)
		}
	}
	small := with(func(d *delivery) { d.id, d.body = "msg_5", `{"amount": 5}` })
	if status, _, text := small.deliver(t, two.addr); status != http.StatusAccepted {
		t.Errorf("an event that no task wants: %d %s", status, text)
	}

	var done []demoRun
	eventually(t, "three runs succeed", func() bool {
		done = runs(t, s, map[string]any{"task_id": made.Task.ID, "states": []string{"succeeded"}})
		return len(done) >= 3
	})
	if len(done) != 3 {
		t.Errorf("%d runs for three events", len(done))
	}
	var got struct {
		Run struct {
			EventID string `json:"event_id"`
			Kind    string
			Output  struct{ Result string }
		}
	}
	s.must(t, "get_run", map[string]any{"run_id": done[len(done)-1].ID, "detail": "full"}, &got)
	if got.Run.EventID != first || got.Run.Kind != "event" || got.Run.Output.Result != "shop.order 120 hook" {
		t.Errorf("the first event's run: %+v", got.Run)
	}
	p.upheld()
}

// A file with secrets that others may read is refused at the start.
func TestReadableSecretsAreRefused(t *testing.T) {
	t.Parallel()
	text, _ := newSecret()
	path := t.TempDir() + "/secret"
	if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	hooks := []hookConfig{{Topic: "a", SecretFile: path}}
	if err := checkHooks(hooks, ""); err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), text) {
		t.Errorf("a readable secret: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkHooks(hooks, ""); err != nil || len(hooks[0].keys) != 1 {
		t.Errorf("a private secret: %v, %d keys", err, len(hooks[0].keys))
	}
}
