package main

import (
	"strings"
	"testing"
)

// An operator sets, sees and takes away an agent's quiet hours; get_task tells of them.
func TestAgentQuiet(t *testing.T) {
	t.Parallel()
	p := newPlant(t, "")
	quiet := func(args ...string) (string, error) {
		out, err := p.command(append([]string{"agent", "quiet"}, args...)...).CombinedOutput()
		return string(out), err
	}
	says := func(want string, args ...string) {
		t.Helper()
		if out, err := quiet(args...); err != nil || !strings.Contains(out, want) {
			t.Errorf("agent quiet %v: %v, %s; want %q", args, err, out, want)
		}
	}
	refuses := func(want string, args ...string) {
		t.Helper()
		if out, err := quiet(args...); err == nil || !strings.Contains(out, want) {
			t.Errorf("agent quiet %v: %v, %s; want it refused with %q", args, err, out, want)
		}
	}
	says("agent operator: no quiet hours", "operator")
	says("agent operator: quiet from 22:00 to 07:00 beginning on MON, TUE (Europe/Berlin); what is due meanwhile is skipped",
		"operator", "--hours", "22:00-07:00", "--days", "MON,TUE", "--timezone", "Europe/Berlin", "--action", "drop")

	server := p.serve("api")
	s := p.dial(server, "")
	task := p.createWebTask(s, "quiet", manual(), "/fast")
	var got struct {
		AgentQuiet struct{ Timezone string } `json:"agent_quiet"`
	}
	if err := s.into(t.Context(), "get_task", map[string]any{"task_id": task, "detail": "full"}, &got); err != nil || got.AgentQuiet.Timezone != "Europe/Berlin" {
		t.Errorf("get_task tells %+v, %v", got, err)
	}

	says("quiet from 22:00 to 07:00 beginning on MON, TUE (Europe/Berlin)", "operator")
	says("quiet from 00:00 to 00:00", "operator", "--hours", "00:00-00:00", "--days", "SUN", "--timezone", "UTC")
	says("(UTC)", "operator")
	says("agent operator: no quiet hours", "operator", "--clear")
	says("agent operator: no quiet hours", "operator")

	refuses(`no agent has the name "nobody"`, "nobody")
	refuses("--hours is missing", "operator", "--action", "drop")
	refuses("--clear takes no other flag", "operator", "--clear", "--timezone", "UTC")
	refuses("want two times of the day", "operator", "--hours", "22:00")
	refuses("25:00", "operator", "--hours", "25:00-07:00")
	refuses(`timezone "Mars/Base" is not known`, "operator", "--hours", "22:00-07:00", "--timezone", "Mars/Base")
	refuses(`action "sleep" is unknown`, "operator", "--hours", "22:00-07:00", "--action", "sleep")
	refuses("cover the whole week", "operator", "--hours", "00:00-00:00")
}
