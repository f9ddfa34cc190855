package durable_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/durable"
)

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	torn := fault.Temporary(fault.ConnectorServer, nil, "torn")
	slow := &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, RetryAfter: time.Minute, Message: "slow down"}
	policy := durable.Retry{Attempts: 40, Base: time.Second, Max: 10 * time.Second}
	most := func() float64 { return 1 }
	for _, c := range []struct {
		name   string
		failed int
		err    error
		want   time.Duration
		again  bool
	}{
		{"first", 1, torn, time.Second, true},
		{"doubles", 3, torn, 4 * time.Second, true},
		{"is bounded", 39, torn, 10 * time.Second, true},
		{"ends", 40, torn, 0, false},
		{"waits as long as it is told", 1, slow, time.Minute + time.Second, true},
		{"is not told nonsense", 1, &fault.Error{Retry: fault.Throttled, RetryAfter: 300 * time.Hour}, time.Hour + time.Second, true},
		{"throttled without a time", 2, &fault.Error{Retry: fault.Throttled}, 2 * time.Second, true},
		{"permanent", 1, fault.New(fault.Validation, "bad"), 0, false},
		{"unclassified", 1, errors.New("who knows"), 0, false},
		{"wrapped", 2, fmt.Errorf("reading: %w", torn), 2 * time.Second, true},
	} {
		d, again := policy.Delay(c.failed, c.err, most)
		require.Equal(t, c.again, again, c.name)
		require.Equal(t, c.want, d, c.name)
	}
	d, again := policy.Delay(5, torn, func() float64 { return 0 })
	require.True(t, again)
	require.Zero(t, d, "full jitter begins at nothing")
}

func TestRetryDo_TriesSoOftenAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := durable.Retry{Attempts: 5, Base: time.Hour, Max: time.Hour}
		tries := 0
		err := policy.Do(t.Context(), func() float64 { return 1 }, func() error {
			tries++
			return fault.Temporary(fault.ConnectorServer, nil, "try %d", tries)
		})
		require.EqualError(t, err, "try 5")
		require.Equal(t, 5, tries)
	})
}

func TestHasCode_HoweverDeep(t *testing.T) {
	t.Parallel()
	fenced := fault.New(fault.Fenced, "lost")
	require.True(t, durable.HasCode(fault.Wrap(fault.Internal, fmt.Errorf("saving: %w", fenced), "transferring"), fault.Fenced))
	require.True(t, durable.HasCode(errors.Join(errors.New("other"), fenced), fault.Fenced))
	require.False(t, durable.HasCode(errors.Join(errors.New("other")), fault.Fenced))
	require.False(t, durable.HasCode(nil, fault.Fenced))
}
