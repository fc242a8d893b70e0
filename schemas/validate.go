package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds of what a [Validator] takes on.
const (
	maxSchemaBytes = 256 << 10
	maxDepth       = 128     // of a schema's JSON and of a value
	maxPattern     = 1 << 10 // bytes of a regular expression; longer ones are not asserted
	maxVisits      = 20e6    // evaluations that one validation may take, in the worst case
)

// Validator checks values against JSON Schemas and keeps the compiled ones. It is safe for concurrent
// use. A nil Validator works too and compiles anew each time.
//
// Schemas may come from strangers: a reference that leads outside the schema is refused, never
// fetched; format is an annotation; a pattern that RE2 cannot express is not asserted; a schema whose
// evaluation could explode is refused.
type Validator struct {
	size int

	mu       sync.Mutex // guards compiled; never held while compiling
	compiled map[string]*compiled
}

type compiled struct {
	schema *jsonschema.Schema
	// byLocation finds the schema that an error speaks of.
	byLocation map[string]*jsonschema.Schema
	// visits is how often one node of a value is evaluated at most.
	visits float64
}

// NewValidator returns a Validator that keeps up to size compiled schemas; zero means 1000.
func NewValidator(size int) *Validator {
	if size <= 0 {
		size = 1000
	}
	return &Validator{size: size, compiled: map[string]*compiled{}}
}

// Validate returns what is wrong with value by schema, in the order of the value's keys; none when it
// fits. The value is of the types that encoding/json gives to any. An error means that the check
// could not be made: the schema is faulty or too costly, or the value too deep.
func (v *Validator) Validate(schema json.RawMessage, value any) ([]Problem, error) {
	c, err := v.compile(schema)
	if err != nil {
		return nil, err
	}
	nodes, err := measure(value, 0)
	if err != nil {
		return nil, err
	}
	if float64(nodes)*c.visits > maxVisits {
		return nil, errors.New("the value is too large for so branched a schema")
	}
	err = c.schema.Validate(value)
	if err == nil {
		return nil, nil
	}
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return c.problems(failed), nil
}

// Compile reports whether schema can be used, and keeps it compiled.
func (v *Validator) Compile(schema json.RawMessage) error {
	_, err := v.compile(schema)
	return err
}

func (v *Validator) compile(schema json.RawMessage) (*compiled, error) {
	if v == nil {
		return compile(schema)
	}
	v.mu.Lock()
	c := v.compiled[string(schema)] // does not copy, and costs less than a digest would
	v.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := compile(schema)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for old := range v.compiled {
		if len(v.compiled) < v.size {
			break
		}
		delete(v.compiled, old)
	}
	v.compiled[string(schema)] = c
	return c, nil
}

// noFetch refuses every reference that leads outside a schema.
type noFetch struct{}

func (noFetch) Load(string) (any, error) {
	return nil, errors.New("references to other documents are not followed")
}

// anything is the pattern of which no part is asserted.
type anything string

func (a anything) MatchString(string) bool { return true }
func (a anything) String() string          { return string(a) }

func compile(schema json.RawMessage) (*compiled, error) {
	if len(schema) > maxSchemaBytes {
		return nil, fmt.Errorf("the schema is %d bytes long, at most %d are allowed", len(schema), maxSchemaBytes)
	}
	// Plain floats: json.Number would let "1e999999999" grow into a gigantic rational.
	var doc any
	dec := json.NewDecoder(bytes.NewReader(schema))
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("the schema is no JSON: %w", err)
	}
	if _, err := measure(doc, 0); err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	const location = "schema:///schema.json"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noFetch{})
	c.UseRegexpEngine(func(pattern string) (jsonschema.Regexp, error) {
		re, err := regexp.Compile(pattern)
		if err != nil || len(pattern) > maxPattern {
			return anything(pattern), nil
		}
		return re, nil
	})
	for _, name := range draft7Formats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
	}
	if err := c.AddResource(location, doc); err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	s, err := c.Compile(location)
	if err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	all := map[string]*jsonschema.Schema{}
	collect(s, all)
	visits := visitsOf(s)
	if visits > maxVisits/1000 {
		return nil, errors.New("the schema branches so often into itself that checking a value could take forever")
	}
	return &compiled{schema: s, byLocation: all, visits: visits}, nil
}

// draft7Formats are those that schemas of draft 7 and before would assert.
var draft7Formats = []string{
	"json-pointer", "relative-json-pointer", "uuid", "duration", "period", "ipv4", "ipv6", "hostname", "email",
	"date", "time", "date-time", "uri", "iri", "uri-reference", "iri-reference", "uri-template", "semver",
}

// measure counts the nodes of a value and refuses one that is too deep or holds a number that is
// costly to compare.
func measure(v any, depth int) (int, error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	nodes := 1
	switch v := v.(type) {
	case json.Number:
		if _, err := v.Float64(); err != nil || len(v) > 400 {
			return 0, errors.New("a number is out of range")
		}
	case []any:
		for _, e := range v {
			n, err := measure(e, depth+1)
			if err != nil {
				return 0, err
			}
			nodes += n
		}
	case map[string]any:
		for _, e := range v {
			n, err := measure(e, depth+1)
			if err != nil {
				return 0, err
			}
			nodes += n
		}
	}
	return nodes, nil
}
