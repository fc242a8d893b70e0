package scheduler

import (
	"time"

	"github.com/ordinaut/ordinaut"
)

// decideProbe decides on the probes of a condition. They are occurrences like those of an interval, with
// policies of their own: one that is due while another is live is skipped, and of those that an outage
// has left the latest stands in for all. The schedule's overlap and max_runs are about what the condition
// starts. When no probe is left the watch goes on to its end.
func decideProbe(now time.Time, task *ordinaut.DueTask, l *Timeline) ordinaut.Decision {
	switch {
	case task.State == ordinaut.TaskPaused:
		return resumeProbe(now, task, l, ordinaut.CatchUpLatest)
	case task.NextAt == nil && task.SnoozedAt == nil:
		return endWatch(now, task)
	default:
		return watchOn(decide(now, probing(task), l), task)
	}
}

// resumeProbe is [Decider.Resume] for a condition. All that was passed over is looked for once.
func resumeProbe(now time.Time, task *ordinaut.DueTask, l *Timeline, catchUp ordinaut.CatchUp) ordinaut.Decision {
	if catchUp == ordinaut.CatchUpAll {
		catchUp = ordinaut.CatchUpLatest
	}
	return watchOn(resume(now, probing(task), l, catchUp), task)
}

// probing returns the task as its probes see it.
func probing(task *ordinaut.DueTask) *ordinaut.DueTask {
	probed := *task
	probed.Overlap, probed.CatchUp = ordinaut.OverlapSkip, ordinaut.CatchUpLatest
	probed.MaxRuns, probed.MaxLatenessSeconds = 0, 0
	return &probed
}

// watchOn makes of a decision on times one on probes.
func watchOn(d ordinaut.Decision, task *ordinaut.DueTask) ordinaut.Decision {
	for i := range d.Occurrences {
		d.Occurrences[i].Kind = ordinaut.RunProbe
	}
	if end := watchEnd(task.Schedule); d.DueAt == nil && !end.IsZero() {
		d.DueAt = &end
	}
	return d
}

// endWatch decides on a watch whose last probe is over. A probe that is still live, or whose verdict
// nobody has judged, is waited for a while: a look that began before the end counts.
func endWatch(now time.Time, task *ordinaut.DueTask) ordinaut.Decision {
	decision := ordinaut.Decision{TaskID: task.TaskID}
	end := watchEnd(task.Schedule)
	if end.After(now) {
		decision.DueAt = &end
		return decision
	}
	if task.Busy && now.Before(end.Add(lastLook)) {
		again := now.Add(lookAgain)
		decision.DueAt = &again
		return decision
	}
	deadline := task.Rules.Condition.Deadline
	if deadline == nil || !deadline.Equal(end) {
		return decision
	}
	decision.Note = "The watch ended at its deadline."
	if task.RunsStarted > 0 {
		return decision
	}
	decision.Note = "The watch ended at its deadline; nothing has started until then."
	decision.Occurrences = []ordinaut.Occurrence{{
		NamespaceID: task.NamespaceID, TaskID: task.TaskID, Kind: ordinaut.RunCondition,
		NominalAt: end, LastAt: end, Count: 1,
		Fate: ordinaut.FateMissed, Reason: ordinaut.ReasonDeadlinePassed, DecidedAt: now,
	}}
	return decision
}
