package outbound

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Config holds the settings of [New].
type Config struct {
	Policy Policy
	// DialTimeout bounds resolving and connecting to one address. Default 10 s.
	DialTimeout time.Duration
	// Resolver is asked for names. Default [net.DefaultResolver].
	Resolver Resolver
	// Dial opens a socket; control must be called with its address before it connects. Default a
	// [net.Dialer].
	Dial func(ctx context.Context, network, address string, control Control) (net.Conn, error)
}

// Resolver turns a name into addresses.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Control is called with a socket's destination just before it connects; an error prevents that.
type Control func(ctx context.Context, network, address string, raw syscall.RawConn) error

// New returns a client that takes no proxy from the environment, follows no redirect (the answer is
// the redirect itself), dials only what the policy allows, and needs TLS 1.2 for https. It has no
// timeout of its own: each request brings its context. A refused address is a [*DeniedError] in the
// chain of the client's error.
func New(cfg Config) *http.Client {
	d := &dialer{cfg: cfg}
	d.cfg.DialTimeout = cmp.Or(cfg.DialTimeout, 10*time.Second)
	if cfg.Resolver == nil {
		d.cfg.Resolver = net.DefaultResolver
	}
	if cfg.Dial == nil {
		d.cfg.Dial = dial
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            d.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           200,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        60 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CheckURL parses raw and reports what keeps it from being requested: a scheme other than http or
// https, no host, or a user name or password in it.
func CheckURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the url can't be parsed; want an absolute one like https://example.com/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the url's scheme is %q; want http or https", strings.ToValidUTF8(u.Scheme, "?"))
	case u.Hostname() == "":
		return nil, errors.New("the url names no host; want an absolute one like https://example.com/path")
	case u.User != nil:
		return nil, errors.New("the url holds a user name or password; send credentials in a header instead")
	}
	return u, nil
}

type dialer struct{ cfg Config }

// DialContext resolves the host, refuses unless every address it has is allowed, and connects to the
// first that answers.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		if !d.cfg.Policy.Allows(addr) {
			return nil, &DeniedError{Host: host}
		}
	}
	var first error
	for _, addr := range addrs {
		conn, err := d.dialOne(ctx, network, host, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.DialTimeout)
	defer cancel()
	addrs, err := d.cfg.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

func (d *dialer) dialOne(ctx context.Context, network, host, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.DialTimeout)
	defer cancel()
	return d.cfg.Dial(ctx, network, address, func(_ context.Context, _, address string, _ syscall.RawConn) error {
		dest, err := netip.ParseAddrPort(address)
		if err != nil || !d.cfg.Policy.Allows(dest.Addr()) {
			return &DeniedError{Host: host}
		}
		return nil
	})
}

func dial(ctx context.Context, network, address string, control Control) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 30 * time.Second, ControlContext: control}
	return d.DialContext(ctx, network, address)
}
