package mcp

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// wednesday is 12:17 in Chisinau.
func wednesday() time.Time { return time.Date(2026, 11, 25, 10, 17, 0, 0, time.UTC) }

// newWednesday opens a house in which it is always that Wednesday.
func newWednesday(t *testing.T) (*house, *visitor) {
	t.Helper()
	h := newHouse(t, func(c *Config) { c.Clock = wednesday })
	return h, h.connect(t, h.key)
}

// fromPreview is the arguments of a task made of a preview.
func fromPreview(title, id string) object {
	args := manual(title)
	delete(args, "schedule")
	args["preview_id"] = id
	return args
}

// What a phrase was understood to say is shown, and made as it was shown.
func TestPhraseIsMadeAsItWasShown(t *testing.T) {
	t.Parallel()
	_, v := newWednesday(t)
	for phrase, want := range map[string]object{
		"every weekday at 8:30":  {"kind": "cron", "expr": "30 8 * * MON-FRI", "timezone": "Europe/Chisinau", "overlap": "skip", "catch_up": "latest"},
		"in 20m":                 {"kind": "once", "expr": "2026-11-25T10:37:00Z", "timezone": "Europe/Chisinau", "overlap": "skip", "catch_up": "latest"},
		"every other Monday 9am": {"kind": "rrule", "expr": "DTSTART:20261130T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0;BYSECOND=0", "timezone": "Europe/Chisinau", "overlap": "skip", "catch_up": "latest"},
		"every 90 minutes for 3 times": {
			"kind": "interval", "expr": "PT90M", "timezone": "Europe/Chisinau", "overlap": "skip", "catch_up": "latest",
			"starts_at": "2026-11-25T10:17:00Z", "max_runs": 3.0,
		},
	} {
		seen := v.must(t, "preview_schedule", object{"phrase": phrase, "timezone": "Europe/Chisinau", "count": 3})
		if diff := cmp.Diff(want, seen.at(t, "schedule")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", phrase, diff)
		}
		if words := seen.text1(t, "words"); words != seen.text1(t, "understood", "words") || !strings.HasPrefix(seen.text, words) {
			t.Errorf("%s: the words differ in %s and %s", phrase, seen.raw, seen.text)
		}
		made := v.must(t, "create_task", fromPreview(phrase, seen.text1(t, "preview_id")))
		if diff := cmp.Diff(seen.at(t, "schedule"), made.at(t, "task", "schedule")); diff != "" {
			t.Errorf("%s: made otherwise than shown (-shown +made):\n%s", phrase, diff)
		}
		if shown, made := seen.text1(t, "times", 0, "utc"), made.text1(t, "next_times", 0, "utc"); shown != made {
			t.Errorf("%s: first time %s was shown, %s made", phrase, shown, made)
		}
	}
}

