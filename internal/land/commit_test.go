package land

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// staged is a landing whose three files wait for their commit.
func staged(t *testing.T) *landing {
	ld := newLanding(t, tablePlan(flow.FileOutput{Type: flow.FileCSV}), 64<<20, nil)
	require.NoError(t, ld.add(table{batches: 3, rows: 10, text: 10, object: func(i int) string { return fmt.Sprint(i) }}.make(ld.pool)))
	require.NoError(t, ld.Finish())
	ld.closed()
	return ld
}

func TestCommit_RepeatsWhatMaySucceedLater(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for call := range int64(7) { // three publications, three looks, one discard
			synctest.Test(t, func(t *testing.T) {
				ld := staged(t)
				var failed atomic.Int64
				target := ld.target
				target.Bucket = blobtest.Faulty(ld.bucket, func(at blobtest.Point) error {
					if at.Call < call || at.After != after || failed.Add(1) > 3 {
						return nil
					}
					return &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, RetryAfter: time.Second, Message: "slow down"}
				})
				start := time.Now()
				require.NoError(t, Commit(t.Context(), target, ld.plan, ld.list()))
				require.Len(t, ld.objects(), 3)
				require.Empty(t, ld.bucket.Store().Staged())
				require.GreaterOrEqual(t, time.Since(start), time.Second)
			})
		}
	}
}

func TestCommit_StopsAtAPermanentErrorAndCanBeRepeated(t *testing.T) {
	t.Parallel()
	ld := staged(t)
	target := ld.target
	target.Bucket = blobtest.Faulty(ld.bucket, func(at blobtest.Point) error {
		if at.Op == blobtest.OpPublish && strings.HasSuffix(at.Key, "000001") && !at.After {
			return fault.New(fault.AccessDenied, "no right to publish")
		}
		return nil
	})
	err := Commit(t.Context(), target, ld.plan, ld.list())
	require.True(t, fault.Is(err, fault.AccessDenied), "%v", err)
	require.NoError(t, Commit(t.Context(), ld.target, ld.plan, ld.list()))
	require.Len(t, ld.objects(), 3)
}

func TestCommit_LostStagingIsAnError(t *testing.T) {
	t.Parallel()
	ld := staged(t)
	require.NoError(t, Discard(t.Context(), ld.target, ld.plan, 1, nil))
	require.True(t, fault.Is(Commit(t.Context(), ld.target, ld.plan, ld.list()), fault.NotFound))
}

func TestManifest_IsInOrderOfKeys(t *testing.T) {
	t.Parallel()
	ld := staged(t)
	list := ld.list()
	list[0], list[2] = list[2], list[0]
	list = append(list, connector.Receipt{Name: "a write to a vendor"})
	files := Manifest(list)
	require.Len(t, files, 3)
	for i := 1; i < len(files); i++ {
		require.Less(t, files[i-1].Name, files[i].Name)
	}
}
