package explain_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut/explain"
)

var update = flag.Bool("update", false, "write the table of verdicts anew") //nolint:gochecknoglobals // go test reads flags before tests run

// The document tells of each verdict what the code says of it.
func TestVerdictsAreDocumented(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../docs/scheduling.md", "<!-- verdicts: written by go test ./explain -update -->\n", "<!-- end of verdicts -->"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	shown, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for verdicts", path)
	}
	var table strings.Builder
	table.WriteString("| verdict | means | the call that is proposed |\n|---|---|---|\n")
	for _, row := range explain.Table() {
		call := cmp.Or(row.Fix, "none")
		if row.MakesUp {
			call += "; and `make_up`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", row.Code, row.Meaning, call)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(table.String(), shown); diff != "" {
		t.Errorf("%s (-code +document); go test ./explain -update writes it anew:\n%s", path, diff)
	}
}