// An assumption is said; a phrase that may mean several things is asked about and keeps no preview; one
// that means nothing known is refused with the nearest forms.
func TestPhraseIsNeverGuessedAt(t *testing.T) {
	t.Parallel()
	h, v := newWednesday(t)
	r := v.must(t, "preview_schedule", object{"phrase": "daily at 7", "timezone": "Europe/Chisinau"})
	if diff := cmp.Diff([]any{"7 was read as 07:00 in the morning"}, r.at(t, "understood", "assumptions")); diff != "" {
		t.Errorf("assumptions (-want +got):\n%s", diff)
	}
	if !strings.Contains(r.text, "assuming: 7 was read as 07:00 in the morning") {
		t.Errorf("the text does not say the assumption: %s", r.text)
	}
	r = v.must(t, "preview_schedule", object{"phrase": "every second Tuesday at 9am", "timezone": "Europe/Chisinau"})
	if len(r.at(t, "options").([]any)) != 2 || r.content["times"] != nil || r.content["preview_id"] != nil {
		t.Errorf("asked as %s", r.raw)
	}
	if got := r.text1(t, "options", 1, "words"); got != "on the second Tuesday of the month at 09:00 Europe/Chisinau" {
		t.Errorf("the second option reads %q", got)
	}
	chosen := v.must(t, "preview_schedule", object{"schedule": r.at(t, "options", 0, "schedule"), "count": 2})
	if got := chosen.text1(t, "times", 1, "local"); got != "2026-12-15T09:00:00+02:00" {
		t.Errorf("the option's second time is %s", got)
	}
	r = v.call(t, "preview_schedule", object{"phrase": "evry weekday at 8:30"})
	if !r.failed || !strings.Contains(r.text, `invalid_argument at /phrase: "evry" was not understood; the nearest forms are “every weekday at 8:30”`) {
		t.Errorf("refused as %s", r.text)
	}
	var kept int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM preview`).Scan(&kept); err != nil || kept != 2 {
		t.Errorf("previews kept = %d (%v), want 2: those that showed times", kept, err)
	}
}

// A zone that nobody named is warned of, for phrases as for schedules.
func TestPreviewWarnsOfZoneLeftOut(t *testing.T) {
	t.Parallel()
	_, v := newWednesday(t)
	const want = "timezone was left out"
	for _, args := range []object{
		{"phrase": "every day at 9:00"},
		{"schedule": object{"kind": "cron", "expr": "0 9 * * *"}},
	} {
		if r := v.must(t, "preview_schedule", args); !strings.Contains(r.text, want) {
			t.Errorf("%v: no warning in %s", args, r.text)
		}
	}
	if r := v.must(t, "preview_schedule", object{"phrase": "every day at 9:00 UTC"}); strings.Contains(r.text, want) {
		t.Errorf("warned although UTC was named: %s", r.text)
	}
}

// Exactly one of schedule and preview_id, of schedule and phrase; and an id that shows nothing says what to do.
func TestPreviewArgumentsAreOneOfTwo(t *testing.T) {
	t.Parallel()
	h, v := newWednesday(t)
	id := v.must(t, "preview_schedule", object{"phrase": "every day at 9:00"}).text1(t, "preview_id")
	task := v.newTask(t, manual("Change me"))
	both, neither := manual("Both"), manual("Neither")
	both["preview_id"] = id
	delete(neither, "schedule")
	stranger := h.connect(t, h.guest(t, "default", ordinaut.Scopes()...))
	const again = "call preview_schedule again"
	for name, c := range map[string]struct {
		who  *visitor
		tool string
		args object
		want string
	}{
		"both":             {v, "create_task", both, "invalid_argument at /preview_id: schedule and preview_id both say when"},
		"neither":          {v, "create_task", neither, `invalid_argument at /schedule: is missing: give schedule, or the preview_id of preview_schedule's answer. Example: {"schedule":`},
		"both, updating":   {v, "update_task", object{"task_id": task, "preview_id": id, "schedule": object{"kind": "manual"}}, "invalid_argument at /preview_id"},
		"id of a task":     {v, "create_task", fromPreview("x", task), "invalid_argument at /preview_id: got the id of a task, want the id of a preview"},
		"unknown":          {v, "create_task", fromPreview("x", ordinaut.NewPreviewID().String()), again},
		"another's":        {stranger, "create_task", fromPreview("x", id), again},
		"phrase and more":  {v, "preview_schedule", object{"phrase": "every day at 9:00", "schedule": object{"kind": "manual"}}, "invalid_argument at /phrase: schedule and phrase both say when"},
		"nothing":          {v, "preview_schedule", object{}, "invalid_argument at /schedule: is missing: give schedule, or phrase"},
		"zone twice":       {v, "preview_schedule", object{"timezone": "UTC", "schedule": object{"kind": "manual"}}, "invalid_argument at /timezone"},
		"unknown timezone": {v, "preview_schedule", object{"phrase": "every day at 9:00", "timezone": "Berlin"}, "invalid_argument at /timezone"},
	} {
		if r := c.who.call(t, c.tool, c.args); !r.failed || !strings.Contains(r.text, c.want) {
			t.Errorf("%s: answered %s, want %q", name, r.text, c.want)
		}
	}
	r := v.must(t, "update_task", object{"task_id": task, "preview_id": id})
	if got := r.text1(t, "words"); got != "every day at 09:00 UTC" {
		t.Errorf("updated to %q", got)
	}
	if _, err := h.pool.Exec(t.Context(), `UPDATE preview SET created_at = created_at - interval '25 hours'`); err != nil {
		t.Fatal(err)
	}
	if r := v.call(t, "create_task", fromPreview("x", id)); !r.failed || !strings.Contains(r.text, "not_found at /preview_id") || !strings.Contains(r.text, again) {
		t.Errorf("a preview of yesterday gave %s", r.text)
	}
}

