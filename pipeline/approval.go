package pipeline

import "github.com/ordinaut/ordinaut"

// maxStepSeconds is the longest timeout_seconds of a step that does not ask a person. The schema holds that of
// one that does.
const maxStepSeconds = 3600

// checkAsking holds that a step has the keys of approval.request exactly as its action allows. The pointer of
// its error starts at the step.
func checkAsking(s *ordinaut.Step) *ordinaut.Error {
	asks := s.Uses == ordinaut.ApprovalRequest
	switch {
	case !asks && s.OnTimeout != "":
		return ordinaut.Invalid("/on_timeout", "on_timeout belongs to a step that uses %s; on_error says what becomes of one that fails", ordinaut.ApprovalRequest)
	case !asks && s.TimeoutSeconds > maxStepSeconds:
		return ordinaut.Invalid("/timeout_seconds", "got %v, want at most %d", s.TimeoutSeconds, maxStepSeconds)
	case asks && s.Retry != nil:
		return ordinaut.Invalid("/retry", "%s asks once: the first decision stands, so that there is nothing to try again", s.Uses)
	}
	return nil
}
