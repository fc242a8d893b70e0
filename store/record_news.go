package store

import (
	"context"
	"slices"

	"github.com/ordinaut/ordinaut"
)

// recorded counts and announces what landed, and wakes those who wait for it.
func (s *Store) recorded(ctx context.Context, b *recordBatch, recs []ordinaut.Record) {
	type end struct {
		state  ordinaut.RunState
		reason ordinaut.Reason
	}
	ends := map[end]int{}
	over, failed := taskSet{}, failedTasks{}
	var told []news
	requeued := false
	for i := range recs {
		r := &recs[i]
		task, held := b.held[r.Lease.RunID]
		if !held {
			continue
		}
		out, landed := b.done[r.Lease.RunID]
		landed = landed && r.Outcome != nil
		if landed {
			if out.state.Terminal() {
				ends[end{out.state, out.reason}]++
				over.add(task)
				failed.add(r.Lease.NamespaceID, task, out.state)
			}
			requeued = requeued || out.state == ordinaut.RunQueued
		}
		if s.publish == nil {
			continue
		}
		told = append(told, recordNews(r, task)...)
		if landed {
			told = append(told, outcomeNews(r, task, out))
		}
	}
	for e, n := range ends {
		s.metrics.ended(e.state, e.reason, n)
	}
	s.metrics.closed(b.closed)
	// Events first: whoever reads of a run's end has read what it published.
	if len(b.published) > 0 {
		s.announceEvents(ctx, b.events.among(b.published))
	}
	s.announce(ctx, told)
	if requeued {
		s.wake(WakeQueue)
	}
	if b.buffered {
		s.releaseAfter(ctx, over.keys())
	}
	s.pauseFailing(ctx, failed)
	if len(b.verdicts.runs) > 0 {
		s.wake(WakeVerdict)
	}
}

// recordNews returns the entries of a record's steps and reports, by seq. A step that has not ended has none of its own.
func recordNews(r *ordinaut.Record, task ordinaut.TaskID) []news {
	var all []news
	add := func(reason ordinaut.Reason, entry ordinaut.Progress) {
		all = append(all, news{ns: r.Lease.NamespaceID, run: r.Lease.RunID, task: task, reason: reason, entry: entry})
	}
	for _, p := range r.Progress {
		add("", p)
	}
	for _, st := range r.Steps {
		if !st.State.Final() {
			continue
		}
		entry := ordinaut.Progress{Seq: st.Seq, Type: ordinaut.ProgressStep, State: string(st.State), Step: st.StepID, Message: st.Error}
		if st.FinishedAt != nil {
			entry.At = *st.FinishedAt
		}
		add(st.Reason, entry)
	}
	slices.SortStableFunc(all, func(a, b news) int { return int(a.entry.Seq - b.entry.Seq) })
	return all
}

func outcomeNews(r *ordinaut.Record, task ordinaut.TaskID, out landed) news {
	entry := ordinaut.Progress{Seq: out.seq, At: out.at, State: string(out.state), Message: r.Outcome.Error}
	switch out.state {
	case ordinaut.RunQueued:
		entry.Type = ordinaut.ProgressRequeued
	case ordinaut.RunWaiting:
		entry.Type = ordinaut.ProgressWaiting
	default:
		entry.Type = ordinaut.ProgressFinished
	}
	return news{ns: r.Lease.NamespaceID, run: r.Lease.RunID, task: task, reason: out.reason, entry: entry}
}
