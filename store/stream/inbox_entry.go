package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

func inboxKey(namespace string) string { return "ordinaut:" + namespace + ":inbox" }

// take has entries stored, then acknowledges and deletes them. Entries that are no events go to the
// rejected ones with the reason. While Postgres is away it waits.
func (b *Inbox) take(ctx context.Context, key string, messages []redis.XMessage) error {
	var good []InboxEntry
	rejected := map[string]string{} // reason by id
	ids := make([]string, 0, len(messages))
	for _, m := range messages {
		ids = append(ids, m.ID)
		e, err := b.parse(m)
		if err != nil {
			rejected[m.ID] = err.Error()
			continue
		}
		good = append(good, e)
	}
	if len(ids) == 0 {
		return nil
	}
	if len(good) > 0 {
		if err := b.store(ctx, b.namespaces[key], good); err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandLimit)
	defer cancel()
	pipe := b.client.Pipeline()
	for _, m := range messages {
		if why, bad := rejected[m.ID]; bad {
			pipe.XAdd(limited, rejection(key, m, why))
		}
	}
	pipe.XAck(limited, key, inboxGroup, ids...)
	pipe.XDel(limited, key, ids...)
	if _, err := pipe.Exec(limited); err != nil {
		return err // it comes again, and is known then
	}
	b.count(ctx, b.namespaces[key], good, len(rejected))
	return nil
}

// store has entries stored, trying again while the database is away.
func (b *Inbox) store(ctx context.Context, namespace string, entries []InboxEntry) error {
	wait := minPause
	for {
		err := b.cfg.Receive(ctx, namespace, entries)
		if err == nil || ordinaut.CodeOf(err) != ordinaut.CodeUnavailable {
			return err
		}
		b.complain(ctx, err)
		if !pause(ctx, wait/2+rand.N(wait/2)) {
			return ctx.Err()
		}
		wait = min(2*wait, maxPause)
	}
}

func (b *Inbox) count(ctx context.Context, namespace string, good []InboxEntry, rejected int) {
	stored := 0
	for i := range good {
		if !good[i].Repeated {
			stored++
		}
	}
	b.entries.WithLabelValues("stored").Add(float64(stored))
	b.entries.WithLabelValues("repeated").Add(float64(len(good) - stored))
	b.entries.WithLabelValues("rejected").Add(float64(rejected))
	if rejected > 0 {
		b.cfg.Log.WarnContext(ctx, "inbox entries were rejected", "namespace", namespace, "count", rejected, "stream", inboxKey(namespace)+":rejected")
	}
}

// parse reads an entry with the fields topic, payload (JSON) and, if its sender has one, id.
func (b *Inbox) parse(m redis.XMessage) (InboxEntry, error) {
	e := InboxEntry{Key: field(m, "id"), Topic: field(m, "topic")}
	if e.Key == "" {
		e.Key = m.ID
	}
	if len(e.Key) > maxInboxKey {
		return e, fmt.Errorf("id has %d bytes, at most %d are allowed", len(e.Key), maxInboxKey)
	}
	if err := ordinaut.CheckTopic(e.Topic); err != nil {
		if public, ok := errors.AsType[*ordinaut.Error](err); ok {
			return e, errors.New(public.Msg)
		}
		return e, err
	}
	text := field(m, "payload")
	switch {
	case text == "":
		return e, nil
	case len(text) > ordinaut.MaxPayloadBytes:
		return e, fmt.Errorf("payload has %d bytes, at most %d are allowed", len(text), ordinaut.MaxPayloadBytes)
	}
	e.Payload = json.RawMessage(text)
	if err := b.cfg.Check(e.Payload); err != nil {
		return e, fmt.Errorf("payload: %w", err)
	}
	return e, nil
}

// rejection is what is kept of an entry that is no event.
func rejection(key string, m redis.XMessage, why string) *redis.XAddArgs {
	return &redis.XAddArgs{
		Stream: key + ":rejected", MaxLen: rejectedMaxLen, Approx: true,
		Values: []string{
			"entry", m.ID, "reason", why, "id", cut(field(m, "id")), "topic", cut(field(m, "topic")), "payload", cut(field(m, "payload")),
		},
	}
}

func cut(text string) string { return text[:min(len(text), rejectedBytes)] }
