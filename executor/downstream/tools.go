package downstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
)

const (
	maxToolPages  = 100
	cancelTimeout = 5 * time.Second
	maxTools      = 2000
	maxDefinition = 256 << 10
)

var toolName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`) //nolint:gochecknoglobals // compiled once, never changed

// listing keeps the last tools/list answer as the server wrote it: the client's parsed form has lost
// every keyword of a schema that it does not know.
type listing struct {
	mu  sync.Mutex // guards raw
	raw json.RawMessage
}

func (l *listing) see(req transport.JSONRPCRequest, resp *transport.JSONRPCResponse) {
	if req.Method != string(mcp.MethodToolsList) || resp == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raw = resp.Result
	resp.Result = readable(resp.Result)
}

// readable returns a page of tools without those that the client can't parse: it would give up the
// whole list for one of them.
func readable(page json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	var tools []json.RawMessage
	if json.Unmarshal(page, &members) != nil || json.Unmarshal(members["tools"], &tools) != nil {
		return page // the client says what is wrong with it
	}
	kept := slices.DeleteFunc(slices.Clone(tools), func(def json.RawMessage) bool { return json.Unmarshal(def, new(mcp.Tool)) != nil })
	if len(kept) == len(tools) {
		return page
	}
	var err error
	if members["tools"], err = json.Marshal(kept); err != nil {
		return page
	}
	out, err := json.Marshal(members)
	if err != nil {
		return page
	}
	return out
}

func (l *listing) last() json.RawMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.raw
}

// stdioTap and httpTap are the client's transports with a look at what tools/list answers. They embed
// pointers, so that the client finds every optional method of the transport itself.
type stdioTap struct {
	*transport.Stdio
	seen *listing
}

// SendRequest sends the request and looks at the answer.
func (t stdioTap) SendRequest(ctx context.Context, req transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	resp, err := t.Stdio.SendRequest(ctx, req)
	t.seen.see(req, resp)
	return resp, err
}

type httpTap struct {
	*transport.StreamableHTTP
	seen *listing
	// modern reports whether the connection speaks the stateless protocol.
	modern func() bool
	// calls is waited for before the transport is closed.
	calls *sync.WaitGroup
}

// SendRequest sends the request and looks at the answer. When the context of a call ends first, a
// server of the older protocols is told: to it, a closed stream means nothing.
func (t httpTap) SendRequest(ctx context.Context, req transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	resp, err := t.StreamableHTTP.SendRequest(ctx, req)
	t.seen.see(req, resp)
	if err != nil && ctx.Err() != nil && req.Method == string(mcp.MethodToolsCall) && !t.modern() {
		t.calls.Go(func() { t.cancel(ctx, req) })
	}
	return resp, err
}

func (t httpTap) cancel(ctx context.Context, req transport.JSONRPCRequest) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	var n mcp.JSONRPCNotification
	n.JSONRPC = mcp.JSONRPC_VERSION
	n.Method = string(mcp.MethodNotificationCancelled)
	n.Params.AdditionalFields = map[string]any{"requestId": req.ID}
	t.SendNotification(ctx, n) //nolint:errcheck // a courtesy: nobody waits for the call any more
}

// listTools asks for all of a server's tools and returns them as actions named <server>.<tool>. Tools
// whose definition is unusable (name, size, bytes that no database stores) are left out and counted.
func listTools(ctx context.Context, c *client.Client, seen *listing, server string) (actions []ordinaut.Action, skipped int, err error) {
	var req mcp.ListToolsRequest
	for range maxToolPages {
		page, err := c.ListToolsByPage(ctx, req)
		if err != nil {
			return nil, 0, err
		}
		some, bad, err := parseTools(seen.last(), server)
		if err != nil {
			return nil, 0, err
		}
		actions, skipped = append(actions, some...), skipped+bad
		if page.NextCursor == "" {
			return actions, skipped, nil
		}
		if len(actions) > maxTools || page.NextCursor == req.Params.Cursor {
			break
		}
		req.Params.Cursor = page.NextCursor
	}
	return nil, 0, errors.New("the server's list of tools does not end")
}

func parseTools(raw json.RawMessage, server string) (actions []ordinaut.Action, skipped int, err error) {
	var page struct {
		Tools []json.RawMessage `json:"tools"`
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return nil, 0, errors.New("the server's list of tools can't be read")
	}
	for _, def := range page.Tools {
		a, ok := parseTool(def, server)
		if !ok {
			skipped++
			continue
		}
		actions = append(actions, a)
	}
	return actions, skipped, nil
}

func parseTool(raw json.RawMessage, server string) (ordinaut.Action, bool) {
	var def struct {
		Name         string          `json:"name"`
		Title        string          `json:"title"`
		Description  string          `json:"description"`
		InputSchema  json.RawMessage `json:"inputSchema"`
		OutputSchema json.RawMessage `json:"outputSchema"`
		Annotations  struct {
			Title       string `json:"title"`
			ReadOnly    bool   `json:"readOnlyHint"`
			Destructive *bool  `json:"destructiveHint"`
			Idempotent  bool   `json:"idempotentHint"`
		} `json:"annotations"`
	}
	if len(raw) > maxDefinition || bytes.Contains(raw, []byte(`\u0000`)) || json.Unmarshal(raw, &def) != nil || !toolName.MatchString(def.Name) {
		return ordinaut.Action{}, false
	}
	title := def.Title
	if title == "" {
		title = def.Annotations.Title
	}
	return ordinaut.Action{
		Name: server + "." + def.Name, Title: title, Description: def.Description,
		InputSchema: object(def.InputSchema), OutputSchema: object(def.OutputSchema),
		ReadOnly:   def.Annotations.ReadOnly,
		Idempotent: def.Annotations.ReadOnly || def.Annotations.Idempotent,
		// A tool that says nothing is taken for destructive, as the protocol has it.
		Destructive: !def.Annotations.ReadOnly && (def.Annotations.Destructive == nil || *def.Annotations.Destructive),
	}, true
}

// object returns raw if it is a JSON object, else nothing.
func object(raw json.RawMessage) json.RawMessage {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '{' {
		return bytes.Clone(raw)
	}
	return nil
}
