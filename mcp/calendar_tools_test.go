package mcp

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// observing is the arguments of a task that observes calendars.
func observing(title string, calendars ...string) object {
	args := manual(title)
	args["schedule"] = object{"kind": "cron", "expr": "0 9 * * *", "timezone": "Europe/Berlin", "calendars": calendars}
	return args
}

// A calendar is taken as a calendar server hands it out, is shown as it was understood, and goes when
// nobody observes it.
func TestCalendarsComeAndGo(t *testing.T) {
	t.Parallel()
	clock := time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)
	h := newHouse(t, func(c *Config) { c.Clock = func() time.Time { return clock } })
	v := h.connect(t, h.key)
	feed, err := os.ReadFile("../scheduler/testdata/holidays.ics")
	if err != nil {
		t.Fatal(err)
	}
	r := v.must(t, "set_calendar", object{"name": "holidays", "ics": string(feed), "timezone": "Europe/Berlin"})
	want := object{
		"name": "holidays", "version": 1.0, "entries": 5.0, "updated_at": r.at(t, "calendar", "updated_at"),
		"first":    object{"from": "2030-06-10", "to": "2030-06-11", "title": "Whit Monday"},
		"last":     object{"from": "2031-01-01", "to": "2031-01-02", "title": "New Year"},
		"upcoming": object{"from": "2030-06-10", "to": "2030-06-11", "title": "Whit Monday"},
	}
	if diff := cmp.Diff(want, r.at(t, "calendar")); diff != "" {
		t.Errorf("calendar (-want +got):\n%s", diff)
	}
	task := v.newTask(t, observing("Stand-up", "holidays"))
	r = v.must(t, "set_calendar", object{"name": "holidays", "entries": []object{{"from": "2020-01-01"}, {"from": "2019-01-01", "to": "2019-01-08"}}})
	if r.at(t, "calendar", "version") != 2.0 || r.at(t, "observers") != 1.0 || r.text1(t, "tasks", 0, "id") != task {
		t.Errorf("the second version was answered with %s", r.raw)
	}
	if !strings.Contains(r.text, "Warning: the calendar excludes nothing that is still to come") || !strings.Contains(r.text, task) {
		t.Errorf("text: %s", r.text)
	}
	r = v.must(t, "list_calendars", object{"name": "holidays"})
	entries := []any{object{"from": "2019-01-01", "to": "2019-01-08"}, object{"from": "2020-01-01", "to": "2020-01-02"}}
	if diff := cmp.Diff(entries, r.at(t, "entries")); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	refused := v.call(t, "remove_calendar", object{"name": "holidays"})
	if !refused.failed || refused.at(t, "code") != string(ordinaut.CodeConflict) || !strings.Contains(refused.text, task+` "Stand-up"`) {
		t.Errorf("removal of an observed calendar: %s", refused.text)
	}
	v.must(t, "pause_task", object{"task_id": task})
	if refused = v.call(t, "remove_calendar", object{"name": "holidays"}); !refused.failed {
		t.Error("a calendar that a paused task observes was removed")
	}
	v.must(t, "delete_task", object{"task_id": task})
	v.must(t, "remove_calendar", object{"name": "holidays", "idempotency_key": "k"})
	v.must(t, "remove_calendar", object{"name": "holidays", "idempotency_key": "k"})
	if r = v.call(t, "remove_calendar", object{"name": "holidays"}); !r.failed || r.at(t, "code") != string(ordinaut.CodeNotFound) {
		t.Errorf("removal of nothing: %s", r.text)
	}
	if r = v.must(t, "list_calendars", nil); r.text != "No calendar." {
		t.Errorf("left: %s", r.text)
	}
}

