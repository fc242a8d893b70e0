package measure

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A process's name may hold spaces and parentheses; the fields are counted after it.
func TestParseStat(t *testing.T) {
	t.Parallel()
	const line = "41 (postgres: a) b (c) S 7 41 41 0 -1 4194560 900 1 0 0 12 3 400 50 20 0 1 0 555 1000 2000"
	got, ok := parseStat(line)
	want := stat{name: "postgres: a) b (c", parent: 7, cpu: 150 * time.Millisecond, reaped: 4500 * time.Millisecond}
	if !ok || got != want {
		t.Errorf("parseStat = %+v, %v; want %+v", got, ok, want)
	}
	for _, broken := range []string{"", "41 (x", "41 (x) S 1 2", "41 (x) S a 41 41 0 -1 4194560 900 1 0 0 12 3 400 50 20 0"} {
		if _, ok := parseStat(broken); ok {
			t.Errorf("parseStat took %q", broken)
		}
	}
}

// Percentiles are values that were measured, except the median of an even number.
func TestPercentile(t *testing.T) {
	t.Parallel()
	values := []float64{4, 1, 3, 2}
	for p, want := range map[float64]float64{1: 1, 25: 1, 50: 2.5, 75: 3, 99: 4, 100: 4} {
		if got := Percentile(values, p); got != want {
			t.Errorf("Percentile(%v) = %v, want %v", p, got, want)
		}
	}
	if got := Percentile([]float64{7, 9, 8}, 50); got != 8 {
		t.Errorf("median of three = %v, want 8", got)
	}
	if got := Percentile(nil, 50); got != 0 {
		t.Errorf("median of nothing = %v, want 0", got)
	}
}

// Rounds of one measurement become one line, whatever came in between.
func TestSummarise(t *testing.T) {
	t.Parallel()
	all := Summarise([]Result{
		{System: "a", Name: "flow", PerSecond: 10, WALBytes: 100},
		{System: "b", Name: "pickup", Paced: true, PerSecond: 1, P50: 2, P99: 9},
		{System: "a", Name: "flow", PerSecond: 30, WALBytes: 300},
		{System: "a", Name: "flow", PerSecond: 20, WALBytes: 200},
		{System: "b", Name: "pickup", Paced: true, PerSecond: 1, P50: 4, P99: 7},
	})
	want := []Summary{
		{Result: Result{System: "a", Name: "flow", PerSecond: 20, WALBytes: 200}, Rounds: 3, Low: 10, High: 30},
		{Result: Result{System: "b", Name: "pickup", Paced: true, PerSecond: 1, P50: 3, P99: 8}, Rounds: 2, Low: 2, High: 4},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
	var table bytes.Buffer
	if err := WriteTable(&table, all); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(table.String(), "\n"); lines != 3 {
		t.Errorf("the table has %d lines, want a head and two:\n%s", lines, &table)
	}
}

// A failure ends every wait, also one that begins later.
func TestCounterFails(t *testing.T) {
	t.Parallel()
	c := NewCounter(20)
	failed := make(chan error, 1)
	go func() { failed <- c.Await(t.Context(), 5) }()
	want := errors.New("broken")
	c.Fail(want)
	for _, err := range []error{<-failed, c.Await(t.Context(), 5)} {
		if !errors.Is(err, want) {
			t.Errorf("Await returned %v, want %v", err, want)
		}
	}
}

// All who wait are told when their count is reached, and not before.
func TestCounterTellsEveryWaiter(t *testing.T) {
	t.Parallel()
	c := NewCounter(20)
	reached := make(chan int, 2)
	for _, n := range []int{5, 15} {
		go func() {
			if c.Await(t.Context(), n) == nil {
				reached <- n
			}
		}()
	}
	c.Add(5)
	if got := <-reached; got != 5 {
		t.Fatalf("count %d was told at 5", got)
	}
	c.Add(10)
	if got := <-reached; got != 15 {
		t.Fatalf("count %d was told at 15", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Await(ctx, 20); err == nil {
		t.Error("Await of a count that never came returned nil after its context had ended")
	}
}
