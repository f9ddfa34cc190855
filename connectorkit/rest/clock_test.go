package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/rest"
)

func TestVendorTime_IsTheVendorsAndNeverAheadOfIt(t *testing.T) {
	t.Parallel()
	ours := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	theirs := ours.Add(-7 * time.Minute).Add(400 * time.Millisecond)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", theirs.Format(http.TimeFormat))
	}))
	t.Cleanup(s.Close)
	c, err := rest.New(rest.Options{HTTP: s.Client(), Base: s.URL, Vendor: "Test", Now: func() time.Time { return ours }})
	require.NoError(t, err)
	require.Equal(t, ours, c.VendorTime(), "nothing is known yet")
	_, err = c.Do(t.Context(), &rest.Request{Doing: "asking", Path: "/"})
	require.NoError(t, err)
	require.Equal(t, theirs.Truncate(time.Second), c.VendorTime())
}
