package measure

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// tick is the unit of CPU times in /proc, the same on every Linux.
const tick = 10 * time.Millisecond

// Meter reads what this process and the Postgres server have used so far.
type Meter struct {
	pool *pgxpool.Pool
	// postmaster is the server's first process, 0 when it is on another machine or cannot be seen.
	postmaster int
}

// Mark is a reading of a [Meter].
type Mark struct {
	at             time.Time
	client, server time.Duration
	wal            int64
}

// Cost is what happened between two readings. CPU times are zero where the system does not tell them,
// and ServerCPU also when Postgres is on another machine. ServerCPU and WALBytes are of the whole
// server: others who use it are in them.
type Cost struct {
	Elapsed              time.Duration
	ClientCPU, ServerCPU time.Duration
	WALBytes             int64
}

// NewMeter returns a meter of this process and of the server behind pool.
func NewMeter(ctx context.Context, pool *pgxpool.Pool) (*Meter, error) {
	var pid int
	var local bool
	const where = `SELECT pg_backend_pid(), inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1'`
	if err := pool.QueryRow(ctx, where).Scan(&pid, &local); err != nil {
		return nil, fmt.Errorf("find the server's processes: %w", err)
	}
	m := &Meter{pool: pool}
	// A loopback address may still lead through a tunnel or into a container: the process has to be
	// here under that id.
	if backend, ok := readStat(pid); local && ok && strings.HasPrefix(backend.name, "postgres") {
		m.postmaster = backend.parent
	}
	return m, nil
}

// Read takes a reading.
func (m *Meter) Read(ctx context.Context) (Mark, error) {
	var mark Mark
	err := m.pool.QueryRow(ctx, `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint`).Scan(&mark.wal)
	if err != nil {
		return mark, fmt.Errorf("read the position of the log: %w", err)
	}
	if self, ok := readStat(os.Getpid()); ok {
		mark.client = self.cpu
	}
	mark.server = m.serverCPU()
	mark.at = time.Now()
	return mark, nil
}

// Since returns what happened since mark.
func (m *Meter) Since(ctx context.Context, mark Mark) (Cost, error) {
	elapsed := time.Since(mark.at)
	now, err := m.Read(ctx)
	if err != nil {
		return Cost{}, err
	}
	return Cost{
		Elapsed:   elapsed,
		ClientCPU: now.client - mark.client,
		ServerCPU: now.server - mark.server,
		WALBytes:  now.wal - mark.wal,
	}, nil
}

// serverCPU sums up the postmaster, the children it has reaped and those that live.
func (m *Meter) serverCPU() time.Duration {
	if m.postmaster == 0 {
		return 0
	}
	master, ok := readStat(m.postmaster)
	if !ok {
		return 0
	}
	total := master.cpu + master.reaped
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok && s.parent == m.postmaster {
			total += s.cpu
		}
	}
	return total
}

type stat struct {
	name        string
	parent      int
	cpu, reaped time.Duration
}

// readStat reads /proc/PID/stat; ok is false where there is none.
func readStat(pid int) (s stat, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return s, false
	}
	return parseStat(string(text))
}

// parseStat reads the fields of proc(5): the name in parentheses may hold anything, so the rest is
// counted from the last closing one.
func parseStat(text string) (s stat, ok bool) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return s, false
	}
	s.name = text[open+1 : end]
	fields := strings.Fields(text[end+1:])
	if len(fields) < 15 {
		return s, false
	}
	var n [5]int64 // parent, user and system time, and the same of reaped children
	for i, field := range []int{1, 11, 12, 13, 14} {
		value, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return s, false
		}
		n[i] = value
	}
	s.parent = int(n[0])
	s.cpu = time.Duration(n[1]+n[2]) * tick
	s.reaped = time.Duration(n[3]+n[4]) * tick
	return s, true
}
