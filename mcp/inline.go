package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxInlineDepth bounds nesting, so that fragments which refer to each other in a circle are an error.
const maxInlineDepth = 32

// member is one member of a JSON object.
type member struct {
	key   string
	value json.RawMessage
}

// members returns the members of a JSON object in their order.
func members(object json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var out []member
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: key.(string)} // the decoder gives nothing else before a value
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// inliner replaces references to shared fragments by the fragments, since many clients resolve no
// $ref. It keeps the order of members: a model reads a schema from top to bottom.
//
// A schema with a member brief has two forms: whole, by which values are checked, and brief, which is
// shown where another tool shows the whole one already.
type inliner struct{ fragments map[string]json.RawMessage }

func newInliner(shared []byte) (*inliner, error) {
	in := &inliner{}
	if err := json.Unmarshal(shared, &in.fragments); err != nil {
		return nil, fmt.Errorf("read shared fragments: %w", err)
	}
	return in, nil
}

// tacit returns schema without descriptions and examples, for those that a model need not read. Docs keep them.
func tacit(schema json.RawMessage) (json.RawMessage, error) {
	w := inlining{inliner: &inliner{}, tacit: true}
	if err := w.write(schema, 0); err != nil {
		return nil, err
	}
	return w.buf.Bytes(), nil
}

// inline returns schema, compact and with every {"$ref": "shared.json#/name"} replaced. Members next
// to a $ref override the fragment's own.
func (in *inliner) inline(schema json.RawMessage, brief bool) (json.RawMessage, error) {
	w := inlining{inliner: in, brief: brief}
	if err := w.write(schema, 0); err != nil {
		return nil, err
	}
	return w.buf.Bytes(), nil
}

// inlining is one schema being written.
type inlining struct {
	*inliner
	brief bool
	tacit bool
	buf   bytes.Buffer
}

func (w *inlining) write(value json.RawMessage, depth int) error {
	if depth > maxInlineDepth {
		return errors.New("nested too deeply, or fragments refer to each other in a circle")
	}
	switch value = bytes.TrimSpace(value); value[0] {
	case '{':
		return w.writeObject(value, depth)
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(value, &items); err != nil {
			return err
		}
		w.buf.WriteByte('[')
		for i, item := range items {
			if i > 0 {
				w.buf.WriteByte(',')
			}
			if err := w.write(item, depth+1); err != nil {
				return err
			}
		}
		w.buf.WriteByte(']')
		return nil
	default:
		return json.Compact(&w.buf, value)
	}
}

func (w *inlining) writeObject(value json.RawMessage, depth int) error {
	object, err := w.resolve(value, depth)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(object, func(m member) bool { return m.key == "brief" }); i >= 0 && w.brief {
		return w.write(object[i].value, depth+1)
	} else if i >= 0 {
		object = slices.Delete(object, i, i+1)
	}
	if w.tacit {
		object = slices.DeleteFunc(object, func(m member) bool {
			// Where its value is an object, it is a property of that name.
			return (m.key == "description" || m.key == "examples") && m.value[0] != '{'
		})
	}
	w.buf.WriteByte('{')
	for i, m := range object {
		if i > 0 {
			w.buf.WriteByte(',')
		}
		fmt.Fprintf(&w.buf, "%q:", m.key)
		if err := w.write(m.value, depth+1); err != nil {
			return fmt.Errorf("%s: %w", m.key, err)
		}
	}
	w.buf.WriteByte('}')
	return nil
}

// resolve returns the members of an object, those of the fragment it refers to included.
func (w *inlining) resolve(value json.RawMessage, depth int) ([]member, error) {
	object, err := members(value)
	if err != nil {
		return nil, err
	}
	if len(object) == 0 || object[0].key != "$ref" {
		return object, nil
	}
	if depth > maxInlineDepth {
		return nil, errors.New("fragments refer to each other in a circle")
	}
	var ref string
	if err := json.Unmarshal(object[0].value, &ref); err != nil {
		return nil, fmt.Errorf("$ref: %w", err)
	}
	_, name, _ := strings.Cut(ref, "#/")
	fragment, found := w.fragments[name]
	if !found {
		return nil, fmt.Errorf("$ref %s: no such fragment", ref)
	}
	base, err := w.resolve(fragment, depth+1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, m := range object[1:] {
		base = override(base, m)
	}
	return base, nil
}

// override replaces the member with m's key, or puts m first if there is none.
func override(object []member, m member) []member {
	for i := range object {
		if object[i].key == m.key {
			object[i].value = m.value
			return object
		}
	}
	return append([]member{m}, object...)
}
