package stream

import (
	"context"
	"net"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/ordinaut/ordinaut"
)

// Open returns a client of the Redis at address: redis://, rediss:// (TLS) or unix://, with user,
// password and database in it; redis:// with several comma-separated hosts is a cluster. It does not
// connect yet. The error is an invalid_argument [ordinaut.Error] without the address, which may hold a
// password.
func Open(address string) (redis.UniversalClient, error) {
	redis.SetLogger(silence{})
	if _, rest, ok := strings.Cut(address, "://"); ok && strings.Contains(rest, ",") {
		options, err := redis.ParseClusterURL(clusterURL(address))
		if err != nil {
			return nil, badAddress()
		}
		return redis.NewClusterClient(options), nil
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, badAddress()
	}
	return redis.NewClient(options), nil
}

// OpenDialer returns a client of the Redis that dial connects to, whatever the address.
func OpenDialer(dial func(ctx context.Context, network, addr string) (net.Conn, error)) redis.UniversalClient {
	redis.SetLogger(silence{})
	return redis.NewClient(&redis.Options{Dialer: dial})
}

// clusterURL turns redis://a:1,b:2 into redis://a:1?addr=b:2, which the client reads.
func clusterURL(address string) string {
	u, rest, _ := strings.Cut(address, ",")
	more, query, _ := strings.Cut(rest, "?")
	values := make(url.Values)
	for host := range strings.SplitSeq(strings.TrimSuffix(more, "/"), ",") {
		values.Add("addr", host)
	}
	if query != "" {
		query = "&" + query
	}
	return u + "?" + values.Encode() + query
}

func badAddress() error {
	return ordinaut.Errorf(ordinaut.CodeInvalidArgument,
		"the Redis address cannot be read: want redis://user:password@host:6379/0, rediss://…, unix:///path, or redis://host:6379,host:6379 for a cluster")
}

// silence keeps the client from writing to standard error: what matters is logged by us.
type silence struct{}

// Printf implements the client's logger.
func (silence) Printf(context.Context, string, ...any) {}
