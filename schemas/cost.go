package schemas

import "github.com/santhosh-tekuri/jsonschema/v6"

// inPlace returns the schemas that apply to the same value as s does.
func inPlace(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else}
	if s.DynamicRef != nil {
		all = append(all, s.DynamicRef.Ref)
	}
	all = append(append(append(all, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, d := range s.DependentSchemas {
		all = append(all, d)
	}
	for _, d := range s.Dependencies {
		if d, ok := d.(*jsonschema.Schema); ok {
			all = append(all, d)
		}
	}
	return all
}

// children are the schemas that apply to the members of a value: of one only (a property's own, a
// place's own), or of several.
type children struct{ one, several []*jsonschema.Schema }

func ofObject(s *jsonschema.Schema) children {
	var c children
	for _, p := range s.Properties {
		c.one = append(c.one, p)
	}
	for _, p := range s.PatternProperties {
		c.several = append(c.several, p)
	}
	if a, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		c.one = append(c.one, a)
	}
	c.several = append(c.several, s.UnevaluatedProperties, s.PropertyNames)
	return c
}

func ofArray(s *jsonschema.Schema) children {
	c := children{one: append([]*jsonschema.Schema{s.Items2020}, s.PrefixItems...)}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		c.one = append(c.one, items)
	case []*jsonschema.Schema:
		c.one = append(c.one, items...)
	}
	if a, ok := s.AdditionalItems.(*jsonschema.Schema); ok {
		c.one = append(c.one, a)
	}
	c.several = append(c.several, s.Contains, s.UnevaluatedItems)
	return c
}

// collect puts s and every schema that it leads to into all, by location.
func collect(s *jsonschema.Schema, all map[string]*jsonschema.Schema) {
	if s == nil || all[s.Location] != nil {
		return
	}
	all[s.Location] = s
	for _, next := range inPlace(s) {
		collect(next, all)
	}
	for _, c := range []children{ofObject(s), ofArray(s)} {
		for _, next := range append(c.one, c.several...) {
			collect(next, all)
		}
	}
}

// visitsOf returns how often s has one node of a value evaluated at most, over all values of up to
// maxDepth levels. References make a schema a graph, in which few bytes can spell 2ⁿ ways.
func visitsOf(s *jsonschema.Schema) float64 {
	g := graph{memo: map[place]float64{}}
	most := 0.0
	for level := range maxDepth + 1 {
		most = max(most, g.visits(s, level))
		if most > maxVisits || g.steps > maxVisits/10 {
			return maxVisits
		}
	}
	return most
}

type place struct {
	schema *jsonschema.Schema
	level  int
}

type graph struct {
	memo  map[place]float64
	steps float64
}

// visits returns how often a node that lies level levels below the value is evaluated by s.
func (g *graph) visits(s *jsonschema.Schema, level int) float64 {
	if s == nil {
		return 0
	}
	at := place{s, level}
	if n, ok := g.memo[at]; ok {
		return n // 0 on a cycle that consumes nothing, which the validator refuses by itself
	}
	g.memo[at] = 0
	g.steps++
	n := 1.0
	if level > 0 {
		n = max(g.members(ofObject(s), level-1), g.members(ofArray(s), level-1))
	}
	for _, next := range inPlace(s) {
		n += g.visits(next, level)
		if n > maxVisits {
			break
		}
	}
	g.memo[at] = n
	return n
}

func (g *graph) members(c children, level int) float64 {
	n := 0.0
	for _, next := range c.one {
		n = max(n, g.visits(next, level))
	}
	for _, next := range c.several {
		n += g.visits(next, level)
	}
	return n
}
