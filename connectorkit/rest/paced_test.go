package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

func get(t *testing.T, c *http.Client, url string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return egress.Do(c, r)
}

func TestPaced_ACallLastsAsLongAsItsAnswer(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, most := 0, 0
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		fmt.Fprint(w, "answer")
		w.(http.Flusher).Flush()
		mu.Lock()
		now--
		mu.Unlock()
	}))
	t.Cleanup(vendor.Close)
	c := rest.Paced(vendor.Client(), pace.NewLocal(pace.Limits{Concurrency: 1}, time.Now), time.Now)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			res, err := get(t, c, vendor.URL)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.ReadAll(res.Body)
			res.Body.Close()
		})
	}
	wait.Wait()
	require.Equal(t, 1, most)
}

func TestPaced_TheDayEndsAndTheVendorIsHeard(t *testing.T) {
	t.Parallel()
	asked := 0
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(vendor.Close)
	c := rest.Paced(vendor.Client(), pace.NewLocal(pace.Limits{}, time.Now), time.Now)
	res, err := get(t, c, vendor.URL)
	require.NoError(t, err)
	res.Body.Close()
	_, err = get(t, c, vendor.URL)
	retry, after := fault.RetryOf(err)
	require.Equal(t, fault.Throttled, retry)
	require.InDelta(t, time.Hour, after, float64(time.Minute))
	require.Equal(t, 1, asked)
}
