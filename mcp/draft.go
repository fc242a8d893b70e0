package mcp

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/scheduler"
)

const (
	previewTimes = 3

	defaultPriority       = 5
	defaultTimeoutSeconds = 900
	defaultFailures       = 10

	// closeTimes is the period below which a creator is asked whether it is meant.
	closeTimes = 10 * time.Second
)

// draft is a definition on its way into the store.
type draft struct {
	spec     ordinaut.TaskSpec
	plan     *scheduler.Plan
	now      time.Time
	warnings []string
}

// readSchedule checks and normalises a schedule, and warns of what is odd about it whatever its times.
func (d *draft) readSchedule(schedule ordinaut.Schedule, zoneLeftOut bool) error {
	plan, normalised, err := scheduler.Parse(schedule, d.now)
	if err != nil {
		return err
	}
	d.plan, d.spec.Schedule = plan, normalised
	if zoneLeftOut && (normalised.Kind == ordinaut.ScheduleCron || normalised.Kind == ordinaut.ScheduleRRule) {
		d.warn("timezone was left out, so the schedule is read in UTC; set timezone if the person lives elsewhere")
	}
	for _, finding := range plan.Findings(normalised) {
		d.warn("%s", finding)
	}
	return nil
}

func (d *draft) warn(format string, args ...any) {
	d.warnings = append(d.warnings, fmt.Sprintf(format, args...))
}

// checkPipeline checks the steps against the actions that the caller's namespace has now.
func (s *Server) checkPipeline(ctx context.Context, c *call, d *draft) error {
	known, err := s.actions(ctx, c.agent.NamespaceID)
	if err != nil {
		return err
	}
	if err := s.language.Check(d.spec, known.lookup, known.names); err != nil {
		return err
	}
	return s.warnOfServers(ctx, c, d)
}

// checkSchedule is checkPipeline for a schedule that has no task yet.
func (s *Server) checkSchedule(ctx context.Context, c *call, d *draft) error {
	if rules := d.spec.Schedule.Rules; rules == nil || rules.Condition == nil && rules.Event == nil {
		return nil
	}
	known, err := s.actions(ctx, c.agent.NamespaceID)
	if err != nil {
		return err
	}
	if err := s.language.CheckSchedule(d.spec.Schedule, known.lookup, known.names); err != nil {
		return err
	}
	return s.warnOfServers(ctx, c, d)
}

// warnOfServers tells of servers that are not there and used by a step, or by the probe of a condition.
func (s *Server) warnOfServers(ctx context.Context, c *call, d *draft) error {
	servers, err := s.cfg.Store.ListServers(ctx, c.agent.NamespaceID)
	if err != nil {
		return err
	}
	for _, server := range servers {
		if server.State != "ready" && usesServer(d.spec, server.Name) {
			d.warn("server %s, which a step uses, is unavailable at the moment", server.Name)
		}
	}
	return nil
}

func usesServer(spec ordinaut.TaskSpec, server string) bool {
	if rules := spec.Schedule.Rules; rules != nil && rules.Condition != nil && strings.HasPrefix(rules.Condition.Probe.Uses, server+".") {
		return true
	}
	for _, step := range spec.AllSteps() {
		if strings.HasPrefix(step.Uses, server+".") {
			return true
		}
	}
	return false
}

func (d *draft) fillDefaults() {
	d.spec.Priority = cmp.Or(d.spec.Priority, defaultPriority)
	d.spec.TimeoutSeconds = cmp.Or(d.spec.TimeoutSeconds, defaultTimeoutSeconds)
}

// first returns the nominal time with which the schedule begins, if there is one.
func (d *draft) first() *time.Time {
	first, ok := d.plan.First(d.now)
	if !ok {
		return nil
	}
	return &first
}

// answerOf tells of a task as the call has left it. What is warned of is the schedule that was given, by
// the times of what is there: a repeated call may have found a task that is older than the draft.
func (s *Server) answerOf(ctx context.Context, d *draft, task ordinaut.Task) (taskAnswer, error) {
	ahead, err := s.outlookOf(ctx, task, nil, previewTimes)
	if err != nil {
		return taskAnswer{}, err
	}
	if d.plan != nil && task.State == ordinaut.TaskActive {
		d.warnings = append(d.warnings, ahead.warnings(previewTimes)...)
	}
	answer := taskAnswer{Task: viewTask(task), Words: ahead.plan.Words(), Warnings: d.warnings, Next: nextForTask(task)}
	answer.NextTimes, answer.Excluded = ahead.views(previewTimes)
	return answer, nil
}

// nextForTask says what an assistant can do with a task in its state.
func nextForTask(task ordinaut.Task) string {
	switch {
	case task.State == ordinaut.TaskPaused && task.PausedReason == ordinaut.ReasonPausedAfterFailures:
		return "It was paused because its runs kept failing: get_run shows the one that the note names; once the cause is gone, resume_task obeys its schedule again."
	case task.State == ordinaut.TaskPaused && task.DueAt != nil:
		return "It is paused until " + local(stamp(*task.DueAt), task.Spec.Schedule.Timezone) + ": resume_task ends that sooner, run_now starts it once."
	case task.State == ordinaut.TaskPaused:
		return "It is paused: resume_task obeys its schedule again, run_now starts it once."
	case task.State == ordinaut.TaskFinished:
		return "Its schedule has no further time: update_task can give it another, run_now starts it once."
	case task.Spec.Schedule.Kind == ordinaut.ScheduleCondition:
		return "It is watched: next_times are its probes. get_task with detail full shows what they found, list_runs with kinds [\"probe\"] each of them."
	case task.Spec.Schedule.Kind == ordinaut.ScheduleManual:
		return "It has no times of its own: run_now starts it."
	case task.Spec.Schedule.Kind == ordinaut.ScheduleEvent:
		return "It runs whenever a matching event is published: publish_event tries it, list_runs with task_id shows what happened."
	default:
		return "It runs by itself. run_now with wait_seconds tries it at once; list_runs with task_id shows what happened."
	}
}

// taskText is the text of an answer about one task.
func taskText(t taskView, words string, times []plannedTime, excluded []excludedTimes, warnings []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %s, version %d: %s.", t.ID, t.Title, t.State, t.Version, words)
	if t.Note != "" {
		fmt.Fprintf(&b, " Note: %s.", t.Note)
	}
	if t.ResumesAt != "" {
		fmt.Fprintf(&b, " It resumes at %s.", local(t.ResumesAt, t.Schedule.Timezone))
	}
	if t.SnoozedUntil != "" {
		fmt.Fprintf(&b, " The occurrence of %s is put off to %s.", local(t.SnoozedAt, t.Schedule.Timezone), local(t.SnoozedUntil, t.Schedule.Timezone))
	}
	fmt.Fprintf(&b, "\nSteps: %s.", strings.Join(t.Steps, "; "))
	for i, at := range times {
		if i == 0 {
			b.WriteString("\nNext: ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(at.line(t.Schedule.Timezone))
	}
	for _, x := range excluded {
		b.WriteString("\nLeft out: " + x.line(t.Schedule.Timezone))
	}
	for _, w := range warnings {
		b.WriteString("\nWarning: " + w)
	}
	return b.String()
}
