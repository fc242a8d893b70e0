package lint_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFile = "../../docker-compose.yml"

// required returns the variables without which nothing may start. The loader adds to what it is given.
func required() types.Mapping {
	return types.Mapping{"POSTGRES_PASSWORD": "postgres0password", "REDIS_PASSWORD": "redis0password"}
}

// No credential has a default: leave out either variable, or leave it empty, and Compose refuses the file.
func TestComposeHasNoDefaultCredential(t *testing.T) {
	t.Parallel()
	for name := range required() {
		empty, absent := required(), required()
		empty[name] = ""
		delete(absent, name)
		for state, env := range map[string]types.Mapping{"empty": empty, "absent": absent} {
			if _, err := load(t.Context(), env); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("with %s %s the file loads, or fails for another reason: %v", name, state, err)
			}
		}
	}
}

// The three roles run apart from one image, once the schema is there and both stores are healthy.
func TestComposeRunsTheRolesApart(t *testing.T) {
	t.Parallel()
	services := project(t).Services
	for _, role := range []string{"api", "scheduler", "worker"} {
		s, ok := services[role]
		if !ok {
			t.Fatalf("no service %q", role)
		}
		if got := env(s, "ORDINAUT_ROLES"); got != role {
			t.Errorf("%s has ORDINAUT_ROLES=%q", role, got)
		}
		if s.Image != services["api"].Image {
			t.Errorf("%s runs %s, api runs %s", role, s.Image, services["api"].Image)
		}
		for dependency, condition := range map[string]string{
			"postgres": types.ServiceConditionHealthy,
			"redis":    types.ServiceConditionHealthy,
			"migrate":  types.ServiceConditionCompletedSuccessfully,
		} {
			if got := s.DependsOn[dependency].Condition; got != condition {
				t.Errorf("%s waits for %s to be %q, want %q", role, dependency, got, condition)
			}
		}
	}
}

// Every service that stays can tell its health, and each of ours gives up what it does not need.
func TestComposeServicesAreHealthCheckedAndConfined(t *testing.T) {
	t.Parallel()
	for name, s := range project(t).Services {
		if name != "migrate" && (s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) == 0) {
			t.Errorf("%s has no health check", name)
		}
		if s.Privileged || s.NetworkMode == "host" || s.Pid == "host" {
			t.Errorf("%s shares the host", name)
		}
		if strings.HasPrefix(s.Image, "ordinaut:") {
			if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
				t.Errorf("%s is not confined", name)
			}
			continue
		}
		if !regexp.MustCompile(`:\d+\.\d+(\.\d+)?$`).MatchString(s.Image) {
			t.Errorf("%s runs %q, which is not pinned to a full version", name, s.Image)
		}
	}
}

// Only the API is reachable, from this host alone; the stores hear nobody but us.
func TestComposePublishesOnlyTheAPI(t *testing.T) {
	t.Parallel()
	p := project(t)
	for name, s := range p.Services {
		for _, port := range s.Ports {
			if name != "api" || port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s:%s", name, port.HostIP, port.Published)
			}
		}
		if name != "postgres" && name != "redis" {
			continue
		}
		for network := range s.Networks {
			if !p.Networks[network].Internal {
				t.Errorf("%s is on network %s, which reaches outside", name, network)
			}
		}
	}
	if !strings.HasSuffix(env(p.Services["api"], "ORDINAUT_ADDR"), ":8080") {
		t.Error("api must listen on the published port")
	}
}

func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := load(t.Context(), required())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func load(ctx context.Context, env types.Mapping) (*types.Project, error) {
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  "../..",
		ConfigFiles: []types.ConfigFile{{Filename: composeFile}},
		Environment: env,
	})
}

func env(s types.ServiceConfig, name string) string {
	if v := s.Environment[name]; v != nil {
		return *v
	}
	return ""
}
