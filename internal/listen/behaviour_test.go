package listen_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// news remembers what others would be told.
type news struct {
	mu          sync.Mutex
	reports     []store.EventReport
	deactivated []string
}

func (n *news) EventReport(_ context.Context, _ store.Tx, _ *flow.Flow, r *store.EventReport) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reports = append(n.reports, *r)
	return nil
}

func (n *news) EventsDeactivated(_ context.Context, _ store.Tx, f *flow.Flow, _ time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deactivated = append(n.deactivated, f.StatusMessage)
	return nil
}

// run runs a case in virtual time with one process over a world whose flow is started.
func run(t *testing.T, w func() *world, fn func(t *testing.T, w *world, p *process, told *news)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, told := w(), &news{}
		w.options.Announcer = told
		w.start(t)
		p := w.boot(t, w.store, true)
		defer func() { p.kill() }()
		fn(t, w, p, told)
	})
}

func telling5() *world { return newWorld(newVendor(things(1, 5)...)) }

func TestManager_PositionIsKeptOverStopAndRestart(t *testing.T) {
	t.Parallel()
	run(t, telling5, func(t *testing.T, w *world, p *process, _ *news) {
		await(t, "listening", func() bool { return w.listener(t).Counts.Received == 5 })
		w.stop(t)
		await(t, "what came in is delivered", func() bool { return len(w.landed(t)) == 5 && w.vendor.isOpen() == 0 })
		require.Equal(t, flow.StatusSuspended, w.flow(t).Status)
		w.vendor.happen(things(6, 2)...)
		<-time.After(10 * time.Minute)
		require.EqualValues(t, 5, w.listener(t).Counts.Received, "a stopped flow takes nothing in")
		require.Equal(t, store.ListenerStopped, w.listener(t).State)
		p.kill()
		w.start(t)
		second := w.boot(t, w.store, true)
		defer second.kill()
		await(t, "it goes on", func() bool { return len(w.landed(t)) == 7 })
		require.Equal(t, moved(1, 7), w.landed(t))
		require.Equal(t, []int{0, 5}, w.vendor.begun())
	})
}

func TestManager_MicroBatchesWaitForTheDelay(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := telling5()
		w.tags = map[string]string{flow.TagEventDelay: "90s"}
		return w
	}
	run(t, begin, func(t *testing.T, w *world, _ *process, _ *news) {
		<-time.After(89 * time.Second)
		require.Empty(t, w.executions(t))
		w.vendor.happen(things(6, 1)...)
		await(t, "a delivery", func() bool { return len(w.landed(t)) == 6 })
		require.Len(t, w.executions(t), 1, "what came meanwhile went along")
		require.Equal(t, &flow.EventRange{From: 1, To: 5, Events: 6}, w.executions(t)[0].Events)
		require.EqualValues(t, 6, w.executions(t)[0].Totals.Read)
		require.Equal(t, flow.ExecutionSuccessful, w.flow(t).LastRun.Status)
	})
}

func TestManager_FullInboxHoldsTheVendorBack(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := newWorld(newVendor(things(1, 100)...))
		w.buffer = 200
		w.options.Delay = time.Hour
		return w
	}
	run(t, begin, func(t *testing.T, w *world, _ *process, _ *news) {
		w.stopDeliveries(t)
		await(t, "the inbox is full", func() bool { return w.listener(t).State == store.ListenerFull })
		in := w.waiting(t)
		require.GreaterOrEqual(t, in.Bytes, int64(200))
		<-time.After(time.Hour)
		require.Equal(t, in, w.waiting(t), "nothing more is asked for")
		require.Contains(t, w.listener(t).Message, "the inbox is full")
		w.allowDeliveries(t)
		await(t, "all of it lands", func() bool { return len(w.landed(t)) == 100 })
		require.Equal(t, moved(1, 100), w.landed(t))
		await(t, "it listens again", func() bool { return w.listener(t).State == store.ListenerListening })
	})
}

// stopDeliveries lets no delivery begin until allowDeliveries.
func (w *world) stopDeliveries(t testing.TB) {
	w.change(t, func(l *store.Listener) { l.RetryAt = time.Now().Add(24 * time.Hour) })
}

