package scheduler

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ordinaut/ordinaut"
)

var vectorsFile = flag.String("vectors", "testdata/recurrence.jsonl", "file of recurrence vectors, one JSON object a line")

// vector is one line of a file of recurrence vectors.
type vector struct {
	ID       string      `json:"id"`
	Kind     string      `json:"kind"`
	Expr     string      `json:"expr"`
	Timezone string      `json:"timezone"`
	Start    *string     `json:"dtstart"`
	After    time.Time   `json:"after"`
	N        int         `json:"n"`
	Want     []time.Time `json:"want"`
	Invalid  bool        `json:"invalid"`
	Why      string      `json:"why"`
}

// class is the part of the id between the corpus and the number: dev-crondst-0007 is of crondst.
func (v vector) class() string {
	parts := strings.Split(v.ID, "-")
	if len(parts) < 3 {
		return v.ID
	}
	return strings.Join(parts[1:len(parts)-1], "-")
}

// TestVectors holds every published answer. Run it on another file with
//
//	go test ./scheduler -run TestVectors -args -vectors=FILE
//
// It prints a line a class with -v, and always the sum. Kinds that are not supported are counted apart and fail the run: an unknown answer is not a pass.
func TestVectors(t *testing.T) {
	t.Parallel()
	passed, failed, unsupported := map[string]int{}, map[string]int{}, map[string]int{}
	var classes []string
	for _, v := range readVectors(t, *vectorsFile) {
		class := v.class()
		if passed[class]+failed[class]+unsupported[class] == 0 {
			classes = append(classes, class)
		}
		if !supported(v.Kind) {
			unsupported[class]++
			continue
		}
		if diff := v.check(); diff != "" {
			failed[class]++
			t.Errorf("%s %q %s after %s:\n%s", v.ID, v.Expr, v.Timezone, v.After.Format(time.RFC3339Nano), diff)
			continue
		}
		passed[class]++
	}
	good, bad := 0, 0
	for _, class := range classes {
		t.Logf("%-14s passed %3d  failed %3d  unsupported %3d", class, passed[class], failed[class], unsupported[class])
		good += passed[class]
		bad += failed[class] + unsupported[class]
		if unsupported[class] > 0 {
			t.Errorf("%s: %d vectors are of a kind that is not supported", class, unsupported[class])
		}
	}
	if good == 0 {
		t.Errorf("%s holds no vector that passed", *vectorsFile)
	}
	fmt.Fprintf(os.Stdout, "vectors: %d passed, %d failed\n", good, bad)
}

func supported(kind string) bool {
	for _, k := range ordinaut.ScheduleKinds() {
		if string(k) == kind {
			return true
		}
	}
	return false
}

func (v vector) check() string {
	s := ordinaut.Schedule{Kind: ordinaut.ScheduleKind(v.Kind), Expr: v.Expr, Timezone: v.Timezone}
	if v.Invalid {
		_, _, err := Parse(s, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		if refusal := (*ordinaut.Error)(nil); !errors.As(err, &refusal) || refusal.Code != ordinaut.CodeInvalidArgument || refusal.Example == "" {
			return fmt.Sprintf("want a refusal with an example, because %s; got %v", v.Why, err)
		}
		return ""
	}
	if v.Start != nil {
		s.Expr = "DTSTART:" + strings.NewReplacer("-", "", ":", "").Replace(*v.Start) + "\n" + v.Expr
	}
	plan, err := Compile(s)
	if err != nil {
		return err.Error()
	}
	if _, _, err := Parse(s, v.After); err != nil && len(v.Want) > 0 && v.Want[0].Before(v.After.AddDate(horizonYears, 0, 0)) {
		return err.Error()
	}
	var got []time.Time
	for _, fire := range plan.Preview(v.After, v.N) {
		got = append(got, fire.UTC)
	}
	return cmp.Diff(v.Want, got, cmpopts.EquateEmpty())
}

func readVectors(t *testing.T, name string) []vector {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v in %s", name, err, lines.Text())
		}
		all = append(all, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
