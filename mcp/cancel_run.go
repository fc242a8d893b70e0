package mcp

import "context"

// cancelRunArgs is the input of cancel_run.
type cancelRunArgs struct {
	RunID          string `json:"run_id"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// cancelRunAnswer is the output of cancel_run.
type cancelRunAnswer struct {
	Run  runRow `json:"run"`
	Next string `json:"next"`
}

func (a cancelRunAnswer) text() string { return a.Run.line() + "\n" + a.Next }

func (s *Server) cancelRun(ctx context.Context, c *call, in cancelRunArgs) (cancelRunAnswer, error) {
	id, err := runID(in.RunID)
	if err != nil {
		return cancelRunAnswer{}, err
	}
	run, err := s.cfg.Store.CancelRun(ctx, c.mutation(in.IdempotencyKey), id)
	if err != nil {
		return cancelRunAnswer{}, err
	}
	next := "It has ended. Its task goes on; pause_task stops that."
	if !run.State.Terminal() {
		next = "Its worker has been told and stops it within seconds; get_run shows when."
	}
	return cancelRunAnswer{Run: viewRunRow(run, s.now()), Next: next}, nil
}
