package scheduler

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ordinaut/ordinaut"
)

// conditionAt is a task that watches a condition, as it stands.
func conditionAt(c ordinaut.Condition) ordinaut.DueTask {
	return ordinaut.DueTask{
		TaskID: ordinaut.NewTaskID(), State: ordinaut.TaskActive,
		Schedule: ordinaut.Schedule{Kind: ordinaut.ScheduleCondition, Overlap: ordinaut.OverlapSkip, Rules: &ordinaut.Rules{Condition: &c}},
	}
}

// follow judges verdicts that come a second apart: + is met, - is not, ! is a failed probe; B and b make
// the task busy and idle, P and p paused and active. It returns what the ledger says for each start, with
// its second.
func follow(task ordinaut.DueTask, verdicts string) []string {
	began := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var state ordinaut.ConditionState
	var told []string
	second := 0
	for _, v := range verdicts {
		f := ordinaut.Finding{Task: task, TaskVersion: 1, At: began.Add(time.Duration(second) * time.Second), Before: state}
		f.Verdict = ordinaut.Verdict{TaskVersion: 1}
		met := v == '+'
		switch v {
		case '+', '-':
			f.Met = &met
		case '!':
			f.Error = "failed"
		case 'B', 'b':
			task.Busy = v == 'B'
			continue
		case 'P':
			task.State = ordinaut.TaskPaused
			continue
		case 'p':
			task.State = ordinaut.TaskActive
			continue
		}
		j := DecideCondition(f.At, f)
		if j.Dropped {
			told = append(told, fmt.Sprintf("%d dropped", second))
			second++
			continue
		}
		state = j.After
		if o := j.Occurrence; o != nil {
			told = append(told, strings.TrimSpace(fmt.Sprintf("%d %s %s", second, o.Fate, o.Reason)))
			if o.Fate == ordinaut.FateStarted {
				task.RunsStarted++
			}
		}
		if j.Exhausted {
			task.State = ordinaut.TaskFinished
		}
		second++
	}
	return told
}

func TestDecideCondition(t *testing.T) {
	t.Parallel()
	level := ordinaut.ConditionLevel
	for _, tc := range []struct {
		name      string
		condition ordinaut.Condition
		maxRuns   int
		verdicts  string
		want      []string
	}{
		{"an edge once a stretch", ordinaut.Condition{}, 0, "-++-+", []string{"1 started", "4 started"}},
		{"met from the first look", ordinaut.Condition{}, 0, "++", []string{"0 started"}},
		{"a failed probe says nothing", ordinaut.Condition{}, 0, "+!+!-!+", []string{"0 started", "6 started"}},
		{"a failed probe starts nothing", ordinaut.Condition{Mode: level}, 0, "+!+", []string{"0 started", "2 started"}},
		{"a level at each look", ordinaut.Condition{Mode: level}, 0, "+-++", []string{"0 started", "2 started", "3 started"}},
		{"hold", ordinaut.Condition{HoldSeconds: 2}, 0, "++-+++++", []string{"5 started"}},
		{"hold of a level", ordinaut.Condition{Mode: level, HoldSeconds: 2}, 0, "++++-+++", []string{"2 started", "3 started", "7 started"}},
		{"hold over a failed probe", ordinaut.Condition{HoldSeconds: 2}, 0, "+!+", []string{"2 started"}},
		{"cooldown of an edge", ordinaut.Condition{CooldownSeconds: 5}, 0, "+-++++", []string{"0 started", "2 skipped cooldown", "5 started"}},
		{"cooldown that outlasts a stretch", ordinaut.Condition{CooldownSeconds: 5}, 0, "+-+-+-+", []string{"0 started", "2 skipped cooldown", "4 skipped cooldown", "6 started"}},
		{"cooldown of a level", ordinaut.Condition{Mode: level, CooldownSeconds: 3}, 0, "++++", []string{"0 started", "1 skipped cooldown", "2 skipped cooldown", "3 started"}},
		{"overlap of an edge", ordinaut.Condition{}, 0, "B+b+-+", []string{"0 skipped overlap", "3 started"}},
		{"overlap of a level", ordinaut.Condition{Mode: level}, 0, "B+b+", []string{"0 skipped overlap", "1 started"}},
		{"an overlap starts no cooldown", ordinaut.Condition{CooldownSeconds: 9}, 0, "B+b-+", []string{"0 skipped overlap", "2 started"}},
		{"pause holds an edge", ordinaut.Condition{}, 0, "P+p+", []string{"0 skipped paused", "1 started"}},
		{"max_runs", ordinaut.Condition{Mode: level}, 2, "+++", []string{"0 started", "1 started", "2 dropped"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			task := conditionAt(tc.condition)
			task.MaxRuns = tc.maxRuns
			if diff := cmp.Diff(tc.want, follow(task, tc.verdicts)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tc.verdicts, diff)
			}
		})
	}
}

