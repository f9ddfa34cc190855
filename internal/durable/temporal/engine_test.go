package temporal_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/durable/temporal"
)

// nowhere is an engine whose Temporal is not there.
func nowhere(t testing.TB, steps *durable.Steps) *temporal.Engine {
	e, err := temporal.New(steps, temporal.Options{Connection: temporal.Connection{Address: "127.0.0.1:1"}, Work: true, Grace: time.Second})
	require.NoError(t, err)
	return e
}

func TestEngine_WithoutTemporalTheLedgerKeepsWhatWasStarted(t *testing.T) {
	t.Parallel()
	w := durabletest.NewWorld(t, func(s *durable.Steps, _ bool) durabletest.Engine { return nowhere(t, s) }, durabletest.Plain()[0], durabletest.NewLedger())
	e := w.Boot(durabletest.NewTrap(nil), true).Engine.(*temporal.Engine)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.NoError(t, e.Resume(ctx), "an outage keeps no server from starting")
	for what, err := range map[string]error{"ready": e.Ready(ctx), "start": e.Start(ctx, w.ID), "cancel": e.Cancel(ctx, w.ID)} {
		class, _ := fault.RetryOf(err)
		require.Equal(t, fault.Transient, class, "%s: %v", what, err)
		require.ErrorContains(t, err, "Temporal at 127.0.0.1:1 cannot be reached")
	}
	require.Equal(t, flow.ExecutionInProgress, w.Execution(t).Status)
	p, ok := e.Progress(w.ID)
	require.True(t, ok)
	require.Equal(t, durable.StageQueued, p.Stage)
	require.Contains(t, p.Waits[0].String(), "waits for Temporal, which does not answer")
	_, ok = e.Progress("another")
	require.False(t, ok)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, e.Drain(ctx))
	e.Close()
}

func TestEngine_StartsNothingThatIsNotInTheLedger(t *testing.T) {
	t.Parallel()
	w := durabletest.NewWorld(t, func(s *durable.Steps, _ bool) durabletest.Engine { return nowhere(t, s) }, durabletest.Plain()[0], durabletest.NewLedger())
	e := w.Boot(durabletest.NewTrap(nil), true).Engine
	defer e.Close()
	require.True(t, fault.Is(e.Start(t.Context(), "another"), fault.NotFound))
}

func TestNew_RefusesBadSettings(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, c := range map[string]temporal.Connection{
		"half a pair":   {CertFile: empty},
		"no pair":       {CertFile: empty, KeyFile: empty},
		"no authority":  {CAFile: empty},
		"missing file":  {CAFile: empty + "-not"},
		"empty API key": {APIKeyFile: empty},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := temporal.New(&durable.Steps{}, temporal.Options{Connection: c})
			require.True(t, fault.Is(err, fault.Validation), "%v", err)
		})
	}
}
