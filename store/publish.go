package store

import (
	"context"
	"time"

	"github.com/ordinaut/ordinaut"
)

// news is a progress entry on its way to the streams.
type news struct {
	ns     ordinaut.NamespaceID
	run    ordinaut.RunID
	task   ordinaut.TaskID
	reason ordinaut.Reason
	entry  ordinaut.Progress
}

// announce hands entries that are committed to Config.Publish.
// What cannot be named is left to readers, who find it in the database.
func (s *Store) announce(ctx context.Context, all []news) {
	if s.publish == nil || len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	defer cancel()
	out := make([]ordinaut.RunProgress, 0, len(all))
	for _, n := range all {
		name, err := s.NamespaceName(ctx, n.ns)
		if err != nil {
			s.log.WarnContext(ctx, "progress not published", "run_id", n.run, "err", err)
			continue
		}
		out = append(out, ordinaut.RunProgress{Namespace: name, RunID: n.run, TaskID: n.task, Reason: n.reason, Progress: n.entry})
	}
	s.publish(out)
}

// announceEvents wakes the schedulers and hands events that are committed to Config.PublishEvents, by
// namespace. What cannot be named stays in the database alone.
func (s *Store) announceEvents(ctx context.Context, all []ordinaut.Event) {
	s.wake(WakeEvent)
	if s.publishEvents == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	defer cancel()
	var order []ordinaut.NamespaceID
	byNamespace := map[ordinaut.NamespaceID][]ordinaut.Event{}
	for i := range all {
		ns := all[i].NamespaceID
		if _, known := byNamespace[ns]; !known {
			order = append(order, ns)
		}
		byNamespace[ns] = append(byNamespace[ns], all[i])
	}
	for _, ns := range order {
		events := byNamespace[ns]
		name, err := s.NamespaceName(ctx, ns)
		if err != nil {
			s.log.WarnContext(ctx, "events not published", "run_id", events[0].RunID, "count", len(events), "err", err)
			continue
		}
		s.publishEvents(name, events)
	}
}

// madeRun is a run that was just queued.
type madeRun struct {
	NamespaceID ordinaut.NamespaceID `db:"namespace_id"`
	ID          ordinaut.RunID       `db:"id"`
	TaskID      ordinaut.TaskID      `db:"task_id"`
	QueuedAt    time.Time            `db:"queued_at"`
}

// announceQueued tells streams and workers of runs that were queued, in this order, so that a run's
// start is not told before it. It follows the commit.
func (s *Store) announceQueued(ctx context.Context, made []madeRun) {
	if len(made) == 0 {
		return
	}
	if s.publish != nil {
		all := make([]news, len(made))
		for i, m := range made {
			all[i] = news{ns: m.NamespaceID, run: m.ID, task: m.TaskID, entry: ordinaut.Progress{
				Seq: 1, Type: ordinaut.ProgressQueued, At: m.QueuedAt, State: string(ordinaut.RunQueued),
			}}
		}
		s.announce(ctx, all)
	}
	s.wake(WakeQueue)
}