// A verdict about another version of the task, about a task that has gone or about one that is no longer
// watched, changes nothing.
func TestDecideConditionDrops(t *testing.T) {
	t.Parallel()
	met := true
	good := ordinaut.Finding{Task: conditionAt(ordinaut.Condition{}), TaskVersion: 2, Verdict: ordinaut.Verdict{TaskVersion: 2, Met: &met}}
	for name, change := range map[string]func(*ordinaut.Finding){
		"older version": func(f *ordinaut.Finding) { f.Verdict.TaskVersion = 1 },
		"deleted":       func(f *ordinaut.Finding) { f.Task.State = ordinaut.TaskDeleted },
		"finished":      func(f *ordinaut.Finding) { f.Task.State = ordinaut.TaskFinished },
		"another kind":  func(f *ordinaut.Finding) { f.Task.Rules = nil },
	} {
		f := good
		change(&f)
		if diff := cmp.Diff(ordinaut.Judgement{Dropped: true}, DecideCondition(time.Now(), f)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if DecideCondition(time.Now(), good).Dropped {
		t.Error("a good one was dropped")
	}
}

// The run is told what was found, where to go on, and since when.
func TestConditionEvent(t *testing.T) {
	t.Parallel()
	met, at := true, time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	f := ordinaut.Finding{Task: conditionAt(ordinaut.Condition{}), RunID: ordinaut.NewRunID(), At: at, Verdict: ordinaut.Verdict{
		Met: &met, Value: json.RawMessage(`{"status":200}`), Cursor: json.RawMessage(`7`),
	}}
	j := DecideCondition(at.Add(time.Second), f)
	want := `{"value":{"status":200},"cursor":7,"met_since":"2030-01-01T12:00:00Z"}`
	if j.Event.Topic != "condition.met" || j.Event.RunID != f.RunID || string(j.Event.Payload) != want {
		t.Errorf("event = %+v with %s", j.Event, j.Event.Payload)
	}
	if o := j.Occurrence; o.EventID != j.Event.ID || !o.NominalAt.Equal(at) || o.Kind != ordinaut.RunCondition {
		t.Errorf("occurrence = %+v", o)
	}
}

// Whatever the verdicts, what starts is what a reading of the whole history allows.
func TestDecideConditionProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := ordinaut.Condition{
			Mode:            rapid.SampledFrom(ordinaut.ConditionModes()).Draw(t, "mode"),
			HoldSeconds:     rapid.IntRange(0, 4).Draw(t, "hold"),
			CooldownSeconds: rapid.IntRange(0, 6).Draw(t, "cooldown"),
		}
		verdicts := string(rapid.SliceOfN(rapid.SampledFrom([]rune("+-!")), 0, 40).Draw(t, "verdicts"))
		var got []string
		for _, line := range follow(conditionAt(c), verdicts) {
			if strings.HasSuffix(line, "started") {
				got = append(got, line)
			}
		}
		if want := allowed(c, verdicts); !slices.Equal(want, got) {
			t.Fatalf("%q with %+v starts %v, want %v", verdicts, c, got, want)
		}
	})
}

// allowed is a model of conditions that keeps no state but the starts themselves: at each met verdict it
// reads the history anew.
func allowed(c ordinaut.Condition, verdicts string) []string {
	var starts []int
	var told []string
	for i := range verdicts {
		if verdicts[i] != '+' {
			continue
		}
		stretch := strings.LastIndexByte(verdicts[:i], '-') + 1
		first := stretch + strings.IndexByte(verdicts[stretch:], '+')
		last := -1
		if len(starts) > 0 {
			last = starts[len(starts)-1]
		}
		held := i-first >= c.HoldSeconds
		cool := last < 0 || i-last >= c.CooldownSeconds
		had := c.Mode == ordinaut.ConditionEdge && last >= first
		if held && cool && !had {
			starts = append(starts, i)
			told = append(told, fmt.Sprintf("%d started", i))
		}
	}
	return told
}

// Overlap decides on the starts of conditions as on any other.
func TestConditionOverlap(t *testing.T) {
	t.Parallel()
	for overlap, want := range map[ordinaut.Overlap]string{
		ordinaut.OverlapSkip: "skipped overlap", ordinaut.OverlapAllow: "started", ordinaut.OverlapBufferOne: "started buffered",
		ordinaut.OverlapBufferAll: "started buffered", ordinaut.OverlapCancelRunning: "started buffered canceling",
	} {
		task := conditionAt(ordinaut.Condition{})
		task.Overlap, task.Busy = overlap, true
		met := true
		j := DecideCondition(time.Now(), ordinaut.Finding{Task: task, Verdict: ordinaut.Verdict{Met: &met}})
		got := strings.TrimSpace(string(j.Occurrence.Fate) + " " + string(j.Occurrence.Reason))
		if j.CancelRunning {
			got += " canceling"
		}
		if got != want || j.Occurrence.Buffered != strings.Contains(want, "buffered") || (j.Event != nil) != strings.HasPrefix(want, "started") {
			t.Errorf("%s: %s, buffered %v, event %v, want %s", overlap, got, j.Occurrence.Buffered, j.Event, want)
		}
	}
}
