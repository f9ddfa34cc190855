package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// origin says where a request came from, and whether it came over TLS. What proxies add is believed of trusted ones alone:
// the caller is the last address in X-Forwarded-For that is not a trusted proxy itself.
func (s *Server) origin(r *http.Request) (ip string, address netip.Addr, isSecure bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	address, _ = netip.ParseAddr(host) // invalid for a request made in process
	isSecure = r.TLS != nil
	if len(s.Proxies) == 0 || !s.isTrusted(address) {
		return host, address, isSecure
	}
	isSecure = isSecure || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address, host = hop.Unmap().WithZone(""), hop.String()
		if !s.isTrusted(address) {
			break
		}
	}
	return host, address, isSecure
}

func (s *Server) isTrusted(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range s.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
