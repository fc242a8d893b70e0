package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
	"github.com/ordinaut/ordinaut/store"
)

const (
	maxActions          = 30
	maxDescriptionChars = 160
)

// listActionsArgs is the input of list_actions.
type listActionsArgs struct {
	Query string `json:"query,omitempty"`
	Name  string `json:"name,omitempty"`
}

// listActionsAnswer is the output of list_actions.
type listActionsAnswer struct {
	Actions []actionView `json:"actions"`
	More    int          `json:"more,omitempty"`
	Servers []serverView `json:"servers"`
}

// actionView is an action; its schemas are there only when it was asked for by name.
type actionView struct {
	Name         string          `json:"name"`
	Title        string          `json:"title,omitempty"`
	Description  string          `json:"description"`
	Inputs       string          `json:"inputs,omitempty"`
	Effects      string          `json:"effects"`
	InputSchema  json.RawMessage `json:"input_schema,omitempty"`
	OutputSchema json.RawMessage `json:"output_schema,omitempty"`
}

// serverView is a downstream server as last seen.
type serverView struct {
	Name      string `json:"name"`
	State     string `json:"state"`
	Transport string `json:"transport"`
	Error     string `json:"error,omitempty"`
	SeenAt    string `json:"seen_at"`
}

func (a listActionsAnswer) text() string {
	var b strings.Builder
	for _, action := range a.Actions {
		fmt.Fprintf(&b, "%s (%s; %s): %s\n", action.Name, action.Inputs, action.Effects, action.Description)
		writeValue(&b, "input schema: ", action.InputSchema)
		writeValue(&b, "\noutput schema: ", action.OutputSchema)
	}
	if len(a.Actions) == 0 {
		b.WriteString("No action.")
	}
	if a.More > 0 {
		fmt.Fprintf(&b, "%d more match; narrow query.\n", a.More)
	}
	for _, s := range a.Servers {
		fmt.Fprintf(&b, "\nserver %s: %s", s.Name, s.State)
	}
	return strings.TrimSpace(b.String())
}

func (s *Server) listActions(ctx context.Context, c *call, in listActionsArgs) (listActionsAnswer, error) {
	if in.Name != "" && in.Query != "" {
		return listActionsAnswer{}, ordinaut.Invalid("/query", "give query or name, not both")
	}
	known, err := s.actions(ctx, c.agent.NamespaceID)
	if err != nil {
		return listActionsAnswer{}, err
	}
	answer := listActionsAnswer{Actions: []actionView{}, Servers: []serverView{}}
	if in.Name != "" {
		action, found := known.lookup(in.Name)
		if !found {
			return answer, unknownAction(known, in.Name)
		}
		answer.Actions = append(answer.Actions, viewAction(action, true))
	} else {
		answer.search(known, in.Query)
	}
	servers, err := s.cfg.Store.ListServers(ctx, c.agent.NamespaceID)
	for _, server := range servers {
		answer.Servers = append(answer.Servers, viewServer(server))
	}
	return answer, err
}

// search adds the actions that hold every word of query.
func (a *listActionsAnswer) search(known *catalogue, query string) {
	words := strings.Fields(strings.ToLower(query))
	for _, action := range known.all {
		text := strings.ToLower(action.Name + " " + action.Title + " " + action.Description)
		if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			continue
		}
		if len(a.Actions) == maxActions {
			a.More++
			continue
		}
		a.Actions = append(a.Actions, viewAction(action, false))
	}
}

func viewAction(a ordinaut.Action, full bool) actionView {
	v := actionView{
		Name: a.Name, Title: a.Title, Description: shorten(a.Description, maxDescriptionChars),
		Inputs: inputs(a.InputSchema), Effects: effects(a),
	}
	if full {
		v.Description, v.InputSchema, v.OutputSchema = a.Description, a.InputSchema, a.OutputSchema
	}
	return v
}

func viewServer(s store.Server) serverView {
	return serverView{Name: s.Name, State: s.State, Transport: s.Transport, Error: shorten(s.Error, maxErrorChars), SeenAt: stamp(s.SeenAt)}
}

// effects says in a word what an action does to the world.
func effects(a ordinaut.Action) string {
	switch {
	case a.ReadOnly:
		return "read_only"
	case a.Destructive:
		return "destructive"
	case a.Idempotent:
		return "idempotent"
	default:
		return "writes"
	}
}

// inputs lists the keys that an input schema knows, required ones first and starred.
func inputs(schema json.RawMessage) string {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return "" // a server's schema need not be of this shape; asked for by name it is shown as it is
	}
	var required, optional []string
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(s.Required, key) {
			required = append(required, key+"*")
		} else {
			optional = append(optional, key)
		}
	}
	return strings.Join(append(required, optional...), ", ")
}

func unknownAction(known *catalogue, name string) error {
	hint := fmt.Sprintf("list_actions without name shows all %d", len(known.all))
	if near := schemas.Nearest(name, known.names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &ordinaut.Error{Code: ordinaut.CodeNotFound, Pointer: "/name", Msg: "no such action; " + hint}
}
