package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/internal/access"
	"weir.dev/weir/internal/server"
)

// plainSealer leaves sealing out of the measurement; secrets are opened once anyway.
type plainSealer struct{}

func (plainSealer) Seal(_ context.Context, _, _ string, secret []byte) ([]byte, error) {
	return secret, nil
}

func (plainSealer) Open(_ context.Context, _, _ string, sealed []byte) ([]byte, error) {
	return sealed, nil
}

// discardWriter takes an answer and keeps its status.
type discardWriter struct {
	header http.Header
	status int
}

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) WriteHeader(status int)      { w.status = status }
func (w *discardWriter) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkDescribeFlow answers signed requests for 1,000 flows from the SQLite store, with the access log and the
// metrics on: all that a request costs besides the network.
func BenchmarkDescribeFlow(b *testing.B) {
	g := newRig(b)
	keyring := access.NewKeyring(g.store, plainSealer{}, g.clock.Now, slog.New(slog.DiscardHandler))
	key, err := keyring.Create(b.Context(), "alice", nil)
	require.NoError(b, err)
	reg := prometheus.NewRegistry()
	srv, err := server.New(b.Context(), server.Options{
		Store: g.store, Runner: g.runner, Connectors: connector.NewRegistry(s3Stub{}), Keys: keyring, AccountID: account, Now: g.clock.Now,
		Logger: slog.New(slog.NewJSONHandler(io.Discard, nil)), Metrics: reg, Gatherer: reg,
	})
	require.NoError(b, err)
	definition := definitions(b)["terraform-s3-to-s3-projection-between-maps"]
	requests := make([]*http.Request, 1000)
	for i := range requests {
		name := fmt.Sprintf("flow-%03d", i)
		g.post("/create-flow", strings.Replace(definition, "tf_orders_daily", name, 1))
		body := `{"flowName":"` + name + `"}`
		r := httptest.NewRequest(http.MethodPost, "http://weir.test/describe-flow", strings.NewReader(body))
		creds := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
		require.NoError(b, v4.NewSigner().SignHTTP(b.Context(), creds, r, hashText(body), "appflow", region, g.clock.Now()))
		requests[i] = r
	}
	w := &discardWriter{header: http.Header{}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := requests[i%len(requests)]
		r.Body = io.NopCloser(strings.NewReader(`{"flowName":"` + fmt.Sprintf("flow-%03d", i%len(requests)) + `"}`))
		clear(w.header)
		if srv.ServeHTTP(w, r); w.status != 200 {
			b.Fatal(w.status)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
