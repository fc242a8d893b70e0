package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func newDemo(cfg *config) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Watch an assistant's work being scheduled, run, killed and finished",
		Long: `Watch an assistant's work being scheduled, run, killed and finished.

Everything is real and private: a Postgres in a temporary directory, two processes of this binary, an MCP
client, another MCP server, an HTTP endpoint. It takes under a minute and leaves nothing behind.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := stopped(cmd.Context())
			defer stop()
			return runDemo(ctx, cfg, cmd.OutOrStdout())
		},
	}
}

// stopped ends its context by what otherwise would end the process before it can tidy up: the terminal
// is closed, or nobody reads its output any more.
func stopped(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{syscall.SIGPIPE}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup wants it
		signals = append(signals, syscall.SIGHUP)
	}
	return signal.NotifyContext(ctx, signals...)
}

// demoLimit is the longest that the demo may take, a download of Postgres included.
const demoLimit = 5 * time.Minute

// anyPort is where a worker tells its health, which nobody asks for here.
const anyPort = "127.0.0.1:0"

// demo is the play: a stage, a screen and a client's connection.
type demo struct {
	*stage
	*screen
	api, worker *process
	mcp         *session
	// tasks are the ids of the tasks it made, by what they are for.
	tasks map[string]string
}

func runDemo(ctx context.Context, _ *config, w io.Writer) (err error) {
	began := time.Now()
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	st, err := newStage(ctx)
	if err != nil {
		return err
	}
	d := &demo{stage: st, screen: newScreen(w), tasks: map[string]string{}}
	defer func() {
		d.endBar()
		if d.mcp != nil {
			d.mcp.Close()
		}
		if asked.Err() != nil {
			err = fmt.Errorf("interrupted; processes ended, %s removed", st.dir)
		}
		err = errors.Join(err, st.Close())
		if err == nil {
			fmt.Fprintf(w, "\n   %s\n\n", d.good(fmt.Sprintf("✓ all of it in %.0f s; processes ended, %s removed", time.Since(began).Seconds(), st.dir)))
		}
	}()
	fmt.Fprintf(w, "\n   %s %s\n", d.bold("Ordinaut"), d.dim("· the scheduler that an assistant drives · "+buildVersion()))
	for _, scene := range []func(context.Context) error{
		d.raise, d.connect, d.preview, d.create, d.calendar, d.runNow, d.crash, d.review, d.invite,
	} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

// raise starts the processes.
func (d *demo) raise(ctx context.Context) error {
	d.title("Start: a private Postgres and Redis, one process that plans and one that works")
	began := time.Now()
	var err error
	if d.api, err = d.start("api,scheduler", d.addr); err != nil {
		return err
	}
	if err := d.ready(ctx, func(line string) { d.line("%s", line) }); err != nil {
		return err
	}
	d.line("Postgres initialised and serving after %s, in %s", d.took(began), d.dir)
	if d.worker, err = d.start("worker", anyPort); err != nil {
		return err
	}
	d.line("api + scheduler: process %d, worker: process %d", d.api.cmd.Process.Pid, d.worker.cmd.Process.Pid)
	return nil
}

// connect shakes hands as an assistant does and waits for the downstream server to be known.
func (d *demo) connect(ctx context.Context) error {
	d.title("An assistant connects, over MCP")
	key, err := os.ReadFile(bootstrapKeyFile(filepath.Join(d.dir, "data")))
	if err != nil {
		return err
	}
	if d.mcp, err = dial(ctx, endpoint(d.addr), strings.TrimSpace(string(key))); err != nil {
		return err
	}
	var listed struct {
		Actions []struct{ Name, Effects string }
	}
	// The worker introduces the desk when it has started it.
	err = d.until(ctx, func() (bool, error) {
		err := d.mcp.into(ctx, "list_actions", map[string]any{"query": "desk"}, &listed)
		return len(listed.Actions) > 0, err
	})
	if err != nil {
		return err
	}
	d.line("protocol %s, %s/mcp, API key from a 0600 file", d.name(d.mcp.Protocol), d.addr)
	for _, a := range listed.Actions {
		d.line("  %s %s", d.name(fmt.Sprintf("%-18s", a.Name)), d.dim(strings.ReplaceAll(a.Effects, "_", " ")+", a tool of another MCP server over stdio"))
	}
	return nil
}

// firing is one time that a schedule will be due.
type firing struct{ UTC, Local time.Time }

func (d *demo) preview(ctx context.Context) error {
	d.title("preview_schedule: what does a phrase mean?")
	for _, phrase := range []string{"every 2 seconds in UTC", "second Tuesday of the month at 8:30 in Berlin"} {
		var p struct {
			Words string
			Times []firing
		}
		if err := d.mcp.into(ctx, "preview_schedule", map[string]any{"phrase": phrase, "count": 3}, &p); err != nil {
			return err
		}
		layout := "Mon 2 Jan 15:04 -07:00"
		if p.Times[1].UTC.Sub(p.Times[0].UTC) < time.Minute {
			layout = "15:04:05"
		}
		var times []string
		for _, t := range p.Times {
			times = append(times, t.Local.Format(layout))
		}
		d.line("“%s”  %s", d.name(phrase), p.Words)
		d.line("  %s", d.dim(strings.Join(times, "  ·  ")))
	}
	return nil
}

// create makes the tasks that fire by themselves.
func (d *demo) create(ctx context.Context) error {
	d.title("create_task: one that fires every 2 s, one whose endpoint is out of order at first")
	err := d.createTask(ctx, "pulse", map[string]any{
		"title":    "Plan the day",
		"schedule": map[string]any{"kind": "cron", "expr": "*/2 * * * * *", "timezone": "UTC"},
		"params":   map[string]any{"city": "Chisinau"},
		"pipeline": []map[string]any{
			{"id": "weather", "uses": "http.request", "with": map[string]any{"url": d.weather + "/weather?city=${params.city}"}},
			{"id": "events", "uses": "desk.list_events", "with": map[string]any{"day": "${format_time(now, '%Y-%m-%d')}"}},
			{"id": "note", "uses": "desk.send_note", "expect": "message_id > `0`", "with": map[string]any{
				"text": "${steps.weather.body.sky} in ${params.city}, ${steps.weather.body.celsius} °C; first: ${steps.events.items[0].title}",
			}},
		},
	})
	if err != nil {
		return err
	}
	return d.createTask(ctx, "tides", map[string]any{
		"title":    "Read the tides",
		"schedule": map[string]any{"kind": "once", "expr": "in 1s"},
		"pipeline": []map[string]any{{
			"id": "tides", "uses": "http.request", "with": map[string]any{"url": d.weather + "/tides"},
			"retry": map[string]any{"max_attempts": 4, "backoff": "fixed", "initial_seconds": 1},
		}},
	})
}

// createTask makes a task and remembers its id under name.
func (d *demo) createTask(ctx context.Context, name string, args map[string]any) error {
	args["idempotency_key"] = "demo-" + name
	var made struct {
		Task  struct{ ID string }
		Words string
	}
	if err := d.mcp.into(ctx, "create_task", args, &made); err != nil {
		return err
	}
	d.tasks[name] = made.Task.ID
	d.line("%s  %s", d.name(fmt.Sprintf("%-18v", args["title"])), made.Words)
	return nil
}

// until polls ready ten times a second.
func (d *demo) until(ctx context.Context, ready func() (bool, error)) error {
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		if err := d.died(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it took too long:\n%s", d.logTail())
		case <-poll.C:
		}
	}
}

func (d *demo) took(since time.Time) string {
	return fmt.Sprintf("%.1f s", time.Since(since).Seconds())
}
