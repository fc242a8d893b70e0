package stream

import (
	"sync"

	"github.com/ordinaut/ordinaut"
)

// pendingBytes is about how much the events that wait may hold: a payload has up to a megabyte, so their
// number alone bounds nothing.
const pendingBytes = 16 << 20

// item is what waits for the writer: a progress entry, or an event.
type item struct {
	ordinaut.RunProgress
	// event is what a run published. Of the entry only the namespace is set then.
	event *ordinaut.Event
}

// pending holds the items that wait for the writer.
type pending struct {
	mu    sync.Mutex // guards items and bytes; never held while waiting
	items []item
	bytes int
	limit int
	// wanted is poked when items is no longer empty.
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
	n := min(len(entries), p.limit-len(p.items))
	for i := range entries[:n] {
		p.items = append(p.items, item{RunProgress: entries[i]})
	}
	p.mu.Unlock()
	poke(p.wanted)
	return entries[n:]
}

// addEvents takes copies of the events that there is room for and returns how many it left.
func (p *pending) addEvents(namespace string, events []ordinaut.Event) (left int) {
	if len(events) == 0 {
		return 0
	}
	p.mu.Lock()
	for _, e := range events {
		size := len(e.Topic) + len(e.Payload)
		if len(p.items) >= p.limit || p.bytes+size > pendingBytes {
			left++
			continue
		}
		p.bytes += size
		p.items = append(p.items, item{RunProgress: ordinaut.RunProgress{Namespace: namespace}, event: &e})
	}
	p.mu.Unlock()
	poke(p.wanted)
	return left
}

// take empties it and hands out what was there; spent is an earlier batch whose memory is used again.
func (p *pending) take(spent []item) []item {
	clear(spent) // lets go of the strings
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.items
	p.items, p.bytes = spent[:0], 0
	return taken
}
