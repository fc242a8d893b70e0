package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// Looking for what else is due reads no table whole: the latest tasks come by the primary key.
func TestNeighboursAreFoundByKey(t *testing.T) {
	t.Parallel()
	pool, log := explained(t, storetest.DB(t))
	s := storetest.StoreOn(t, pool, store.Config{})
	agent, err := s.LocalAgent(t.Context(), "tester")
	if err != nil {
		t.Fatal(err)
	}
	log.take()
	if _, err := s.Neighbours(t.Context(), agent, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if plan := log.take(); !strings.Contains(plan, "Index Scan Backward using task_pkey") || strings.Contains(plan, "Seq Scan") {
		t.Errorf("the plan is\n%s", plan)
	}
}
