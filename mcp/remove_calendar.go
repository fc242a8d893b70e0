package mcp

import "context"

// removeCalendarArgs is the input of remove_calendar.
type removeCalendarArgs struct {
	Name           string `json:"name"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// removeCalendarAnswer is the output of remove_calendar.
type removeCalendarAnswer struct {
	Removed string `json:"removed"`
	Next    string `json:"next"`
}

func (a removeCalendarAnswer) text() string { return "Removed calendar " + a.Removed + ". " + a.Next }

func (s *Server) removeCalendar(ctx context.Context, c *call, in removeCalendarArgs) (removeCalendarAnswer, error) {
	if err := s.cfg.Store.RemoveCalendar(ctx, c.mutation(in.IdempotencyKey), in.Name); err != nil {
		return removeCalendarAnswer{}, err
	}
	return removeCalendarAnswer{Removed: in.Name, Next: "set_calendar makes it anew."}, nil
}
