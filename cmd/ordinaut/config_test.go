package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
)

// docs/configuration.md names every environment variable that there is, and no other.
func TestEveryVariableIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^\\| `(ORDINAUT_[A-Z_]+)`").FindAllStringSubmatch(string(text), -1) {
		documented[found[1]] = true
	}
	read := map[string]bool{}
	for field := range reflect.TypeFor[config]().Fields() {
		read[field.Tag.Get("env")] = true
	}
	if diff := cmp.Diff(read, documented); diff != "" {
		t.Errorf("variables read (-) and documented (+):\n%s", diff)
	}
}

// The operator's file of docs/configuration.md is one that is accepted.
func TestTheDocumentedFileIsAccepted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	path := filepath.Join(t.TempDir(), "ordinaut.yaml")
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config{ConfigFile: path}
	file, err := c.operatorFile()
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Servers) != 2 || file.Servers[0].Transport != "stdio" || file.Servers[1].Transport != "http" || len(file.AllowNetworks) != 1 {
		t.Errorf("read as %+v", file)
	}
}

// What is wrong in the operator's file or the environment is refused by name.
func TestWrongConfigurationIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", "serverz: []", "serverz"},
		{"relative command", "servers: [{name: a, command: [tool]}]", "absolute"},
		{"no transport", "servers: [{name: a}]", "a"},
		{"bad network", "allow_networks: [10.0.0.0/99]", "10.0.0.0/99"},
		{"hook with a bad topic", "hooks: [{topic: Mail}]", "small letters"},
		{"hook with a reserved topic", "hooks: [{topic: task.done}]", "by Ordinaut itself"},
		{"hook without a secret", "hooks: [{topic: mail}]", "0 secrets"},
		{"hook with a plain secret", "hooks: [{topic: mail, secrets: [swordfish]}]", "want whsec_"},
		{"hook with a short secret", "hooks: [{topic: mail, secrets: [whsec_AAECAwQFBgcICQoLDA0ODw==]}]", "at least 32"},
		{"hook with a weak secret", "hooks: [{topic: mail, secrets: [whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=]}]", "not random"},
		{"two hooks of a topic", "hooks: [{topic: mail, secrets: [whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]}, {topic: mail}]", "two hooks"},
		{"same name twice", "servers: [{name: a, url: 'https://x.example/mcp'}, {name: a, url: 'https://y.example/mcp'}]", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ordinaut.yaml")
			if err := os.WriteFile(path, []byte(c.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg := config{ConfigFile: path}
			if _, err := cfg.operatorFile(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error naming %q", err, c.want)
			}
		})
	}
	cfg := config{Roles: []string{"api", "boss"}}
	if _, err := cfg.roles(); err == nil || !strings.Contains(err.Error(), `"boss"`) {
		t.Errorf("role boss: %v", err)
	}
}

// Variables and numbers that cannot be meant are refused by the names that people set.
func TestWrongNumbersAreRefusedByName(t *testing.T) {
	t.Setenv("ORDINAUT_SLOTS", "many")
	t.Setenv("ORDINAUT_GRACE", "5")
	_, err := loadConfig()
	for _, want := range []string{`ORDINAUT_SLOTS is "many": want a whole number`, `ORDINAUT_GRACE is "5": want a duration`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := (&config{}).check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, c := range map[string]config{
		"ORDINAUT_SLOTS":     {Slots: -1},
		"ORDINAUT_LEASE_TTL": {LeaseTTL: time.Millisecond},
		"ORDINAUT_GRACE":     {Grace: -time.Second},
		"ORDINAUT_RATE":      {Rate: -1},
	} {
		if err := c.check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What all addresses of a database answered is one line, each answer once, and says where to look.
func TestUnreachableDatabaseIsOneLine(t *testing.T) {
	t.Parallel()
	err := unreachable(&config{DatabaseURL: "postgres://a,b/x"}, &ordinaut.Error{
		Code: ordinaut.CodeUnavailable, Msg: "the database does not answer", Err: errors.New("no way:\n\ta: refused\n\tb: lookup b\n\tlookup b\n\ta: refused"),
	})
	if want := "the database does not answer: no way: a: refused b: lookup b; check ORDINAUT_DATABASE_URL (--database-url)"; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
