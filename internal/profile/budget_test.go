package profile_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// What a profile's tags grant of the account bounds every connection of the profile, by HTTP and by any other way.
func TestConfig_TagsBoundTheProfilesCalls(t *testing.T) {
	t.Parallel()
	asked := 0
	vendor := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(vendor.Close)
	r := newRig(t)
	for name, tags := range map[string]map[string]string{"bounded": {"weir:calls-per-day": "3"}, "free": nil} {
		require.NoError(t, r.store.Write(t.Context(), func(tx store.Tx) error {
			return tx.ProfilePut(t.Context(), &store.Profile{Profile: flow.Profile{Name: name, Connector: flow.Singular, Tags: tags}})
		}))
	}
	book := r.book()
	call := func(name string) error {
		cfg, err := book.Config(t.Context(), flow.Singular, name, "") // a connection of its own each time
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, vendor.URL, nil)
		require.NoError(t, err)
		res, err := egress.Do(cfg.HTTP, req)
		if err == nil {
			require.NoError(t, res.Body.Close())
		}
		return err
	}
	for range 2 {
		require.NoError(t, call("bounded"))
	}
	cfg, err := book.Config(t.Context(), flow.Singular, "bounded", "")
	require.NoError(t, err)
	release, err := cfg.Budget.Take(t.Context(), 1)
	require.NoError(t, err)
	release()
	retry, after := fault.RetryOf(call("bounded"))
	require.Equal(t, fault.Throttled, retry)
	require.Positive(t, after)
	for range 5 {
		require.NoError(t, call("free"))
	}
	require.Equal(t, 7, asked)
}
