package scheduler

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// ruled is a daily schedule with rules.
func ruled(r ordinaut.Rules) ordinaut.Schedule {
	return ordinaut.Schedule{Kind: ordinaut.ScheduleCron, Expr: "0 9 * * *", Timezone: "Europe/Berlin", Rules: &r}
}

// Law: rules that say nothing beyond the defaults are none, so that schedules that mean the same are the same.
func TestParseNormalisesRules(t *testing.T) {
	t.Parallel()
	blackout := ordinaut.Blackout{From: at("2026-12-24T12:00:00+01:00"), To: at("2026-12-25T00:00:00Z")}
	for name, c := range map[string]struct{ in, want *ordinaut.Rules }{
		"none":         {&ordinaut.Rules{}, nil},
		"empty quiet":  {&ordinaut.Rules{Calendars: []string{}, Quiet: &ordinaut.Quiet{Timezone: "UTC"}}, nil},
		"the defaults": {&ordinaut.Rules{Calendars: []string{"a"}, OnExcluded: "skip"}, &ordinaut.Rules{Calendars: []string{"a"}}},
		"quiet": {
			&ordinaut.Rules{Quiet: &ordinaut.Quiet{
				Timezone: "Europe/Berlin", Action: "defer", Blackouts: []ordinaut.Blackout{blackout},
				Hours: []ordinaut.QuietHours{{From: "7:05", To: "24:00", Days: []string{"mon", " Tue "}}},
			}},
			&ordinaut.Rules{Quiet: &ordinaut.Quiet{
				Blackouts: []ordinaut.Blackout{{From: blackout.From.UTC(), To: blackout.To}},
				Hours:     []ordinaut.QuietHours{{From: "07:05", To: "00:00", Days: []string{"MON", "TUE"}}},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s, err := Parse(ruled(*c.in), created)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, s.Rules); diff != "" {
				t.Errorf("rules (-want +got)\n%s", diff)
			}
			if _, again, err := Parse(s, created); err != nil || !s.SameTimes(again) {
				t.Errorf("parsed again it differs: %+v, error %v", again.Rules, err)
			}
		})
	}
}

// Law: a rule that cannot be obeyed is refused, with where it stands and what is allowed.
func TestParseRefusesRules(t *testing.T) {
	t.Parallel()
	hours := func(h ...ordinaut.QuietHours) ordinaut.Schedule {
		return ruled(ordinaut.Rules{Quiet: &ordinaut.Quiet{Hours: h}})
	}
	numbers := func(change func(*ordinaut.Schedule)) ordinaut.Schedule {
		s := ruled(ordinaut.Rules{})
		change(&s)
		return s
	}
	often := ruled(ordinaut.Rules{Calendars: []string{"a"}, OnExcluded: "shift"})
	often.Expr = "*/30 * * * *"
	now := created
	for name, c := range map[string]struct {
		in      ordinaut.Schedule
		pointer string
		words   string
	}{
		"jitter":              {numbers(func(s *ordinaut.Schedule) { s.JitterSeconds = 86_401 }), "/schedule/jitter_seconds", "1 to 86400"},
		"max_runs":            {numbers(func(s *ordinaut.Schedule) { s.MaxRuns = -1 }), "/schedule/max_runs", "no limit"},
		"max_catch_up":        {numbers(func(s *ordinaut.Schedule) { s.MaxCatchUp = 101 }), "/schedule/max_catch_up", "1 to 100"},
		"a calendar's name":   {ruled(ordinaut.Rules{Calendars: []string{"a", "Holidays!"}}), "/schedule/calendars/1", "begins with a letter"},
		"a calendar twice":    {ruled(ordinaut.Rules{Calendars: []string{"a", "a"}}), "/schedule/calendars/1", "twice"},
		"too many calendars":  {ruled(ordinaut.Rules{Calendars: make([]string, 11)}), "/schedule/calendars", "at most 10"},
		"on_excluded":         {ruled(ordinaut.Rules{Calendars: []string{"a"}, OnExcluded: "move"}), "/schedule/on_excluded", "skip, shift"},
		"shift of nothing":    {ruled(ordinaut.Rules{OnExcluded: "shift"}), "/schedule/on_excluded", "names none"},
		"shift too often":     {often, "/schedule/on_excluded", "at most 24 times"},
		"a time of day":       {hours(ordinaut.QuietHours{From: "22:00", To: "7"}), "/schedule/quiet/hours/0/to", "HH:MM"},
		"24:00 as a start":    {hours(ordinaut.QuietHours{From: "24:00", To: "07:00"}), "/schedule/quiet/hours/0/from", "HH:MM"},
		"a day":               {hours(ordinaut.QuietHours{From: "22:00", To: "07:00", Days: []string{"MON", "Funday"}}), "/schedule/quiet/hours/0/days/1", "allowed are MON"},
		"a day twice":         {hours(ordinaut.QuietHours{From: "22:00", To: "07:00", Days: []string{"MON", "mon"}}), "/schedule/quiet/hours/0/days/1", "twice"},
		"always quiet":        {hours(ordinaut.QuietHours{From: "00:00", To: "12:00"}, ordinaut.QuietHours{From: "11:00", To: "00:00"}), "/schedule/quiet/hours", "whole week"},
		"too many hours":      {hours(slices.Repeat([]ordinaut.QuietHours{{From: "22:00", To: "07:00"}}, 21)...), "/schedule/quiet/hours", "at most 20"},
		"an action":           {ruled(ordinaut.Rules{Quiet: &ordinaut.Quiet{Action: "wait", Blackouts: []ordinaut.Blackout{{From: now, To: now.Add(time.Hour)}}}}), "/schedule/quiet/action", "defer, drop"},
		"a zone":              {ruled(ordinaut.Rules{Quiet: &ordinaut.Quiet{Timezone: "Mars", Blackouts: []ordinaut.Blackout{{From: now, To: now.Add(time.Hour)}}}}), "/schedule/quiet/timezone", "leave it out"},
		"a blackout reversed": {ruled(ordinaut.Rules{Quiet: &ordinaut.Quiet{Blackouts: []ordinaut.Blackout{{From: now, To: now}}}}), "/schedule/quiet/blackouts/0/to", "later than it begins"},
		"an event of a cron":  {ruled(ordinaut.Rules{Event: &ordinaut.EventTrigger{}}), "/schedule/event", "kind event"},
		"a condition of one":  {ruled(ordinaut.Rules{Condition: &ordinaut.Condition{}}), "/schedule/condition", "kind condition"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := Parse(c.in, now)
			var refused *ordinaut.Error
			if !errors.As(err, &refused) {
				t.Fatalf("error is %v", err)
			}
			if refused.Code != ordinaut.CodeInvalidArgument || refused.Pointer != c.pointer || !strings.Contains(refused.Msg, c.words) {
				t.Errorf("refused at %q: %s; want %q: …%s…", refused.Pointer, refused.Msg, c.pointer, c.words)
			}
		})
	}
}
