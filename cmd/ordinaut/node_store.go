package main

import (
	"context"

	"github.com/ordinaut/ordinaut/store"
)

// buildStore makes the store over the pool.
func (n *node) buildStore() error {
	var err error
	n.store, err = store.New(store.Config{Pool: n.pool, Log: n.log, Registerer: n.registry})
	if err != nil {
		return err
	}
	n.base = append(n.base, part{"store", n.store.Run})
	return nil
}

func pingRedis(context.Context, string) error { return nil }
