package mcp

import (
	"context"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/pipeline"
)

// catalogue is what steps of one namespace can use: the built-in actions, then those of its servers.
type catalogue struct {
	all    []ordinaut.Action
	byName map[string]int
	names  []string
}

// actions returns the catalogue of a namespace as it is now.
func (s *Server) actions(ctx context.Context, ns ordinaut.NamespaceID) (*catalogue, error) {
	remote, err := s.cfg.Store.ListActions(ctx, ns)
	if err != nil {
		return nil, err
	}
	k := &catalogue{all: append(pipeline.BuiltIns(), remote...), byName: make(map[string]int)}
	for i, a := range k.all {
		k.byName[a.Name] = i
		k.names = append(k.names, a.Name)
	}
	return k, nil
}

// lookup returns the action with the given name.
func (k *catalogue) lookup(name string) (ordinaut.Action, bool) {
	i, found := k.byName[name]
	if !found {
		return ordinaut.Action{}, false
	}
	return k.all[i], true
}
