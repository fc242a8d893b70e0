package storetest

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Clock is the clock of one database, as the statements of package store read it. At first it goes like
// the real one. Defaults of columns keep the real time.
type Clock struct {
	t    testing.TB
	pool *pgxpool.Pool
}

// fakeClock makes functions that stand before those of the system in the search path.
const fakeClock = `CREATE SCHEMA fake;
CREATE TABLE fake.clock (stopped_at timestamptz, shift interval NOT NULL DEFAULT '0');
INSERT INTO fake.clock DEFAULT VALUES;
CREATE FUNCTION fake.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
    'SELECT coalesce(stopped_at, pg_catalog.clock_timestamp() + shift) FROM fake.clock';
CREATE FUNCTION fake.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
    'SELECT coalesce(stopped_at, pg_catalog.statement_timestamp() + shift) FROM fake.clock'`

// FakeClock gives the database of dsn a clock of its own and returns a DSN whose connections, of this
// process and of others, go by it.
func FakeClock(t testing.TB, dsn string) (string, *Clock) {
	t.Helper()
	c := &Clock{t: t, pool: Pool(t, dsn)}
	c.exec(fakeClock)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", "public,fake,pg_catalog")
	u.RawQuery = query.Encode()
	return u.String(), c
}

// Set stops the clock at an instant.
func (c *Clock) Set(at time.Time) {
	c.t.Helper()
	c.exec(`UPDATE fake.clock SET stopped_at = $1`, at)
}

// Advance moves the clock on, whether it goes or stands.
func (c *Clock) Advance(d time.Duration) {
	c.t.Helper()
	c.exec(`UPDATE fake.clock SET stopped_at = stopped_at + $1, shift = shift + $1`, d)
}

func (c *Clock) exec(sql string, args ...any) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	if _, err := c.pool.Exec(ctx, sql, args...); err != nil {
		c.t.Fatalf("fake clock: %v", err)
	}
}
