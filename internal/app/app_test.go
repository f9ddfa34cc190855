package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/app"
)

func TestParseBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1": 1, "268435456": 1 << 28, "256MiB": 1 << 28, "256 MiB": 1 << 28, "1GiB": 1 << 30, "1KiB": 1024, "1kB": 1000, "2MB": 2e6, "3GB": 3e9, "7B": 7,
	} {
		got, err := app.ParseBytes(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "0", "-1", "1.5GiB", "lots", "MiB", "1TiB", "0x10", "9223372036854775807GiB", "99999999999999999999"} {
		_, err := app.ParseBytes(text)
		require.True(t, fault.Is(err, fault.Validation), text)
	}
}

func open(t *testing.T, cfg app.Config, log io.Writer) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), cfg, log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

func TestOpen_FirstKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	cfg := app.Config{Data: filepath.Join(t.TempDir(), "data")}
	a, err := app.Open(t.Context(), cfg, io.Discard)
	require.NoError(t, err)
	require.NotNil(t, a.FirstKey)
	kept, err := os.ReadFile(filepath.Join(cfg.Data, app.CredentialsFile))
	require.NoError(t, err)
	require.Contains(t, string(kept), a.FirstKey.Secret)
	require.NoError(t, a.Close())
	require.NoError(t, a.Close(), "closing again does nothing")
	require.Nil(t, open(t, cfg, io.Discard).FirstKey)
}

func TestOpen_GivenKeyIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	cfg := app.Config{Data: t.TempDir(), AccessKeyID: "AKIAGIVEN", SecretAccess: "secret"}
	a := open(t, cfg, io.Discard)
	require.Nil(t, a.FirstKey)
	require.NoFileExists(t, filepath.Join(cfg.Data, app.CredentialsFile))
}

func TestOpen_RefusesBadSettings(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*app.Config){
		"account":    func(c *app.Config) { c.AccountID = "12345678901x" },
		"half a key": func(c *app.Config) { c.AccessKeyID = "AKIA" },
		"half TLS":   func(c *app.Config) { c.TLSKey = "key.pem" },
		"store":      func(c *app.Config) { c.Store = "mysql://somewhere" },
		"memory":     func(c *app.Config) { c.Memory = "much" },
		"bucket":     func(c *app.Config) { c.Buckets = []string{"nowhere"} },
		"log level":  func(c *app.Config) { c.LogLevel = "loud" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := app.Config{Data: t.TempDir()}
			change(&cfg)
			_, err := app.Open(t.Context(), cfg, io.Discard)
			require.True(t, fault.Is(err, fault.Validation), "%v", err)
		})
	}
}

func TestOpen_FailureGivesTheDataBack(t *testing.T) {
	t.Parallel()
	cfg := app.Config{Data: t.TempDir(), Memory: "much"} // found out after the store has been locked
	_, err := app.Open(t.Context(), cfg, io.Discard)
	require.Error(t, err)
	cfg.Memory = ""
	open(t, cfg, io.Discard)
}

func TestListen_WarnsAboutPlainTextForOthers(t *testing.T) {
	t.Parallel()
	for address, warns := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		var log bytes.Buffer
		a := open(t, app.Config{Data: t.TempDir(), Listen: address}, &log)
		l, _, err := a.Listen()
		require.NoError(t, err)
		require.NoError(t, l.Close())
		require.Equal(t, warns, bytes.Contains(log.Bytes(), []byte("without TLS")), address)
	}
}

func TestServe_DrainLetsARequestFinish(t *testing.T) {
	t.Parallel()
	a := open(t, app.Config{Data: t.TempDir()}, io.Discard)
	l, url, err := a.Listen()
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, l) }()
	body, sending := io.Pipe()
	answered := make(chan int, 1)
	request := listFlows(t, a, url, body)
	go func() {
		c := http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
		res, err := c.Do(request)
		if err != nil {
			answered <- 0
			return
		}
		res.Body.Close()
		answered <- res.StatusCode
	}()
	_, err = sending.Write([]byte("{")) // is taken when the server has asked for the body
	require.NoError(t, err)
	stop()
	for { // the listener closes first
		c, err := net.DialTimeout("tcp", l.Addr().String(), time.Second)
		if err != nil {
			break
		}
		require.NoError(t, c.Close())
	}
	_, err = sending.Write([]byte("}"))
	require.NoError(t, err)
	require.NoError(t, sending.Close())
	require.Equal(t, http.StatusOK, <-answered)
	require.NoError(t, <-served)
}

// listFlows is a signed ListFlows whose body, {}, comes from a reader once the server wants it.
func listFlows(t *testing.T, a *app.App, url string, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/list-flows", body)
	require.NoError(t, err)
	req.ContentLength = 2
	req.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256([]byte("{}"))
	key := aws.Credentials{AccessKeyID: a.FirstKey.ID, SecretAccessKey: a.FirstKey.Secret}
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), key, req, hex.EncodeToString(sum[:]), "appflow", "us-east-1", time.Now()))
	req.Header.Set("Expect", "100-continue")
	return req
}

func TestOneRun_RefusesABadDefinition(t *testing.T) {
	t.Parallel()
	_, err := app.NewOneRun(app.Config{Data: t.TempDir()}, []byte(`{"flowName":"x"}`), slog.New(slog.DiscardHandler))
	require.True(t, fault.Is(err, fault.Validation), "%v", err)
}
