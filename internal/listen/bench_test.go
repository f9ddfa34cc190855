package listen_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/listen"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/vault"
)

// BenchmarkReceiveTogether is the same with many senders of single events at the same time.
func BenchmarkReceiveTogether(b *testing.B) {
	inbox := realInbox(b)
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := inbox.Receive(context.Background(), listen.Delivery{
				Flow: flowName, Body: []byte(`{"id":1}`), Header: http.Header{listen.HeaderID: {fmt.Sprint(n.Add(1))}}, IsTrusted: true,
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// realInbox is one with a real vault and SQLite.
func realInbox(b *testing.B) *listen.Inbox {
	dir := b.TempDir()
	s, err := sqlite.Open(b.Context(), filepath.Join(dir, "weir.db"), sqlite.Options{})
	require.NoError(b, err)
	v, err := vault.Open(b.Context(), vault.Options{Dir: dir})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, v.Close())
		require.NoError(b, s.Close())
	})
	w := sentWorld()
	w.store = s
	w.start(b)
	return listen.NewInbox(listen.InboxOptions{Store: s, Sealer: v, Connect: w.connect, Buffer: 1 << 40})
}

// BenchmarkReceive is what it costs to take in posts of so many events durably, with a real vault and SQLite.
func BenchmarkReceive(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			inbox := realInbox(b)
			body := []byte(strings.Join(things(1, n), "\n"))
			b.SetBytes(int64(len(body)))
			for i := 0; b.Loop(); i++ {
				_, err := inbox.Receive(context.Background(), listen.Delivery{
					Flow: flowName, Body: body, Header: http.Header{listen.HeaderID: {fmt.Sprint(i)}}, IsTrusted: true,
				})
				require.NoError(b, err)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
