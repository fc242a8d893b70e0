package schemas

import "embed"

//go:embed tools/*.json
var toolFiles embed.FS

// Tool returns the definition of the tool with the given name: its title, description, scope,
// annotations, input and output schema, and an example call. The schemas refer to [ToolFragments] as
// shared.json.
func Tool(name string) ([]byte, error) { return toolFiles.ReadFile("tools/" + name + ".json") }

// ToolFragments returns the schemas that several tools share, by name.
func ToolFragments() ([]byte, error) { return toolFiles.ReadFile("tools/shared.json") }