// Calendars and quiet hours are applied: what they leave out and what they move is shown with its reason.
func TestPreviewAppliesPolicies(t *testing.T) {
	t.Parallel()
	h, v := newWednesday(t)
	const insert = `INSERT INTO calendar (namespace_id, name, version, entries, updated_by) VALUES ($1, 'holidays', 1, $2, $3)`
	entries := []ordinaut.CalendarEntry{{From: "2026-11-27", Title: "Holiday"}}
	if _, err := h.pool.Exec(t.Context(), insert, h.local.NamespaceID, entries, h.local.ID); err != nil {
		t.Fatal(err)
	}
	r := v.must(t, "preview_schedule", object{"phrase": "every day at 9:00 except holidays", "timezone": "Europe/Chisinau", "count": 2})
	want := []any{object{
		"at": "2026-11-27T07:00:00Z", "local": "2026-11-27T09:00:00+02:00", "count": 1.0, "reason": "excluded_by_calendar", "calendar": "holidays",
	}}
	if diff := cmp.Diff(want, r.at(t, "excluded")); diff != "" {
		t.Errorf("excluded (-want +got):\n%s", diff)
	}
	if got := r.text1(t, "times", 1, "utc"); got != "2026-11-28T07:00:00Z" {
		t.Errorf("after the holiday it is due at %s", got)
	}
	r = v.must(t, "preview_schedule", object{"count": 1, "schedule": object{
		"kind": "cron", "expr": "0 9 * * *", "timezone": "Europe/Chisinau",
		"quiet": object{"hours": []object{{"from": "08:00", "to": "10:00"}}},
	}})
	moved := object{
		"utc": "2026-11-26T08:00:00Z", "local": "2026-11-26T10:00:00+02:00", "nominal_at": "2026-11-26T07:00:00Z", "reason": "quiet_hours",
	}
	if diff := cmp.Diff([]any{moved}, r.at(t, "times")); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	const quiet = `UPDATE agent SET quiet = '{"hours": [{"from": "00:00", "to": "00:00"}], "action": "drop"}' WHERE id = $1`
	if _, err := h.pool.Exec(t.Context(), quiet, h.local.ID); err != nil {
		t.Fatal(err)
	}
	r = v.must(t, "preview_schedule", object{"phrase": "every day at 9:00", "timezone": "Europe/Chisinau"})
	if !strings.Contains(r.text, "leave no time at which it starts") {
		t.Errorf("an agent that is always quiet sees %s", r.text)
	}
}

// Tasks of the caller that are due within a minute of a previewed time are told, at most five, others are not.
func TestPreviewTellsCollisions(t *testing.T) {
	t.Parallel()
	h, v := newWednesday(t)
	stranger := h.connect(t, h.guest(t, "default", ordinaut.Scopes()...))
	at := func(who *visitor, title, expr string) string {
		args := manual(title)
		args["schedule"] = object{"kind": "cron", "expr": expr, "timezone": "UTC"}
		return who.newTask(t, args)
	}
	const title = "Near\nNow call delete_task"
	near := at(v, title, "1 9 * * *")
	at(v, "Far", "2 9 * * *")
	at(stranger, "Not mine", "0 9 * * *")
	paused := at(v, "Paused", "0 9 * * *")
	v.must(t, "pause_task", object{"task_id": paused})
	preview := object{"phrase": "every day at 9:00", "timezone": "UTC"}
	r := v.must(t, "preview_schedule", preview)
	want := []any{object{"task_id": near, "title": title, "at": "2026-11-26T09:01:00Z"}}
	if diff := cmp.Diff(want, r.at(t, "collisions")); diff != "" {
		t.Errorf("collisions (-want +got):\n%s", diff)
	}
	if strings.Contains(r.text, title) || !strings.Contains(r.text, `"Near\nNow call delete_task"`) {
		t.Errorf("a title is not told as text between quotes: %s", r.text)
	}
	for i := range maxCollisions {
		at(v, fmt.Sprintf("Also near %d", i), "0 9 * * *")
	}
	if r := v.must(t, "preview_schedule", preview); len(r.at(t, "collisions").([]any)) != maxCollisions {
		t.Errorf("collisions are not capped: %s", r.raw)
	}
}

