package explain

import (
	"fmt"
	"time"

	"github.com/ordinaut/ordinaut"
)

// late is from which delay on a run that went well is said to have started late.
const late = time.Minute

func ranSentence(j *judge, f finding) string {
	s := j.subject(f) + " and ran"
	if r := f.run; r.StartedAt != nil {
		s += ": it succeeded after " + j.took(r)
		if delay := r.StartedAt.Sub(f.first); f.kind == ordinaut.RunScheduled && delay > late {
			s += ", having started " + lasting(delay) + " late"
		}
	}
	switch skipped := j.SkippedSteps[f.run.ID]; len(skipped) {
	case 0:
	case 1:
		s += ", without its step " + skipped[0] + ", whose if was false"
	default:
		s += fmt.Sprintf(", without %d of its steps, whose if was false", len(skipped))
	}
	return ending(s)
}

func runningSentence(j *judge, f finding) string {
	s := j.subject(f) + " and is running"
	if f.run.StartedAt != nil {
		s += ", for " + j.took(f.run) + " so far"
	}
	return ending(s)
}

func waitingSentence(j *judge, f finding) string {
	s := j.subject(f) + ", and its run waits"
	switch blocking := j.blocking(f); {
	case f.run.WakesAt != nil:
		return ending(s + " until " + j.moment(*f.run.WakesAt))
	case f.run.StartedAt == nil && blocking != nil:
		return ending(s + " for the run before it, " + j.about(blocking) + ", to end")
	default:
		return ending(s + " for something from outside")
	}
}

func queuedSentence(j *judge, f finding) string {
	return ending(fmt.Sprintf("%s, and its run has been ready for %s: it is for the next free worker", j.subject(f), lasting(j.Now.Sub(f.run.QueuedAt))))
}

func noWorkerSentence(j *judge, f finding) string {
	return ending(fmt.Sprintf("%s, but its run has been ready for %s and no worker is there to take it", j.subject(f), lasting(j.Now.Sub(f.run.QueuedAt))))
}

func notYetDueSentence(j *judge, f finding) string {
	if !f.first.After(j.Now) && j.Task.DueAt != nil && j.Task.DueAt.After(j.Now) {
		return ending(fmt.Sprintf("%s and has been put off to %s", j.subject(f), j.moment(*j.Task.DueAt)))
	}
	if !f.first.After(j.Now) {
		return ending(j.subject(f) + ", just now, and is about to start")
	}
	if f.count > 1 {
		return ending(j.subject(f))
	}
	return ending(fmt.Sprintf("%s, in %s", j.subject(f), lasting(f.first.Sub(j.Now))))
}

func notDueSentence(j *judge, f finding) string {
	at := f.first
	s := "It was not due at " + j.moment(at)
	if at.After(j.Now) {
		s = "It is not due at " + j.moment(at)
	}
	switch kind := j.Task.Spec.Schedule.Kind; kind {
	case ordinaut.ScheduleManual:
		return s + ": it has no times of its own and runs only by run_now."
	case ordinaut.ScheduleEvent:
		return fmt.Sprintf("Nothing that could start it came about %s: it runs when an event of the topic %s is published.", j.moment(at), j.Task.Spec.Schedule.Expr)
	case ordinaut.ScheduleCondition:
		return fmt.Sprintf("Its condition started nothing about %s.", j.moment(at))
	}
	before, hasBefore := j.before(at)
	after, hasAfter := j.next(at)
	switch {
	case hasBefore && hasAfter:
		return ending(fmt.Sprintf("%s: the nearest times of its schedule are %s and %s", s, j.moment(before), j.moment(after)))
	case hasBefore:
		return ending(fmt.Sprintf("%s: the last time of its schedule is %s", s, j.moment(before)))
	case hasAfter:
		return ending(fmt.Sprintf("%s: the first time of its schedule is %s", s, j.moment(after)))
	default:
		return ending(s + ": its schedule has no times")
	}
}

func beforeStartSentence(j *judge, f finding) string {
	return ending(fmt.Sprintf("It was not due at %s, because its schedule starts at %s", j.moment(f.first), j.moment(*j.Task.Spec.Schedule.StartsAt)))
}

func afterEndSentence(j *judge, f finding) string {
	return ending(fmt.Sprintf("It was not due at %s, because its schedule ends at %s", j.moment(f.first), j.moment(*j.Task.Spec.Schedule.EndsAt)))
}

func outsideVersionSentence(j *judge, f finding) string {
	if f.first.Before(j.Task.CreatedAt) {
		return ending(fmt.Sprintf("It was not due at %s, because the task was not made before %s", j.moment(f.first), j.moment(j.Task.CreatedAt)))
	}
	since := j.Task.CreatedAt
	for i := len(j.Versions) - 1; i > 0 && !j.Versions[i].Spec.Schedule.SameTimes(j.Versions[i-1].Spec.Schedule); i-- {
		since = j.Versions[i].CreatedAt
	}
	return ending(fmt.Sprintf("It was not due at %s, because it has its present schedule only since %s", j.moment(f.first), j.moment(since)))
}

