package store

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Wakeup names something that others wait for. It is also the NOTIFY channel.
type Wakeup string

// Wakeups. None carries anything: the reader looks into the database.
const (
	WakeQueue    Wakeup = "ordinaut_queue"    // runs became ready
	WakeSchedule Wakeup = "ordinaut_schedule" // a task's due time changed
	WakeCancel   Wakeup = "ordinaut_cancel"   // a held run was canceled
	WakeEvent    Wakeup = "ordinaut_event"    // events were published
	WakeVerdict  Wakeup = "ordinaut_verdict"  // a probe gave its verdict
)

// wakeups lists every [Wakeup].
func wakeups() []Wakeup { return []Wakeup{WakeQueue, WakeSchedule, WakeCancel, WakeEvent, WakeVerdict} }

const (
	// notifyEvery is the least time between two notifications to other processes. The first of a burst
	// goes out at once.
	notifyEvery = 2 * time.Millisecond
	// listenCheck is how long the listener's connection may be silent before it is probed.
	listenCheck = 30 * time.Second
	// minPause and maxPause bound the pause before the listener connects anew.
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
)

// hub passes wake-ups to the subscribers of this process and collects those that others must hear of.
type hub struct {
	id   string     // marks this process's notifications, so that they wake nobody here twice
	mu   sync.Mutex // guards the maps; never held while waiting
	subs map[Wakeup]map[chan struct{}]struct{}
	// unsent holds the wake-ups of this process that no NOTIFY has told yet.
	unsent map[Wakeup]struct{}
	// wanted is poked when unsent is no longer empty.
	wanted chan struct{}
}

func newHub() *hub {
	subs := map[Wakeup]map[chan struct{}]struct{}{}
	for _, w := range wakeups() {
		subs[w] = map[chan struct{}]struct{}{}
	}
	return &hub{
		id:     crand.Text(),
		subs:   subs,
		unsent: map[Wakeup]struct{}{},
		wanted: make(chan struct{}, 1),
	}
}

// Subscribe returns a channel that is poked after w happens here or, while [Store.Run] runs, in any
// process, and at each start of listening. Pokes that nobody took yet are one. The function ends it.
func (s *Store) Subscribe(w Wakeup) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.subs[w][c] = struct{}{}
	return c, func() {
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		delete(s.hub.subs[w], c)
	}
}

// wake pokes the subscribers of this process at once, and the other processes soon. Called after the
// commit, never before: a NOTIFY inside the transaction would serialise all commits.
func (s *Store) wake(w Wakeup) {
	s.hub.poke(w)
	s.hub.mu.Lock()
	s.hub.unsent[w] = struct{}{}
	s.hub.mu.Unlock()
	poke(s.hub.wanted)
}

// poke wakes the subscribers of w in this process.
func (h *hub) poke(w Wakeup) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subs[w] {
		poke(c)
	}
}

func (h *hub) pokeAll() {
	for _, w := range wakeups() {
		h.poke(w)
	}
}

// takeUnsent empties unsent and returns the channels in it.
func (h *hub) takeUnsent() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]string, 0, len(h.unsent))
	for w := range h.unsent {
		all = append(all, string(w))
	}
	clear(h.unsent)
	return all
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// listen holds the process's one listening connection and opens it anew when it breaks.
func (s *Store) listen(ctx context.Context) error {
	pause := minPause
	for {
		listened, err := s.listenOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if listened {
			pause = minPause
		}
		s.log.WarnContext(ctx, "listening stopped, will be retried", "err", err)
		if !sleep(ctx, pause/2+rand.N(pause/2)) {
			return nil
		}
		pause = min(2*pause, maxPause)
	}
}

// listenOnce serves one connection until it breaks and reports whether it ever listened. All
// subscribers are poked once LISTEN holds, so what was told before is found by looking.
func (s *Store) listenOnce(ctx context.Context) (listened bool, err error) {
	cfg := s.pool.Config().ConnConfig
	cfg.RuntimeParams["application_name"] = "ordinaut listener"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, fmt.Errorf("connect listener: %w", err)
	}
	defer func() {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(closeCtx) //nolint:errcheck // nothing is lost with it
	}()
	for _, w := range wakeups() {
		if _, err := conn.Exec(ctx, `LISTEN `+string(w)); err != nil {
			return false, fmt.Errorf("listen: %w", err)
		}
	}
	s.hub.pokeAll()
	for {
		note, err := waitForNotification(ctx, conn)
		if err != nil {
			return true, err
		}
		if note != nil && note.Payload != s.hub.id {
			s.hub.poke(Wakeup(note.Channel))
		}
	}
}

// waitForNotification returns the next notification, or nil after a silence in which the connection
// was found to be well.
func waitForNotification(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	waitCtx, cancel := context.WithTimeout(ctx, listenCheck)
	defer cancel()
	note, err := conn.WaitForNotification(waitCtx)
	if err == nil {
		return note, nil
	}
	if ctx.Err() != nil || waitCtx.Err() == nil {
		return nil, fmt.Errorf("wait for notification: %w", err)
	}
	pingCtx, cancelPing := context.WithTimeout(ctx, maxPause)
	defer cancelPing()
	if err := conn.Ping(pingCtx); err != nil {
		return nil, fmt.Errorf("probe listener: %w", err)
	}
	return nil, nil //nolint:nilnil // silence is neither a notification nor an error
}

// sendNotify tells other processes what was told here, as one statement at most every notifyEvery. Its
// payload is this process's mark. The statement takes a transaction id and so a commit record, for
// whose flush nobody needs to wait.
const sendNotify = `SELECT set_config('synchronous_commit', 'off', true), pg_notify(channel, $2)
FROM unnest($1::text[]) AS channel`

// notify sends the wake-ups of this process to the others. What it cannot send is dropped: a listener
// that was cut off looks for itself when it is back, and polling is the net.
func (s *Store) notify(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.hub.wanted:
		}
		sendCtx, cancel := context.WithTimeout(ctx, maxPause)
		_, err := s.pool.Exec(sendCtx, sendNotify, s.hub.takeUnsent(), s.hub.id)
		cancel()
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "notification not sent", "err", err)
		}
		if !sleep(ctx, notifyEvery) {
			return nil
		}
	}
}

// sleep waits for d and reports whether ctx still stands.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
