package explain

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
)

// evidence collects the facts behind a finding, oldest first: its row of the ledger, its run, the run in
// its way, and what was done to the task.
func (j *judge) evidence(f finding, q Question) []Evidence {
	var all []Evidence
	if f.row != nil {
		all = append(all, j.rowEvidence(f.row))
	}
	if f.run != nil {
		all = append(all, j.runEvidence(f.run)...)
		all = append(all, j.retryEvidence(f)...)
	}
	switch f.code {
	case ordinaut.ReasonOverlap.Verdict(), ordinaut.ReasonBuffered.Verdict(), ordinaut.ReasonBufferFull.Verdict(), ordinaut.VerdictWaiting:
		if r := j.blocking(f); r != nil {
			all = append(all, j.runEvidence(r)...)
		}
	}
	if f.code == ordinaut.ReasonCaughtUp.Verdict() {
		if o := j.standIn(f); o != nil {
			all = append(all, j.rowEvidence(o))
		}
	}
	all = append(all, j.approvalEvidence(f)...)
	all = append(all, j.policyEvidence(f)...)
	all = append(all, j.changeEvidence(f, q)...)
	if f.code == ordinaut.VerdictNoWorker {
		all = append(all, j.workerEvidence())
	}
	if f.code == ordinaut.ReasonSchedulerDown.Verdict() && f.row == nil {
		all = append(all, Evidence{At: j.Now, What: "no scheduler has decided on it; its next time is still " + j.short(f.first)})
	}
	slices.SortStableFunc(all, func(a, b Evidence) int { return a.At.Compare(b.At) })
	return all
}

func (j *judge) rowEvidence(o *ordinaut.Occurrence) Evidence {
	what := "the ledger: " + j.short(o.NominalAt)
	if o.Count > 1 {
		what += fmt.Sprintf(" to %s, %d times", j.short(o.LastAt), o.Count)
	}
	what += " " + string(o.Fate)
	if o.Reason != "" {
		what += " (" + string(o.Reason) + ")"
	}
	e := Evidence{At: o.DecidedAt, What: what}
	switch {
	case !o.RunID.IsZero():
		e.ID = o.RunID.String()
	case !o.EventID.IsZero():
		e.ID = o.EventID.String()
	}
	return e
}

// policyEvidence tells which entry of a calendar, or which quiet hours, bear on a time.
func (j *judge) policyEvidence(f finding) []Evidence {
	policy, known := j.policy(f.last)
	switch f.code {
	case ordinaut.ReasonExcludedByCalendar.Verdict(), ordinaut.ReasonShiftedByCalendar.Verdict():
		if !known || policy.Calendar == "" {
			return nil
		}
		what := "the calendar " + policy.Calendar + " excludes it"
		if e := j.entry(policy.Calendar, f.last); e != nil {
			what += ": " + entryWords(e)
		}
		return []Evidence{{At: f.last, What: what}}
	case ordinaut.ReasonQuietHours.Verdict():
		what := "quiet hours of the task"
		if r := j.Task.Spec.Schedule.Rules; r == nil || r.Quiet == nil {
			what = "quiet hours of its agent"
		}
		if known && policy.Due.After(f.last) {
			what += ", until " + j.short(policy.Due)
		}
		return []Evidence{{At: f.last, What: what}}
	default:
		return nil
	}
}

// entryWords writes an entry of a calendar: 2030-12-25 to 2030-12-27, Christmas.
func entryWords(e *ordinaut.CalendarEntry) string {
	words := e.From
	if e.To != "" {
		words += " to " + e.To
	}
	if e.Title != "" {
		words += ", " + e.Title
	}
	return words
}

// runEvidence tells how a run began and how it ended, or where it stands.
func (j *judge) runEvidence(r *ordinaut.Run) []Evidence {
	id := r.ID.String()
	var all []Evidence
	if r.StartedAt != nil {
		all = append(all, Evidence{At: *r.StartedAt, What: j.about(r) + " started", ID: id})
	} else {
		all = append(all, Evidence{At: r.QueuedAt, What: j.about(r) + " queued", ID: id})
	}
	if r.FinishedAt == nil {
		return append(all, Evidence{At: j.Now, What: j.about(r) + " is " + string(r.State), ID: id})
	}
	for _, step := range j.SkippedSteps[r.ID] {
		all = append(all, Evidence{At: *r.FinishedAt, What: "step " + step + " skipped (" + string(ordinaut.ReasonConditionFalse) + ")", ID: id})
	}
	what := j.about(r) + " " + string(r.State)
	if r.Reason != "" {
		what += " (" + string(r.Reason) + ")"
	}
	if r.Error != "" {
		what += ": " + r.Error
	}
	return append(all, Evidence{At: *r.FinishedAt, What: what, ID: id})
}

// changeEvidence tells what was done to the task in the stretch, and the latest pause or resumption before.
func (j *judge) changeEvidence(f finding, q Question) []Evidence {
	since := j.Since
	if q.At == nil && q.RunID.IsZero() && f.first.Before(since) {
		since = f.first
	}
	until := f.last
	if f.row != nil && f.row.DecidedAt.After(until) {
		until = f.row.DecidedAt
	}
	if f.row == nil && f.run == nil {
		until = j.Now
	}
	var all []Evidence
	var before *ordinaut.TaskChange
	for i := range j.Changes {
		c := &j.Changes[i]
		switch {
		case c.At.After(until):
		case !c.At.Before(since):
			all = append(all, j.changed(c))
		case c.Action == "pause_task" || c.Action == "resume_task" || c.Action == "snooze_task":
			before = c
		}
	}
	if before != nil {
		all = append(all, j.changed(before))
	}
	return all
}

// changed tells of a change and of what the audit trail says of it.
func (j *judge) changed(c *ordinaut.TaskChange) Evidence {
	var detail map[string]any
	if len(c.Detail) > 0 && json.Unmarshal(c.Detail, &detail) != nil {
		detail = nil
	}
	var said []string
	for _, key := range slices.Sorted(maps.Keys(detail)) {
		switch value := detail[key].(type) {
		case nil:
		case float64:
			if value != 0 {
				said = append(said, fmt.Sprintf("%s %v", key, value))
			}
		case string:
			if at, err := time.Parse(time.RFC3339, value); err == nil {
				said = append(said, key+" "+j.short(at))
			} else if value != "" {
				said = append(said, fmt.Sprintf("%s %q", key, value))
			}
		default:
			said = append(said, fmt.Sprintf("%s %v", key, value))
		}
	}
	what := c.Action + " by " + c.Actor
	if len(said) > 0 {
		what += ": " + strings.Join(said, ", ")
	}
	return Evidence{At: c.At, What: what}
}

func (j *judge) workerEvidence() Evidence {
	if at := j.Workers.ClaimedAt; at != nil {
		return Evidence{At: *at, What: "the latest claim of a run by a worker"}
	}
	return Evidence{At: j.Now.Truncate(time.Second), What: "no worker has claimed any of the latest runs"}
}
