package front

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard keeps pages of other sites out. A browser that a hostile name was rebound to loopback for
// sends that name as Host; one that a hostile page drives sends the page's Origin.
type guard struct {
	hosts   map[string]struct{} // lower case, without port
	origins map[string]struct{} // scheme://host[:port], lower case
}

func newGuard(hosts, origins []string) (*guard, error) {
	g := &guard{hosts: make(map[string]struct{}), origins: make(map[string]struct{})}
	for _, h := range hosts {
		name := hostName(h)
		if name == "" || strings.ContainsAny(name, "/*@ ") {
			return nil, fmt.Errorf("allowed host %q: must be a name or an address", h)
		}
		g.hosts[name] = struct{}{}
	}
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || strings.Contains(u.Host, "*") {
			return nil, fmt.Errorf("allowed origin %q: must be scheme://host[:port]", o)
		}
		g.origins[strings.ToLower(o)] = struct{}{}
	}
	return g, nil
}

// check returns a fault for a request whose Host or Origin is not ours.
func (g *guard) check(r *http.Request) *fault {
	if !g.ours(hostName(r.Host)) {
		return &fault{code: codeRefused, status: http.StatusForbidden, msg: "the Host header does not name this server; the operator can allow more hosts"}
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return nil
	}
	origin := strings.ToLower(origins[0])
	if _, ok := g.origins[origin]; ok && len(origins) == 1 {
		return nil
	}
	u, err := url.Parse(origin)
	if len(origins) > 1 || err != nil || (u.Scheme != "http" && u.Scheme != "https") || !loopback(hostName(u.Host)) {
		return &fault{code: codeRefused, status: http.StatusForbidden, msg: "pages of this Origin may not call; the operator can allow more origins"}
	}
	return nil
}

func (g *guard) ours(host string) bool {
	_, ok := g.hosts[host]
	return ok || loopback(host)
}

// hostName returns a host in lower case, without port and brackets.
func hostName(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(host)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
