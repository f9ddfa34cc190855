package local_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/local"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/store"
)

// trouble is what a vendor has with a page.
type trouble = func(ctx context.Context, object, page int) error

// scenario is two objects of two pages of three rows into files, with trouble.
func scenario(with trouble) durabletest.Scenario {
	return durabletest.Scenario{
		Objects: []durabletest.Object{{Pages: 2, Rows: 3}, {Pages: 2, Rows: 3}},
		Dest:    durabletest.Folder(flow.FileOutput{Prefix: "lake", Type: flow.FileJSON}),
		Mover:   func() durable.Mover { return durabletest.PlainMover{} },
		Trouble: func() func(context.Context, int, int) error { return with },
	}
}

func world(t *testing.T, with trouble) (*durabletest.World, *durabletest.Process) {
	w := durabletest.NewWorld(t, factory, scenario(with), durabletest.NewLedger())
	return w, w.Boot(durabletest.NewTrap(nil), true)
}

func TestCancel_SourceHangs(t *testing.T) {
	t.Parallel()
	for name, obeys := range map[string]bool{"obeys its context": true, "obeys nothing": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hangs, free := make(chan struct{}), make(chan struct{})
				var once sync.Once
				w, p := world(t, func(ctx context.Context, object, page int) error {
					if page == 0 {
						return nil
					}
					once.Do(func() { close(hangs) })
					if !obeys {
						ctx = context.WithoutCancel(ctx)
					}
					select {
					case <-free:
					case <-ctx.Done():
					}
					return ctx.Err()
				})
				require.NoError(t, p.Engine.Start(t.Context(), w.ID))
				<-hangs
				w.Cancel(t)
				began := time.Now()
				require.NoError(t, p.Engine.Cancel(t.Context(), w.ID))
				require.False(t, p.Await(t))
				if obeys {
					require.Zero(t, time.Since(began))
				} else {
					require.LessOrEqual(t, time.Since(began), 10*time.Second)
				}
				close(free)
				synctest.Wait() // what was left behind comes to its end, and may do nothing
				r := w.Result(t)
				require.Equal(t, flow.ExecutionCanceled, r.Status)
				require.Empty(t, r.Files)
				require.Empty(t, r.Staged)
				p.Engine.Close()
			})
		})
	}
}

func TestCancel_IsNoticedInTheStoreAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{}, 2)
		w, p := world(t, func(ctx context.Context, _, _ int) error {
			hangs <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
		require.NoError(t, p.Engine.Start(t.Context(), w.ID))
		<-hangs
		w.Cancel(t)
		began := time.Now()
		require.False(t, p.Await(t))
		require.LessOrEqual(t, time.Since(began), 10*time.Second)
		require.Equal(t, flow.ExecutionCanceled, w.Execution(t).Status)
		p.Engine.Close()
	})
}

func TestCancel_WhileQueued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		w := durabletest.NewWorld(t, func(s *durable.Steps, _ bool) durabletest.Engine {
			return local.New(s, local.Options{Executions: 1})
		}, scenario(func(context.Context, int, int) error { <-free; return nil }), durabletest.NewLedger())
		second := again(t, w, "second")
		p := w.Boot(durabletest.NewTrap(nil), true)
		require.NoError(t, p.Engine.Start(t.Context(), w.ID))
		synctest.Wait()
		require.NoError(t, p.Engine.Start(t.Context(), second))
		synctest.Wait()
		w.CancelExecution(t, second)
		require.NoError(t, p.Engine.Cancel(t.Context(), second))
		synctest.Wait()
		require.Equal(t, flow.ExecutionCanceled, execution(t, w, second).Status)
		close(free)
		require.NoError(t, p.Engine.Drain(t.Context()))
		p.Engine.Close()
	})
}

// again puts another execution of the world's flow into its store.
func again(t *testing.T, w *durabletest.World, id string) string {
	x := w.Execution(t)
	x.ID = id
	require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error { return tx.ExecutionPut(t.Context(), x) }))
	return id
}

func execution(t *testing.T, w *durabletest.World, id string) (x *flow.Execution) {
	require.NoError(t, w.Store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		x, err = tx.ExecutionGet(t.Context(), id)
		return err
	}))
	return x
}

