package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/mcp/front"
	"github.com/ordinaut/ordinaut/store"
)

const (
	// hookTolerance is how far a request's time may be from ours.
	hookTolerance = 5 * time.Minute
	// maxSignatures bounds the signatures of one request that are looked at.
	maxSignatures = 10
	maxHookDepth  = 64
	// hookFailures a minute is how often an address may fail to prove itself.
	hookFailures = 10
)

// Outcomes of requests to hooks, for metrics and the log.
const (
	hookStored      = "stored"
	hookRepeated    = "repeated"
	hookRefused     = "refused"
	hookInvalid     = "invalid"
	hookTooLarge    = "too_large"
	hookRateLimited = "rate_limited"
	hookUnavailable = "unavailable"
)

// hooks receives signed webhooks, in the scheme of Standard Webhooks, and makes events of them.
type hooks struct {
	*node
	byTopic map[string]*hook
	// nobody stands in for a topic without a hook, so that finding out takes as long.
	nobody   *hook
	rates    *front.Limiter
	failures *front.Limiter
	requests *prometheus.CounterVec
}

type hook struct {
	topic     string
	namespace ordinaut.NamespaceID
	keys      [][]byte
}

// newHooks returns the hooks of the operator's file, or nil when it has none.
func (n *node) newHooks(ctx context.Context) (*hooks, error) {
	file, err := n.cfg.operatorFile()
	if err != nil || len(file.Hooks) == 0 {
		return nil, err
	}
	rate := n.cfg.Rate
	if rate == 0 {
		rate = 20
	}
	h := &hooks{
		node: n, byTopic: map[string]*hook{}, nobody: &hook{keys: [][]byte{make([]byte, minSecret)}},
		rates: front.NewLimiter(rate, int(2*rate)), failures: front.NewLimiter(hookFailures/time.Minute.Seconds(), hookFailures),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ordinaut_hook_requests_total", Help: "Requests to hooks by what became of them.",
		}, []string{"outcome"}),
	}
	for _, c := range file.Hooks {
		if c.Namespace == "" {
			if _, err := n.store.DefaultNamespace(ctx); err != nil {
				return nil, err
			}
			c.Namespace = "default"
		}
		ns, err := n.store.NamespaceByName(ctx, c.Namespace)
		if err != nil {
			return nil, fmt.Errorf("hook %s: namespace %q: %w", c.Topic, c.Namespace, err)
		}
		h.byTopic[c.Topic] = &hook{topic: c.Topic, namespace: ns, keys: c.keys}
	}
	return h, n.registry.Register(h.requests)
}

// ServeHTTP answers 202 for a new event and 200 for one that came before, both with its id and after it is
// stored. A topic without a hook is refused like a wrong signature.
func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	a := h.answer(w, r)
	h.requests.WithLabelValues(a.outcome).Inc()
	attrs := []any{"topic", a.topic, "event_id", a.EventID, "outcome", a.outcome, "took", time.Since(began)}
	if a.err != nil {
		attrs = append(attrs, "err", a.err)
	}
	h.log.InfoContext(r.Context(), "hook called", attrs...)
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a) // the sender may have left
}

// hookAnswer is the body of an answer.
type hookAnswer struct {
	EventID string `json:"event_id,omitempty"`
	Error   string `json:"error,omitempty"`

	outcome string
	status  int
	topic   string // of a hook that there is
	err     error
}

func (h *hooks) answer(w http.ResponseWriter, r *http.Request) hookAnswer {
	address := front.RemoteHost(r)
	if ok, wait := h.rates.Take(address); !ok {
		return tooMany(w, wait, "too many requests; wait and send again")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ordinaut.MaxPayloadBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return hookAnswer{outcome: hookTooLarge, status: http.StatusRequestEntityTooLarge, Error: fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return hookAnswer{outcome: hookInvalid, status: http.StatusBadRequest, Error: "the body did not arrive", err: err}
	}
	target, known := h.byTopic[r.PathValue("topic")]
	if !known {
		target = h.nobody
	}
	if signed := target.verify(r.Header, body, time.Now()); !signed || !known {
		if ok, wait := h.failures.Take(address); !ok {
			return tooMany(w, wait, "too many refused requests from this address")
		}
		return hookAnswer{outcome: hookRefused, status: http.StatusUnauthorized, Error: "no such hook, or its signature or time is not valid"}
	}
	return h.receive(w, r, target, body)
}

func tooMany(w http.ResponseWriter, wait int, msg string) hookAnswer {
	w.Header().Set("Retry-After", strconv.Itoa(wait))
	return hookAnswer{outcome: hookRateLimited, status: http.StatusTooManyRequests, Error: msg}
}

// receive stores the event of a request that has proved itself.
func (h *hooks) receive(w http.ResponseWriter, r *http.Request, target *hook, body []byte) hookAnswer {
	a := hookAnswer{topic: target.topic, outcome: hookInvalid, status: http.StatusBadRequest}
	if err := front.CheckJSON(body, maxHookDepth); err != nil {
		a.Error = "the body: " + err.Error()
		return a
	}
	received := []store.Received{{Key: r.Header.Get("Webhook-Id"), Event: ordinaut.Event{Topic: target.topic, Payload: body}}}
	if err := h.store.ReceiveEvents(r.Context(), target.namespace, ordinaut.EventFromHook, "hook:"+target.topic, received); err != nil {
		w.Header().Set("Retry-After", "1")
		return hookAnswer{topic: target.topic, outcome: hookUnavailable, status: http.StatusServiceUnavailable, Error: "the event could not be stored; send it again", err: err}
	}
	a = hookAnswer{topic: target.topic, outcome: hookStored, status: http.StatusAccepted, EventID: received[0].Event.ID.String()}
	if received[0].Repeated {
		a.outcome, a.status = hookRepeated, http.StatusOK
	}
	return a
}

// verify reports whether one of the signatures is by one of the hook's keys over the id, the time and the
// body, and the time is about now. It takes as long for a wrong signature as for a right one.
func (h *hook) verify(header http.Header, body []byte, now time.Time) bool {
	id, stamp := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	fresh := err == nil && now.Sub(time.Unix(seconds, 0)).Abs() <= hookTolerance
	valid := false
	signatures := strings.Fields(header.Get("Webhook-Signature"))
	for _, key := range h.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for _, got := range signatures[:min(len(signatures), maxSignatures)] {
			valid = hmac.Equal([]byte(got), []byte(want)) || valid
		}
	}
	return valid && fresh && id != "" && len(id) <= store.MaxSourceKey && !strings.Contains(id, ".")
}