func (w *world) allowDeliveries(t testing.TB) {
	w.change(t, func(l *store.Listener) { l.RetryAt = time.Time{} })
}

func (w *world) change(t testing.TB, edit func(l *store.Listener)) {
	ctx := t.Context()
	require.NoError(t, w.store.Write(ctx, func(tx store.Tx) error {
		l, err := tx.ListenerGet(ctx, flowName)
		if err != nil {
			return err
		}
		edit(l)
		return tx.ListenerPut(ctx, l)
	}))
}

func TestManager_RefusedCredentialsDeactivate(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := telling5()
		w.vendor.trouble = func(int) error { return fault.New(fault.ConnectorAuth, "the token has been revoked") }
		return w
	}
	run(t, begin, func(t *testing.T, w *world, _ *process, told *news) {
		await(t, "it is deactivated", func() bool { return w.flow(t).Status == flow.StatusSuspended })
		require.Contains(t, w.flow(t).StatusMessage, "the token has been revoked")
		require.Equal(t, 2, w.vendor.listens, "once anew, with renewed tokens")
		require.Equal(t, []string{w.flow(t).StatusMessage}, told.deactivated)
		require.False(t, w.listener(t).IsActive)
		<-time.After(time.Hour)
		require.Equal(t, 2, w.vendor.listens)
		w.vendor.mu.Lock()
		w.vendor.trouble = nil
		w.vendor.mu.Unlock()
		w.start(t)
		await(t, "it listens again", func() bool { return len(w.landed(t)) == 5 })
	})
}

func TestManager_TroubleIsTriedAgainLaterAndLater(t *testing.T) {
	t.Parallel()
	var at []time.Time
	begin := func() *world {
		w := telling5()
		w.vendor.trouble = func(n int) error {
			at = append(at, time.Now())
			if n <= 6 {
				return fault.Temporary(fault.ConnectorServer, nil, "the vendor is away")
			}
			return nil
		}
		return w
	}
	run(t, begin, func(t *testing.T, w *world, _ *process, told *news) {
		await(t, "it says why", func() bool { return w.listener(t).State == store.ListenerRetrying })
		require.Equal(t, "the vendor is away", w.listener(t).Message)
		await(t, "it lands in the end", func() bool { return len(w.landed(t)) == 5 })
		require.Len(t, at, 7)
		for i := 2; i < len(at); i++ {
			require.Greater(t, at[i].Sub(at[i-1]), at[i-1].Sub(at[i-2]))
		}
		require.Empty(t, told.deactivated)
		require.Equal(t, store.ListenerListening, w.listener(t).State)
		require.Empty(t, w.listener(t).Message)
	})
}

func TestManager_GapsAreRecordedAndReported(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := newWorld(newVendor(append(things(1, 3), `"no object"`, things(4, 1)[0])...))
		w.vendor.oldest = 1
		return w
	}
	run(t, begin, func(t *testing.T, w *world, _ *process, told *news) {
		await(t, "what there is lands", func() bool { return len(w.landed(t)) == 3 })
		require.Equal(t, []string{moved(2, 1)[0], moved(3, 1)[0], moved(4, 1)[0]}, w.landed(t))
		l := w.listener(t)
		require.EqualValues(t, 2, l.Counts.Gaps)
		require.Contains(t, l.Gap, "left out")
		await(t, "a report", func() bool { told.mu.Lock(); defer told.mu.Unlock(); return len(told.reports) > 0 })
		require.EqualValues(t, 2, told.reports[0].Counts.Gaps)
	})
}

func TestManager_ReportsEveryFiveMinutesWhatHappenedInBetween(t *testing.T) {
	t.Parallel()
	run(t, telling5, func(t *testing.T, w *world, _ *process, told *news) {
		<-time.After(7 * time.Minute)
		w.vendor.happen(things(6, 2)...)
		<-time.After(9 * time.Minute)
		w.stop(t)
		<-time.After(time.Hour)
		require.Len(t, told.reports, 3)
		for i, want := range []int64{5, 2, 0} {
			r := told.reports[i]
			require.Equal(t, want, r.Counts.Received, "report %d", i)
			require.Equal(t, want, r.Counts.Delivered)
			require.Equal(t, store.ListenerListening, r.State)
			require.GreaterOrEqual(t, r.To.Sub(r.From), 5*time.Minute)
			require.Less(t, r.To.Sub(r.From), 5*time.Minute+2*time.Second)
		}
	})
}

