package embedded_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut/store/embedded"
)

// Processes of one data directory see one Redis; when its server leaves, another takes over.
func TestRedisIsSharedAndTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() (*embedded.SharedRedis, *redis.Client) {
		s, err := embedded.ShareRedis(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s, redis.NewClient(&redis.Options{Dialer: s.Dial})
	}
	first, one := open()
	second, two := open()
	defer second.Close()
	defer two.Close()
	ctx := t.Context()
	if err := one.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Get(ctx, "k").Result(); err != nil || got != "v" {
		t.Errorf("the other process read %q, %v", got, err)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := two.Set(ctx, "k", "w", 0).Err(); err != nil {
		t.Errorf("after the server left: %v", err)
	}
	if _, err := first.Dial(ctx, "", ""); err == nil {
		t.Error("dialed after Close")
	}
}
