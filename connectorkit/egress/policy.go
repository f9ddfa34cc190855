package egress

import (
	"net/netip"
	"slices"
	"strings"

	"weir.dev/weir/fault"
)

// Policy says which addresses may be reached beside the public ones. The zero value opens nothing more. Immutable.
type Policy struct {
	open []netip.Prefix // masked, none of them IPv4-mapped
}

// Flag opens networks on the command line; WEIR_ALLOW_NETWORK is its twin.
const Flag = "--allow-network"

// NewPolicy opens networks, as 10.0.0.0/8 or fd00::/8, and single addresses, as 10.1.2.3. Its errors are Validation.
func NewPolicy(networks []string) (*Policy, error) {
	p := &Policy{}
	for _, text := range networks {
		prefix, err := parseNetwork(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		p.open = append(p.open, prefix)
	}
	return p, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if addr, notOne := netip.ParseAddr(text); notOne == nil && addr.Zone() == "" {
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	switch {
	case err != nil:
		return netip.Prefix{}, fault.New(fault.Validation, "reading %s: %q is neither a network, as 10.0.0.0/8, nor an address", Flag, text)
	case prefix.Addr().Is4In6():
		return netip.Prefix{}, fault.New(fault.Validation, "reading %s: write %q as IPv4", Flag, text)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fault.New(fault.Validation, "reading %s: %q has bits beyond its length; write %s", Flag, text, prefix.Masked())
	}
	return prefix, nil
}

// Check says whether an address may be reached, in plain text or with TLS. Its errors are Validation; they name the
// address and what opens it. Plain text is for networks that the operator has named: elsewhere it would show credentials
// to everyone on the way.
func (p *Policy) Check(addr netip.Addr, plainText bool) error {
	inner := unwrap(addr)
	isNamed, exactly := p.names(inner)
	switch {
	case isMetadata(inner) && !exactly:
		return closed(addr, inner, "an address where clouds keep a machine's own credentials", netip.PrefixFrom(inner, inner.BitLen()).String())
	case isNamed:
		return nil
	case !isPublic(inner):
		return closed(addr, inner, "not a public address", netip.PrefixFrom(inner, inner.BitLen()).String())
	case plainText:
		return needsTLS(inner.String())
	}
	return nil
}

// names reports whether one of the open networks holds the address, and whether one is nothing but the address.
func (p *Policy) names(addr netip.Addr) (isNamed, exactly bool) {
	for _, prefix := range p.open {
		if prefix.Contains(addr) {
			isNamed = true
			exactly = exactly || prefix.IsSingleIP()
		}
	}
	return isNamed, exactly
}

func closed(addr, inner netip.Addr, what, opens string) error {
	shown := addr.String()
	if inner != addr {
		shown += " (" + inner.String() + ")"
	}
	return fault.New(fault.Validation, "%s is %s; the operator opens it with %s %s", shown, what, Flag, opens)
}

func needsTLS(host string) error {
	return fault.New(fault.Validation, "%s can be reached with https only; plain http is for networks that the operator names with %s", host, Flag)
}

// unwrap takes an IPv4 address out of the IPv6 forms that networks translate back: mapped, NAT64 and 6to4. Zones go:
// what a zone says does not change what an address is.
func unwrap(addr netip.Addr) netip.Addr {
	addr = addr.WithZone("").Unmap()
	if !addr.Is6() {
		return addr
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return addr
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
	unicast6  = netip.MustParsePrefix("2000::/3") // all that is handed out for the public Internet
)

// metadata are the addresses where clouds answer with a machine's own credentials, and link-local networks, where more
// of them may be.
var metadata = prefixes(
	"169.254.0.0/16", "fe80::/10", // link-local: AWS, Google, Azure, ECS tasks and others at 169.254.169.254 and nearby
	"fd00:ec2::/32",      // AWS over IPv6: fd00:ec2::254, and ::23 for pods
	"fd20:ce::/32",       // Google over IPv6
	"fd00:42::42/128",    // Scaleway
	"100.100.100.200/32", // Alibaba
	"168.63.129.16/32",   // Azure's host; the number is a public one
	"192.0.0.192/32",     // Oracle
)

// special are networks that are no part of the public Internet, from IANA's registries of special-purpose addresses
// (https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry).
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "3fff::/20", // Teredo is in the first
)

func isMetadata(addr netip.Addr) bool { return within(metadata, addr) }

func isPublic(addr netip.Addr) bool {
	return (addr.Is4() || unicast6.Contains(addr)) && !within(special, addr)
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// checkHost refuses hosts that are an address in disguise: numbers such as 2130706433, 0177.0.0.1, 127.1 or 0x7f.1, which
// some resolvers read as addresses and some do not. It reports whether the host is a proper address.
func checkHost(host string) (isAddress bool, err error) {
	if host == "" {
		return false, fault.New(fault.Validation, "the URL has no host")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true, nil
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := strings.ToLower(labels[len(labels)-1])
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return false, fault.New(fault.Validation, "the host %q ends in a number, but is not an address as it is commonly written", host)
	}
	return false, nil
}
