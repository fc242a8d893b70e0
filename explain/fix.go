package explain

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

const (
	// The most seconds that tools accept, and what a step has that does not say.
	maxLateness    = 7 * 24 * 60 * 60
	maxRunTimeout  = 7 * 24 * 60 * 60
	maxStepTimeout = 3600
	stepTimeout    = 60
	// Those of approval.request.
	maxAnswerTime = 7 * 24 * 60 * 60
	answerTime    = 24 * 60 * 60

	defaultCatchUp = 10
	maxCatchUp     = 100
)

func (j *judge) call(tool, why string, more map[string]any) *Fix {
	arguments := map[string]any{"task_id": j.Task.ID.String()}
	maps.Copy(arguments, more)
	return &Fix{Tool: tool, Arguments: arguments, Why: why}
}

// reschedule changes the present schedule; when that changes nothing, since it is so already, or the
// schedule has no time left to change, what did not run can only be made up for.
func (j *judge) reschedule(f finding, why string, change func(*ordinaut.Schedule)) *Fix {
	s := j.Task.Spec.Schedule
	before := s
	change(&s)
	if s == before || j.Task.State == ordinaut.TaskFinished || s.Kind == ordinaut.ScheduleOnce {
		return makeUp(j, f)
	}
	fix := j.call("update_task", why, map[string]any{"if_version": j.Task.Version})
	fix.Schedule = &s
	return fix
}

func (j *judge) runNow(why string) *Fix {
	if why == "" {
		why = "starts it once, now, to make up for it"
	}
	return j.call("run_now", why, nil)
}

func queueBehind(j *judge, f finding) *Fix {
	return j.reschedule(f, "lets a time that comes while a run is live wait for its end, instead of skipping it",
		func(s *ordinaut.Schedule) { s.Overlap = ordinaut.OverlapBufferOne })
}

func allowLateness(j *judge, f finding) *Fix {
	if f.row == nil {
		return makeUp(j, f)
	}
	needed := f.row.DecidedAt.Sub(f.last)
	seconds := int(min(needed.Round(time.Minute)+time.Minute, maxLateness*time.Second) / time.Second)
	return j.reschedule(f, "lets it start as late as it was this time", func(s *ordinaut.Schedule) {
		s.MaxLatenessSeconds = max(seconds, s.MaxLatenessSeconds)
	})
}

func catchUp(j *judge, f finding) *Fix {
	if f.row == nil {
		return &Fix{Tool: "get_status", Arguments: map[string]any{}, Why: "no tool starts a scheduler: an operator runs ordinaut serve --roles scheduler, and this shows when schedules are overdue no longer"}
	}
	return j.reschedule(f, "makes one run for the latest time that an outage swallowed",
		func(s *ordinaut.Schedule) { s.CatchUp = ordinaut.CatchUpLatest })
}

func startWorker(*judge, finding) *Fix {
	return &Fix{Tool: "get_status", Arguments: map[string]any{}, Why: "no tool starts a worker: an operator runs ordinaut serve --roles worker, and this shows when runs move again"}
}

func resume(j *judge, f finding) *Fix {
	if j.Task.State != ordinaut.TaskPaused {
		return makeUp(j, f)
	}
	return j.call("resume_task", "makes it obey its schedule again", nil)
}

func dropStart(j *judge, f finding) *Fix {
	return j.reschedule(f, "lets the schedule start then", func(s *ordinaut.Schedule) {
		at := f.first.Add(-around).Truncate(time.Second)
		s.StartsAt = &at
	})
}

func dropEnd(j *judge, _ finding) *Fix { return j.extend() }

// extend takes away what ended the schedule.
func (j *judge) extend() *Fix {
	s := j.Task.Spec.Schedule
	if s.Kind == ordinaut.ScheduleOnce || s.EndsAt == nil && s.MaxRuns == 0 {
		return j.runNow("starts it once, now; update_task can give it a schedule that goes on")
	}
	f := j.call("update_task", "takes away the end of its schedule", map[string]any{"if_version": j.Task.Version})
	s.EndsAt, s.MaxRuns = nil, 0
	f.Schedule = &s
	return f
}

