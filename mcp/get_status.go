package mcp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut/store"
)

// slowPickup is the lag from which runs are said to wait for a worker.
const slowPickup = 30 * time.Second

// getStatusArgs is the input of get_status.
type getStatusArgs struct{}

// getStatusAnswer is the output of get_status.
type getStatusAnswer struct {
	Healthy          bool         `json:"healthy"`
	Problems         []string     `json:"problems"`
	Runs             liveRuns     `json:"runs"`
	Tasks            taskCounts   `json:"tasks"`
	LagSeconds       float64      `json:"lag_seconds"`
	OverdueSchedules int          `json:"overdue_schedules"`
	Workers          []string     `json:"workers"`
	Versions         versionsView `json:"versions"`
	Now              string       `json:"now"`
}

type liveRuns struct {
	Queued  int `json:"queued"`
	Running int `json:"running"`
	Waiting int `json:"waiting"`
}

type taskCounts struct {
	Active int `json:"active"`
	Paused int `json:"paused"`
}

type versionsView struct {
	Ordinaut string `json:"ordinaut"`
	Postgres string `json:"postgres"`
	Schema   int    `json:"schema"`
	TZ       string `json:"tz"`
}

func (a getStatusAnswer) text() string {
	var b strings.Builder
	b.WriteString("Healthy.")
	if !a.Healthy {
		b.Reset()
		b.WriteString("Not healthy: " + strings.Join(a.Problems, "; ") + ".")
	}
	fmt.Fprintf(&b, " Runs: %d queued, %d running, %d waiting; oldest ready for %.1f s. Tasks: %d active, %d paused. Workers that hold runs: %d. Ordinaut %s, PostgreSQL %s, schema %d, time zones %s.",
		a.Runs.Queued, a.Runs.Running, a.Runs.Waiting, a.LagSeconds, a.Tasks.Active, a.Tasks.Paused, len(a.Workers),
		a.Versions.Ordinaut, a.Versions.Postgres, a.Versions.Schema, a.Versions.TZ)
	return b.String()
}

func (s *Server) getStatus(ctx context.Context, c *call, _ getStatusArgs) (getStatusAnswer, error) {
	status, err := s.cfg.Store.Status(ctx, c.agent.NamespaceID)
	if err != nil {
		return getStatusAnswer{}, err
	}
	servers, err := s.cfg.Store.ListServers(ctx, c.agent.NamespaceID)
	if err != nil {
		return getStatusAnswer{}, err
	}
	problems := problemsOf(status, servers)
	return getStatusAnswer{
		Healthy: len(problems) == 0, Problems: problems,
		Runs:       liveRuns{status.Queued, status.Running, status.Waiting},
		Tasks:      taskCounts{status.Active, status.Paused},
		LagSeconds: status.OldestReady.Round(time.Millisecond).Seconds(), OverdueSchedules: status.Overdue,
		Workers: append([]string{}, status.Workers...),
		Versions: versionsView{
			Ordinaut: s.cfg.Version, Postgres: status.PostgresVersion, Schema: status.SchemaVersion, TZ: s.cfg.ZoneRelease,
		},
		Now: stamp(status.Now),
	}, nil
}

// problemsOf says what keeps work from being done, in words for a person.
func problemsOf(status store.Status, servers []store.Server) []string {
	problems := []string{}
	if status.Overdue > 0 {
		problems = append(problems, fmt.Sprintf("%d schedules are overdue: no process with the scheduler role looks at them", status.Overdue))
	}
	if status.OldestReady > slowPickup {
		problems = append(problems, fmt.Sprintf("a run has been ready for %.0f s: no process with the worker role is free", status.OldestReady.Seconds()))
	}
	for _, server := range servers {
		if server.State != "ready" {
			problems = append(problems, fmt.Sprintf("server %s is unavailable", server.Name))
		}
	}
	return problems
}
