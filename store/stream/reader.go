package stream

import (
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// readBlock is how long a read waits at the server when nothing happens.
	readBlock = 2 * time.Second
	readCount = 256
	// clusterPoll is the pause between reads where blocking on many keys is impossible.
	clusterPoll = 25 * time.Millisecond
)

// readLoop is the one reader of the process: it waits on the streams of all followed runs at once.
func (s *Stream) readLoop(ctx context.Context) {
	read := s.readEach
	if !s.spread() {
		client, closeClient := s.ownClient()
		defer closeClient()
		// Nothing else ends a read from a server that does not answer any more.
		stop := context.AfterFunc(ctx, closeClient)
		defer stop()
		read = func(ctx context.Context, positions map[string]int64) error {
			return s.readBlocked(ctx, client, positions)
		}
	}
	wait := minPause
	for ctx.Err() == nil {
		positions := s.topics.positions()
		if len(positions) == 0 {
			select {
			case <-ctx.Done():
			case <-s.topics.joined:
			}
			continue
		}
		if err := read(ctx, positions); err != nil {
			s.lost(ctx, err)
			pause(ctx, wait/2+rand.N(wait/2))
			wait = min(2*wait, maxPause)
			continue
		}
		wait = minPause
	}
}

// spread reports whether keys live on several servers, so that no command may name two of them.
func (s *Stream) spread() bool { return isSpread(s.cfg.Client) }

func isSpread(client redis.UniversalClient) bool {
	switch client.(type) {
	case *redis.ClusterClient, *redis.Ring:
		return true
	default:
		return false
	}
}

// readerOptions returns what a reader's own client is made with; nil when readers share the client. A client
// writes into its options whenever it connects, so they are copied before anything does.
func readerOptions(of redis.UniversalClient) *redis.Options {
	shared, ok := of.(*redis.Client)
	if !ok {
		return nil
	}
	options := *shared.Options()
	options.PoolSize, options.MinIdleConns, options.MaxRetries = 1, 0, -1
	if shared := options.MaintNotificationsConfig; shared != nil {
		own := *shared // this is what it writes into
		options.MaintNotificationsConfig = &own
	}
	return &options
}

// ownClient returns a client of a reader's own, so that blocked reads take no connection from anybody,
// and the function that closes it, once.
func (s *Stream) ownClient() (redis.UniversalClient, func()) {
	if s.reader == nil {
		return s.cfg.Client, func() {}
	}
	options := *s.reader
	client := redis.NewClient(&options)
	return client, sync.OnceFunc(func() { _ = client.Close() }) // nothing is lost with it
}

// readBlocked waits until one of the streams has something, or the reader is nudged.
func (s *Stream) readBlocked(ctx context.Context, client redis.Cmdable, positions map[string]int64) error {
	keys := make([]string, 0, 2*len(positions)+2)
	ids := make([]string, 0, len(positions)+1)
	keys, ids = append(keys, s.nudges.key), append(ids, s.nudges.seen)
	for key, at := range positions {
		keys, ids = append(keys, key), append(ids, entryID(at))
	}
	streams, err := client.XRead(ctx, &redis.XReadArgs{
		Streams: append(keys, ids...), Count: readCount, Block: readBlock,
	}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for _, stream := range streams {
		if stream.Stream == s.nudges.key {
			s.nudges.seen = stream.Messages[len(stream.Messages)-1].ID
			continue
		}
		s.deliver(ctx, stream.Stream, stream.Messages)
	}
	return nil
}

// readEach asks for each stream by a command of its own and then rests.
func (s *Stream) readEach(ctx context.Context, positions map[string]int64) error {
	pipe := s.cfg.Client.Pipeline()
	asked := make(map[string]*redis.XMessageSliceCmd, len(positions))
	for key, at := range positions {
		asked[key] = pipe.XRangeN(ctx, key, "("+entryID(at), "+", readCount)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	for key, cmd := range asked {
		s.deliver(ctx, key, cmd.Val())
	}
	pause(ctx, clusterPoll)
	return nil
}

func (s *Stream) deliver(ctx context.Context, key string, messages []redis.XMessage) {
	for _, m := range messages {
		p, err := parseEntry(m)
		if err != nil {
			s.cfg.Log.WarnContext(ctx, "entry in redis could not be read", "err", err)
			continue
		}
		s.topics.deliver(key, p)
	}
}

func entryID(seq int64) string { return strconv.FormatInt(seq, 10) + "-0" }

// nudges is a stream of this process alone, which the blocked reader reads too.
type nudges struct {
	key  string
	seen string // the last nudge read; only used by the reader
}

func newNudges() nudges { return nudges{key: "ordinaut:reader:" + crand.Text(), seen: "0-0"} }

// nudge makes the blocked reader look again at what is followed. Without it, the reader does so when
// its wait ends.
func (s *Stream) nudge(ctx context.Context) {
	if s.spread() || !s.Up() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	pipe := s.cfg.Client.Pipeline()
	pipe.XAdd(limited, &redis.XAddArgs{Stream: s.nudges.key, MaxLen: 1, Values: []string{"nudge", "1"}})
	pipe.Expire(limited, s.nudges.key, time.Minute)
	if _, err := pipe.Exec(limited); err != nil {
		s.lost(ctx, err)
	}
}
