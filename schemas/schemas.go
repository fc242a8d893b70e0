// Package schemas holds the JSON Schemas (2020-12) of what Ordinaut takes and gives, and checks
// values against them and against schemas that come from elsewhere.
//
// The schemas are files beside this one: pipeline.json is the language of pipelines, actions has one
// file for each built-in action. [Validator] says in English what is wrong with a value and where.
package schemas

import (
	"embed"
	"encoding/json"
	"path"
	"slices"
	"strings"
)

//go:embed pipeline.json actions/*.json
var files embed.FS

// Pipeline returns the schema of a pipeline with its params.
func Pipeline() json.RawMessage {
	raw, err := files.ReadFile("pipeline.json")
	if err != nil {
		panic("schemas: " + err.Error()) // embedded: it can only be missing from the source tree
	}
	return raw
}

// ActionNames returns the names of the built-in actions, sorted.
func ActionNames() []string {
	entries, err := files.ReadDir("actions")
	if err != nil {
		panic("schemas: " + err.Error()) // as above
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".json")
	}
	slices.Sort(names)
	return names
}

// Action returns the definition of the built-in action name: an object with name, title, description,
// input_schema, output_schema, read_only, idempotent and destructive. It reports whether there is one.
func Action(name string) (json.RawMessage, bool) {
	raw, err := files.ReadFile(path.Join("actions", name+".json"))
	return raw, err == nil
}
