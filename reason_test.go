package ordinaut_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// The list of reasons is closed: each constant is in it, in order, code outside the domain gives each, and
// statements name no other.
func TestReasonsAreAllListedAndGiven(t *testing.T) {
	t.Parallel()
	names, values := reasonConstants(t)
	if diff := cmp.Diff(values, ordinaut.Reasons()); diff != "" {
		t.Errorf("Reasons() (-constants +listed):\n%s", diff)
	}
	given := map[string]bool{}
	constant, literal := regexp.MustCompile(`\bordinaut\.(Reason[A-Z]\w*)`), regexp.MustCompile(`\breason = '(\w+)'`)
	for _, f := range goFiles(t) {
		if f.forTests() || f.dir() == domain {
			continue
		}
		source, err := os.ReadFile(filepath.FromSlash(f.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range constant.FindAllSubmatch(source, -1) {
			given[string(match[1])] = true
		}
		for _, match := range literal.FindAllSubmatch(source, -1) {
			if !slices.Contains(values, ordinaut.Reason(match[1])) {
				t.Errorf("%s writes the reason %q, which is not in the list", f.path, match[1])
			}
		}
	}
	for _, name := range names {
		if !given[name] {
			t.Errorf("nothing gives %s: remove it", name)
		}
	}
}

// reasonConstants returns the names and values of the constants in reason.go.
func reasonConstants(t *testing.T) (names []string, values []ordinaut.Reason) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		names, values = append(names, spec.Names[0].Name), append(values, ordinaut.Reason(value))
		return false
	})
	return names, values
}
