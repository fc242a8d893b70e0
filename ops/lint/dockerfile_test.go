package lint_test

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/opencontainers/go-digest"
)

const dockerfile = "../../Dockerfile"

// BuildKit's own linter, experimental rules included, has nothing to say about the Dockerfile.
func TestDockerfileLint(t *testing.T) {
	t.Parallel()
	for _, w := range lintDockerfile(t, read(t, dockerfile)) {
		t.Errorf("%s: %s", w.RuleName, w.Detail)
	}
}

// The linter is awake: it reports faults planted in the same file.
func TestDockerfileLintReportsFaults(t *testing.T) {
	t.Parallel()
	text := string(read(t, dockerfile))
	for fault, planted := range map[string]string{
		"UndefinedVar":          "FROM scratch\nCOPY $nowhere /\n",
		"SecretsUsedInArgOrEnv": text + "ENV API_TOKEN=x\n",
		"JSONArgsRecommended":   strings.Replace(text, `CMD ["serve"]`, "CMD serve", 1),
		"StageNameCasing":       strings.Replace(text, "AS build", "AS Build", 1),
		"BuildError":            "FROM\n",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			found := lintDockerfile(t, []byte(planted))
			if !slices.ContainsFunc(found, func(w lint.Warning) bool { return w.RuleName == fault }) {
				t.Errorf("the linter reports %v", found)
			}
		})
	}
}

// The image is pinned, static and unprivileged, and tells whether it lives.
func TestDockerfileKeepsItsPromises(t *testing.T) {
	t.Parallel()
	stages := parse(t, read(t, dockerfile))
	last := stages[len(stages)-1]

	pinned := regexp.MustCompile(`^(scratch|[a-z/]+:\d+\.\d+\.\d+.*|.+@sha256:[0-9a-f]{64})$`)
	for _, s := range stages {
		if !pinned.MatchString(s.BaseName) {
			t.Errorf("base image %q is not pinned to a full version", s.BaseName)
		}
	}
	if last.BaseName != "scratch" {
		t.Errorf("the final stage is from %q, want scratch", last.BaseName)
	}
	user, health := finalUserAndHealth(last)
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("USER is %q, want numeric and not root", user)
	}
	if len(health) == 0 || health[0] != "CMD" {
		t.Errorf("HEALTHCHECK is %q, want an exec form: the image has no shell", health)
	}
}

func finalUserAndHealth(stage instructions.Stage) (user string, health []string) {
	for _, command := range stage.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.HealthCheckCommand:
			health = c.Health.Test
		}
	}
	return user, health
}

func lintDockerfile(t *testing.T, text []byte) []lint.Warning {
	t.Helper()
	source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", text)
	source.Definition = &llb.Definition{} // the reporter dereferences it
	results, err := dockerfile2llb.DockerfileLint(t.Context(), text, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			LinterConfig: &linter.Config{ExperimentalAll: true},
			BuildArgs:    map[string]string{},
		},
		SourceMap:    source,
		MetaResolver: offline{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if results.Error != nil {
		return append(results.Warnings, lint.Warning{RuleName: "BuildError", Detail: results.Error.Message})
	}
	return results.Warnings
}

// offline answers for every base image with an empty configuration, so that linting needs no registry.
type offline struct{}

func (offline) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := []byte(`{"os":"linux","architecture":"amd64","config":{},"rootfs":{"type":"layers"}}`)
	return ref, digest.FromBytes(config), config, nil
}

func parse(t *testing.T, text []byte) []instructions.Stage {
	t.Helper()
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	stages, _, err := instructions.Parse(result.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
