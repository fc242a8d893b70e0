package downstream

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut/executor/outbound"
)

// Transports of downstream servers.
const (
	TransportStdio = "stdio"
	TransportHTTP  = "http"
)

// ServerConfig says how to reach one server. The operator writes it; tasks only name the server.
type ServerConfig struct {
	// Name leads the names of the server's actions: <name>.<tool>.
	Name string `yaml:"name"`
	// Transport is stdio or http. Empty means the one whose settings are there.
	Transport string `yaml:"transport"`
	// Command is what to start for stdio: an absolute path, then arguments. No shell reads it.
	Command []string `yaml:"command"`
	// Env is added to the child's minimal environment (PATH, HOME, LANG).
	Env map[string]string `yaml:"env"`
	// Dir is the child's working directory, absolute. Default: the root directory.
	Dir string `yaml:"dir"`
	// URL is where an http server listens. Since the operator named it, it may be a private address.
	URL string `yaml:"url"`
	// Headers go with each request to URL, credentials included.
	Headers map[string]string `yaml:"headers"`
}

//nolint:gochecknoglobals // compiled once, never changed
var (
	namePattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
)

// reserved are the first words of the built-in actions' names.
var reserved = []string{"http", "data", "wait", "event", "flow", "approval", "task", "llm", "agent", "notify", "shell"}

// Validate fills in Transport and reports the first setting that is wrong.
func (c *ServerConfig) Validate() error {
	if !namePattern.MatchString(c.Name) {
		return fmt.Errorf("server name %q: want a small letter, then at most 62 small letters, digits, _ and -", c.Name)
	}
	if slices.Contains(reserved, c.Name) {
		return fmt.Errorf("server name %q is taken by built-in actions", c.Name)
	}
	if c.Transport == "" {
		c.Transport = TransportHTTP
		if len(c.Command) > 0 {
			c.Transport = TransportStdio
		}
	}
	var err error
	switch c.Transport {
	case TransportStdio:
		err = c.validateStdio()
	case TransportHTTP:
		err = c.validateHTTP()
	default:
		err = fmt.Errorf("transport is %q, want stdio or http", c.Transport)
	}
	if err != nil {
		return fmt.Errorf("server %s: %w", c.Name, err)
	}
	return nil
}

func (c *ServerConfig) validateStdio() error {
	switch {
	case len(c.Command) == 0:
		return errors.New("command is missing; give an absolute path and its arguments")
	case !filepath.IsAbs(c.Command[0]):
		return fmt.Errorf("command %q is not an absolute path", c.Command[0])
	case c.Dir != "" && !filepath.IsAbs(c.Dir):
		return fmt.Errorf("dir %q is not an absolute path", c.Dir)
	case c.URL != "" || len(c.Headers) > 0:
		return errors.New("url and headers belong to transport http")
	}
	for name := range c.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return fmt.Errorf("env: %q is no name of a variable", name)
		}
		if injects(name) {
			return fmt.Errorf("env: %s would load code into the child, which is not allowed", name)
		}
	}
	return nil
}

func (c *ServerConfig) validateHTTP() error {
	if len(c.Command) > 0 || len(c.Env) > 0 || c.Dir != "" {
		return errors.New("command, env and dir belong to transport stdio")
	}
	if _, err := outbound.CheckURL(c.URL); err != nil {
		return err
	}
	for name, value := range c.Headers {
		if !headerName.MatchString(name) || strings.ContainsAny(value, "\x00\r\n") {
			return fmt.Errorf("headers: %q is no valid header", http.CanonicalHeaderKey(name))
		}
	}
	return nil
}

// injects reports whether the variable makes a loader or an interpreter run code of its choosing.
func injects(name string) bool {
	name = strings.ToUpper(name)
	for _, prefix := range []string{"LD_", "DYLD_", "PYTHON", "PERL5", "RUBY", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "NODE_OPTIONS", "BASH_ENV"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "ENV" || name == "PROMPT_COMMAND"
}
