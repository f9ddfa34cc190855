package egress_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
)

func policy(t testing.TB, networks ...string) *egress.Policy {
	t.Helper()
	p, err := egress.NewPolicy(networks)
	require.NoError(t, err)
	return p
}

func TestCheck_OpensPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	for text, isOpen := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "172.15.255.255": true, "172.32.0.0": true, "223.255.255.255": true,
		"2606:4700::1111": true, "2a00:1450::1": true,
		"0.0.0.0": false, "10.0.0.1": false, "100.64.0.1": false, "100.127.255.255": false, "127.0.0.1": false, "127.255.255.254": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.0.0.8": false, "192.0.2.1": false, "192.168.1.1": false, "198.18.0.1": false,
		"198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"169.254.169.254": false, "169.254.170.2": false, "100.100.100.200": false, "168.63.129.16": false, "192.0.0.192": false,
		"::": false, "::1": false, "::127.0.0.1": false, "fc00::1": false, "fd12::1": false, "fe80::1": false, "fe80::1%eth0": false,
		"fec0::1": false, "ff02::1": false, "100::1": false, "2001:db8::1": false, "2001::1": false, "3fff::1": false, "4000::1": false,
		"fd00:ec2::254": false, "fd20:ce::254": false,
		// Forms in which an IPv4 address hides.
		"::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:8.8.8.8": true,
		"64:ff9b::10.0.0.1": false, "64:ff9b::169.254.169.254": false, "64:ff9b::8.8.8.8": true, "64:ff9b:1::8.8.8.8": false,
		"2002:0a00:0001::1": false, "2002:7f00:0001::": false, "2002:0808:0808::1": true,
	} {
		err := policy(t).Check(netip.MustParseAddr(text), false)
		if isOpen {
			require.NoError(t, err, text)
			continue
		}
		require.True(t, fault.Is(err, fault.Validation), text)
		require.Contains(t, err.Error(), "--allow-network", text)
	}
}

func TestCheck_OpensNamedNetworks(t *testing.T) {
	t.Parallel()
	p := policy(t, "10.0.0.0/8", "127.0.0.0/8", "fd00::/8", "192.168.7.7", "::1/128")
	for text, isOpen := range map[string]bool{
		"10.1.2.3": true, "11.0.0.1": true, "127.0.0.1": true, "fd12::1": true, "192.168.7.7": true, "192.168.7.8": false, "::1": true,
		"::ffff:10.1.2.3": true, "64:ff9b::10.1.2.3": true, "2002:0a01:0203::": true, "172.16.0.1": false, "::2": false,
		"fd00:ec2::254": false, // named by a network that holds it only
	} {
		require.Equal(t, isOpen, p.Check(netip.MustParseAddr(text), false) == nil, text)
	}
}

func TestCheck_MetadataStaysShutUnlessNamedExactly(t *testing.T) {
	t.Parallel()
	everything := policy(t, "0.0.0.0/0", "::/0")
	for _, text := range []string{"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1%eth0", "168.63.129.16", "100.100.100.200", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"} {
		err := everything.Check(netip.MustParseAddr(text), false)
		require.ErrorContains(t, err, "own credentials", text)
	}
	require.NoError(t, everything.Check(netip.MustParseAddr("192.168.0.1"), false))
	require.NoError(t, policy(t, "169.254.169.254/32").Check(netip.MustParseAddr("169.254.169.254"), false))
	require.NoError(t, policy(t, "169.254.169.254").Check(netip.MustParseAddr("::ffff:169.254.169.254"), false))
	require.Error(t, policy(t, "169.254.169.254/31").Check(netip.MustParseAddr("169.254.169.254"), false))
}

func TestCheck_SaysWhichAddressAndWhatOpensIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.1.2.3":           "10.1.2.3 is not a public address; the operator opens it with --allow-network 10.1.2.3/32",
		"64:ff9b::10.1.2.3":  "64:ff9b::a01:203 (10.1.2.3) is not a public address; the operator opens it with --allow-network 10.1.2.3/32",
		"fd12::1":            "fd12::1 is not a public address; the operator opens it with --allow-network fd12::1/128",
		"169.254.169.254":    "169.254.169.254 is an address where clouds keep a machine's own credentials; the operator opens it with --allow-network 169.254.169.254/32",
		"::ffff:192.168.0.1": "::ffff:192.168.0.1 (192.168.0.1) is not a public address; the operator opens it with --allow-network 192.168.0.1/32",
	} {
		require.EqualError(t, policy(t).Check(netip.MustParseAddr(text), false), want)
	}
}

func TestCheck_PlainTextIsForNamedNetworks(t *testing.T) {
	t.Parallel()
	p := policy(t, "10.0.0.0/8")
	require.NoError(t, p.Check(netip.MustParseAddr("10.0.0.1"), true))
	require.ErrorContains(t, p.Check(netip.MustParseAddr("8.8.8.8"), true), "8.8.8.8 can be reached with https only")
}

func TestNewPolicy_RefusesWhatIsNoNetwork(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                    "neither a network",
		"ten":                 "neither a network",
		"10.0.0.0/33":         "neither a network",
		"10.0.0.1/8":          "write 10.0.0.0/8",
		"::ffff:10.0.0.0/104": "as IPv4",
		"fe80::1%eth0":        "neither a network",
		"0177.0.0.1":          "neither a network",
	} {
		_, err := egress.NewPolicy([]string{text})
		require.ErrorContains(t, err, want, text)
		require.True(t, fault.Is(err, fault.Validation))
	}
}

// Whatever the form of an address, it is no more open than the IPv4 address that it stands for.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1}, "10.0.0.0/8")
	f.Add([]byte{169, 254, 169, 254}, "0.0.0.0/0")
	f.Fuzz(func(t *testing.T, raw []byte, network string) {
		if len(raw) != 4 {
			return
		}
		p, err := egress.NewPolicy([]string{network})
		if err != nil {
			p = policy(t)
		}
		v4 := netip.AddrFrom4([4]byte(raw))
		want := p.Check(v4, false) == nil
		wrapped := [16]byte{0x00, 0x64, 0xff, 0x9b, 12: raw[0], 13: raw[1], 14: raw[2], 15: raw[3]}
		for _, form := range []netip.Addr{netip.AddrFrom16(v4.As16()), netip.AddrFrom16(wrapped), netip.AddrFrom16([16]byte{0x20, 0x02, raw[0], raw[1], raw[2], raw[3]})} {
			if got := p.Check(form, false) == nil; got != want {
				t.Fatalf("%s is open: %v, %s: %v", form, got, v4, want)
			}
		}
	})
}
