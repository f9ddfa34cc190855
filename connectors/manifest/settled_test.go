package manifest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
)

func TestSettled_ByTheVendorsClockLessWhatChangesTake(t *testing.T) {
	t.Parallel()
	theirs := time.Now().UTC().Add(-3 * time.Hour).Truncate(time.Second)
	text := strings.Replace(shop, `default: "0"}`, `default: "0", settle: 90s}`, 1) + "check: {path: /me}\n"
	conn := api(t, text, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/me", r.URL.Path)
		w.Header().Set("Date", theirs.Format(http.TimeFormat))
	})
	at, err := conn.(connector.Settler).Settled(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, theirs.Add(-90*time.Second), at, 5*time.Second)
	require.False(t, at.After(theirs.Add(-90*time.Second).Add(5*time.Second)))
}
