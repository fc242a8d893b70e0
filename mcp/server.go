package mcp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/mcp/front"
	"github.com/ordinaut/ordinaut/pipeline"
	"github.com/ordinaut/ordinaut/schemas"
	"github.com/ordinaut/ordinaut/store"
)

// Config is what [New] needs. Store is required.
type Config struct {
	Store *store.Store
	// Watch sends a run's progress entries with numbers above after, in order, as they happen. It
	// closes the channel when ctx ends, after the terminal entry, or when it cannot go on. nil, or a
	// channel closed early, lets run_now ask the store instead.
	Watch func(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID, after int64) <-chan ordinaut.Progress
	// Version is this build's. Default "dev".
	Version string
	// ZoneRelease names the release of the time zone rules in use, for example 2026f. Default "unknown".
	ZoneRelease string
	// Log receives a line a call; nil discards it.
	Log *slog.Logger
	// Registerer receives the metrics; nil keeps them to ourselves.
	Registerer prometheus.Registerer
	// Clock tells the time by which schedules are read. Default time.Now.
	Clock func() time.Time
}

// Server is the tools over one store. It keeps no state of its own, so any process answers any call.
type Server struct {
	cfg      Config
	metrics  *metrics
	mcp      *server.MCPServer
	defined  []*definition
	language *pipeline.Language
}

// tool is a row of the list of tools.
type tool struct {
	name string
	bind func(*Server, *definition) server.ToolHandlerFunc
}

// tools is every tool in the order of the documentation; tools/list, as the library has it, goes by name.
var tools = []tool{
	{"create_task", row((*Server).createTask)},
	{"update_task", row((*Server).updateTask)},
	{"get_task", row((*Server).getTask)},
	{"list_tasks", row((*Server).listTasks)},
	{"delete_task", row((*Server).deleteTask)},
	{"pause_task", row((*Server).pauseTask)},
	{"resume_task", row((*Server).resumeTask)},
	{"snooze_task", row((*Server).snoozeTask)},
	{"run_now", row((*Server).runNow)},
	{"retry_run", row((*Server).retryRun)},
	{"backfill_task", row((*Server).backfillTask)},
	{"list_runs", row((*Server).listRuns)},
	{"get_run", row((*Server).getRun)},
	{"cancel_run", row((*Server).cancelRun)},
	{"list_approvals", row((*Server).listApprovals)},
	{"decide_approval", row((*Server).decideApproval)},
	{"publish_event", row((*Server).publishEvent)},
	{"explain_task", row((*Server).explainTask)},
	{"set_calendar", row((*Server).setCalendar)},
	{"list_calendars", row((*Server).listCalendars)},
	{"remove_calendar", row((*Server).removeCalendar)},
	{"preview_schedule", row((*Server).previewSchedule)},
	{"list_actions", row((*Server).listActions)},
	{"get_status", row((*Server).getStatus)},
}

// row defers binding a tool's method until there is a server.
func row[In any, Out answer](method func(*Server, context.Context, *call, In) (Out, error)) func(*Server, *definition) server.ToolHandlerFunc {
	return func(s *Server, d *definition) server.ToolHandlerFunc {
		return bind(s, d, func(ctx context.Context, c *call, in In) (Out, error) { return method(s, ctx, c, in) })
	}
}

// New returns a server with every tool.
func New(cfg Config) (*Server, error) {
	if cfg.Store == nil {
		return nil, errors.New("mcp: Config.Store is required")
	}
	cfg.Version = cmp.Or(cfg.Version, "dev")
	cfg.ZoneRelease = cmp.Or(cfg.ZoneRelease, "unknown")
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("mcp metrics: %w", err)
	}
	validator := schemas.NewValidator(0) // of the schemas of tools and of actions
	s := &Server{cfg: cfg, metrics: m, language: pipeline.New(validator)}
	s.mcp = server.NewMCPServer("ordinaut", cfg.Version,
		server.WithTitle("Ordinaut"),
		server.WithInstructions(instructions),
		server.WithToolCapabilities(false),
		server.WithRecovery(),
		server.WithHooks(front.Hooks()),
	)
	shared, err := schemas.ToolFragments()
	if err != nil {
		return nil, err
	}
	in, err := newInliner(shared)
	if err != nil {
		return nil, err
	}
	for _, t := range tools {
		d, err := define(in, validator, t.name)
		if err != nil {
			return nil, err
		}
		s.defined = append(s.defined, d)
		s.mcp.AddTool(d.tool(), t.bind(s, d))
	}
	return s, nil
}

// MCP returns the protocol's server, to be mounted behind package front.
func (s *Server) MCP() *server.MCPServer { return s.mcp }

func (s *Server) now() time.Time { return s.cfg.Clock().UTC() }

// notPublic keeps err's text for the log. An error of the scheduler about a stored schedule is no
// fault of the call that reads it.
func notPublic(err error) error { return errors.New(err.Error()) }

// compact returns v as JSON on one line, without the escapes that only a web page needs.
func compact(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}
