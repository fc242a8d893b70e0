package mcp

import (
	"context"
	"encoding/json"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
)

// What retry_run's from and version may be.
const (
	fromStart     = "start"
	versionLatest = "latest"
)

// retryRunArgs is the input of retry_run.
type retryRunArgs struct {
	RunID          string          `json:"run_id"`
	From           string          `json:"from,omitempty"`
	Version        string          `json:"version,omitempty"`
	Params         json.RawMessage `json:"params,omitempty"`
	WaitSeconds    float64         `json:"wait_seconds,omitempty"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
}

func (s *Server) retryRun(ctx context.Context, c *call, in retryRunArgs) (runNowAnswer, error) {
	id, err := runID(in.RunID)
	if err != nil {
		return runNowAnswer{}, err
	}
	if err := in.refusal(); err != nil {
		return runNowAnswer{}, err
	}
	run, err := s.cfg.Store.RetryRun(ctx, c.mutation(in.IdempotencyKey), id, store.Retry{
		FromStart: in.From == fromStart, Latest: in.Version == versionLatest, Params: in.Params,
		Check: func(spec *ordinaut.TaskSpec) error {
			if _, err := s.language.Compile(spec); err != nil {
				return ordinaut.Errorf(ordinaut.CodeConflict,
					"the pipeline that %s had can't be run any more: update_task corrects it, then retry with from start and version latest: %s", id, err)
			}
			return nil
		},
	})
	if err != nil {
		return runNowAnswer{}, err
	}
	return s.answerRun(ctx, run, in.WaitSeconds)
}

// refusal says which argument only a retry from the start can have: what has a result is of the old version
// and the old params.
func (in retryRunArgs) refusal() error {
	var bad *ordinaut.Error
	switch {
	case in.From == fromStart:
		return nil
	case in.Params != nil:
		bad = ordinaut.Invalid("/params", "what is kept of the old run was done with its params: leave params out, or retry from the start")
	case in.Version == versionLatest:
		bad = ordinaut.Invalid("/version", "what is kept of the old run is of its version: leave version out, or retry from the start")
	default:
		return nil
	}
	args := map[string]any{"run_id": in.RunID, "from": fromStart}
	if in.Params != nil {
		args["params"] = in.Params
	}
	if in.Version != "" {
		args["version"] = in.Version
	}
	bad.Example = compact(args)
	return bad
}
