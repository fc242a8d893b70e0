package explain

import (
	"fmt"

	"github.com/ordinaut/ordinaut"
)

// approval returns what a waiting run has asked first of what nobody has decided, or nil.
func (j *judge) approval(r *ordinaut.Run) *ordinaut.Approval {
	for i := range j.Approvals {
		if a := &j.Approvals[i]; a.RunID == r.ID && a.Decision == "" {
			return a
		}
	}
	return nil
}

func approvalSentence(j *judge, f finding) string {
	a := j.approval(f.run)
	if a == nil {
		return ending(j.subject(f) + ", and its run waits for a person to decide")
	}
	return ending(fmt.Sprintf("%s, and its run waits for a person to decide what its step %s asks; at %s it expires, which means %s",
		j.subject(f), a.StepID, j.moment(a.ExpiresAt), a.OnTimeout))
}

// decide approves. What is asked is for a person to read before.
func decide(j *judge, f finding) *Fix {
	a := j.approval(f.run)
	if a == nil {
		return nil
	}
	return &Fix{
		Tool: "decide_approval", Arguments: map[string]any{"approval_id": a.ID.String(), "decision": "approve"},
		Why: "lets the run go on with what it asks, once a person has said so; deny refuses it",
	}
}

// approvalEvidence tells what a run asks.
func (j *judge) approvalEvidence(f finding) []Evidence {
	if f.run == nil || f.code != ordinaut.ReasonAwaitingApproval.Verdict() {
		return nil
	}
	a := j.approval(f.run)
	if a == nil {
		return nil
	}
	what := "step " + a.StepID + " asked"
	if a.Message != "" {
		what += ": " + a.Message
	}
	return []Evidence{{At: a.RequestedAt, What: what, ID: a.ID.String()}}
}
