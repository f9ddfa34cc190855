package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// FullListener is a listener with every member set, in the form a store gives back.
func FullListener(flowName string) *store.Listener {
	counts := store.EventCounts{Received: 9, Bytes: 900, Repeated: 1, Ignored: 2, Delivered: 3, Discarded: 4, Gaps: 5}
	return &store.Listener{
		FlowName: flowName, IsActive: true, IsHeld: true, Position: json.RawMessage(`{"replay":"AAAB<"}`), Next: 9,
		State: store.ListenerRetrying, Since: kept(instant), Message: "the vendor is away", Notice: "confirm <it>", Gap: "forgotten",
		GapAt: kept(instant), Failures: 2, RetryAt: kept(instant), LastAt: kept(instant), Counts: counts,
		Reported: store.EventsAtMoment{At: kept(instant), Counts: counts},
	}
}

func testChunk(flowName string, sequence int64) *store.EventChunk {
	return &store.EventChunk{
		FlowName: flowName, Sequence: sequence, At: instant.Add(time.Duration(sequence) * time.Second), Events: sequence, Bytes: 100,
		Sealed: []byte{0, 0xff, byte(sequence)},
	}
}

var eventTests = map[string]func(*testing.T, store.Store){
	"ListenerReturnsWhatWasPut": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			for _, name := range []string{"b", "a", "c"} {
				require.NoError(t, tx.FlowPut(ctx, testFlow(name, 1)))
				require.NoError(t, tx.ListenerPut(ctx, &store.Listener{FlowName: name, Next: 1}))
			}
			l := FullListener("b")
			l.Since, l.RetryAt = instant, instant
			return tx.ListenerPut(ctx, l)
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.ListenerGet(ctx, "b")
			require.NoError(t, err)
			require.Equal(t, FullListener("b"), got)
			list, err := tx.ListenerList(ctx, "a", 1)
			require.NoError(t, err)
			require.Equal(t, []*store.Listener{got}, list)
			list, err = tx.ListenerList(ctx, "", 10)
			require.NoError(t, err)
			require.Len(t, list, 3)
			_, err = tx.ListenerGet(ctx, "other")
			requireCode(t, fault.NotFound, err)
			return nil
		})
	},
	"InboxKeepsOrderAndSums": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			require.NoError(t, tx.FlowPut(ctx, testFlow("others", 1)))
			require.NoError(t, tx.InboxAppend(ctx, []*store.EventChunk{testChunk("orders", 3), testChunk("orders", 4)}))
			require.NoError(t, tx.InboxAppend(ctx, []*store.EventChunk{testChunk("others", 1)}))
			require.NoError(t, tx.InboxAppend(ctx, nil))
			return tx.InboxAppend(ctx, []*store.EventChunk{testChunk("orders", 5)})
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			in, err := tx.InboxGet(ctx, "orders")
			require.NoError(t, err)
			require.Equal(t, store.Inbox{First: 3, End: 6, Events: 12, Bytes: 300, Oldest: kept(instant.Add(3 * time.Second))}, in)
			in, err = tx.InboxGet(ctx, "nobody")
			require.NoError(t, err)
			require.True(t, in.IsEmpty())
			list, err := tx.InboxList(ctx, "orders", 4, 6, 10)
			require.NoError(t, err)
			want := testChunk("orders", 4)
			want.At = kept(want.At)
			require.Equal(t, want, list[0])
			require.Len(t, list, 2)
			list, err = tx.InboxList(ctx, "orders", 0, 6, 1)
			require.EqualValues(t, 3, list[0].Sequence)
			return err
		})
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.InboxReseal(ctx, "orders", 5, []byte("anew")))
			require.NoError(t, tx.InboxReseal(ctx, "orders", 99, []byte("gone")))
			return tx.InboxDelete(ctx, "orders", 5)
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			list, err := tx.InboxList(ctx, "orders", 0, 100, 10)
			require.Len(t, list, 1)
			require.Equal(t, []byte("anew"), list[0].Sealed)
			other, failed := tx.InboxGet(ctx, "others")
			require.NoError(t, failed)
			require.EqualValues(t, 1, other.Events, "another flow's events stay")
			return err
		})
	},
	"AChunkIsThereOnce": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			return tx.InboxAppend(ctx, []*store.EventChunk{testChunk("orders", 1)})
		})
		requireCode(t, fault.Conflict, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.InboxAppend(ctx, []*store.EventChunk{testChunk("orders", 2), testChunk("orders", 1)})
		}))
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			in, err := tx.InboxGet(ctx, "orders")
			require.EqualValues(t, 1, in.Events)
			return err
		})
	},
	// Several processes take events in for one flow at the same time: each reads the next number and writes the listener.
	"NoChunkIsLostBetweenWriters": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			return tx.ListenerPut(ctx, &store.Listener{FlowName: "orders", Next: 1})
		})
		const callers, times = 4, 6
		errs := make([]error, callers*times)
		var wait sync.WaitGroup
		for i := range callers {
			wait.Go(func() {
				for j := range times {
					errs[i*times+j] = writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
						l, err := tx.ListenerGet(ctx, "orders")
						if err != nil {
							return err
						}
						c := testChunk("orders", l.Next)
						c.Sealed = fmt.Append(nil, i, "/", j)
						l.Next++
						if err := tx.ListenerPut(ctx, l); err != nil {
							return err
						}
						return tx.InboxAppend(ctx, []*store.EventChunk{c})
					})
				}
			})
		}
		wait.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			list, err := tx.InboxList(ctx, "orders", 0, 1000, 1000)
			contents := map[string]bool{}
			for i, c := range list {
				require.EqualValues(t, i+1, c.Sequence)
				contents[string(c.Sealed)] = true
			}
			require.Len(t, contents, callers*times)
			return err
		})
	},
	"IDsAreRememberedUntilTheirTime": func(t *testing.T, s store.Store) {
		has := func(id string) (found bool) {
			read(t, s, func(ctx context.Context, tx store.ReadTx) (err error) {
				found, err = tx.EventIDHas(ctx, "orders", id)
				return err
			})
			return found
		}
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			require.NoError(t, tx.EventIDPut(ctx, []store.EventID{
				{FlowName: "orders", ID: "b", Until: instant.Add(time.Hour)}, {FlowName: "orders", ID: "a", Until: instant},
			}))
			return tx.EventIDPut(ctx, []store.EventID{{FlowName: "orders", ID: "b", Until: instant}})
		})
		require.True(t, has("a"))
		require.False(t, has("c"))
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			list, err := tx.EventIDList(ctx, "orders", "", 10)
			require.Equal(t, []string{"a", "b"}, list)
			return err
		})
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.EventIDPrune(ctx, instant.Add(time.Minute)) })
		require.False(t, has("a"))
		require.True(t, has("b"), "the later time counts")
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.EventIDDelete(ctx, "orders", "b") })
		require.False(t, has("b"))
	},
	"AllGoesWithItsFlow": func(t *testing.T, s store.Store) {
		for name, fn := range map[string]func(ctx context.Context, tx store.Tx) error{
			"listener": func(ctx context.Context, tx store.Tx) error { return tx.ListenerPut(ctx, FullListener("orders")) },
			"chunk": func(ctx context.Context, tx store.Tx) error {
				return tx.InboxAppend(ctx, []*store.EventChunk{testChunk("orders", 1)})
			},
			"id": func(ctx context.Context, tx store.Tx) error {
				return tx.EventIDPut(ctx, []store.EventID{{FlowName: "orders", ID: "a", Until: instant}})
			},
		} {
			require.True(t, fault.Is(writeErr(t, s, fn), fault.NotFound), name)
		}
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, testFlow("orders", 1)))
			require.NoError(t, tx.ListenerPut(ctx, FullListener("orders")))
			require.NoError(t, tx.InboxAppend(ctx, []*store.EventChunk{testChunk("orders", 1)}))
			require.NoError(t, tx.EventIDPut(ctx, []store.EventID{{FlowName: "orders", ID: "a", Until: instant}}))
			require.NoError(t, tx.FlowDelete(ctx, "orders"))
			return tx.FlowPut(ctx, testFlow("orders", 1))
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			_, err := tx.ListenerGet(ctx, "orders")
			requireCode(t, fault.NotFound, err)
			in, err := tx.InboxGet(ctx, "orders")
			require.NoError(t, err)
			require.True(t, in.IsEmpty())
			found, err := tx.EventIDHas(ctx, "orders", "a")
			require.False(t, found)
			return err
		})
	},
}
