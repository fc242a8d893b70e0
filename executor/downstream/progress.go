package downstream

import (
	"strconv"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// progress hands each progress notification to the call that it is about, by its token.
type progress struct {
	mu    sync.Mutex // guards the fields; held while a callback runs, so that none runs after its call
	last  uint64
	calls map[string]func(percent *float64, message string)
}

// follow returns a token for a new call, and what ends it: after that, the callback is not called.
func (p *progress) follow(report func(percent *float64, message string)) (token string, stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	token = "call-" + strconv.FormatUint(p.last, 10)
	if p.calls == nil {
		p.calls = make(map[string]func(*float64, string))
	}
	p.calls[token] = report
	return token, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.calls, token)
	}
}

func (p *progress) notify(n mcp.JSONRPCNotification) {
	fields := n.Params.AdditionalFields
	token, _ := fields["progressToken"].(string)
	p.mu.Lock()
	defer p.mu.Unlock()
	report := p.calls[token]
	if report == nil {
		return
	}
	message, _ := fields["message"].(string)
	report(percentOf(fields), message)
}

// percentOf returns the share that is done, or nil when the server did not say of what.
func percentOf(fields map[string]any) *float64 {
	done, ok := fields["progress"].(float64)
	total, known := fields["total"].(float64)
	if !ok || !known || total <= 0 {
		return nil
	}
	percent := min(max(100*done/total, 0), 100)
	return &percent
}
