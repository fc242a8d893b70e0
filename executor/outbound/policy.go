package outbound

import (
	"fmt"
	"net/netip"
)

// Policy says which addresses may be dialled. The zero value allows public addresses only.
type Policy struct {
	// AllowPrivate opens every range, loopback and link-local included. It is for targets that the
	// operator named, such as a downstream server's URL, never for a URL that a task holds.
	AllowPrivate bool
	// AllowNetworks opens these ranges on top of the public ones.
	AllowNetworks []netip.Prefix
}

// DeniedError says that a policy refused an address. The address is not told: what a name resolves
// to inside the operator's network is none of a task's business.
type DeniedError struct{ Host string }

// Error names the host and says who can allow it.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("the address of %q is not public, and the operator's allow_networks does not open it", e.Host)
}

// denied lists the ranges that no task may reach by default: those of the IANA special-purpose
// registries for IPv4 and IPv6, multicast, and the addresses at which cloud hosts answer questions
// about themselves. IPv4 addresses embedded in IPv6 (mapped, NAT64, 6to4, Teredo) are denied whole,
// since a gateway could lead them back inside.
var denied = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's host agent, in a public range
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.31.196.0/24"),
	netip.MustParsePrefix("192.52.193.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("192.175.48.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

// public6 is the only range of IPv6 that is handed out for the open internet.
var public6 = []netip.Prefix{netip.MustParsePrefix("2000::/3")}

// denied6 lists what is special inside public6.
var denied6 = []netip.Prefix{
	netip.MustParsePrefix("2001::/23"), // protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), // 6to4
	netip.MustParsePrefix("2620:4f:8000::/48"),
	netip.MustParsePrefix("3fff::/20"),
}

// Allows reports whether addr may be dialled. A zone or an IPv4-mapped form changes nothing.
func (p Policy) Allows(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	switch {
	case !addr.IsValid():
		return false
	case p.AllowPrivate || contains(p.AllowNetworks, addr):
		return true
	case addr.Is4():
		return !contains(denied, addr)
	default:
		return contains(public6, addr) && !contains(denied6, addr)
	}
}

func contains(ranges []netip.Prefix, addr netip.Addr) bool {
	for _, r := range ranges {
		if r.Contains(addr) {
			return true
		}
	}
	return false
}