// A schedule names only calendars that there are; the answer knows which was meant.
func TestUnknownCalendarsAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	r := v.call(t, "create_task", observing("x", "holidays"))
	if !r.failed || !strings.Contains(r.text, "the namespace has none yet: set_calendar makes one") {
		t.Errorf("without any calendar: %s", r.text)
	}
	v.must(t, "set_calendar", object{"name": "holidays", "entries": []object{}})
	v.must(t, "set_calendar", object{"name": "vacation", "entries": []object{}})
	task := v.newTask(t, observing("x", "vacation", "holidays"))
	bad := observing("x", "vacation", "hollidays")
	for tool, args := range map[string]object{
		"create_task":      bad,
		"update_task":      {"task_id": task, "schedule": bad["schedule"]},
		"preview_schedule": {"schedule": bad["schedule"]},
	} {
		r := v.call(t, tool, args)
		if !r.failed || r.at(t, "pointer") != "/schedule/calendars/1" || !strings.Contains(r.text, "did you mean holidays?") {
			t.Errorf("%s: %s", tool, r.text)
			continue
		}
		if diff := cmp.Diff([]any{"holidays", "vacation"}, r.at(t, "allowed")); diff != "" {
			t.Errorf("%s: allowed (-want +got):\n%s", tool, diff)
		}
	}
	stranger := h.connect(t, h.guest(t, "elsewhere", ordinaut.Scopes()...))
	if r := stranger.call(t, "create_task", observing("x", "holidays")); !r.failed {
		t.Error("a task observes the calendar of another namespace")
	}
	if r := stranger.must(t, "list_calendars", nil); r.text != "No calendar." {
		t.Errorf("another namespace sees %s", r.text)
	}
}

// What a calendar cannot be is refused with the place of the fault.
func TestSetCalendarRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	for _, tc := range []struct {
		args    object
		pointer string
		says    string
	}{
		{object{"name": "Holidays", "entries": []object{}}, "/name", "lower-case"},
		{object{"name": "a"}, "/entries", "give ics or entries"},
		{object{"name": "a", "ics": "x", "entries": []object{}}, "/entries", "not both"},
		{object{"name": "a", "ics": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon"}, "/ics", "line 1: the text ends"},
		{object{"name": "a", "ics": strings.Repeat("ä", 300_000)}, "/ics", "512"},
		{object{"name": "a", "entries": []object{{"from": "2030-12-25"}, {"from": "2030-12-25", "to": "2030-12-25"}}}, "/entries/1/to", "not its last day"},
		{object{"name": "a", "entries": []object{{"from": "2030-12-25", "title": strings.Repeat("a", 100_000)}}}, "/entries/0/title", "at most"},
		{object{"name": "a", "entries": []object{}, "timezone": "Berlin"}, "/timezone", "IANA"},
	} {
		r := v.call(t, "set_calendar", tc.args)
		if pointer, _ := r.content["pointer"].(string); !r.failed || pointer != tc.pointer {
			t.Errorf("%.60v: got %.300s", tc.args, r.text)
		}
	}
	for i := range 100 {
		v.must(t, "set_calendar", object{"name": fmt.Sprintf("c%d", i), "entries": []object{}})
	}
	if r := v.call(t, "set_calendar", object{"name": "one_more", "entries": []object{}}); !r.failed || r.at(t, "code") != string(ordinaut.CodeResourceExhausted) {
		t.Errorf("the calendar after the last: %s", r.text)
	}
	v.must(t, "set_calendar", object{"name": "c7", "entries": []object{{"from": "2030-12-25"}}})
}

// Lists of calendars and of entries come in pages; a cursor ends with the version that it pages through.
func TestCalendarsComeInPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	v := h.connect(t, h.key)
	var entries []object
	for i := range 45 {
		entries = append(entries, object{"from": fmt.Sprintf("20%02d-12-25", 30+i), "title": "Christmas"})
	}
	for _, name := range []string{"a", "b", "c"} {
		v.must(t, "set_calendar", object{"name": name, "entries": entries})
	}
	var seen int
	args := object{"name": "b"}
	for pages := 1; ; pages++ {
		r := v.must(t, "list_calendars", args)
		seen += len(r.at(t, "entries").([]any))
		cursor, more := r.content["next_cursor"]
		if !more {
			if pages != 3 || seen != 45 {
				t.Errorf("%d entries on %d pages", seen, pages)
			}
			break
		}
		args = object{"name": "b", "cursor": cursor}
	}
	first := v.must(t, "list_calendars", object{"limit": 2})
	second := v.must(t, "list_calendars", object{"limit": 2, "cursor": first.at(t, "next_cursor")})
	if len(first.at(t, "calendars").([]any)) != 2 || second.text1(t, "calendars", 0, "name") != "c" || second.content["next_cursor"] != nil {
		t.Errorf("pages %s and %s", first.raw, second.raw)
	}
	v.must(t, "set_calendar", object{"name": "b", "entries": entries})
	if r := v.call(t, "list_calendars", args); !r.failed || r.at(t, "pointer") != "/cursor" {
		t.Errorf("a cursor of the version before: %s", r.text)
	}
}
