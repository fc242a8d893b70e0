package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// The first key is made once, proves its agent, and is kept nowhere; any other is refused in the same
// words.
func TestKeys(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	key, agent, err := s.Bootstrap(t.Context(), "assistant")
	if err != nil {
		t.Fatal(err)
	}
	if parts := strings.SplitN(key, "_", 3); len(parts) != 3 || parts[0] != "ord" || len(parts[1]) < 8 || len(parts[2]) != 43 {
		t.Errorf("key has the form %d parts", len(parts))
	}
	for range 2 { // looked up, then from the cache
		got := must(s.AgentByKey(t.Context(), key))(t)
		if diff := cmp.Diff(&agent, got); diff != "" {
			t.Errorf("agent (-want +got):\n%s", diff)
		}
	}
	for _, scope := range ordinaut.Scopes() {
		if !agent.May(scope) {
			t.Errorf("the first agent may not %s", scope)
		}
	}
	_, _, err = s.Bootstrap(t.Context(), "another")
	codeIs(t, err, ordinaut.CodeConflict)

	last := key[len(key)-1]
	forged := key[:len(key)-1] + string(last^1)
	for name, bad := range map[string]string{
		"forged": forged, "unknown id": "ord_0011223344556677_" + key[len(key)-43:], "empty": "", "no form": "secret", "nul": "ord_\x00",
	} {
		_, err := s.AgentByKey(t.Context(), bad)
		codeIs(t, err, ordinaut.CodeUnauthenticated)
		if err != nil && err.Error() != "unauthenticated: the key is not valid" {
			t.Errorf("%s: %q tells more than that", name, err)
		}
	}
	var days float64
	if err := pool.QueryRow(t.Context(), `SELECT extract(epoch FROM expires_at - clock_timestamp()) / 86400 FROM api_key`).Scan(&days); err != nil {
		t.Fatal(err)
	}
	if days <= 89.9 || days > 90 {
		t.Errorf("the key is valid for %.1f days, want 90", days)
	}
	var kept string
	const dump = `SELECT (SELECT string_agg(k::text, ' ') FROM api_key k) || (SELECT string_agg(a::text, ' ') FROM audit a)`
	if err := pool.QueryRow(t.Context(), dump).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(kept, key[len(key)-43:]) {
		t.Error("the secret part of the key is in the database")
	}
}

// A key that was revoked or has expired proves nothing, and then the first key may be made anew.
func TestKeyEnds(t *testing.T) {
	t.Parallel()
	for _, end := range []string{`revoked_at = clock_timestamp()`, `expires_at = clock_timestamp()`} {
		pool := storetest.Pool(t, storetest.DB(t))
		key, _, err := must(store.New(store.Config{Pool: pool}))(t).Bootstrap(t.Context(), "assistant")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Exec(t.Context(), `UPDATE api_key SET `+end); err != nil {
			t.Fatal(err)
		}
		s := must(store.New(store.Config{Pool: pool}))(t)
		_, err = s.AgentByKey(t.Context(), key)
		codeIs(t, err, ordinaut.CodeUnauthenticated)
		if _, _, err := s.Bootstrap(t.Context(), "assistant"); err != nil {
			t.Errorf("after %s: %v", end, err)
		}
	}
}

// The local agent is one agent, however many processes ask for it at once.
func TestLocalAgentIsOne(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ids := make(chan ordinaut.AgentID, 8)
	var group sync.WaitGroup
	for range cap(ids) {
		group.Go(func() {
			agent, err := s.LocalAgent(context.WithoutCancel(t.Context()), "me")
			if err != nil {
				t.Error(err)
				return
			}
			ids <- agent.ID
		})
	}
	group.Wait()
	close(ids)
	first := <-ids
	for id := range ids {
		if id != first {
			t.Errorf("two agents: %s and %s", first, id)
		}
	}
	_, err := s.LocalAgent(t.Context(), "")
	codeIs(t, err, ordinaut.CodeInvalidArgument)
}
