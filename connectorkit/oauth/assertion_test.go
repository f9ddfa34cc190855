package oauth_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/oauth"
)

func TestAssertionEnd_OfAnyText(t *testing.T) {
	t.Parallel()
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	end, ok := oauth.AssertionEnd(jwt(`{"iss":"app","exp":1714521600}`))
	require.True(t, ok)
	require.Equal(t, time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), end)
	for _, bad := range []string{"", "a.b", "a.b.c", jwt(`{}`), jwt(`{"exp":"soon"}`), jwt(`{"exp":-1}`), jwt(`{"exp":1e300}`), jwt(`[]`)} {
		_, ok := oauth.AssertionEnd(bad)
		require.False(t, ok, bad)
	}
}
