package storetest_test

import (
	"bufio"
	"net"
	"testing"
	"time"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// Two databases of one server know nothing of each other.
func TestDBIsAlone(t *testing.T) {
	t.Parallel()
	a, b := storetest.Pool(t, storetest.DB(t)), storetest.Pool(t, storetest.DB(t))
	if _, err := a.Exec(t.Context(), `INSERT INTO namespace (id, name) VALUES (gen_random_uuid(), 'mine')`); err != nil {
		t.Fatal(err)
	}
	var count int
	if err := b.QueryRow(t.Context(), `SELECT count(*) FROM namespace`).Scan(&count); err != nil {
		t.Fatal(err)
	}
	if count != 0 {
		t.Errorf("namespaces in the other database = %d, want 0", count)
	}
}

// Who lives by a fake clock sees what it was set to, others see the real time, and statements of the store
// follow it.
func TestFakeClock(t *testing.T) {
	t.Parallel()
	dsn, at := storetest.DB(t), time.Date(2031, 5, 1, 9, 0, 0, 0, time.UTC)
	byClock, clock := storetest.FakeClock(t, dsn)
	clock.Set(at)
	clock.Advance(90 * time.Second)
	pool := storetest.Pool(t, byClock)
	var now time.Time
	if err := pool.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&now); err != nil || !now.Equal(at.Add(90*time.Second)) {
		t.Errorf("now is %s, error %v; want 09:01:30 of that day", now, err)
	}
	s := storetest.StoreOn(t, pool, store.Config{})
	spec := storetest.Spec("by the clock")
	spec.Schedule.Kind, spec.Schedule.Expr = ordinaut.ScheduleOnce, at.Format(time.RFC3339)
	if _, err := s.CreateTask(t.Context(), storetest.Call(t, s, "create_task"), spec, &at); err != nil {
		t.Fatal(err)
	}
	tick, err := s.Tick(t.Context(), 10, func(now time.Time, due []ordinaut.DueTask) []ordinaut.Decision {
		if !now.Equal(at.Add(90 * time.Second)) {
			t.Errorf("the tick is at %s", now)
		}
		return []ordinaut.Decision{{TaskID: due[0].TaskID}}
	})
	if err != nil || tick.Due != 1 {
		t.Errorf("the tick found %d due, error %v; want 1", tick.Due, err)
	}
	if err := storetest.Pool(t, dsn).QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&now); err != nil || time.Since(now).Abs() > time.Minute {
		t.Errorf("without the clock now is %s, error %v", now, err)
	}
}

// What Postgres acknowledged survives its crash and is there after Start.
func TestPostgresComesBack(t *testing.T) {
	t.Parallel()
	p := storetest.Postgres(t)
	pool := storetest.Pool(t, p.DSN("postgres"))
	if _, err := pool.Exec(t.Context(), `CREATE TABLE kept AS SELECT 7 AS n`); err != nil {
		t.Fatal(err)
	}
	p.Stop(t, "immediate")
	if err := pool.Ping(t.Context()); err == nil {
		t.Error("a stopped server answered")
	}
	p.Start(t)
	var n int
	if err := pool.QueryRow(t.Context(), `SELECT n FROM kept`).Scan(&n); err != nil || n != 7 {
		t.Errorf("n = %d, error %v; want 7", n, err)
	}
}

// Redis comes back empty at the same address.
func TestRedisComesBack(t *testing.T) {
	t.Parallel()
	r := storetest.StartRedis(t)
	if got := redis(t, r.Addr, "SET a 1"); got != "+OK" {
		t.Fatalf("SET answered %q", got)
	}
	r.FlushAll(t)
	if got := redis(t, r.Addr, "EXISTS a"); got != ":0" {
		t.Errorf("after FlushAll EXISTS answered %q, want :0", got)
	}
	redis(t, r.Addr, "SET a 1")
	r.Stop(t)
	r.Start(t)
	if got := redis(t, r.Addr, "EXISTS a"); got != ":0" {
		t.Errorf("after a restart EXISTS answered %q, want :0", got)
	}
}

func redis(t *testing.T, addr, command string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line[:len(line)-2]
}