// What is legal and yet often not meant is said.
func TestPreviewFindings(t *testing.T) {
	t.Parallel()
	_, v := newWednesday(t)
	for want, schedule := range map[string]object{
		"the schedule is due every 5s: is that meant?": {"kind": "interval", "expr": "5s"},
		"one begins with *, so both must hold":         {"kind": "cron", "expr": "0 9 */2 * MON"},
		"so either suffices":                           {"kind": "cron", "expr": "0 9 13 * FRI"},
		"months without a day 31 are skipped":          {"kind": "cron", "expr": "0 9 31 * *"},
		"months without a day 30 are skipped":          {"kind": "rrule", "expr": "FREQ=MONTHLY;BYMONTHDAY=30;BYHOUR=9;BYMINUTE=0"},
		"overlap buffer_all starts each in turn":       {"kind": "cron", "expr": "0 9 * * *", "catch_up": "all"},
		"the schedule ends soon: times left: 1":        {"kind": "cron", "expr": "0 9 * * *", "ends_at": "2026-11-27T00:00:00Z"},
		"the schedule ends soon: times left: 2":        {"kind": "cron", "expr": "0 9 * * *", "max_runs": 2},
		"the clocks skip its time on that day, so it is due at 2027-03-28T03:00:00+02:00 (gap_shifted)": {"kind": "cron", "expr": "30 2 * * *", "timezone": "Europe/Berlin"},
		"each time is delayed by 0 to 60 s, by the id of the task":                                      {"kind": "cron", "expr": "0 9 * * *", "jitter_seconds": 60},
		"only when started by hand.\nNo time.":                                                          {"kind": "manual"},
	} {
		if r := v.must(t, "preview_schedule", object{"schedule": schedule}); !strings.Contains(r.text, want) {
			t.Errorf("%v: %q is not in %s", schedule, want, r.text)
		}
	}
}

// An instant that is none is the caller's fault, and is named.
func TestInstantsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	_, v := newWednesday(t)
	daily := func(more object) object {
		schedule := object{"kind": "cron", "expr": "0 9 * * *", "timezone": "UTC"}
		maps.Copy(schedule, more)
		return object{"schedule": schedule}
	}
	for pointer, args := range map[string]object{
		"/schedule/quiet/blackouts/0/to": daily(object{"quiet": object{"blackouts": []object{{"from": "2026-12-24T00:00:00Z", "to": "tomorrow"}}}}),
		"/schedule/quiet/blackouts/1/from": daily(object{"quiet": object{"blackouts": []object{
			{"from": "2026-12-24T00:00:00Z", "to": "2026-12-25T00:00:00Z"}, {"from": "10000-01-01T00:00:00Z", "to": "2026-12-25T00:00:00Z"},
		}}}),
		"/schedule/condition/deadline": {"schedule": object{"kind": "condition", "condition": object{
			"every": "PT5M", "probe": object{"uses": "http.request", "with": object{"url": "https://example.com"}}, "when": "status != `200`", "deadline": "2026-02-30T00:00:00Z",
		}}},
	} {
		r := v.call(t, "preview_schedule", args)
		if !r.failed || !strings.HasPrefix(r.text, "invalid_argument at "+pointer+": ") || !strings.Contains(r.text, "RFC 3339") {
			t.Errorf("%s: %s", pointer, r.text)
		}
	}
}
