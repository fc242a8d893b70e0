package mcp

import (
	"fmt"
	"strings"

	"github.com/ordinaut/ordinaut"
)

// occurrenceView is a row of the ledger: a nominal time and its fate, or Count of them, from NominalAt
// to LastAt, that met the same one.
type occurrenceView struct {
	NominalAt string `json:"nominal_at"`
	LastAt    string `json:"last_at,omitempty"`
	Count     int    `json:"count,omitempty"`
	Fate      string `json:"fate"`
	Reason    string `json:"reason,omitempty"`
	RunID     string `json:"run_id,omitempty"`
}

// viewOccurrence leaves LastAt and Count out of a row that stands for one time.
func viewOccurrence(o ordinaut.Occurrence) occurrenceView {
	v := occurrenceView{NominalAt: stamp(o.NominalAt), Fate: string(o.Fate), Reason: string(o.Reason)}
	if o.Count > 1 {
		v.LastAt, v.Count = stamp(o.LastAt), o.Count
	}
	if !o.RunID.IsZero() {
		v.RunID = o.RunID.String()
	}
	return v
}

// line returns the row as one line of text.
func (v occurrenceView) line() string {
	var b strings.Builder
	b.WriteString(v.NominalAt)
	if v.Count > 1 {
		fmt.Fprintf(&b, " to %s, %d times", v.LastAt, v.Count)
	}
	b.WriteString(": " + v.Fate)
	if v.Reason != "" {
		b.WriteString(" (" + v.Reason + ")")
	}
	if v.RunID != "" {
		b.WriteString(", " + v.RunID)
	}
	return b.String()
}