func TestPanic_FailsTheExecutionAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		w, p := world(t, func(_ context.Context, object, page int) error {
			if object == 1 && page == 1 {
				panic("the secret is 42")
			}
			return nil
		})
		p.Steps.Log = slog.New(slog.NewTextHandler(&log, nil))
		require.False(t, p.Finish(t))
		r := w.Result(t)
		require.Equal(t, flow.ExecutionError, r.Status)
		require.Contains(t, r.Message, "internal error")
		require.NotContains(t, r.Message, "42")
		require.Contains(t, log.String(), "behaviour_test.go", "the stack is in the log")
		require.Empty(t, r.Files)
		require.Empty(t, r.Staged)
	})
}

func TestRetry_GivesUpWithoutProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		tries := map[string]int{}
		w, p := world(t, func(_ context.Context, object, page int) error {
			mu.Lock()
			defer mu.Unlock()
			at := fmt.Sprint(object, page)
			tries[at]++
			// The first page costs nearly all attempts; the checkpoint after it gives new ones.
			if object == 0 && (page == 0 && tries[at] < 10 || page == 1) {
				return fault.Temporary(fault.ConnectorServer, nil, "vendor is away")
			}
			return nil
		})
		require.False(t, p.Finish(t))
		r := w.Result(t)
		require.Equal(t, flow.ExecutionError, r.Status)
		require.Equal(t, "vendor is away", r.Message)
		require.Equal(t, 10, tries["0 0"])
		require.Equal(t, 10, tries["0 1"])
	})
}

func TestRetry_WaitsAsLongAsTheVendorSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		var mu sync.Mutex
		w, p := world(t, func(_ context.Context, object, page int) error {
			mu.Lock()
			defer mu.Unlock()
			if object != 0 || page != 1 {
				return nil
			}
			if asked = append(asked, time.Now()); len(asked) == 2 {
				return nil
			}
			return &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, RetryAfter: 10 * time.Minute, Message: "daily share used"}
		})
		require.False(t, p.Finish(t))
		require.Equal(t, flow.ExecutionSuccessful, w.Execution(t).Status)
		require.GreaterOrEqual(t, asked[1].Sub(asked[0]), 10*time.Minute)
	})
}

func TestProgress_SaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		w, p := world(t, func(_ context.Context, object, page int) error {
			if object == 1 && page == 1 {
				<-free
			}
			return nil
		})
		e := p.Engine.(*local.Engine)
		_, ok := e.Progress(w.ID)
		require.False(t, ok)
		require.NoError(t, e.Start(t.Context(), w.ID))
		synctest.Wait()
		got, ok := e.Progress(w.ID)
		require.True(t, ok)
		require.Equal(t, durable.StageTransfer, got.Stage)
		require.Equal(t, int64(9), got.Totals.Read)
		require.Equal(t, int64(90), got.Totals.BytesRead)
		require.Equal(t, int64(120), got.BytesTotal)
		require.Equal(t, 2, got.Splits)
		require.Equal(t, 1, got.SplitsDone)
		require.Len(t, got.Waits, 1)
		require.Equal(t, 1, got.Waits[0].Split)
		require.False(t, got.Waits[0].Slow)
		since := got.Waits[0].Since
		<-time.After(6 * time.Minute)
		got, _ = e.Progress(w.ID)
		require.Equal(t, since, got.Waits[0].Since)
		require.True(t, got.Waits[0].Slow)
		require.Equal(t, "split 1 (object 1) waits for a page of the source since "+since.UTC().Format(time.RFC3339), got.Waits[0].String())
		close(free)
		require.False(t, p.Await(t))
		_, ok = e.Progress(w.ID)
		require.False(t, ok)
		e.Close()
	})
}

