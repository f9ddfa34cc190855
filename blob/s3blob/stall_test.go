package s3blob_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/s3blob"
	"weir.dev/weir/fault"
)

// A part is larger than what both ends of a connection hold back, so that a store which does not read stops the sender.
func TestStage_GivesUpWhenNothingIsTaken(t *testing.T) {
	t.Parallel()
	const part = 64 << 20
	var puts atomic.Int64
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
		case http.MethodPut:
			puts.Add(1)
			<-release // reads nothing, and keeps the connection
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(release) })
	u, err := url.Parse("s3://orders?endpoint=" + url.QueryEscape(srv.URL))
	require.NoError(t, err)
	b, err := s3blob.Open(t.Context(), "orders", u, s3blob.Options{Backoff: time.Microsecond, Stall: 200 * time.Millisecond, PartBytes: part})
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	w, err := b.Stage(t.Context(), "run-00001", "out/run-00001-x")
	require.NoError(t, err)
	_, err = w.Write(blobtest.Content(7, part-1))
	require.NoError(t, err)
	_, err = w.Finish(t.Context())
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err), "%v", err)
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry, "%v", err)
	require.Greater(t, puts.Load(), int64(1), "it was tried again")
}
