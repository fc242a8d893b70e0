package front

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// Progress tells the client how far the call that ctx belongs to has come. total is the value of
// progress at the end, or 0 if that is not known; message is one short line for a person.
//
// The report is written before Progress returns, so it never comes after the call's result. Reports
// closer together than [Config.ProgressEvery] wait and the latest of them is sent; one that still waits
// when the handler returns is dropped, since the result says more. As the protocol demands, a report
// that does not exceed the one before it is dropped. Without a progress token in the request, and
// outside a call, Progress does nothing. It may be called from several goroutines.
func Progress(ctx context.Context, progress, total float64, message string) {
	if c, ok := ctx.Value(callKey{}).(*call); ok && c.progress != nil {
		c.progress.report(progress, total, message)
	}
}

// reporter sends the progress of one call, in order and not too often.
type reporter struct {
	out   sink
	token json.RawMessage
	every time.Duration

	mu      sync.Mutex // held while writing, so that reports keep their order
	any     bool       // a report was accepted
	highest float64    // greatest progress accepted
	sentAt  time.Time
	waiting *progressParams
	timer   *time.Timer // runs while a report waits
	closed  bool
}

type progressParams struct {
	Token    json.RawMessage `json:"progressToken"`
	Progress float64         `json:"progress"`
	Total    float64         `json:"total,omitempty"`
	Message  string          `json:"message,omitempty"`
}

type wireNotification struct {
	JSONRPC string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params,omitempty"`
}

func (r *reporter) report(progress, total float64, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.any && progress <= r.highest {
		return
	}
	r.any, r.highest = true, progress
	p := &progressParams{r.token, progress, total, message}
	wait := r.every - time.Since(r.sentAt)
	if r.sentAt.IsZero() || wait <= 0 {
		r.write(p)
		return
	}
	if r.waiting = p; r.timer == nil {
		r.timer = time.AfterFunc(wait, r.flush)
	}
}

// flush sends the report that waits, if the call still runs.
func (r *reporter) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = nil
	if r.closed || r.waiting == nil {
		return
	}
	r.write(r.waiting)
}

func (r *reporter) write(p *progressParams) {
	r.waiting, r.sentAt = nil, time.Now()
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	b, err := json.Marshal(wireNotification{mcp.JSONRPC_VERSION, string(mcp.MethodNotificationProgress), p})
	if err != nil {
		return // NaN or infinite progress: nothing a client could show
	}
	r.out.send(b)
}

// close ends reporting. After it no report is written.
func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
}
