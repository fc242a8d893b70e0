package mcp

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/schemas"
)

const (
	// MaxTextBytes is the longest text that an argument of any tool may be: what the front must let pass.
	MaxTextBytes = 512 << 10
	// maxTextBytes holds for every other text within a tool's arguments.
	maxTextBytes = 64 << 10
)

// longTexts returns the arguments whose schema allows more than maxTextBytes.
func longTexts(input json.RawMessage) ([]string, error) {
	var s struct {
		Properties map[string]struct {
			MaxLength int `json:"maxLength"`
		} `json:"properties"`
	}
	err := json.Unmarshal(input, &s)
	var names []string
	for name, property := range s.Properties {
		if property.MaxLength > maxTextBytes {
			names = append(names, name)
		}
	}
	return names, err
}

// checkTexts refuses texts that are too long, wherever they are within the arguments.
func (d *definition) checkTexts(args map[string]any) error {
	for key, value := range args {
		if slices.Contains(d.long, key) {
			continue
		}
		if err := checkText(schemas.Pointer(key), value); err != nil {
			return err
		}
	}
	return nil
}

func checkText(pointer string, value any) error {
	switch value := value.(type) {
	case string:
		if len(value) > maxTextBytes {
			return ordinaut.Invalid(pointer, "text must have at most %d bytes, this one has %d", maxTextBytes, len(value))
		}
	case []any:
		for i, item := range value {
			if err := checkText(pointer+"/"+strconv.Itoa(i), item); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, member := range value {
			if err := checkText(pointer+schemas.Pointer(key), member); err != nil {
				return err
			}
		}
	}
	return nil
}
