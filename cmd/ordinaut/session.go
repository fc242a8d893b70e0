package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// errToolFailed says that a tool answered with an error, which has been shown.
var errToolFailed = errors.New("the tool answered with an error")

// session is a connection to an Ordinaut as any MCP client has one.
type session struct {
	client *client.Client
	// Protocol is the negotiated revision.
	Protocol string

	mu       sync.Mutex // guards progress and next
	progress map[string]func(progressReport)
	next     int
}

// progressReport is one notifications/progress.
type progressReport struct {
	Token    any     `json:"progressToken"`
	Progress float64 `json:"progress"`
	Total    float64 `json:"total"`
	Message  string  `json:"message"`
}

// dial connects to the server at url with an API key and negotiates the newest protocol both know.
func dial(ctx context.Context, url, key string) (*session, error) {
	c, err := client.NewStreamableHttpClient(url,
		transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + key}),
		transport.WithHTTPBasicClient(&http.Client{Timeout: 2 * time.Minute}))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", url, err)
	}
	return newSession(ctx, c, url)
}

// newSession starts c and shakes hands.
func newSession(ctx context.Context, c *client.Client, where string) (*session, error) {
	s := &session{client: c, progress: map[string]func(progressReport){}}
	if err := c.Start(ctx); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", where, err)
	}
	c.OnNotification(s.notified)
	hello := mcp.InitializeRequest{}
	hello.Params.ClientInfo = mcp.Implementation{Name: "ordinaut", Version: buildVersion()}
	result, err := c.Initialize(ctx, hello)
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("shake hands with %s: %w", where, err)
	}
	s.Protocol = result.ProtocolVersion
	return s, nil
}

// Close ends the connection.
func (s *session) Close() { _ = s.client.Close() }

func (s *session) notified(n mcp.JSONRPCNotification) {
	if n.Method != "notifications/progress" {
		return
	}
	raw, err := json.Marshal(n.Params.AdditionalFields)
	if err != nil {
		return
	}
	var report progressReport
	if json.Unmarshal(raw, &report) != nil {
		return
	}
	s.mu.Lock()
	show := s.progress[fmt.Sprint(report.Token)]
	s.mu.Unlock()
	if show != nil {
		show(report)
	}
}

// answer is what a tool said.
type answer struct {
	Text    string
	Result  json.RawMessage
	IsError bool
}

// call calls a tool. onProgress, if not nil, is told each progress report.
func (s *session) call(ctx context.Context, tool string, args any, onProgress func(progressReport)) (answer, error) {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, args
	if onProgress != nil {
		s.mu.Lock()
		s.next++
		token := fmt.Sprintf("call-%d", s.next)
		s.progress[token] = onProgress
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			delete(s.progress, token)
			s.mu.Unlock()
		}()
		req.Params.Meta = &mcp.Meta{ProgressToken: token}
	}
	result, err := s.client.CallTool(ctx, req)
	if err != nil {
		return answer{}, fmt.Errorf("call %s: %w", tool, err)
	}
	a := answer{IsError: result.IsError}
	for _, content := range result.Content {
		if text, ok := content.(mcp.TextContent); ok {
			a.Text += text.Text
		}
	}
	if result.StructuredContent != nil {
		if a.Result, err = json.Marshal(result.StructuredContent); err != nil {
			return answer{}, fmt.Errorf("read answer of %s: %w", tool, err)
		}
	}
	return a, nil
}

// into calls a tool and decodes its result into out. An answer that is an error becomes one.
func (s *session) into(ctx context.Context, tool string, args, out any) error {
	a, err := s.call(ctx, tool, args, nil)
	if err != nil {
		return err
	}
	if a.IsError {
		return fmt.Errorf("%s: %s", tool, a.Text)
	}
	if err := json.Unmarshal(a.Result, out); err != nil {
		return fmt.Errorf("read answer of %s: %w", tool, err)
	}
	return nil
}

// endpoint returns the URL of a local server's MCP endpoint.
func endpoint(addr string) string { return "http://" + addr + "/mcp" }

// bootstrapKeyFile is where serve writes the first key.
func bootstrapKeyFile(dir string) string { return filepath.Join(dir, "bootstrap.key") }

// apiKey returns the key to present: the configured one, else the one that serve wrote.
func (c *config) apiKey() (string, error) {
	if c.APIKey != "" {
		return c.APIKey, nil
	}
	dir, err := c.dataDir()
	if err != nil {
		return "", err
	}
	key, err := os.ReadFile(bootstrapKeyFile(dir))
	if err != nil {
		return "", fmt.Errorf("no API key: set ORDINAUT_API_KEY, or start `ordinaut serve` once, which writes one to %s", bootstrapKeyFile(dir))
	}
	return strings.TrimSpace(string(key)), nil
}
