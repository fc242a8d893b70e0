package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/executor"
	"github.com/ordinaut/ordinaut/executor/downstream"
	"github.com/ordinaut/ordinaut/executor/outbound"
	"github.com/ordinaut/ordinaut/mcp"
	"github.com/ordinaut/ordinaut/pipeline"
	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/stream"
)

// node is one process's share of an Ordinaut: its database, its streams and the parts that its roles
// ask for.
type node struct {
	*database
	cfg      *config
	registry *prometheus.Registry
	store    *store.Store

	stream *stream.Stream
	// closers let go of Redis, in this order.
	closers []func() error
	tools   *mcp.Server
	// work are the parts that stop first when the process is asked to end; base are those that they
	// need until then.
	work, base []part
}

// part is something that runs until its context ends.
type part struct {
	name string
	run  func(context.Context) error
}

// openNode connects, migrates and builds the parts for roles. Logs go to w.
func openNode(ctx context.Context, cfg *config, roles map[role]bool, w io.Writer) (*node, error) {
	db, err := openDatabase(ctx, cfg, w)
	if err != nil {
		return nil, err
	}
	n := &node{database: db, cfg: cfg, registry: prometheus.NewRegistry()}
	if err := n.build(ctx, roles); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *node) build(ctx context.Context, roles map[role]bool) error {
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := store.Migrate(ctx, n.pool, n.log); err != nil {
		return err
	}
	if n.cluster != nil {
		n.base = append(n.base, part{"private postgres", n.cluster.Run})
	}
	if err := n.buildStore(); err != nil {
		return err
	}
	if roles[roleScheduler] {
		if err := n.addScheduler(); err != nil {
			return err
		}
	}
	if roles[roleWorker] {
		if err := n.addWorker(ctx); err != nil {
			return err
		}
	}
	// Every role has it, for it knows who may read the metrics; only api offers its tools.
	tools, err := mcp.New(mcp.Config{
		Store: n.store, Watch: n.watch, Version: buildVersion(), ZoneRelease: zoneRelease(), Log: n.log, Registerer: n.registry,
	})
	n.tools = tools
	return err
}

// run runs the parts and blocks. When ctx ends, or a part fails, work stops first, then what it stands
// on. It returns nil on a clean stop.
func (n *node) run(ctx context.Context, more ...part) error {
	baseCtx, stopBase := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBase()
	work, workCtx := errgroup.WithContext(ctx)
	base, baseCtx := errgroup.WithContext(baseCtx)
	for _, p := range n.base {
		base.Go(func() error { return wrap(p.name, p.run(baseCtx)) })
	}
	// A failure of what the work stands on ends the work.
	failed := make(chan struct{})
	context.AfterFunc(baseCtx, func() { close(failed) })
	work.Go(func() error {
		select {
		case <-workCtx.Done():
			return nil
		case <-failed:
			return errStoodOn
		}
	})
	for _, p := range append(n.work, more...) {
		work.Go(func() error { return wrap(p.name, p.run(workCtx)) })
	}
	err := work.Wait()
	stopBase()
	if errors.Is(err, errStoodOn) {
		err = nil // base says why
	}
	return errors.Join(err, base.Wait())
}

// errStoodOn says that something the work stands on has ended; its own error says why.
var errStoodOn = errors.New("a part below has ended")

func wrap(name string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Close lets go of everything that openNode took.
func (n *node) Close() {
	for _, close := range n.closers {
		if err := close(); err != nil {
			n.log.Warn("redis was not closed cleanly", "err", err)
		}
	}
	n.database.Close()
}

func (n *node) addScheduler() error {
	wake, _ := n.store.Subscribe(store.WakeSchedule)
	s, err := scheduler.New(scheduler.Config{Tick: n.store.Tick, Wake: wake, Log: n.log, Registerer: n.registry})
	if err != nil {
		return err
	}
	n.work = append(n.work, part{"scheduler", s.Run})
	if err := n.addRenewer(); err != nil {
		return err
	}
	if err := n.addDispatcher(); err != nil {
		return err
	}
	return n.addWatcher()
}

// addDispatcher adds what passes published events on to the tasks that they start.
func (n *node) addDispatcher() error {
	wake, _ := n.store.Subscribe(store.WakeEvent)
	language := pipeline.New(nil)
	d, err := scheduler.NewDispatcher(scheduler.DispatcherConfig{
		Dispatch: n.store.Dispatch, Wake: wake, Log: n.log, Registerer: n.registry,
		Compile: func(source string) (scheduler.Expression, error) {
			x, err := language.Filter(source)
			if err != nil {
				return nil, err
			}
			return func(event map[string]any) (any, bool, error) {
				v, err := x.Search(event)
				return v, pipeline.Truthy(v), err
			}, nil
		},
	})
	if err != nil {
		return err
	}
	n.work = append(n.work, part{"dispatcher", d.Run})
	return n.addInbox()
}

// addWatcher adds what makes of the verdicts of probes what their conditions say.
func (n *node) addWatcher() error {
	wake, _ := n.store.Subscribe(store.WakeVerdict)
	w, err := scheduler.NewWatcher(scheduler.WatcherConfig{Judge: n.store.JudgeVerdicts, Wake: wake, Log: n.log, Registerer: n.registry})
	if err != nil {
		return err
	}
	n.work = append(n.work, part{"watcher", w.Run})
	return nil
}

// addWorker adds the executor and the downstream servers that its steps use.
func (n *node) addWorker(ctx context.Context) error {
	file, err := n.cfg.operatorFile()
	if err != nil {
		return err
	}
	namespace, err := n.store.DefaultNamespace(ctx)
	if err != nil {
		return err
	}
	servers, err := downstream.New(downstream.Config{
		Servers: file.Servers, Version: buildVersion(), Log: n.log,
		SaveServer: func(ctx context.Context, name, transport string, actions []ordinaut.Action, seenErr error) error {
			return n.store.SaveServer(ctx, namespace, name, transport, actions, seenErr)
		},
	})
	if err != nil {
		return err
	}
	queue, _ := n.store.Subscribe(store.WakeQueue)
	cancels, _ := n.store.Subscribe(store.WakeCancel)
	e, err := executor.New(executor.Config{
		Store: n.store, Worker: workerName(), Slots: n.cfg.Slots, TTL: n.cfg.LeaseTTL, Grace: n.cfg.Grace,
		WakeQueue: queue, WakeCancel: cancels, Servers: servers,
		HTTP: outbound.New(outbound.Config{Policy: outbound.Policy{AllowNetworks: file.AllowNetworks}}),
		Log:  n.log, Registerer: n.registry,
	})
	if err != nil {
		return err
	}
	// The servers stay until the last step has been handed back.
	n.base = append(n.base, part{"downstream servers", servers.Run})
	n.work = append(n.work, part{"worker", e.Run})
	return nil
}

// workerName names this process among the holders of leases.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%d", host, os.Getpid(), time.Now().Unix())
}
