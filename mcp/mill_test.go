package mcp

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// mill answers each request with what its query says, and fails those whose path is broken.
type mill struct {
	url string

	mu     sync.Mutex // guards what follows
	broken map[string]bool
	asked  []*http.Request
}

func newMill(t *testing.T, broken ...string) *mill {
	t.Helper()
	m := &mill{}
	m.mend(broken...)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.asked = append(m.asked, r)
		if m.broken[r.URL.Path] {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, compact(map[string]any{"said": r.URL.Query().Get("say")}))
	}))
	t.Cleanup(srv.Close)
	m.url = srv.URL
	return m
}

// mend lets all paths work but some, and forgets what was asked.
func (m *mill) mend(but ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken, m.asked = map[string]bool{}, nil
	for _, path := range but {
		m.broken[path] = true
	}
}

// paths returns what was asked, in order, with what was to be said: /c?hello.
func (m *mill) paths() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	paths := make([]string, len(m.asked))
	for i, r := range m.asked {
		paths[i] = r.URL.Path + "?" + r.URL.Query().Get("say")
	}
	return paths
}

// step is one that asks the mill at its own id.
func (m *mill) step(id, say string) object {
	return object{"id": id, "uses": "http.request", "with": object{"method": "POST", "url": m.url + "/" + id, "query": object{"say": say}}}
}

// three is a pipeline in which each step says what the one before has said.
func (m *mill) three() []object {
	return []object{m.step("a", "${params.word}"), m.step("b", "${steps.a.body.said}"), m.step("c", "${steps.a.body.said}-${steps.b.body.said}")}
}
