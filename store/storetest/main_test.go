package storetest_test

import (
	"bufio"
	"net"
	"testing"

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
