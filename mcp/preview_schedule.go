package mcp

import (
	"cmp"
	"context"
	"strings"
)

const defaultPreview = 5

// previewScheduleArgs is the input of preview_schedule.
type previewScheduleArgs struct {
	Schedule scheduleArgs `json:"schedule"`
	Count    int          `json:"count,omitempty"`
	After    string       `json:"after,omitempty"`
}

// previewScheduleAnswer is the output of preview_schedule.
type previewScheduleAnswer struct {
	Schedule scheduleView `json:"schedule"`
	Words    string       `json:"words"`
	Times    []timeView   `json:"times"`
	Warnings []string     `json:"warnings,omitempty"`
}

func (a previewScheduleAnswer) text() string {
	var b strings.Builder
	b.WriteString(a.Words + ".")
	for _, t := range a.Times {
		b.WriteString("\n" + t.Local)
		if t.DST != "" {
			b.WriteString(" (" + t.DST + ")")
		}
	}
	if len(a.Times) == 0 {
		b.WriteString("\nNo time.")
	}
	for _, w := range a.Warnings {
		b.WriteString("\nWarning: " + w)
	}
	return b.String()
}

func (s *Server) previewSchedule(_ context.Context, _ *call, in previewScheduleArgs) (previewScheduleAnswer, error) {
	schedule, err := in.Schedule.schedule()
	if err != nil {
		return previewScheduleAnswer{}, err
	}
	after, err := parseInstant("/after", in.After)
	if err != nil {
		return previewScheduleAnswer{}, err
	}
	d := draft{now: s.now()}
	if err := d.setSchedule(schedule, in.Schedule.Timezone == ""); err != nil {
		return previewScheduleAnswer{}, err
	}
	if err := s.language.CheckTrigger(d.spec.Schedule); err != nil {
		return previewScheduleAnswer{}, err
	}
	from := d.now
	put(&from, after)
	return previewScheduleAnswer{
		Schedule: viewSchedule(d.spec.Schedule), Words: d.plan.Words(),
		Times: viewTimes(d.plan.Preview(from, cmp.Or(in.Count, defaultPreview))), Warnings: d.warnings,
	}, nil
}
