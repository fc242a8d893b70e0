package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/embedded"
)

// errUnwell says that a check of doctor failed, which has been shown.
var errUnwell = errors.New("something is not right; see above")

func newDoctor(cfg *config) *cobra.Command {
	var healthURL string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything from the configuration to a round trip, and say what to do",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if healthURL != "" {
				return checkHealth(cmd.Context(), healthURL)
			}
			return newDoctorRound(cfg, cmd.OutOrStdout()).run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&healthURL, "health-url", "", "only ask this URL, and exit 0 if it answers 200: a container's health check")
	return cmd
}

// checkHealth reports by its error whether url answers 200 within five seconds.
func checkHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}

// doctorRound runs the checks one after another.
type doctorRound struct {
	*screen
	cfg    *config
	failed bool
}

func newDoctorRound(cfg *config, w io.Writer) *doctorRound {
	return &doctorRound{screen: newScreen(w), cfg: cfg}
}

func (d *doctorRound) run(ctx context.Context) error {
	d.line("ordinaut %s", buildVersion())
	d.report("configuration", d.checkConfig)
	d.report("database", func() (string, error) { return d.checkDatabase(ctx) })
	d.report("redis", func() (string, error) { return d.checkRedis(ctx) })
	d.report("server", func() (string, error) { return d.checkServer(ctx) })
	if d.failed {
		return errUnwell
	}
	return nil
}

// report runs one check and shows what it found or what to do.
func (d *doctorRound) report(what string, check func() (string, error)) {
	found, err := check()
	if err != nil {
		d.failed = true
		d.line("%s %-14s %s", d.bad("✗"), what, message(err))
		return
	}
	d.line("%s %-14s %s", d.good("✓"), what, found)
}

func (d *doctorRound) checkConfig() (string, error) {
	if _, err := d.cfg.roles(); err != nil {
		return "", err
	}
	if err := d.cfg.check(); err != nil {
		return "", err
	}
	file, err := d.cfg.operatorFile()
	if err != nil {
		return "", err
	}
	dir, err := d.cfg.dataDir()
	if err != nil {
		return "", err
	}
	where := "no file (ORDINAUT_CONFIG)"
	if d.cfg.ConfigFile != "" {
		where = d.cfg.ConfigFile
	}
	return fmt.Sprintf("data in %s, servers: %d, from %s", dir, len(file.Servers), where), nil
}

func (d *doctorRound) checkDatabase(ctx context.Context) (string, error) {
	if d.cfg.DatabaseURL == "" {
		dir, err := d.cfg.dataDir()
		if err != nil {
			return "", err
		}
		if !embedded.Exists(dir) {
			return "private, not there yet: the first start of serve or stdio makes it", nil
		}
	}
	began := time.Now()
	db, err := openDatabase(ctx, d.cfg, io.Discard)
	if err != nil {
		return "", err
	}
	defer db.Close()
	have, want, err := store.SchemaVersion(ctx, db.pool)
	if err != nil {
		return "", err
	}
	kind := "configured"
	if db.cluster != nil {
		kind = "private"
	}
	if have > want {
		return "", fmt.Errorf("the schema is %d and this binary knows %d: use a newer binary", have, want)
	}
	if have < want {
		return fmt.Sprintf("%s, schema %d of %d: the next start of serve migrates it", kind, have, want), nil
	}
	return fmt.Sprintf("%s, schema %d, answered in %d ms", kind, have, time.Since(began).Milliseconds()), nil
}

func (d *doctorRound) checkRedis(ctx context.Context) (string, error) {
	if d.cfg.RedisURL == "" {
		return "in process (ORDINAUT_REDIS_URL is not set)", nil
	}
	if err := pingRedis(ctx, d.cfg.RedisURL); err != nil {
		return "", fmt.Errorf("runs go on without it, progress is slower to see: %w", err)
	}
	return "answers", nil
}

// checkServer makes the round trip that an assistant makes.
func (d *doctorRound) checkServer(ctx context.Context) (string, error) {
	url := endpoint(d.cfg.Addr)
	if err := checkHealth(ctx, "http://"+d.cfg.Addr+"/health/ready"); err != nil {
		return "", fmt.Errorf("nothing answers at %s: start `ordinaut serve` (a desktop client starts `ordinaut stdio` by itself)", d.cfg.Addr)
	}
	key, err := d.cfg.apiKey()
	if err != nil {
		return "", err
	}
	s, err := dial(ctx, url, key)
	if err != nil {
		return "", err
	}
	defer s.Close()
	began := time.Now()
	var status struct {
		Healthy  bool
		Problems []string
	}
	if err := s.into(ctx, "get_status", map[string]any{}, &status); err != nil {
		return "", err
	}
	if !status.Healthy {
		return "", fmt.Errorf("%s says: %v", url, status.Problems)
	}
	return fmt.Sprintf("%s, protocol %s, get_status in %d ms", url, s.Protocol, time.Since(began).Milliseconds()), nil
}
