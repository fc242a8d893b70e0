package stream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
	"github.com/ordinaut/ordinaut/store/storetest"
)

// Law: an address names one server, or with commas a cluster; what cannot be read is refused without
// repeating it.
func TestOpen(t *testing.T) {
	t.Parallel()
	one, err := Open("redis://" + storetest.Redis(t) + "/3")
	if err != nil {
		t.Fatal(err)
	}
	if err := closing(t, one).Ping(t.Context()).Err(); err != nil {
		t.Errorf("the server does not answer: %v", err)
	}
	if db := one.(*redis.Client).Options().DB; db != 3 {
		t.Errorf("database %d, want 3", db)
	}
	many, err := Open("redis://app:secret@10.0.0.1:6379,10.0.0.2:6380,10.0.0.3:6381?read_timeout=2s")
	if err != nil {
		t.Fatal(err)
	}
	options := closing(t, many).(*redis.ClusterClient).Options()
	if diff := cmp.Diff([]string{"10.0.0.1:6379", "10.0.0.2:6380", "10.0.0.3:6381"}, options.Addrs); diff != "" || options.Password != "secret" {
		t.Errorf("password %q, hosts (-want +got)\n%s", options.Password, diff)
	}
	for _, address := range []string{"", "localhost:6379", "http://hunter2@host", "redis://:hunter2@host:port:x", "redis://:hunter2@h:1,h:2?colour=red"} {
		client, err := Open(address)
		if err == nil {
			t.Errorf("%q is accepted", address)
			_ = client.Close()
			continue
		}
		if ordinaut.CodeOf(err) != ordinaut.CodeInvalidArgument || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error is %v", address, err)
		}
	}
}
