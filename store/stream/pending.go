package stream

import (
	"sync"

	"github.com/ordinaut/ordinaut"
)

// pending holds the entries that wait for the writer.
type pending struct {
	mu      sync.Mutex // guards entries; never held while waiting
	entries []ordinaut.RunProgress
	limit   int
	// wanted is poked when entries is no longer empty.
	wanted chan struct{}
}

func newPending(limit int) *pending {
	return &pending{limit: limit, wanted: make(chan struct{}, 1)}
}

// add takes a copy of as many entries as there is room for and returns the others.
func (p *pending) add(entries []ordinaut.RunProgress) (left []ordinaut.RunProgress) {
	if len(entries) == 0 {
		return nil
	}
	p.mu.Lock()
	n := min(len(entries), p.limit-len(p.entries))
	p.entries = append(p.entries, entries[:n]...)
	p.mu.Unlock()
	poke(p.wanted)
	return entries[n:]
}

// take empties it and hands out what was there; spent is an earlier batch whose memory is used again.
func (p *pending) take(spent []ordinaut.RunProgress) []ordinaut.RunProgress {
	clear(spent) // lets go of the strings
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.entries
	p.entries = spent[:0]
	return taken
}
