package mcp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"

	"github.com/ordinaut/ordinaut"
)

const (
	cursorVersion  = 1
	cursorBindSize = 12
	cursorSize     = 1 + 16 + cursorBindSize
)

// cursor returns the opaque text that continues a list after the row with the given id. It works for
// the same agent, tool and filters only.
func (c *call) cursor(last [16]byte, filters any) (string, error) {
	bind, err := c.cursorBind(filters)
	if err != nil {
		return "", err
	}
	b := make([]byte, 0, cursorSize)
	b = append(append(append(b, cursorVersion), last[:]...), bind...)
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// after returns the id in a cursor, and the zero id for no cursor.
func (c *call) after(text string, filters any) ([16]byte, error) {
	var id [16]byte
	if text == "" {
		return id, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion ||
		len(text) != base64.RawURLEncoding.EncodedLen(cursorSize) { // the decoder passes over line breaks
		return id, ordinaut.Invalid("/cursor", "not a cursor of %s; send next_cursor of its previous answer, or leave cursor out to start again", c.tool)
	}
	bind, err := c.cursorBind(filters)
	if err != nil {
		return id, err
	}
	if subtle.ConstantTimeCompare(b[17:], bind) != 1 {
		return id, ordinaut.Invalid("/cursor", "the cursor belongs to other filters or to another caller; repeat the filters of the first call, or leave cursor out to start again")
	}
	copy(id[:], b[1:17])
	return id, nil
}

func (c *call) cursorBind(filters any) ([]byte, error) {
	b, err := json.Marshal([]any{c.tool, c.agent.NamespaceID, c.agent.ID, filters})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return sum[:cursorBindSize], nil
}