func TestSlots_ExecutionsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sc := scenario(nil)
		sc.Objects = make([]durabletest.Object, 8)
		for i := range sc.Objects {
			sc.Objects[i] = durabletest.Object{Pages: 1, Rows: 1}
		}
		recorder := &recorder{Mover: durabletest.PlainMover{}}
		sc.Mover = func() durable.Mover { return recorder }
		w := durabletest.NewWorld(t, func(s *durable.Steps, _ bool) durabletest.Engine {
			return local.New(s, local.Options{Splits: 1})
		}, sc, durabletest.NewLedger())
		ids := []string{w.ID, again(t, w, "second"), again(t, w, "third")}
		p := w.Boot(durabletest.NewTrap(nil), true)
		for _, id := range ids {
			require.NoError(t, p.Engine.Start(t.Context(), id))
			synctest.Wait()
		}
		require.NoError(t, p.Engine.Drain(t.Context()))
		p = w.Boot(durabletest.NewTrap(nil), true)
		require.NoError(t, p.Engine.Resume(t.Context()))
		for range ids {
			w.Next(t)
		}
		p.Engine.Close()
		// While all three have splits left, nobody runs twice in a row.
		for i := 3; i < 18; i++ {
			require.NotEqual(t, recorder.order[i-1], recorder.order[i], "%v", recorder.order)
		}
	})
}

// recorder notes whose splits run, each for a second.
type recorder struct {
	durable.Mover
	mu    sync.Mutex
	order []string
}

func (r *recorder) Run(ctx context.Context, t engine.Transfer, h engine.Hooks) (flow.Totals, error) {
	r.mu.Lock()
	r.order = append(r.order, t.Plan.ExecutionID)
	r.mu.Unlock()
	<-time.After(time.Second)
	return r.Mover.Run(ctx, t, h)
}

// liar counts rows that are not there.
type liar struct{ how string }

func (l liar) Run(ctx context.Context, t engine.Transfer, h engine.Hooks) (flow.Totals, error) {
	totals, err := durabletest.PlainMover{}.Run(ctx, t, h)
	switch l.how {
	case "written":
		totals.Read++
		totals.Written++
	case "lost":
		totals.Read++
	case "bytes":
		totals.BytesWritten++
	}
	return totals, err
}

func TestLedger_ThatDoesNotCloseIsNeverPublished(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]string{
		"written": "the destination's receipts name 12",
		"lost":    "does not close: 7 records read",
		"bytes":   "the destination's receipts name",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sc := scenario(nil)
				sc.Mover = func() durable.Mover { return liar{how} }
				w := durabletest.NewWorld(t, factory, sc, durabletest.NewLedger())
				require.False(t, w.Boot(durabletest.NewTrap(nil), true).Finish(t))
				r := w.Result(t)
				require.Equal(t, flow.ExecutionError, r.Status)
				require.Contains(t, r.Message, want)
				require.Empty(t, r.Files)
				require.Empty(t, r.Staged)
			})
		})
	}
}

func TestCommit_RefusedForGoodEndsAsError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := durabletest.NewWorld(t, factory, scenario(nil), durabletest.NewLedger())
		p := w.Boot(durabletest.NewTrap(func(c durabletest.Call) error {
			if c.What == "bucket.publish" {
				return fault.New(fault.AccessDenied, "the bucket is closed")
			}
			return nil
		}), true)
		require.False(t, p.Finish(t))
		r := w.Result(t)
		require.Equal(t, flow.ExecutionError, r.Status)
		require.Contains(t, r.Message, "the bucket is closed")
		require.Empty(t, r.Files)
		require.Empty(t, r.Staged)
		require.Zero(t, r.Totals.Written)
	})
}

func TestCommit_RefusedWhileBeingCanceledIsNoSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := durabletest.NewWorld(t, factory, scenario(nil), durabletest.NewLedger())
		p := (*durabletest.Process)(nil)
		p = w.Boot(durabletest.NewTrap(func(c durabletest.Call) error {
			if c.What != "bucket.publish" || c.After {
				return nil
			}
			require.False(t, w.Cancel(t), "too late")
			p.Engine.Cancel(t.Context(), w.ID)
			return fault.New(fault.AccessDenied, "the bucket is closed")
		}), true)
		require.False(t, p.Finish(t))
		r := w.Result(t)
		require.Equal(t, flow.ExecutionError, r.Status)
		require.Empty(t, r.Files)
		require.Empty(t, r.Staged)
	})
}

func TestResume_GoesOnFromTheCheckpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		read := map[string]int{}
		w := durabletest.NewWorld(t, factory, scenario(func(_ context.Context, object, page int) error {
			mu.Lock()
			defer mu.Unlock()
			read[fmt.Sprint(object, page)]++
			return nil
		}), durabletest.NewLedger())
		trap := (*durabletest.Trap)(nil)
		trap = durabletest.NewTrap(func(c durabletest.Call) error {
			mu.Lock()
			defer mu.Unlock()
			if read["0 1"] > 0 && c.What == "bucket.finish" { // the first page of object 0 is in a checkpoint by now
				trap.Kill()
				return errors.New("dead")
			}
			return nil
		})
		require.True(t, w.Boot(trap, true).Finish(t))
		require.False(t, w.Boot(durabletest.NewTrap(nil), true).Finish(t))
		require.Equal(t, 1, read["0 0"], "read again although a checkpoint has it")
		require.Equal(t, flow.ExecutionSuccessful, w.Execution(t).Status)
	})
}

func TestConclude_SuspendsAFlowThatFailsTooOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := world(t, func(context.Context, int, int) error { return errors.New("no") })
		runs := int32(2)
		require.NoError(t, w.Store.Write(t.Context(), func(tx store.Tx) error {
			f, err := tx.FlowGet(t.Context(), "orders")
			require.NoError(t, err)
			f.Trigger = flow.Trigger{Type: flow.TriggerScheduled, Properties: &flow.TriggerProperties{Scheduled: &flow.Schedule{
				Expression: "rate(1hours)", DeactivateAfterRuns: &runs,
			}}}
			return tx.FlowPut(t.Context(), f)
		}))
		second := again(t, w, "second")
		status := func() (f *flow.Flow) {
			require.NoError(t, w.Store.Read(t.Context(), func(tx store.ReadTx) (err error) {
				f, err = tx.FlowGet(t.Context(), "orders")
				return err
			}))
			return f
		}
		require.NoError(t, p.Engine.Start(t.Context(), w.ID))
		w.Next(t)
		require.Equal(t, flow.StatusActive, status().Status)
		require.NoError(t, p.Engine.Start(t.Context(), second))
		w.Next(t)
		require.Equal(t, flow.StatusSuspended, status().Status)
		require.Contains(t, status().StatusMessage, "2 failed runs")
		require.Contains(t, execution(t, w, second).Message, "internal error", "an unclassified error is told in brief")
		p.Engine.Close()
	})
}

func TestDrain_ThatRunsOutOfTimeStopsWhatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{}, 2)
		w, p := world(t, func(ctx context.Context, _, page int) error {
			if page == 0 {
				return nil
			}
			hangs <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
		require.NoError(t, p.Engine.Start(t.Context(), w.ID))
		<-hangs
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		require.ErrorIs(t, p.Engine.Drain(ctx), context.DeadlineExceeded)
		require.Equal(t, flow.ExecutionInProgress, w.Execution(t).Status)
		p.Engine.Close()
	})
}

func TestStart_OfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, p := world(t, nil)
		require.Equal(t, fault.NotFound, fault.CodeOf(p.Engine.Start(t.Context(), "nothing")))
		require.NoError(t, p.Engine.Cancel(t.Context(), "nothing"))
		p.Engine.Close()
	})
}

func TestDeletedExecution_IsLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := durabletest.NewLedger()
		w := durabletest.NewWorld(t, factory, scenario(func(_ context.Context, object, page int) error {
			if page == 1 {
				ledger.Forget()
			}
			return nil
		}), ledger)
		p := w.Boot(durabletest.NewTrap(nil), true)
		require.NoError(t, p.Engine.Start(t.Context(), w.ID))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		<-time.After(time.Minute)
		require.NoError(t, p.Engine.Drain(ctx))
		_, ok := p.Engine.(*local.Engine).Progress(w.ID)
		require.False(t, ok)
		p.Engine.Close()
	})
}

func TestTransfer_SourceThatDeliversNothingIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		hangs.Store(true)
		w, p := world(t, func(ctx context.Context, object, page int) error {
			if object == 1 && page == 1 && hangs.Swap(false) {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		began := time.Now()
		require.NoError(t, p.Engine.Start(t.Context(), w.ID))
		require.False(t, p.Await(t))
		require.InDelta(t, 6*time.Hour, time.Since(began), float64(time.Minute))
		r := w.Result(t)
		require.Equal(t, flow.ExecutionSuccessful, r.Status, r.Message)
		require.EqualValues(t, 12, r.Totals.Written)
	})
}
