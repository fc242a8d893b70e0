package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/mcp/front"
	"github.com/ordinaut/ordinaut/store"
	"github.com/ordinaut/ordinaut/store/embedded"
	"github.com/ordinaut/ordinaut/store/stream"
)

// buildStore makes the store over the pool and the streams that it publishes to.
func (n *node) buildStore() error {
	if err := n.openStream(); err != nil {
		return err
	}
	var err error
	n.store, err = store.New(store.Config{
		Pool: n.pool, Log: n.log, Publish: n.stream.Publish, PublishEvents: n.stream.PublishEvents, Registerer: n.registry,
	})
	if err != nil {
		return err
	}
	n.base = append(n.base, part{"store", n.store.Run}, part{"streams", n.stream.Run})
	return nil
}

// openStream connects to the configured Redis, or to the private one of the data directory.
func (n *node) openStream() error {
	cfg := stream.Config{History: n.history, Log: n.log, Registerer: n.registry}
	var err error
	switch {
	case n.cfg.RedisURL != "":
		if cfg.Client, err = stream.Open(n.cfg.RedisURL); err != nil {
			return fmt.Errorf("ORDINAUT_REDIS_URL: %w", err)
		}
		n.closers = append(n.closers, cfg.Client.Close)
	case n.cluster != nil:
		shared, err := embedded.ShareRedis(n.cluster.Dir())
		if err != nil {
			return err
		}
		cfg.Client = stream.OpenDialer(shared.Dial)
		n.closers = append(n.closers, cfg.Client.Close, shared.Close)
	default:
		own, err := embedded.NewRedis()
		if err != nil {
			return err
		}
		cfg.Client = stream.OpenDialer(own.Dial)
		n.closers = append(n.closers, cfg.Client.Close, func() error { own.Close(); return nil })
	}
	n.stream, err = stream.New(cfg)
	return err
}

// addInbox adds what reads events that others put into Redis.
func (n *node) addInbox() error {
	inbox, err := n.stream.NewInbox(stream.InboxConfig{
		Namespaces: n.store.NamespaceNames, Receive: n.receiveInbox, Log: n.log, Registerer: n.registry,
		Check: func(payload []byte) error { return front.CheckJSON(payload, maxHookDepth) },
	})
	if err != nil {
		return err
	}
	n.work = append(n.work, part{"inbox", inbox.Run})
	return nil
}

// receiveInbox stores entries of a namespace's inbox.
func (n *node) receiveInbox(ctx context.Context, namespace string, entries []stream.InboxEntry) error {
	ns, err := n.store.NamespaceByName(ctx, namespace)
	if err != nil {
		return err
	}
	received := make([]store.Received, len(entries))
	for i, e := range entries {
		received[i] = store.Received{Key: e.Key, Event: ordinaut.Event{Topic: e.Topic, Payload: e.Payload}}
	}
	if err := n.store.ReceiveEvents(ctx, ns, ordinaut.EventFromInbox, "inbox", received); err != nil {
		return err
	}
	for i := range entries {
		entries[i].Repeated = received[i].Repeated
	}
	return nil
}

// history is what streams lack: the database's own record of a run's progress.
func (n *node) history(ctx context.Context, namespace string, run ordinaut.RunID, after int64) ([]ordinaut.Progress, error) {
	id, err := n.store.NamespaceByName(ctx, namespace)
	if err != nil {
		return nil, err
	}
	return n.store.ListProgress(ctx, id, run, after)
}

// watch follows a run live. A namespace without a name has no runs, and its channel is closed at once.
func (n *node) watch(ctx context.Context, ns ordinaut.NamespaceID, run ordinaut.RunID, after int64) <-chan ordinaut.Progress {
	name, err := n.store.NamespaceName(ctx, ns)
	if err != nil {
		none := make(chan ordinaut.Progress)
		close(none)
		return none
	}
	return n.stream.Watch(ctx, name, run, after)
}

// pingRedis asks the Redis at url whether it is there.
func pingRedis(ctx context.Context, url string) error {
	c, err := stream.Open(url)
	if err != nil {
		return err
	}
	return errors.Join(c.Ping(ctx).Err(), c.Close())
}
