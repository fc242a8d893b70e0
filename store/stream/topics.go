package stream

import (
	"sync"

	"github.com/ordinaut/ordinaut"
)

// topics is the set of runs that somebody in this process follows.
type topics struct {
	mu    sync.Mutex // guards what follows; never held while waiting
	byKey map[string]*topic
	// changed and joined are poked when a run is followed that was not before: changed for who nudges
	// a blocked reader, joined for an idle one.
	changed, joined chan struct{}
}

// topic is one followed run.
type topic struct {
	cursor   int64 // the number of the last entry that the reader has seen
	watchers map[*watcher]struct{}
}

func newTopics() *topics {
	return &topics{byKey: map[string]*topic{}, changed: make(chan struct{}, 1), joined: make(chan struct{}, 1)}
}

// join adds a watcher that has everything up to after.
func (t *topics) join(key string, w *watcher, after int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	followed, ok := t.byKey[key]
	if !ok {
		followed = &topic{cursor: after, watchers: map[*watcher]struct{}{}}
		t.byKey[key] = followed
	}
	followed.watchers[w] = struct{}{}
	if !ok {
		poke(t.changed)
		poke(t.joined)
	}
}

func (t *topics) leave(key string, w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byKey[key].watchers, w)
	if len(t.byKey[key].watchers) == 0 {
		delete(t.byKey, key)
	}
}

// positions returns the keys to read and the number after which to read each.
func (t *topics) positions() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := make(map[string]int64, len(t.byKey))
	for key, followed := range t.byKey {
		at[key] = followed.cursor
	}
	return at
}

// deliver hands an entry to the followers of a run. It never waits: a follower without room is told
// that it has missed something.
func (t *topics) deliver(key string, p ordinaut.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	followed, ok := t.byKey[key]
	if !ok || p.Seq <= followed.cursor {
		return
	}
	followed.cursor = p.Seq
	for w := range followed.watchers {
		select {
		case w.inbox <- p:
		default:
			w.missed.Store(true)
		}
	}
}
