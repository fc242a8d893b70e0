package scheduler

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

var update = flag.Bool("update", false, "draw the timelines of docs/scheduling.md anew") //nolint:gochecknoglobals // go test reads flags before tests run

const schedulingDoc = "../docs/scheduling.md"

// drawing is one picture in the document: several lanes under one axis.
type drawing struct {
	name string
	from time.Time
	// unit is what one character stands for, mark how often the axis tells the time.
	unit, mark time.Duration
	width      int
	layout     string
	lanes      []lane
}

// lane is what one schedule does in a scenario.
type lane struct {
	name     string
	schedule ordinaut.Schedule
	// takes is how long each of its runs takes.
	takes time.Duration
	// down is when no scheduler runs.
	down      [2]time.Time
	calendars []ordinaut.Calendar
}

// The pictures in the document are what the scheduler does.
func TestTimelinesAreWhatTheSchedulerDoes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(schedulingDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	for _, d := range drawings() {
		begin := "<!-- timeline " + d.name + " -->\n```text\n"
		before, rest, found := strings.Cut(doc, begin)
		drawn, after, closed := strings.Cut(rest, "```")
		if !found || !closed {
			t.Errorf("docs/scheduling.md has no place for the timeline %s", d.name)
			continue
		}
		got := d.draw(t)
		if *update {
			doc = before + begin + got + "```" + after
			continue
		}
		if diff := cmp.Diff(drawn, got); diff != "" {
			t.Errorf("timeline %s is out of date; draw it with: go test ./scheduler -run TestTimelines -update\n%s", d.name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(schedulingDoc, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const laneName = 24

func (d *drawing) draw(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(line(strings.Repeat(" ", laneName) + d.axis()))
	for n := range d.lanes {
		l := &d.lanes[n]
		for i, row := range d.play(t, l) {
			name := ""
			if i == 0 {
				name = l.name
			}
			b.WriteString(line(pad(name, laneName) + string(row)))
		}
	}
	return b.String()
}

func line(text string) string { return strings.TrimRight(text, " ") + "\n" }

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(1, width-len([]rune(text))))
}

func (d *drawing) axis() string {
	axis := []rune(strings.Repeat(" ", d.width+8))
	for at := time.Duration(0); at < time.Duration(d.width)*d.unit; at += d.mark {
		copy(axis[int(at/d.unit):], []rune(d.from.Add(at).Format(d.layout)))
	}
	return string(axis)
}

// player is a task, a scheduler and a worker without a database.
type player struct {
	d    *drawing
	plan *Plan
	task ordinaut.DueTask
	over bool // the schedule has nothing left
	// running holds when the live run of each row ends, waiting counts the buffered ones.
	running []time.Time
	waiting int
	rows    [][]rune
	marks   []rune // of times that started nothing
}

// Marks of occurrences that start nothing, by fate.
var marks = map[ordinaut.Fate]rune{ //nolint:gochecknoglobals // constant table
	ordinaut.FateSkipped: 's', ordinaut.FateMissed: 'm', ordinaut.FateCoalesced: 'c',
}

// play lets the time of the drawing pass, character by character, and returns a row for each run that
// is live beside others.
func (d *drawing) play(t *testing.T, l *lane) [][]rune {
	t.Helper()
	plan, s, err := Parse(l.schedule, d.from.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	next, _ := plan.Next(d.from.Add(-1))
	p := &player{d: d, plan: plan, marks: blank(d.width)}
	p.task = ordinaut.DueTask{Schedule: s, State: ordinaut.TaskActive, NextAt: &next, DueAt: next, Calendars: l.calendars}
	decider := NewDecider(8)
	for i := range d.width {
		now := d.from.Add(time.Duration(i) * d.unit)
		p.end(now)
		if now.Before(l.down[0]) || !now.Before(l.down[1]) {
			p.tick(t, decider, now, l.takes)
		}
		p.draw(i)
	}
	if len(p.rows) == 0 {
		p.rows = append(p.rows, blank(d.width))
	}
	for i, mark := range p.marks {
		if mark != ' ' {
			p.rows[0][i] = mark
		}
	}
	return p.rows
}

// tick decides on what is due, and starts what waited for the end of others.
func (p *player) tick(t *testing.T, decider *Decider, now time.Time, takes time.Duration) {
	t.Helper()
	if !p.over && !p.task.DueAt.After(now) {
		p.task.Busy = p.live() && p.task.Overlap != ordinaut.OverlapAllow
		p.task.Buffered = p.waiting
		decisions, undecided := decider.Decide(now, []ordinaut.DueTask{p.task})
		if len(undecided) > 0 {
			t.Fatal(undecided[0].Err)
		}
		p.apply(&decisions[0], now, takes)
	}
	if p.waiting > 0 && !p.live() {
		p.waiting--
		p.start(now, takes)
	}
}

func (p *player) apply(d *ordinaut.Decision, now time.Time, takes time.Duration) {
	if d.CancelRunning {
		clear(p.running)
		p.waiting = 0
	}
	for _, o := range d.Occurrences {
		switch {
		case o.Fate != ordinaut.FateStarted:
			p.mark(&o)
		case o.Buffered:
			p.waiting++
		default:
			p.start(now, takes)
		}
	}
	p.task.NextAt = d.NextAt
	if p.over = d.DueAt == nil; !p.over {
		p.task.DueAt = *d.DueAt
	}
}

// mark notes each of the times that a row of the ledger stands for.
func (p *player) mark(o *ordinaut.Occurrence) {
	for at, ok := o.NominalAt, true; ok && !at.After(o.LastAt); at, ok = p.plan.Next(at) {
		if i := int(at.Sub(p.d.from) / p.d.unit); i >= 0 && i < len(p.marks) {
			p.marks[i] = marks[o.Fate]
		}
	}
}

func (p *player) live() bool {
	return slices.ContainsFunc(p.running, func(end time.Time) bool { return !end.IsZero() })
}

// start puts a run into the first free row.
func (p *player) start(now time.Time, takes time.Duration) {
	free := slices.IndexFunc(p.running, time.Time.IsZero)
	if free < 0 {
		free = len(p.running)
		p.running, p.rows = append(p.running, time.Time{}), append(p.rows, blank(p.d.width))
	}
	p.running[free] = now.Add(takes)
	p.rows[free][int(now.Sub(p.d.from)/p.d.unit)] = '▶'
}

func (p *player) end(now time.Time) {
	for i, end := range p.running {
		if !end.After(now) {
			p.running[i] = time.Time{}
		}
	}
}

func (p *player) draw(i int) {
	for row, end := range p.running {
		if !end.IsZero() && p.rows[row][i] == ' ' {
			p.rows[row][i] = '█'
		}
	}
}

func blank(width int) []rune { return []rune(strings.Repeat(" ", width)) }
