package temporal_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/temporal"
	"weir.dev/weir/test/temporaltest"
)

// mortal is an engine whose calls to Temporal die and stand still with its process.
type mortal struct {
	*temporal.Engine
	gate atomic.Pointer[func(context.Context) error]
}

func (m *mortal) Bind(gate func(context.Context) error) { m.gate.Store(&gate) }

func (m *mortal) intercept(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	gate := *m.gate.Load()
	if err := gate(ctx); err != nil {
		return err
	}
	if err := invoke(ctx, method, req, reply, conn, opts...); err != nil {
		return err
	}
	return gate(ctx)
}

// Start does what a server does when a busy Temporal does not answer in time: it leaves the rest to the engine.
func (m *mortal) Start(ctx context.Context, executionID string) error {
	err := m.Engine.Start(ctx, executionID)
	if class, _ := fault.RetryOf(err); class == fault.Transient {
		return nil
	}
	return err
}

// Drain gives the engine the time that a process would.
func (m *mortal) Drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return m.Engine.Drain(ctx)
}

var worlds atomic.Int64

// cluster makes engines on a real Temporal, each world on task queues of its own.
func cluster(address string) durabletest.Cluster {
	return func(t testing.TB) durabletest.Factory {
		queue := fmt.Sprintf("world-%d", worlds.Add(1))
		return func(steps *durable.Steps, _ bool) durabletest.Engine {
			m := &mortal{}
			e, err := temporal.New(steps, temporal.Options{
				Connection: temporal.Connection{Address: address, Intercept: m.intercept},
				Queue:      queue, Work: true, Splits: 2, Silence: time.Second, Grace: 10 * time.Second,
			})
			require.NoError(t, err)
			m.Engine = e
			return m
		}
	}
}

// scenarios are those whose waits real time can bear.
func scenarios() (list []durabletest.Scenario) {
	for _, sc := range durabletest.Plain() {
		switch sc.Name {
		case "Unsteady": // waits for minutes, as its vendor asks for
			continue
		case "Postponed":
			sc.Tags = map[string]string{flow.TagRetries: "2/1s"}
		}
		list = append(list, sc)
	}
	return list
}

func TestConformance(t *testing.T) {
	t.Parallel()
	durabletest.RunLive(t, cluster(temporaltest.Start(t)), scenarios(), 5)
}

func TestConformance_RealDataPath(t *testing.T) {
	t.Parallel()
	address := temporaltest.Start(t)
	durabletest.RunLive(t, cluster(address), durabletest.Real()[:1], 25)
}

// hanging is a scenario whose source delivers nothing until it is told to stop, which it obeys.
func hanging(hangs chan<- struct{}) durabletest.Scenario {
	sc := durabletest.Plain()[0]
	sc.Trouble = func() func(context.Context, int, int) error {
		return func(ctx context.Context, _, _ int) error {
			hangs <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
	}
	return sc
}

func TestCancel_ReachesATransferThatWaits(t *testing.T) {
	t.Parallel()
	address := temporaltest.Start(t)
	for name, tell := range map[string]bool{"told": true, "noticed in the ledger": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := fmt.Sprintf("world-%d", worlds.Add(1))
			hangs := make(chan struct{}, 16)
			w := durabletest.NewWorld(t, func(steps *durable.Steps, _ bool) durabletest.Engine {
				e, err := temporal.New(steps, temporal.Options{Connection: temporal.Connection{Address: address}, Queue: queue, Work: true, Grace: time.Second})
				require.NoError(t, err)
				return e
			}, hanging(hangs), durabletest.NewLedger())
			p := w.Boot(durabletest.NewTrap(nil), true)
			defer p.Engine.Close()
			require.NoError(t, p.Engine.Resume(t.Context()))
			<-hangs
			w.Cancel(t)
			began := time.Now()
			if tell {
				require.NoError(t, p.Engine.Cancel(t.Context(), w.ID))
			} // else the process that looks after unfinished executions tells it
			require.False(t, p.Await(t))
			require.Less(t, time.Since(began), 90*time.Second)
			if tell {
				require.Less(t, time.Since(began), 10*time.Second)
			}
			require.Equal(t, flow.ExecutionCanceled, w.Execution(t).Status)
			require.Empty(t, w.Result(t).Files)
		})
	}
}
