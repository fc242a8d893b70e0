package scheduler

import (
	"container/list"
	"sync"
)

// recent remembers the values used most recently, up to a number of them. It is safe for concurrent use.
type recent[K comparable, V any] struct {
	mu    sync.Mutex // guards what follows; held only for a look-up or an insertion
	size  int
	order *list.List // of *remembered[K, V], the latest used first
	byKey map[K]*list.Element
}

type remembered[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](size int) *recent[K, V] {
	return &recent[K, V]{size: max(size, 1), order: list.New(), byKey: map[K]*list.Element{}}
}

func (r *recent[K, V]) recall(key K) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	element, ok := r.byKey[key]
	if !ok {
		return value, false
	}
	r.order.MoveToFront(element)
	return element.Value.(*remembered[K, V]).value, true
}

func (r *recent[K, V]) remember(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.byKey[key]; ok {
		return
	}
	r.byKey[key] = r.order.PushFront(&remembered[K, V]{key: key, value: value})
	if r.order.Len() > r.size {
		oldest := r.order.Back()
		r.order.Remove(oldest)
		delete(r.byKey, oldest.Value.(*remembered[K, V]).key)
	}
}
