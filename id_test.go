package ordinaut

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// An id sorts after every id that its process made before, of any kind and in any goroutine, and no two
// are the same.
func TestIDsRise(t *testing.T) {
	t.Parallel()
	const makers, each = 4, 20_000
	made := make([][]RunID, makers)
	var group sync.WaitGroup
	for m := range makers {
		group.Go(func() {
			last := [16]byte(NewTaskID())
			for range each {
				id := NewRunID()
				if bytes.Compare(last[:], id[:]) >= 0 {
					t.Errorf("%x follows %x", id[:], last[:])
					return
				}
				last = id
				made[m] = append(made[m], id)
			}
		})
	}
	group.Wait()
	seen := make(map[[8]byte]bool, makers*each)
	for _, ids := range made {
		for _, id := range ids {
			if half := [8]byte(id[:8]); seen[half] {
				t.Fatalf("%s has the time of another id", id)
			} else {
				seen[half] = true
			}
		}
	}
}

// An id is a UUID of version 7 (RFC 9562) that tells when it was made and survives its text.
func TestIDForm(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Millisecond)
	id := NewTaskID()
	if at := id.Time(); at.Before(before) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("made at %v, tells %v", before, at)
	}
	if id[6]>>4 != 7 || id[8]>>6 != 2 {
		t.Errorf("%s is no UUID of version 7", id)
	}
	parsed, err := ParseTaskID(id.String())
	if err != nil || parsed != id {
		t.Errorf("%s was read as %s, %v", id, parsed, err)
	}
	if _, err := ParseRunID(id.String()); CodeOf(err) != CodeInvalidArgument {
		t.Errorf("a task's id was read as a run's: %v", err)
	}
}

// Times that ids are made of rise when the clock stands still or goes back a little, and follow it when
// it was wrong for a while.
func TestTickerFollowsTheClock(t *testing.T) {
	t.Parallel()
	var ticks ticker
	noon := time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)
	first := ticks.after(noon)
	if got := time.UnixMilli(int64(first >> 12)); !got.Equal(noon) {
		t.Errorf("%v became %v", noon, got)
	}
	for i, now := range []time.Time{noon, noon.Add(-time.Millisecond), noon.Add(-900 * time.Millisecond)} {
		if got := ticks.after(now); got != first+uint64(i)+1 {
			t.Errorf("after the clock went back by %v: %d ticks on, want %d", noon.Sub(now), got-first, i+1)
		}
	}
	if got, want := ticks.after(noon.Add(500*time.Microsecond)), first+2048; got != want {
		t.Errorf("half a millisecond is %d ticks, want 2048", got-first)
	}
	if got := ticks.after(noon.Add(-time.Hour)); got >= first {
		t.Error("ids stay an hour ahead of the clock")
	}
}
