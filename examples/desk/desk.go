// Package desk is a small MCP server to try Ordinaut with: a desk with a calendar that can be read,
// an outbox that notes are put into, and a report that takes its time and says how far it is.
//
// Each call that has an effect appends one JSON line to a journal, so that one can count what really
// happened: a note delivered twice stands there twice.
package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// Entry is one line of the journal.
type Entry struct {
	At   time.Time `json:"at"`
	Tool string    `json:"tool"`
	Text string    `json:"text"`
	// Key is the idempotency key that came with the call, run and step.
	Key string `json:"key,omitempty"`
}

type desk struct {
	mu      sync.Mutex // guards journal and notes
	journal io.Writer
	notes   int
}

// Serve speaks MCP over stdin and stdout until the client leaves. Effects go to the file at
// journalPath, which is made if need be.
func Serve(journalPath string) error {
	f, err := os.OpenFile(journalPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer f.Close()
	return server.ServeStdio(newServer(f))
}

func newServer(journal io.Writer) *server.MCPServer {
	d := &desk{journal: journal}
	s := server.NewMCPServer("desk", "1.0.0", server.WithToolCapabilities(false))
	s.AddTool(mcp.NewTool("list_events",
		mcp.WithDescription("Lists the appointments of a day."),
		mcp.WithString("day", mcp.Required(), mcp.Description("the day, as YYYY-MM-DD"), mcp.Pattern(`^\d{4}-\d{2}-\d{2}$`)),
		mcp.WithRawOutputSchema(json.RawMessage(eventsSchema)),
		mcp.WithReadOnlyHintAnnotation(true),
		mcp.WithDestructiveHintAnnotation(false),
	), d.listEvents)
	s.AddTool(mcp.NewTool("send_note",
		mcp.WithDescription("Puts a note into the outbox."),
		mcp.WithString("text", mcp.Required(), mcp.Description("what the note says")),
		mcp.WithRawOutputSchema(json.RawMessage(noteSchema)),
		mcp.WithReadOnlyHintAnnotation(false),
		mcp.WithDestructiveHintAnnotation(false),
	), d.sendNote)
	s.AddTool(mcp.NewTool("write_report",
		mcp.WithDescription("Writes a report page by page, telling its progress."),
		mcp.WithNumber("pages", mcp.Required(), mcp.Min(1), mcp.Max(100), mcp.Description("how many pages")),
		mcp.WithNumber("seconds", mcp.Required(), mcp.Min(0), mcp.Max(60), mcp.Description("how long it takes in all")),
		mcp.WithRawOutputSchema(json.RawMessage(reportSchema)),
		mcp.WithReadOnlyHintAnnotation(false),
		mcp.WithDestructiveHintAnnotation(false),
	), d.writeReport)
	return s
}

const eventsSchema = `{"type":"object","required":["day","items"],"properties":{"day":{"type":"string"},` +
	`"items":{"type":"array","items":{"type":"object","required":["at","title"],"properties":{"at":{"type":"string"},"title":{"type":"string"}}}}}}`

const noteSchema = `{"type":"object","required":["message_id"],"properties":{"message_id":{"type":"integer"}}}`

const reportSchema = `{"type":"object","required":["pages"],"properties":{"pages":{"type":"integer"}}}`

// appointments of every day; the desk leads a regular life.
func appointments() []map[string]any {
	return []map[string]any{
		{"at": "09:30", "title": "stand-up"},
		{"at": "14:00", "title": "design review"},
	}
}

func (d *desk) listEvents(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	day, err := req.RequireString("day")
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	items := appointments()
	return mcp.NewToolResultStructured(map[string]any{"day": day, "items": items},
		fmt.Sprintf("%d appointments on %s", len(items), day)), nil
}

func (d *desk) sendNote(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	text, err := req.RequireString("text")
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	id, err := d.record("send_note", text, req)
	if err != nil {
		return nil, err
	}
	return mcp.NewToolResultStructured(map[string]any{"message_id": id}, fmt.Sprintf("note %d sent", id)), nil
}

func (d *desk) writeReport(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	pages, seconds := req.GetInt("pages", 1), req.GetFloat("seconds", 1)
	if _, err := d.record("write_report", fmt.Sprintf("%d pages begun", pages), req); err != nil {
		return nil, err
	}
	page := time.NewTicker(max(time.Millisecond, time.Duration(seconds*float64(time.Second))/time.Duration(pages)))
	defer page.Stop()
	for n := 1; n <= pages; n++ {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-page.C:
		}
		if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
			continue
		}
		// A report that gets lost costs nothing; the result says it all.
		_ = server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{
			"progressToken": req.Params.Meta.ProgressToken, "progress": n, "total": pages,
			"message": fmt.Sprintf("page %d of %d", n, pages),
		})
	}
	return mcp.NewToolResultStructured(map[string]any{"pages": pages}, fmt.Sprintf("%d pages written", pages)), nil
}

// record appends one line to the journal and returns its number in this process.
func (d *desk) record(tool, text string, req mcp.CallToolRequest) (int, error) {
	line := Entry{At: time.Now().UTC(), Tool: tool, Text: text}
	if req.Params.Meta != nil {
		line.Key, _ = req.Params.Meta.AdditionalFields["io.ordinaut/idempotency-key"].(string)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes++
	return d.notes, json.NewEncoder(d.journal).Encode(line)
}
