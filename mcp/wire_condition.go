package mcp

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// conditionView is what is known of a watched condition.
type conditionView struct {
	Looks         string          `json:"looks"`
	Met           bool            `json:"met"`
	MetSince      string          `json:"met_since,omitempty"`
	ProbedAt      string          `json:"probed_at,omitempty"`
	Error         string          `json:"error,omitempty"`
	CooldownUntil string          `json:"cooldown_until,omitempty"`
	Value         json.RawMessage `json:"value,omitempty"`
	Cursor        json.RawMessage `json:"cursor,omitempty"`
	CutBytes      int             `json:"cut_bytes,omitempty"`
}

// maxConditionBytes bounds the value and the cursor in an answer.
const maxConditionBytes = 2 << 10

// viewCondition leaves out a cooldown that is over at now.
func viewCondition(c ordinaut.ConditionState, now time.Time) *conditionView {
	v := &conditionView{
		Met: c.Met, MetSince: stampOf(c.MetSince), ProbedAt: stampOf(c.ProbedAt), Error: shorten(c.Error, maxErrorChars), Value: c.Value, Cursor: c.Cursor,
	}
	if c.CooldownUntil != nil && c.CooldownUntil.After(now) {
		v.CooldownUntil = stampOf(c.CooldownUntil)
	}
	fit([]slot{{&v.Value, &v.CutBytes}, {&v.Cursor, &v.CutBytes}}, maxConditionBytes)
	v.Looks = looks(c, v)
	return v
}

// looks tells the state in one sentence.
func looks(c ordinaut.ConditionState, v *conditionView) string {
	var words string
	switch {
	case c.ProbedAt == nil:
		return "Not probed yet."
	case c.Error != "":
		words = "The latest probe failed, and a failed probe changes nothing: "
	}
	switch {
	case !c.Met:
		words += "not met."
	case c.Fired:
		words += "met since " + v.MetSince + ", and this stretch has had its start."
	case v.CooldownUntil != "":
		words += "met since " + v.MetSince + ", held back by the cooldown."
	default:
		words += "met since " + v.MetSince + "."
	}
	return words
}

// line returns the view as text.
func (v *conditionView) line() string {
	var b strings.Builder
	b.WriteString(v.Looks)
	if v.ProbedAt != "" {
		b.WriteString(" Probed at " + v.ProbedAt + ".")
	}
	if v.CooldownUntil != "" {
		b.WriteString(" No start until " + v.CooldownUntil + ".")
	}
	if v.Error != "" {
		b.WriteString(" Error: " + v.Error + ".")
	}
	writeValue(&b, "\nvalue: ", v.Value)
	writeValue(&b, "\ncursor: ", v.Cursor)
	return b.String()
}
