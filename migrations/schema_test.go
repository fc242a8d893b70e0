package migrations_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ordinaut/ordinaut/store/storetest"
)

var update = flag.Bool("update", false, "write docs/schema.sql anew") //nolint:gochecknoglobals // go test reads flags before tests run

func TestMain(m *testing.M) { storetest.Main(m) }

const schemaFile = "../docs/schema.sql"

// docs/schema.sql is what the migrations make. It is read from the catalog and not from pg_dump, whose
// words differ between versions; the weekly partitions, which differ from week to week, are left out.
func TestSchemaFileIsWhatTheMigrationsMake(t *testing.T) {
	t.Parallel()
	got := dump(t, storetest.DB(t))
	if *update {
		if err := os.WriteFile(schemaFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/schema.sql is out of date; write it with: go test ./migrations -update\n%s", diff)
	}
}

// tablesQuery gives one row a table, columns and constraints inside.
const tablesQuery = `SELECT c.relname,
    'CREATE TABLE ' || c.relname || E' (\n' || (
        SELECT string_agg('    ' || line, E',\n' ORDER BY part, n) FROM (
            SELECT 1 AS part, a.attnum::int AS n, a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
                || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') AS line
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
            SELECT 2, row_number() OVER (ORDER BY k.contype DESC, k.conname)::int, 'CONSTRAINT ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
            FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c')
        ) lines) || E'\n)'
    || CASE WHEN c.relkind = 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(c.oid) ELSE '' END
    || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || E';\n'
    || coalesce((SELECT string_agg(pg_get_indexdef(i.indexrelid) || E';\n', '' ORDER BY i.indexrelid::regclass::text)
        FROM pg_index i WHERE i.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)), '')
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname`

const functionsQuery = `SELECT proname, pg_get_functiondef(oid) || E';\n' FROM pg_proc
WHERE pronamespace = 'public'::regnamespace ORDER BY proname`

func dump(t *testing.T, dsn string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var b strings.Builder
	fmt.Fprint(&b, "-- The schema as the migrations leave it; weekly partitions left out. Do not edit: go test ./migrations -update\n")
	for _, query := range []string{functionsQuery, tablesQuery} {
		rows, err := conn.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		var name, text string
		if _, err := pgx.ForEachRow(rows, []any{&name, &text}, func() error {
			_, err := fmt.Fprintf(&b, "\n%s", text)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
