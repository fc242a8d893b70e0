package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

const (
	// inboxGroup is the consumer group of every inbox, and the one consumer in it: which process reads an
	// entry does not matter, for what is read and not acknowledged is claimed by time alone.
	inboxGroup = "ordinaut"
	inboxBatch = 100
	// claimEvery is the time between looks for entries that somebody has read and not acknowledged for
	// claimIdle: their reader has died, or still waits for Postgres. Either way a second storing is none.
	claimEvery = 10 * time.Second
	claimIdle  = 30 * time.Second
	// namespacesEvery is the time between looks for new namespaces.
	namespacesEvery = time.Minute
	maxInboxKey     = 200
	// rejectedMaxLen and rejectedBytes bound what is kept of entries that are no events.
	rejectedMaxLen = 1000
	rejectedBytes  = 1000
)

// InboxEntry is an entry of an inbox that can be an event.
type InboxEntry struct {
	// Key is the sender's own id of it, else that of the entry.
	Key     string
	Topic   string
	Payload json.RawMessage
	// Repeated is set when it was stored before.
	Repeated bool
}

// InboxConfig is what [Stream.NewInbox] needs. All but Log and Registerer are required.
type InboxConfig struct {
	// Namespaces returns the names of those whose inbox is read.
	Namespaces func(ctx context.Context) ([]string, error)
	// Check returns what is wrong with a payload.
	Check func(payload []byte) error
	// Receive stores entries, and fills in Repeated. When it returns nil they may be forgotten here.
	Receive func(ctx context.Context, namespace string, entries []InboxEntry) error
	// Log receives what a person may want to know; nil discards it.
	Log *slog.Logger
	// Registerer receives the metrics; nil keeps them to ourselves.
	Registerer prometheus.Registerer
}

// Inbox reads the entries that others add to ordinaut:{namespace}:inbox and has them stored as events. Any
// number of processes may read the same inboxes.
type Inbox struct {
	cfg     InboxConfig
	client  redis.UniversalClient
	own     func() (redis.UniversalClient, func())
	entries *prometheus.CounterVec
	// What follows is only used by Run's goroutine.
	keys       []string          // the inboxes that have a group
	namespaces map[string]string // by key
	lookedAt   time.Time         // for namespaces
	claimedAt  time.Time
	troubled   bool // the log says so
}

// NewInbox returns a reader of the inboxes in the stream's Redis. It speaks with it only while [Inbox.Run]
// runs, and waits for entries on a client of its own.
func (s *Stream) NewInbox(cfg InboxConfig) (*Inbox, error) {
	if cfg.Namespaces == nil || cfg.Check == nil || cfg.Receive == nil {
		return nil, errors.New("stream: InboxConfig.Namespaces, Check and Receive are required")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	b := &Inbox{cfg: cfg, client: s.cfg.Client, own: s.ownClient, entries: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ordinaut_inbox_entries_total", Help: "Entries read from inboxes by what became of them: stored, repeated or rejected.",
	}, []string{"outcome"})}
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(b.entries); err != nil {
			return nil, fmt.Errorf("inbox metrics: %w", err)
		}
	}
	return b, nil
}

// Run reads until ctx ends and then returns nil. A Redis or a Postgres that is away is waited for.
func (b *Inbox) Run(ctx context.Context) error {
	client, closeClient := b.own()
	defer closeClient()
	// Nothing else ends a read from a server that does not answer any more.
	stop := context.AfterFunc(ctx, closeClient)
	defer stop()
	wait := minPause
	for ctx.Err() == nil {
		err := b.round(ctx, client)
		if err == nil {
			wait, b.troubled = minPause, false
			continue
		}
		b.keys, b.lookedAt = nil, time.Time{} // groups may be gone: look again
		b.complain(ctx, err)
		pause(ctx, wait/2+rand.N(wait/2))
		wait = min(2*wait, maxPause)
	}
	return nil
}

// complain warns of the first of failures in a row. A Redis that is away is told of by [Stream], and a lost
// group is nothing to tell.
func (b *Inbox) complain(ctx context.Context, err error) {
	if ctx.Err() != nil || b.troubled || !isAnswer(err) && ordinaut.CodeOf(err) == ordinaut.CodeInternal || lostGroup(err) {
		return
	}
	b.troubled = true
	b.cfg.Log.WarnContext(ctx, "inboxes were not read, will be retried", "err", err)
}

func lostGroup(err error) bool {
	return strings.HasPrefix(err.Error(), "NOGROUP") || strings.HasPrefix(err.Error(), "UNBLOCKED")
}

// round looks for what is to be read, and reads it.
func (b *Inbox) round(ctx context.Context, client redis.UniversalClient) error {
	if time.Since(b.lookedAt) >= namespacesEvery {
		if err := b.open(ctx, client); err != nil {
			return err
		}
	}
	if time.Since(b.claimedAt) >= claimEvery {
		if err := b.claim(ctx, client); err != nil {
			return err
		}
		b.claimedAt = time.Now()
	}
	if len(b.keys) == 0 {
		pause(ctx, time.Second)
		return nil
	}
	return b.read(ctx, client)
}

// open makes sure that the inbox of each namespace has its group, which begins with the oldest entry.
func (b *Inbox) open(ctx context.Context, client redis.UniversalClient) error {
	names, err := b.cfg.Namespaces(ctx)
	if err != nil {
		return err
	}
	keys, namespaces := make([]string, 0, len(names)), make(map[string]string, len(names))
	for _, name := range names {
		key := inboxKey(name)
		err := client.XGroupCreateMkStream(ctx, key, inboxGroup, "0").Err()
		switch {
		case err == nil, strings.HasPrefix(err.Error(), "BUSYGROUP"):
			keys, namespaces[key] = append(keys, key), name
		case isAnswer(err):
			b.cfg.Log.WarnContext(ctx, "inbox cannot be read, it is passed over", "namespace", name, "err", err)
		default:
			return err
		}
	}
	b.keys, b.namespaces, b.lookedAt = keys, namespaces, time.Now()
	return nil
}

// read waits for entries that nobody has read. Where keys live on several servers it asks one by one.
func (b *Inbox) read(ctx context.Context, client redis.UniversalClient) error {
	groups, block := [][]string{b.keys}, readBlock
	if isSpread(client) {
		groups, block = groups[:0], -1
		for _, key := range b.keys {
			groups = append(groups, []string{key})
		}
		defer pause(ctx, 10*clusterPoll)
	}
	for _, keys := range groups {
		args := append([]string{}, keys...)
		for range keys {
			args = append(args, ">")
		}
		streams, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: inboxGroup, Consumer: inboxGroup, Streams: args, Count: inboxBatch, Block: block,
		}).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		for _, s := range streams {
			if err := b.take(ctx, s.Stream, s.Messages); err != nil {
				return err
			}
		}
	}
	return nil
}

// claim takes over what was read and not acknowledged.
func (b *Inbox) claim(ctx context.Context, client redis.UniversalClient) error {
	for _, key := range b.keys {
		for start := "0-0"; ; {
			messages, next, err := client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
				Stream: key, Group: inboxGroup, Consumer: inboxGroup, MinIdle: claimIdle, Start: start, Count: inboxBatch,
			}).Result()
			if err != nil {
				return err
			}
			if err := b.take(ctx, key, messages); err != nil {
				return err
			}
			if start = next; next == "0-0" || next == "" {
				break
			}
		}
	}
	return nil
}
