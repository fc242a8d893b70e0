package stream

import (
	"testing"

	"github.com/ordinaut/ordinaut"
)

// Law: an entry that shows others to be missing brings them along, at once and in order.
func TestAGapIsFilledAtOnce(t *testing.T) {
	t.Parallel()
	h, run := newTruth(), ordinaut.NewRunID()
	s, err := New(Config{Client: inProcess(t), History: h.history})
	if err != nil {
		t.Fatal(err)
	}
	h.commit(s, run, 1, 5, 9)
	w := &watcher{ref: ref{namespace: "default", run: run}, out: make(chan ordinaut.Progress, 9), last: 1}
	if ended := s.receive(t.Context(), w, entry(4, 9)); ended {
		t.Error("the watch is over")
	}
	if ended := s.receive(t.Context(), w, entry(3, 9)); ended || w.last != 5 {
		t.Errorf("handed out up to %d, ended %v; want all of history, 5", w.last, ended)
	}
	close(w.out)
	want := int64(2)
	for p := range w.out {
		if p.Seq != want {
			t.Errorf("got entry %d, want %d", p.Seq, want)
		}
		want++
	}
	if want != 6 {
		t.Errorf("handed out up to %d, want 5", want-1)
	}
}

// Law: an entry that is left out while its run is filled in makes the run dirty again.
func TestDirtyAgainWhileFilledIn(t *testing.T) {
	t.Parallel()
	d, r := newDirty(), ref{namespace: "default", run: ordinaut.NewRunID()}
	if d.markAgain(r) {
		t.Error("a clean run counts as dirty")
	}
	d.mark(r)
	_, marks, _ := d.oldest()
	if !d.markAgain(r) {
		t.Error("a dirty run counts as clean")
	}
	d.settle(r, marks)
	got, marks, ok := d.oldest()
	if !ok || got != r {
		t.Fatal("the run was forgotten although it was marked since")
	}
	d.settle(r, marks)
	if _, _, ok := d.oldest(); ok {
		t.Error("the run is still dirty")
	}
}

// Law: of more dirty runs than are remembered, the newest stay.
func TestDirtyIsBounded(t *testing.T) {
	t.Parallel()
	d := newDirty()
	var last ref
	for range dirtyLimit + 100 {
		last = ref{namespace: "default", run: ordinaut.NewRunID()}
		d.mark(last)
	}
	if len(d.marks) != dirtyLimit || !d.markAgain(last) {
		t.Errorf("remembers %d runs, the newest: %v; want %d and true", len(d.marks), d.markAgain(last), dirtyLimit)
	}
}