func recreate(j *judge, _ finding) *Fix {
	spec := j.Task.Spec
	f := &Fix{Tool: "create_task", Why: "makes it anew as it was"}
	copyJSON(&f.Arguments, spec) // its keys are those of the tool
	delete(f.Arguments, "schedule")
	f.Arguments["pause_after_failures"] = spec.PauseAfterFailures // left out, it would be the default
	if spec.Schedule.Kind == ordinaut.ScheduleOnce {
		spec.Schedule.Expr = "in 1m" // its instant may have passed
	}
	f.Schedule = &spec.Schedule
	return f
}

// shiftExcluded moves excluded times. A schedule that is due too often for that, or moves them as far as it
// goes already, can only stop observing its calendars.
func shiftExcluded(j *judge, f finding) *Fix {
	shifted := j.Task.Spec.Schedule
	if shifted.Rules == nil {
		return makeUp(j, f)
	}
	already := shifted.Rules.OnExcluded == ordinaut.ExcludedShift
	shifted.Rules = ruled(shifted.Rules, func(r *ordinaut.Rules) { r.OnExcluded = ordinaut.ExcludedShift })
	if _, _, err := scheduler.Parse(shifted, j.Now); err != nil || already {
		return j.reschedule(f, "lets it no longer observe its calendars", func(s *ordinaut.Schedule) {
			s.Rules = ruled(s.Rules, func(r *ordinaut.Rules) { r.Calendars, r.OnExcluded = nil, "" })
		})
	}
	return j.reschedule(f, "moves what a calendar excludes to the next day that is free, instead of skipping it", func(s *ordinaut.Schedule) {
		s.Rules = ruled(s.Rules, func(r *ordinaut.Rules) { r.OnExcluded = ordinaut.ExcludedShift })
	})
}

// deferQuiet lets what comes in the task's own quiet hours start at their end. What is put off already, and
// what the agent's quiet hours hold back, can only be made up for.
func deferQuiet(j *judge, f finding) *Fix {
	r := j.Task.Spec.Schedule.Rules
	if r == nil || r.Quiet == nil || r.Quiet.Action != ordinaut.QuietDrop {
		return j.startOnce(f, "starts it once, now: by hand it starts in quiet hours too")
	}
	return j.reschedule(f, "puts off what comes in quiet hours to their end, instead of skipping it", func(s *ordinaut.Schedule) {
		s.Rules = ruled(s.Rules, func(r *ordinaut.Rules) {
			quiet := *r.Quiet
			quiet.Action, r.Quiet = ordinaut.QuietDefer, &quiet
		})
	})
}

func dropDedupe(j *judge, f finding) *Fix {
	return j.reschedule(f, "lets every event start it", func(s *ordinaut.Schedule) {
		s.Rules = triggered(s.Rules, func(e *ordinaut.EventTrigger) { e.DedupeBy, e.DedupeWindowSeconds = "", 0 })
	})
}

func dropFilter(j *judge, f finding) *Fix {
	return j.reschedule(f, "lets every event of the topic start it, until filter and dedupe_by are right", func(s *ordinaut.Schedule) {
		s.Rules = triggered(s.Rules, func(e *ordinaut.EventTrigger) { e.Filter, e.DedupeBy, e.DedupeWindowSeconds = "", "", 0 })
	})
}

// triggered is ruled for what starts a task of kind event.
func triggered(rules *ordinaut.Rules, change func(*ordinaut.EventTrigger)) *ordinaut.Rules {
	return ruled(rules, func(r *ordinaut.Rules) {
		if r.Event != nil {
			event := *r.Event
			change(&event)
			r.Event = &event
		}
	})
}

func dropCooldown(j *judge, f finding) *Fix {
	return j.reschedule(f, "lets it start whenever its condition is met", func(s *ordinaut.Schedule) {
		s.Rules = watched(s.Rules, func(c *ordinaut.Condition) { c.CooldownSeconds = 0 })
	})
}

// dropDeadline lets a watch that is over go on.
func dropDeadline(j *judge, _ finding) *Fix {
	s := j.Task.Spec.Schedule
	s.Rules = watched(s.Rules, func(c *ordinaut.Condition) { c.Deadline = nil })
	f := j.call("update_task", "lets the watch go on without end", map[string]any{"if_version": j.Task.Version})
	f.Schedule = &s
	return f
}

