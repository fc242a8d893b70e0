package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// calendar makes a task that a holiday keeps from running, asks why it did not run, and makes the call
// that the answer proposes.
func (d *demo) calendar(ctx context.Context) error {
	d.title("A holiday: preview_schedule by phrase, create_task as previewed, and explain_task")
	today := time.Now().UTC().Truncate(24 * time.Hour)
	ics := strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//demo//EN", "BEGIN:VEVENT", "UID:town-day",
		"DTSTART;VALUE=DATE:" + today.Format("20060102"), "DTEND;VALUE=DATE:" + today.AddDate(0, 0, 2).Format("20060102"),
		"SUMMARY:Town holiday", "END:VEVENT", "END:VCALENDAR", "",
	}, "\r\n")
	if err := d.mcp.into(ctx, "set_calendar", map[string]any{"name": "holidays", "ics": ics}, &struct{}{}); err != nil {
		return err
	}
	const phrase = "every 2 seconds except holidays"
	var shown struct {
		PreviewID string `json:"preview_id"`
		Words     string
		Times     []firing
	}
	if err := d.mcp.into(ctx, "preview_schedule", map[string]any{"phrase": phrase, "timezone": "UTC", "count": 1}, &shown); err != nil {
		return err
	}
	d.line("“%s”  %s", phrase, d.name(shown.Words))
	if len(shown.Times) > 0 {
		d.line("%s", d.dim("first due "+shown.Times[0].Local.Format("Mon 2 Jan 15:04:05")+", after the holiday"))
	}
	err := d.createTask(ctx, "bell", map[string]any{
		"title": "Ring the bell", "preview_id": shown.PreviewID,
		"pipeline": []map[string]any{{"id": "ring", "uses": "desk.send_note", "with": map[string]any{"text": "ding"}}},
	})
	if err != nil {
		return err
	}
	return d.explainBell(ctx)
}

// explanation is what explain_task answers, as far as the demo shows it.
type explanation struct {
	Verdict, Sentence string
	Evidence          []struct{ What string }
	Fix               *struct {
		Tool, Why string
		Arguments map[string]any
	}
}

// recorded reports whether the time that it tells of has its row in the ledger.
func (e explanation) recorded() bool {
	return slices.ContainsFunc(e.Evidence, func(fact struct{ What string }) bool { return strings.Contains(fact.What, "the ledger") })
}

// explainBell waits until the holiday has swallowed a time, asks why, and does what the answer says.
func (d *demo) explainBell(ctx context.Context) error {
	var why explanation
	err := d.until(ctx, func() (bool, error) {
		err := d.mcp.into(ctx, "explain_task", map[string]any{"task_id": d.tasks["bell"]}, &why)
		return why.Verdict == "excluded_by_calendar" && why.recorded(), err
	})
	if err != nil {
		return err
	}
	d.line("why did it not ring?")
	d.line("  %s", d.bold(why.Sentence))
	for _, e := range why.Evidence {
		d.line("  %s", d.dim(e.What))
	}
	if why.Fix == nil {
		return fmt.Errorf("explain_task proposes nothing for %s", why.Verdict)
	}
	d.line("it proposes %s, which %s; done:", d.name(why.Fix.Tool), why.Fix.Why)
	if err := d.mcp.into(ctx, why.Fix.Tool, why.Fix.Arguments, &struct{}{}); err != nil {
		return err
	}
	var listed struct{ Runs []demoRun }
	err = d.until(ctx, func() (bool, error) {
		err := d.mcp.into(ctx, "list_runs", map[string]any{"task_id": d.tasks["bell"], "states": []string{"succeeded"}}, &listed)
		return len(listed.Runs) > 0, err
	})
	if err != nil {
		return err
	}
	run := listed.Runs[len(listed.Runs)-1]
	d.line("it rang: %s, %s", d.short(run.ID), d.state(run.State))
	return nil
}
