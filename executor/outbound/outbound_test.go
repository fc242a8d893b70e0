package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
)

type fixed map[string][]netip.Addr

func (f fixed) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	addrs, ok := f[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

// errConnected is what the counting dialer answers once the guard let it connect.
var errConnected = errors.New("would have connected")

// guarded returns a client whose sockets never connect, and the count of those that would have.
func guarded(p Policy, names fixed) (*http.Client, *atomic.Int32) {
	connects := new(atomic.Int32)
	client := New(Config{
		Policy: p, Resolver: names,
		Dial: func(ctx context.Context, network, address string, control Control) (net.Conn, error) {
			if err := control(ctx, network, address, nil); err != nil {
				return nil, err
			}
			connects.Add(1)
			return nil, errConnected
		},
	})
	return client, connects
}

func get(t *testing.T, client *http.Client, url string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// No form of an address that is not public is ever connected to.
func TestInwardAddressesAreNeverDialled(t *testing.T) {
	t.Parallel()
	names := fixed{
		"inside.example":  {netip.MustParseAddr("10.1.2.3")},
		"partly.example":  {netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("127.0.0.1")},
		"mapped.example":  {netip.MustParseAddr("::ffff:127.0.0.1")},
		"zoned.example":   {netip.MustParseAddr("fe80::1%eth0")},
		"nowhere.example": {},
	}
	urls := []string{
		"http://127.0.0.1/", "http://127.9.9.9:8080/", "http://0.0.0.0/", "http://10.0.0.1/", "http://172.16.0.1/",
		"http://172.31.255.255/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/",
		"http://100.100.100.200/", "http://192.0.0.192/", "http://168.63.129.16/", "http://198.18.0.1/", "http://192.0.2.1/",
		"http://203.0.113.7/", "http://224.0.0.1/", "http://255.255.255.255/", "http://240.0.0.1/",
		"http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:a00:1]/", "http://[::7f00:1]/",
		"http://[fe80::1]/", "http://[fc00::1]/", "http://[fd12:3456::1]/", "http://[ff02::1]/", "http://[64:ff9b::7f00:1]/",
		"http://[64:ff9b:1::1]/", "http://[2002:7f00:1::1]/", "http://[2001:0:7f00:1::1]/", "http://[2001:db8::1]/", "http://[100::1]/",
		"http://inside.example/", "http://partly.example/", "http://mapped.example/", "http://zoned.example/",
	}
	for _, url := range urls {
		client, connects := guarded(Policy{}, names)
		err := get(t, client, url)
		if _, ok := errors.AsType[*DeniedError](err); !ok {
			t.Errorf("%s: got %v, want a DeniedError", url, err)
		}
		if n := connects.Load(); n != 0 {
			t.Errorf("%s: %d sockets connected, want none", url, n)
		}
	}
	client, connects := guarded(Policy{}, names)
	if err := get(t, client, "http://nowhere.example/"); err == nil || connects.Load() != 0 {
		t.Errorf("a name without address: got %v and %d connects, want an error and none", err, connects.Load())
	}
}

// Public addresses are dialled, and so are inward ones that the operator opened; those only.
func TestAllowedAddressesAreDialled(t *testing.T) {
	t.Parallel()
	names := fixed{"public.example": {netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("2606:2800:220:1::1")}}
	for _, tc := range []struct {
		policy Policy
		url    string
		want   int32
	}{
		{Policy{}, "http://93.184.216.34/", 1},
		{Policy{}, "http://[2606:2800:220:1::1]/", 1},
		{Policy{}, "http://public.example/", 2},
		{Policy{AllowPrivate: true}, "http://127.0.0.1/", 1},
		{Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}}, "http://10.2.3.4/", 1},
		{Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}}, "http://[::ffff:10.2.3.4]/", 1},
		{Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}}, "http://10.3.3.4/", 0},
	} {
		client, connects := guarded(tc.policy, names)
		get(t, client, tc.url)
		if n := connects.Load(); n != tc.want {
			t.Errorf("%s: %d sockets connected, want %d", tc.url, n, tc.want)
		}
	}
}

// A name whose answer changes between the check and the connection is caught at the socket.
func TestRebindingIsCaughtAtTheSocket(t *testing.T) {
	t.Parallel()
	client := New(Config{
		Resolver: fixed{"rebind.example": {netip.MustParseAddr("93.184.216.34")}},
		Dial: func(ctx context.Context, network, _ string, control Control) (net.Conn, error) {
			if err := control(ctx, network, "127.0.0.1:80", nil); err != nil {
				return nil, err
			}
			t.Error("connected to loopback")
			return nil, errConnected
		},
	})
	var refused *DeniedError
	if err := get(t, client, "http://rebind.example/"); !errors.As(err, &refused) {
		t.Errorf("got %v, want a DeniedError", err)
	}
}

// A redirect is an answer, not a place to go.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer srv.Close()
	client := New(Config{Policy: Policy{AllowPrivate: true}})
	defer client.CloseIdleConnections()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound || hits.Load() != 1 {
		t.Errorf("got status %d after %d requests, want 302 after one", resp.StatusCode, hits.Load())
	}
}

// The environment's proxy would see every request and dial for us, past the guard.
func TestEnvironmentProxyIsIgnored(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	client, connects := guarded(Policy{}, nil)
	if err := get(t, client, "http://93.184.216.34/"); !errors.Is(err, errConnected) || connects.Load() != 1 {
		t.Errorf("got %v and %d connects, want the target itself dialled once", err, connects.Load())
	}
}

func TestCheckURLRefusesWhatIsNoPlainWebAddress(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "example.com", "//example.com/x", "ftp://example.com", "file:///etc/passwd", "javascript:alert(1)", "http://",
		"http:///x", "http://user@example.com", "https://user:secret@example.com", "http://a b/", "http://[::1", "gopher://x:1/_",
	} {
		if _, err := CheckURL(raw); err == nil {
			t.Errorf("CheckURL(%q) = nil, want an error", raw)
		}
	}
	for _, raw := range []string{"http://example.com", "https://example.com:8443/a?b=c#d", "HTTPS://EXAMPLE.COM/"} {
		if _, err := CheckURL(raw); err != nil {
			t.Errorf("CheckURL(%q) = %v, want nil", raw, err)
		}
	}
}
