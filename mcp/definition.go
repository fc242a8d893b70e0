package mcp

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

// toolScopes is the boundary: which scope the caller of each tool must have.
var toolScopes = map[string]ordinaut.Scope{
	"create_task":      ordinaut.ScopeTasksWrite,
	"update_task":      ordinaut.ScopeTasksWrite,
	"get_task":         ordinaut.ScopeTasksRead,
	"list_tasks":       ordinaut.ScopeTasksRead,
	"delete_task":      ordinaut.ScopeTasksWrite,
	"pause_task":       ordinaut.ScopeTasksWrite,
	"resume_task":      ordinaut.ScopeTasksWrite,
	"snooze_task":      ordinaut.ScopeTasksWrite,
	"run_now":          ordinaut.ScopeTasksRun,
	"retry_run":        ordinaut.ScopeTasksRun,
	"backfill_task":    ordinaut.ScopeTasksRun,
	"list_runs":        ordinaut.ScopeRunsRead,
	"get_run":          ordinaut.ScopeRunsRead,
	"cancel_run":       ordinaut.ScopeRunsCancel,
	"list_approvals":   ordinaut.ScopeRunsRead,
	"decide_approval":  ordinaut.ScopeApprovalsDecide,
	"publish_event":    ordinaut.ScopeEventsPublish,
	"explain_task":     ordinaut.ScopeTasksRead,
	"set_calendar":     ordinaut.ScopeTasksWrite,
	"list_calendars":   ordinaut.ScopeTasksRead,
	"remove_calendar":  ordinaut.ScopeTasksWrite,
	"preview_schedule": ordinaut.ScopeTasksRead,
	"list_actions":     ordinaut.ScopeServersRead,
	"get_status":       ordinaut.ScopeRunsRead,
}

// definition is what schemas/tools says about one tool, with shared fragments put in place.
type definition struct {
	name        string
	title       string
	description string
	scope       ordinaut.Scope
	hints       hints
	input       json.RawMessage
	output      json.RawMessage
	shown       struct{ input, output json.RawMessage } // with brief forms
	example     json.RawMessage
	validator   *schemas.Validator
	long        []string // arguments that may be longer texts than others
}

// hints are a tool's annotations. All four are required: the protocol's defaults are the worst case.
type hints struct {
	ReadOnly    *bool `json:"readOnlyHint"`
	Destructive *bool `json:"destructiveHint"`
	Idempotent  *bool `json:"idempotentHint"`
	OpenWorld   *bool `json:"openWorldHint"`
}

// define reads the definition of the tool with the given name.
func define(in *inliner, validator *schemas.Validator, name string) (*definition, error) {
	raw, err := schemas.Tool(name)
	if err != nil {
		return nil, fmt.Errorf("define %s: %w", name, err)
	}
	var file struct {
		Title       string          `json:"title"`
		Description string          `json:"description"`
		Scope       ordinaut.Scope  `json:"scope"`
		Annotations hints           `json:"annotations"`
		Input       json.RawMessage `json:"input"`
		Output      json.RawMessage `json:"output"`
		Example     struct {
			Arguments json.RawMessage `json:"arguments"`
		} `json:"example"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("define %s: %w", name, err)
	}
	scope, found := toolScopes[name]
	if !found || scope != file.Scope {
		return nil, fmt.Errorf("define %s: its file says scope %q, the table says %q", name, file.Scope, scope)
	}
	h := file.Annotations
	if h.ReadOnly == nil || h.Destructive == nil || h.Idempotent == nil || h.OpenWorld == nil {
		return nil, fmt.Errorf("define %s: all four annotations are required", name)
	}
	d := &definition{name: name, title: file.Title, description: file.Description, scope: scope, hints: h, validator: validator}
	for _, part := range []struct {
		to    *json.RawMessage
		from  json.RawMessage
		brief bool
	}{
		{&d.input, file.Input, false},
		{&d.output, file.Output, false},
		{&d.shown.input, file.Input, true},
		{&d.shown.output, file.Output, true},
		{&d.example, file.Example.Arguments, false},
	} {
		if *part.to, err = in.inline(part.from, part.brief); err != nil {
			return nil, fmt.Errorf("define %s: %w", name, err)
		}
	}
	if d.shown.output, err = tacit(d.shown.output); err != nil {
		return nil, fmt.Errorf("define %s: %w", name, err)
	}
	if d.long, err = longTexts(d.input); err != nil {
		return nil, fmt.Errorf("define %s: %w", name, err)
	}
	return d, errors.Join(validator.Compile(d.input), validator.Compile(d.output))
}

// tool returns the definition as tools/list shows it.
func (d *definition) tool() mcp.Tool {
	return mcp.Tool{
		Name:            d.name,
		Title:           d.title,
		Description:     d.description,
		RawInputSchema:  d.shown.input,
		RawOutputSchema: d.shown.output,
		Annotations: mcp.ToolAnnotation{
			ReadOnlyHint:    d.hints.ReadOnly,
			DestructiveHint: d.hints.Destructive,
			IdempotentHint:  d.hints.Idempotent,
			OpenWorldHint:   d.hints.OpenWorld,
		},
	}
}
