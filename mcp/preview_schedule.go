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

const defaultPreview = 5

// previewScheduleArgs is the input of preview_schedule.
type previewScheduleArgs struct {
	Schedule *scheduleArgs `json:"schedule,omitempty"`
	Phrase   string        `json:"phrase,omitempty"`
	Timezone string        `json:"timezone,omitempty"`
	Count    int           `json:"count,omitempty"`
	After    string        `json:"after,omitempty"`
}

// previewScheduleAnswer is the output of preview_schedule: what a schedule means, or a question.
type previewScheduleAnswer struct {
	PreviewID  string          `json:"preview_id,omitempty"`
	Schedule   *scheduleView   `json:"schedule,omitempty"`
	Words      string          `json:"words,omitempty"`
	Understood *understoodView `json:"understood,omitempty"`
	Question   string          `json:"question,omitempty"`
	Options    []optionView    `json:"options,omitempty"`
	Times      []plannedTime   `json:"times,omitempty"`
	Excluded   []excludedTimes `json:"excluded,omitempty"`
	Collisions []collisionView `json:"collisions,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"`
	Next       string          `json:"next"`
}

// understoodView is what a phrase was taken to say.
type understoodView struct {
	Words       string   `json:"words"`
	Assumptions []string `json:"assumptions,omitempty"`
}

// optionView is one of the things that an unclear phrase may mean.
type optionView struct {
	Words       string       `json:"words"`
	Schedule    scheduleView `json:"schedule"`
	Assumptions []string     `json:"assumptions,omitempty"`
}

func (a previewScheduleAnswer) text() string {
	var b strings.Builder
	if a.Question != "" {
		b.WriteString(a.Question)
		for _, o := range a.Options {
			b.WriteString("\n- " + o.Words + ": " + compact(o.Schedule))
			writeAssumptions(&b, o.Assumptions)
		}
		return b.String() + "\n" + a.Next
	}
	timezone := ""
	if a.Schedule != nil {
		timezone = a.Schedule.Timezone
	}
	b.WriteString(a.Words + ".")
	if a.Understood != nil {
		writeAssumptions(&b, a.Understood.Assumptions)
	}
	for _, t := range a.Times {
		b.WriteString("\n" + t.line(timezone))
	}
	if len(a.Times) == 0 {
		b.WriteString("\nNo time.")
	}
	for _, x := range a.Excluded {
		b.WriteString("\nLeft out: " + x.line(timezone))
	}
	for _, c := range a.Collisions {
		fmt.Fprintf(&b, "\nAt the same time: %s %q at %s", c.TaskID, c.Title, local(c.At, timezone))
	}
	for _, w := range a.Warnings {
		b.WriteString("\nWarning: " + w)
	}
	return b.String() + "\n" + a.PreviewID + ": " + a.Next
}

func writeAssumptions(b *strings.Builder, assumptions []string) {
	for _, assumption := range assumptions {
		b.WriteString("\n  assuming: " + assumption)
	}
}

func (s *Server) previewSchedule(ctx context.Context, c *call, in previewScheduleArgs) (previewScheduleAnswer, error) {
	after, err := parseInstant("/after", in.After)
	if err != nil {
		return previewScheduleAnswer{}, err
	}
	d := draft{now: s.now()}
	answer := previewScheduleAnswer{}
	if in.Phrase == "" {
		err = d.readGiven(in)
	} else {
		err = s.readPhrase(ctx, c, &d, in, &answer)
	}
	if err != nil || answer.Question != "" {
		return answer, err
	}
	if err := s.checkSchedule(ctx, c, &d); err != nil {
		return answer, err
	}
	if err := s.checkCalendars(ctx, c, d.spec.Schedule); err != nil {
		return answer, err
	}
	if err := s.lookAhead(ctx, c, &d, &answer, after, cmp.Or(in.Count, defaultPreview)); err != nil {
		return answer, err
	}
	id, err := s.cfg.Store.InsertPreview(ctx, c.agent, d.spec.Schedule)
	if err != nil {
		return answer, err
	}
	view := viewSchedule(d.spec.Schedule)
	answer.PreviewID, answer.Schedule, answer.Words = id.String(), &view, d.plan.Words()
	answer.Next = "create_task or update_task with this preview_id in place of schedule makes exactly this, within a day."
	return answer, nil
}

// readGiven reads the schedule of a call without a phrase.
func (d *draft) readGiven(in previewScheduleArgs) error {
	if in.Schedule == nil {
		return ordinaut.Invalid("/schedule", "is missing: give schedule, or phrase")
	}
	if in.Timezone != "" {
		return ordinaut.Invalid("/timezone", "belongs to phrase; a schedule has a timezone of its own")
	}
	schedule, err := in.Schedule.schedule()
	if err != nil {
		return err
	}
	return d.readSchedule(schedule, in.Schedule.Timezone == "")
}

// readPhrase reads a phrase, into the draft if it is clear and else into a question.
func (s *Server) readPhrase(ctx context.Context, c *call, d *draft, in previewScheduleArgs, answer *previewScheduleAnswer) error {
	if in.Schedule != nil {
		return ordinaut.Invalid("/phrase", "schedule and phrase both say when: give one of them")
	}
	names, err := s.cfg.Store.CalendarNames(ctx, c.agent.NamespaceID)
	if err != nil {
		return err
	}
	phrase, err := scheduler.ReadPhrase(in.Phrase, scheduler.PhraseSetting{Now: d.now, Timezone: in.Timezone, Calendars: names})
	if err != nil {
		return err
	}
	if phrase.Question != "" {
		*answer = askAbout(phrase)
		return nil
	}
	meaning := phrase.Meanings[0]
	answer.Understood = &understoodView{Words: meaning.Words, Assumptions: meaning.Assumptions}
	return d.readSchedule(meaning.Schedule, meaning.ZoneLeftOut)
}

// askAbout answers a phrase that may mean several things.
func askAbout(phrase scheduler.Phrase) previewScheduleAnswer {
	answer := previewScheduleAnswer{
		Question: phrase.Question,
		Next:     "Ask the person, then call preview_schedule with the schedule of the option that they choose, or with a clearer phrase.",
	}
	for _, m := range phrase.Meanings {
		answer.Options = append(answer.Options, optionView{Words: m.Words, Schedule: viewSchedule(m.Schedule), Assumptions: m.Assumptions})
	}
	return answer
}

// lookAhead fills in the next count times, from now on or after after, and what is odd about them.
func (s *Server) lookAhead(ctx context.Context, c *call, d *draft, answer *previewScheduleAnswer, after *time.Time, count int) error {
	ahead, err := s.outlookOf(ctx, d.task(c), after, count)
	if err != nil {
		return err
	}
	answer.Times, answer.Excluded = ahead.views(count)
	d.warnings = append(d.warnings, ahead.warnings(count)...)
	answer.Warnings = d.warnings
	if d.spec.Schedule.Kind == ordinaut.ScheduleCondition {
		return nil // to look is no run
	}
	started, _ := ahead.through(count)
	answer.Collisions, err = s.collisions(ctx, c, started)
	return err
}

// task returns the task that the draft would make, as far as its times go.
func (d *draft) task(c *call) ordinaut.Task {
	return ordinaut.Task{
		NamespaceID: c.agent.NamespaceID, OwnerID: c.agent.ID, State: ordinaut.TaskActive,
		Spec: d.spec, NextAt: d.first(),
	}
}
