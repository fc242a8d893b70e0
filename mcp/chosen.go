package mcp

import (
	"context"
	"errors"
	"strings"

	"github.com/ordinaut/ordinaut"
)

// chosenSchedule is the schedule that a call gives: itself, or as it was shown before.
type chosenSchedule struct {
	Schedule  *scheduleArgs `json:"schedule,omitempty"`
	PreviewID string        `json:"preview_id,omitempty"`
}

// given reports whether the call gives a schedule.
func (a chosenSchedule) given() bool { return a.Schedule != nil || a.PreviewID != "" }

// setChosen checks and sets the schedule of a draft. What was previewed is taken as it was shown, its
// instants and anchors included.
func (s *Server) setChosen(ctx context.Context, c *call, d *draft, a chosenSchedule) error {
	switch {
	case a.Schedule != nil && a.PreviewID != "":
		return ordinaut.Invalid("/preview_id", "schedule and preview_id both say when the task is due: give one of them")
	case a.PreviewID != "":
		id, err := previewID(a.PreviewID)
		if err != nil {
			return err
		}
		schedule, err := s.cfg.Store.GetPreview(ctx, c.agent, id)
		if err != nil {
			return err
		}
		if err := s.checkCalendars(ctx, c, schedule); err != nil {
			return err
		}
		return ofPreview(d.readSchedule(schedule, false))
	case a.Schedule != nil:
		schedule, err := a.Schedule.schedule()
		if err != nil {
			return err
		}
		if err := s.checkCalendars(ctx, c, schedule); err != nil {
			return err
		}
		return d.readSchedule(schedule, a.Schedule.Timezone == "")
	default:
		return ordinaut.Invalid("/schedule", "is missing: give schedule, or the preview_id of preview_schedule's answer")
	}
}

// ofPreview says of a schedule that was fine when it was shown that it no longer is.
func ofPreview(err error) error {
	if public, ok := errors.AsType[*ordinaut.Error](err); ok && strings.HasPrefix(public.Pointer, "/schedule") {
		return ordinaut.Invalid("/preview_id", "what was shown cannot be made any more: %s. Call preview_schedule again", public.Msg)
	}
	return err
}

// previewID reads the argument preview_id.
func previewID(text string) (ordinaut.PreviewID, error) {
	id, err := ordinaut.ParsePreviewID(text)
	if err != nil || id.IsZero() {
		return id, badID("/preview_id", text, "preview", "preview_schedule gives one")
	}
	return id, nil
}
