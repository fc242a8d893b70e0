package downstream

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
)

// maxErrorText bounds what of a tool's own error goes into a step's.
const maxErrorText = 1000

// outputOf returns what a step gets from a tool's result. That is its structured content if there is
// any. Else it is {"text": …}, the text blocks joined by line breaks, with "json" beside it when the
// text is a JSON object or array, and "content" when there are blocks other than text.
func outputOf(name string, result *mcp.CallToolResult) (json.RawMessage, error) {
	if result.IsError {
		text, _ := split(result.Content)
		if text == "" {
			text = "the tool gave no message"
		}
		return nil, &Error{Reason: ordinaut.ReasonActionFailed, Msg: fmt.Sprintf("%s failed: %s", name, shorten(text))}
	}
	if raw := result.RawStructuredContent; len(raw) > 0 && string(raw) != "null" {
		return raw, nil
	}
	if result.StructuredContent != nil {
		return json.Marshal(result.StructuredContent)
	}
	text, others := split(result.Content)
	out := map[string]any{"text": text}
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		if json.Valid([]byte(trimmed)) {
			out["json"] = json.RawMessage(trimmed)
		}
	}
	if len(others) > 0 {
		out["content"] = others
	}
	return json.Marshal(out)
}

func split(content []mcp.Content) (text string, others []mcp.Content) {
	var b strings.Builder
	for _, c := range content {
		t, ok := mcp.AsTextContent(c)
		if !ok {
			others = append(others, c)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(t.Text)
	}
	return b.String(), others
}

func shorten(s string) string {
	if len(s) <= maxErrorText {
		return s
	}
	cut := maxErrorText
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
