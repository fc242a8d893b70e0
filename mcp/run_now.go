package mcp

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ordinaut/ordinaut"
)

// pollEvery is how often a waiting call asks the store when nothing tells it of progress.
const pollEvery = 250 * time.Millisecond

// runNowArgs is the input of run_now.
type runNowArgs struct {
	TaskID         string          `json:"task_id"`
	Params         json.RawMessage `json:"params,omitempty"`
	WaitSeconds    float64         `json:"wait_seconds,omitempty"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
}

// runNowAnswer is the output of run_now and retry_run.
type runNowAnswer struct {
	Run   runView `json:"run"`
	Ended bool    `json:"ended"`
	Next  string  `json:"next"`
}

func (a runNowAnswer) text() string { return a.Run.line() + "\n" + a.Next }

func (s *Server) runNow(ctx context.Context, c *call, in runNowArgs) (runNowAnswer, error) {
	id, err := taskID(in.TaskID)
	if err != nil {
		return runNowAnswer{}, err
	}
	run, err := s.cfg.Store.CreateRun(ctx, c.mutation(in.IdempotencyKey), id, in.Params)
	if err != nil {
		return runNowAnswer{}, err
	}
	return s.answerRun(ctx, run, in.WaitSeconds)
}

// answerRun answers a call that started a run: with its end, if that comes while the call waits.
func (s *Server) answerRun(ctx context.Context, run ordinaut.Run, waitSeconds float64) (runNowAnswer, error) {
	if waitSeconds > 0 && !run.State.Terminal() {
		s.follow(ctx, run, time.Duration(waitSeconds*float64(time.Second)))
		var err error
		if run, err = s.cfg.Store.GetRun(ctx, run.NamespaceID, run.ID); err != nil {
			return runNowAnswer{}, err
		}
	}
	steps, err := s.cfg.Store.ListSteps(ctx, run.NamespaceID, run.ID)
	if err != nil {
		return runNowAnswer{}, err
	}
	answer := runNowAnswer{Run: viewRun(run, steps, s.now()), Ended: run.State.Terminal(), Next: nextForRun(run)}
	if answer.Ended {
		answer.Run.addValues(run, steps, false, defaultOutputChars)
	}
	return answer, nil
}

// follow reports the run's progress on the call until the run ends or wait is over.
func (s *Server) follow(ctx context.Context, run ordinaut.Run, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	m := s.newMeter(ctx, run)
	if s.cfg.Watch != nil && m.report(ctx, s.cfg.Watch(ctx, run.NamespaceID, run.ID, 0)) {
		return
	}
	// Nothing watches, or the watch broke off: the store knows everything too, if less promptly.
	entries := s.poll(ctx, run, m.seen)
	m.report(ctx, entries)
	cancel()
	for range entries { // the poll has stopped when its channel is closed
	}
}

// poll sends the run's progress after seen until ctx ends or the run does, then closes the channel.
func (s *Server) poll(ctx context.Context, run ordinaut.Run, seen int64) <-chan ordinaut.Progress {
	entries := make(chan ordinaut.Progress)
	go func() {
		defer close(entries)
		ticker := time.NewTicker(pollEvery)
		defer ticker.Stop()
		for {
			fresh, err := s.cfg.Store.ListProgress(ctx, run.NamespaceID, run.ID, seen)
			if err != nil && ctx.Err() == nil {
				s.cfg.Log.WarnContext(ctx, "progress not read, will be retried", "run_id", run.ID.String(), "err", err)
			}
			for _, p := range fresh {
				select {
				case <-ctx.Done():
					return
				case entries <- p:
				}
				if seen = p.Seq; p.Type == ordinaut.ProgressFinished {
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return entries
}

// nextForRun says what an assistant can do with a run in its state.
func nextForRun(run ordinaut.Run) string {
	switch run.State {
	case ordinaut.RunSucceeded:
		return "It has ended well; get_run with detail full shows inputs and outputs."
	case ordinaut.RunQueued, ordinaut.RunRunning, ordinaut.RunWaiting:
		return "It has not ended: get_run with run_id follows it, cancel_run stops it."
	default:
		return "get_run with detail full shows inputs and outputs. retry_run goes on from the failed step; after update_task has corrected the task, with from start and version latest."
	}
}
