package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServe_SecondOnTheSameDataIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r := weir(t, "serve", "--listen", "127.0.0.1:0", "--data", s.data)
	require.Equal(t, exitFailed, r.code)
	require.Regexp(t, `^weir: opening store "`+s.data+`.*": process \d+ has it open; stop that one first, or use PostgreSQL for several servers\n$`, r.err)
	require.Equal(t, exitDone, weir(t, s.at("flows")...).code, "the first serves on")
}

func TestServe_FirstKeyIsShownOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	first := s.stop()
	require.Equal(t, exitDone, first.code)
	require.Regexp(t, `made the first access key[^\n]*\n\n  export AWS_ACCESS_KEY_ID=\S+\n  export AWS_SECRET_ACCESS_KEY=\S+\n`, first.err)
	for _, name := range []string{"credentials", "vault.key", "weir.db"} {
		info, err := os.Stat(filepath.Join(s.data, name))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s is for its owner alone", name)
	}
	second := serve(t, s.data)
	require.Equal(t, exitDone, weir(t, second.at("flows")...).code)
	require.NotContains(t, second.stop().err, "SECRET")
}

func TestServe_AddressInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	r := weir(t, "serve", "--listen", l.Addr().String(), "--data", filepath.Join(t.TempDir(), "d"))
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "listening on "+l.Addr().String())
}

func TestServe_BadSettings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		flags []string
		says  string
	}{
		"account":    {[]string{"--account-id", "12"}, "--account-id must have 12 digits"},
		"half TLS":   {[]string{"--tls-cert", "x"}, "--tls-cert and --tls-key go together"},
		"store":      {[]string{"--store", "mysql://x"}, "--store must be sqlite or a postgres:// URL"},
		"memory":     {[]string{"--memory", "-1"}, "--memory"},
		"log format": {[]string{"--log-format", "xml"}, "xml"},
		"log level":  {[]string{"--log-level", "loud"}, "loud"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := weir(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "d")}, test.flags...)...)
			require.Equal(t, exitUsage, r.code, r.err)
			require.Contains(t, r.err, test.says)
		})
	}
}

func TestServe_TLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := selfSigned(t)
	s := serve(t, "", "--tls-cert", cert, "--tls-key", key)
	require.Regexp(t, "^https://127.0.0.1:", s.url)
	for version, works := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: version}}}
		res, err := c.Get(s.url + "/weir/v1/version")
		if !works {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusForbidden, res.StatusCode, "answered, and unsigned")
	}
	stranger := weir(t, s.at("flows")...)
	require.Equal(t, exitFailed, stranger.code)
	require.Contains(t, stranger.err, "certificate")
	trusting := process(t, []string{"SSL_CERT_FILE=" + cert}, s.at("flows")...)
	require.Equal(t, exitDone, trusting.code, trusting.err)
	missing := weir(t, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "d"), "--tls-cert", cert, "--tls-key", cert)
	require.Equal(t, exitUsage, missing.code)
	require.Contains(t, missing.err, "reading --tls-cert and --tls-key")
}

// selfSigned makes a certificate for the loopback address.
func selfSigned(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	certFile = write(t, filepath.Join(dir, "cert.pem"), string(text))
	keyFile = write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return certFile, keyFile, pool
}