// watched is ruled for what a task of kind condition looks at.
func watched(rules *ordinaut.Rules, change func(*ordinaut.Condition)) *ordinaut.Rules {
	return ruled(rules, func(r *ordinaut.Rules) {
		if r.Condition != nil {
			condition := *r.Condition
			change(&condition)
			r.Condition = &condition
		}
	})
}

// ruled returns rules as change leaves them; the given ones stay as they are. It returns those when nothing
// has changed.
func ruled(rules *ordinaut.Rules, change func(*ordinaut.Rules)) *ordinaut.Rules {
	var changed ordinaut.Rules
	if rules != nil {
		changed = *rules
	}
	change(&changed)
	if rules != nil && reflect.DeepEqual(*rules, changed) {
		return rules
	}
	return &changed
}

func widenBuffer(j *judge, f finding) *Fix {
	if j.Task.Spec.Schedule.Overlap == ordinaut.OverlapBufferOne {
		return j.reschedule(f, "lets more than one run wait for the live one", func(s *ordinaut.Schedule) { s.Overlap = ordinaut.OverlapBufferAll })
	}
	return j.reschedule(f, "lets runs go side by side", func(s *ordinaut.Schedule) { s.Overlap = ordinaut.OverlapAllow })
}

func catchUpMore(j *judge, f finding) *Fix {
	return j.reschedule(f, "lets as many be caught up with as were due", func(s *ordinaut.Schedule) {
		s.MaxCatchUp = min(max(s.MaxCatchUp, defaultCatchUp)+f.count, maxCatchUp)
	})
}

// lookInto shows what a step was given and what it answered: the way to correct a definition.
func lookInto(j *judge, f finding) *Fix {
	if f.run == nil {
		return j.runNow("")
	}
	return &Fix{
		Tool: "get_run", Arguments: map[string]any{"run_id": f.run.ID.String(), "detail": "full"},
		Why: "shows what the failed step was given and what came back; update_task with a corrected pipeline then puts it right",
	}
}

func findAction(*judge, finding) *Fix {
	return &Fix{Tool: "list_actions", Arguments: map[string]any{}, Why: "shows the actions there are; update_task then names one of them"}
}

// tryMore lets the task try again by itself, if it does not yet; else, or when no run is to come, it is tried
// once more.
func tryMore(j *judge, f finding) *Fix {
	if j.Task.Spec.Retry != nil || j.Task.State == ordinaut.TaskDeleted || j.Task.State == ordinaut.TaskFinished {
		return retry(j, f)
	}
	return j.call("update_task", "lets a run that fails be tried again, up to five times over several minutes", map[string]any{
		"if_version": j.Task.Version, "retry": map[string]any{"max_attempts": 5, "initial_seconds": 30},
	})
}

// moreTime doubles the time that the run may take.
func moreTime(j *judge, _ finding) *Fix {
	return j.call("update_task", "gives its runs twice the time", map[string]any{
		"if_version": j.Task.Version, "timeout_seconds": min(2*j.Task.Spec.TimeoutSeconds, maxRunTimeout),
	})
}

// moreStepTime doubles the time that steps without success may take: that of the step which failed, if it
// is known, else that of each.
func moreStepTime(j *judge, f finding) *Fix {
	failed := ""
	if f.run != nil {
		failed = j.FailedSteps[f.run.ID]
	}
	if i := strings.LastIndex(failed, "]."); i >= 0 {
		failed = failed[i+2:] // of a step within flow.foreach
	}
	arguments := map[string]any{"if_version": j.Task.Version}
	for _, b := range j.Task.Spec.Blocks() { // each is a key of the tool
		var steps []ordinaut.Step
		copyJSON(&steps, b.Steps)
		for _, s := range ordinaut.AllSteps(steps) {
			if s.Flow() || failed != "" && s.ID != failed {
				continue
			}
			usual, most := float64(stepTimeout), float64(maxStepTimeout)
			if s.Uses == ordinaut.ApprovalRequest {
				usual, most = answerTime, maxAnswerTime
			}
			s.TimeoutSeconds = min(2*cmp.Or(s.TimeoutSeconds, usual), most)
			arguments[b.Kind] = steps
		}
	}
	return j.call("update_task", "gives the step twice the time", arguments)
}

// copyJSON makes to a deep copy of from, which came out of JSON.
func copyJSON(to, from any) {
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		panic("explain: " + err.Error()) // it was stored as JSON
	}
}