func TestManager_FailedDeliveriesWaitAndThenHold(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := telling5()
		w.failures = 3
		w.def.Tasks = append(w.def.Tasks, mapping(telling, "nobody", "nobody")) // which no event has
		return w
	}
	run(t, begin, func(t *testing.T, w *world, _ *process, told *news) {
		await(t, "it is deactivated", func() bool { return w.flow(t).Status == flow.StatusSuspended })
		list := w.executions(t)
		require.Len(t, list, 3)
		for i, x := range list {
			require.Equal(t, flow.ExecutionError, x.Status)
			require.EqualValues(t, 1, x.Events.From, "attempt %d moves the same events", i)
		}
		require.GreaterOrEqual(t, list[1].StartedAt.Sub(list[0].UpdatedAt), 30*time.Second)
		require.GreaterOrEqual(t, list[2].StartedAt.Sub(list[1].UpdatedAt), time.Minute)
		require.Contains(t, w.flow(t).StatusMessage, "3 failed deliveries in a row")
		l := w.listener(t)
		require.True(t, l.IsHeld)
		require.EqualValues(t, 5, w.waiting(t).Events, "nothing is lost")
		<-time.After(time.Hour)
		require.Len(t, w.executions(t), 3)
		require.Zero(t, w.vendor.isOpen())

		ctx := t.Context()
		require.NoError(t, w.store.Write(ctx, func(tx store.Tx) error {
			f, err := tx.FlowGet(ctx, flowName)
			if err != nil {
				return err
			}
			f.Tasks = f.Tasks[:2]
			f.Version++
			return tx.FlowPut(ctx, f)
		}))
		w.start(t)
		await(t, "all of it lands", func() bool { return len(w.landed(t)) == 5 && w.waiting(t).IsEmpty() })
		require.Zero(t, w.listener(t).Failures)
	})
}

func TestManager_AnUpdateListensAnewFromTheSamePlace(t *testing.T) {
	t.Parallel()
	run(t, telling5, func(t *testing.T, w *world, _ *process, _ *news) {
		await(t, "a delivery", func() bool { return len(w.landed(t)) == 5 })
		ctx := t.Context()
		require.NoError(t, w.store.Write(ctx, func(tx store.Tx) error {
			f, err := tx.FlowGet(ctx, flowName)
			if err != nil {
				return err
			}
			f.Version++
			return tx.FlowPut(ctx, f)
		}))
		await(t, "it listens anew", func() bool { return len(w.vendor.begun()) == 2 })
		w.vendor.happen(things(6, 1)...)
		await(t, "it goes on", func() bool { return len(w.landed(t)) == 6 })
		require.Equal(t, []int{0, 5}, w.vendor.begun())
		require.Equal(t, 1, w.vendor.isOpen())
	})
}

func TestManager_ListensForFlowsFromBeforeThereWereListeners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := telling5()
		ctx := t.Context()
		require.NoError(t, w.store.Write(ctx, func(tx store.Tx) error {
			return tx.FlowPut(ctx, &flow.Flow{Definition: w.def, Name: flowName, SchemaVersion: 1, Version: 1, Status: flow.StatusActive})
		}))
		p := w.boot(t, w.store, true)
		defer p.kill()
		await(t, "a delivery", func() bool { return len(w.landed(t)) == 5 })
	})
}

// deaf is a connection without events.
type deaf struct{ connector.Connector }

func (d deaf) Connect(context.Context, connector.Config) (connector.Connection, error) {
	return nothing{}, nil
}

type nothing struct{}

func (nothing) Close() error { return nil }