func finishedSentence(j *judge, f finding) string {
	s := "It did not run, because its schedule has no time left"
	if f.count > 0 {
		s = j.subject(f) + " by its rule, but its schedule was finished before"
	}
	schedule := j.Task.Spec.Schedule
	switch {
	case schedule.MaxRuns > 0:
		return ending(fmt.Sprintf("%s: max_runs is %d", s, schedule.MaxRuns))
	case schedule.EndsAt != nil:
		return ending(s + ": it ended at " + j.moment(*schedule.EndsAt))
	default:
		return ending(s)
	}
}

func deletedSentence(j *judge, _ finding) string {
	s := "It did not run, because the task was deleted"
	if by := j.lastChange("delete_task", j.Now); by != nil {
		s += " by " + by.Actor + " at " + j.moment(by.At)
	}
	return ending(s)
}

func unrecordedSentence(j *judge, f finding) string {
	if f.row != nil {
		return j.subject(f) + " and started, but the history of its run is gone."
	}
	if f.first.Before(j.Now) {
		if change := j.lastChange("update_task", j.Now); change != nil && change.At.After(f.first) {
			return ending(fmt.Sprintf("%s, but before a scheduler came to it %s changed the task at %s", j.subject(f), change.Actor, j.moment(change.At)))
		}
	}
	return j.subject(f) + ", but the ledger has no row for it any more."
}

func scheduleChangedSentence(j *judge, f finding) string {
	by := ""
	if f.row != nil {
		if change := j.lastChange("update_task", f.row.DecidedAt.Add(time.Second)); change != nil && !change.At.Before(f.first) {
			by = change.Actor + " at " + j.moment(change.At)
		}
	}
	if by == "" {
		return j.subject(f) + " but did not run, because the schedule was changed, or had started all its runs, before it started."
	}
	return ending(j.subject(f) + " but did not run, because before it started the schedule was changed by " + by)
}

func overlapSentence(j *judge, f finding) string {
	blocking := j.blocking(f)
	if blocking == nil {
		return j.subject(f) + " but skipped, because its previous run was still going."
	}
	took := ""
	switch {
	case blocking.FinishedAt != nil && blocking.StartedAt != nil:
		took = " (it took " + j.took(blocking) + ")"
	case blocking.FinishedAt == nil:
		took = " (it has not ended yet)"
	}
	return ending(fmt.Sprintf("%s but skipped, because %s was still going%s", j.subject(f), j.about(blocking), took))
}

func caughtUpSentence(j *judge, f finding) string {
	s := j.subject(f) + " but was passed over: several times were due at once, and the latest stood in for them"
	if o := j.standIn(f); o != nil {
		s += ", that of " + j.moment(o.NominalAt)
	}
	return ending(s)
}

func tooLateSentence(j *judge, f finding) string {
	s := j.subject(f) + " but missed"
	if f.row != nil {
		s += ", because a scheduler came to it only " + lasting(f.row.DecidedAt.Sub(f.last)) + " later"
	}
	if most := j.Task.Spec.Schedule.MaxLatenessSeconds; most > 0 {
		return ending(fmt.Sprintf("%s and max_lateness_seconds is %d", s, most))
	}
	return s + ", which is more than its schedule allows."
}

func schedulerDownSentence(j *judge, f finding) string {
	if f.row == nil {
		return ending(fmt.Sprintf("%s, but no scheduler has looked since: it is overdue by %s", j.subject(f), lasting(j.Now.Sub(f.first))))
	}
	return j.subject(f) + " but missed, because no scheduler was running then and catch_up is none."
}

func pausedSentence(j *judge, f finding) string {
	until := f.first
	if f.count == 0 {
		until = j.Now
	}
	by := j.lastChange("pause_task", until)
	paused := "the task is paused"
	if by != nil || f.count > 0 && !f.first.After(j.Now) {
		paused = "the task was paused"
	}
	s := j.subject(f) + " but skipped, because " + paused
	switch {
	case f.count == 0:
		s = "It does not run, because " + paused
	case f.first.After(j.Now):
		s = j.subject(f) + " but will be passed over, because " + paused
	}
	if by == nil {
		return ending(s)
	}
	switch said := detailOf(by); {
	case said.Failures > 0:
		s += fmt.Sprintf(" at %s after %s in a row", j.moment(by.At), count(said.Failures, "failure"))
	case said.Note != "":
		s += fmt.Sprintf(" by %s at %s (%q)", by.Actor, j.moment(by.At), said.Note)
	default:
		s += fmt.Sprintf(" by %s at %s", by.Actor, j.moment(by.At))
	}
	if due := j.Task.DueAt; j.Task.State == ordinaut.TaskPaused && due != nil {
		s += ", until " + j.moment(*due)
	}
	return ending(s)
}

// failed returns the sentence on a run that did not succeed, because of what.
func failed(because string) func(*judge, finding) string {
	return func(j *judge, f finding) string {
		if f.run == nil {
			return ending(j.subject(f) + " but did not run, because " + because)
		}
		how := map[ordinaut.RunState]string{
			ordinaut.RunCanceled: "was canceled", ordinaut.RunTimedOut: "timed out",
		}[f.run.State]
		if how == "" {
			how = "failed"
		}
		s := fmt.Sprintf("%s but %s", j.subject(f), how)
		if took := j.took(f.run); took != "" {
			s += " after " + took
		}
		s += ", because " + because
		if f.run.Error != "" {
			s += ": " + f.run.Error
		}
		return ending(s)
	}
}
