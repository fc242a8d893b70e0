package main

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"time"

	"github.com/ordinaut/ordinaut/scheduler"
	"github.com/ordinaut/ordinaut/store"
)

// addRenewer adds the part that computes stored times anew when this process knows newer time zones.
func (n *node) addRenewer() error {
	var last store.ZonedTask
	r, err := scheduler.NewRenewer(scheduler.RenewerConfig{
		Release: zoneRelease(), Recorded: n.store.ZoneRelease, Record: n.store.SetZoneRelease, Log: n.log,
		Renew: func(ctx context.Context, first bool, limit int, next scheduler.NextFunc) (int, error) {
			if first {
				last = store.ZonedTask{}
			}
			var count int
			var err error
			last, count, err = n.store.RenewTimes(ctx, last, limit, func(t store.ZonedTask) (time.Time, bool) { return next(t.Schedule, t.After) })
			return count, err
		},
	})
	if err != nil {
		return err
	}
	n.work = append(n.work, part{"time zones", r.Run})
	return nil
}

// zoneRelease names the release of the time zone rules that this process reads: the system's, if it
// says which it has, else those that came with the Go toolchain.
func zoneRelease() string {
	const marker = "# version "
	for _, path := range []string{"/usr/share/zoneinfo/tzdata.zi", "/usr/share/lib/zoneinfo/tzdata.zi"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		if release, found := bytes.CutPrefix(line, []byte(marker)); found {
			return string(bytes.TrimSpace(release))
		}
	}
	if text, err := os.ReadFile("/usr/share/zoneinfo/+VERSION"); err == nil { // macOS
		return string(bytes.TrimSpace(text))
	}
	if _, err := os.Stat("/usr/share/zoneinfo/UTC"); err == nil {
		return "the system's, unnamed"
	}
	return "of " + runtime.Version()
}