func TestManager_AConnectorThatCannotListenDeactivates(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := telling5()
		w.wrap = func(c connector.Connector) connector.Connector { return deaf{c} }
		return w
	}
	run(t, begin, func(t *testing.T, w *world, _ *process, told *news) {
		await(t, "it is deactivated", func() bool { return w.flow(t).Status == flow.StatusSuspended })
		require.Contains(t, told.deactivated[0], "cannot be listened to")
	})
}

func TestInbox_NothingIsKeptInClear(t *testing.T) {
	t.Parallel()
	run(t, func() *world { return newWorld(newVendor(`{"id": 1, "who": {"name": "canary"}}`)) }, func(t *testing.T, w *world, _ *process, _ *news) {
		w.stopDeliveries(t)
		await(t, "it is in the inbox", func() bool { return w.waiting(t).Events == 1 })
		require.NoError(t, w.store.Read(t.Context(), func(tx store.ReadTx) error {
			chunks, err := tx.InboxList(t.Context(), flowName, 0, 100, 10)
			require.Len(t, chunks, 1)
			require.False(t, bytes.Contains(chunks[0].Sealed, []byte("canary")))
			l, failed := tx.ListenerGet(t.Context(), flowName)
			require.NoError(t, failed)
			text, failed := json.Marshal(l)
			require.NoError(t, failed)
			require.NotContains(t, string(text), "canary")
			return err
		}))
	})
}

// Folders.

func folderWorld() *world {
	w := newWorld(newVendor())
	w.isLocal = true
	w.def.Source = flow.Source{Connector: flow.S3, Properties: flow.Properties(`{"bucketName":"out","bucketPrefix":"in/"}`)}
	w.def.Tasks = []flow.Task{mapping(flow.S3, "id", "id")}
	w.tags = map[string]string{flow.TagEvents: string(flow.EventsObjectCreated)}
	return w
}

func (w *world) file(_ testing.TB, key, text string) {
	w.bucket.Put(key, []byte(text))
}

func csv(ids ...int) string {
	var b strings.Builder
	b.WriteString("id\n")
	for _, id := range ids {
		fmt.Fprintln(&b, id)
	}
	return b.String()
}

func ids(list ...int) (lines []string) {
	for _, id := range list {
		lines = append(lines, fmt.Sprintf(`{"id":"%d"}`, id))
	}
	return lines
}

func TestFolder_EachVersionOfAFileIsMovedOnce(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := folderWorld()
		w.bucket.Put("in/0.csv", []byte(csv(0)))
		return w
	}
	run(t, begin, func(t *testing.T, w *world, p *process, _ *news) {
		await(t, "it looks", func() bool { return w.listener(t).State == store.ListenerListening })
		w.file(t, "in/1.csv", csv(1, 2))
		w.file(t, "in/empty.csv", "")
		w.file(t, "elsewhere/9.csv", csv(9))
		await(t, "the new file lands", func() bool { return len(w.landed(t)) == 2 })
		require.Equal(t, ids(1, 2), w.landed(t), "not those from before")
		w.file(t, "in/1.csv", csv(3))
		await(t, "the new version lands", func() bool { return len(w.landed(t)) == 3 })
		p.kill()
		w.file(t, "in/2.csv", csv(4))
		second := w.boot(t, w.store, true)
		defer second.kill()
		await(t, "what came while nobody looked lands", func() bool { return len(w.landed(t)) == 4 })
		<-time.After(10 * time.Minute)
		require.Equal(t, ids(1, 2, 3, 4), w.landed(t))
		require.EqualValues(t, 3, w.listener(t).Counts.Received)
	})
}

func TestFolder_AFileThatGrowsIsMovedWhenItIsWhole(t *testing.T) {
	t.Parallel()
	run(t, folderWorld, func(t *testing.T, w *world, _ *process, _ *news) {
		await(t, "it looks", func() bool { return w.listener(t).State == store.ListenerListening })
		for n := range 6 {
			w.file(t, "in/1.csv", csv([]int{1, 2, 3, 4, 5, 6}[:n+1]...))
			<-time.After(3 * time.Second)
		}
		await(t, "it lands", func() bool { return len(w.landed(t)) > 0 })
		<-time.After(time.Minute)
		require.Equal(t, ids(1, 2, 3, 4, 5, 6), w.landed(t))
	})
}
