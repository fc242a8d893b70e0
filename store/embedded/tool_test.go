package embedded

import (
	"slices"
	"testing"
)

// Programs of PostgreSQL get what they need to run, and none of the secrets around us.
func TestProgramsInheritNoSecrets(t *testing.T) {
	t.Setenv("ORDINAUT_API_KEY", "canary")
	t.Setenv("SOME_TOKEN", "canary")
	t.Setenv("PGHOST", "elsewhere")
	t.Setenv("LANG", "tlh")
	t.Setenv("PATH", "/somewhere")
	env := environment()
	for _, kv := range []string{"ORDINAUT_API_KEY=canary", "SOME_TOKEN=canary", "PGHOST=elsewhere", "LANG=tlh"} {
		if slices.Contains(env, kv) {
			t.Errorf("%s is passed on", kv)
		}
	}
	for _, kv := range []string{"PATH=/somewhere", "LC_ALL=C"} {
		if !slices.Contains(env, kv) {
			t.Errorf("%s is missing in %q", kv, env)
		}
	}
}
