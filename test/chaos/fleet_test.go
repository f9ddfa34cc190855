package chaos_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/test/pgtest"
	"weir.dev/weir/test/temporaltest"
)

// elsewhere is how long a dead worker's splits may wait for another one.
const elsewhere = 30 * time.Second

var queues atomic.Int64

// newFleet is a rig whose servers and workers share a database and a Temporal.
func newFleet(t *testing.T, temporal string) *rig {
	queue := fmt.Sprintf("chaos-%d", queues.Add(1))
	return newRig(t, "--store", pgtest.Start(t), "--temporal", temporal, "--temporal-task-queue", queue, "--parallel", "2")
}

func (r *rig) worker(flags ...string) *server {
	r.t.Helper()
	return r.spawn("weir: working; health and metrics on ", append([]string{"worker"}, flags...))
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.process.Process.Signal(sig))
}

// named is a flow of its own like the variant, that writes into a bucket of its own.
func (v variant) named(name string) variant {
	v.name += "-" + name
	v.dest = "out-" + v.name
	return v
}

// checkOwn wants what the undisturbed run of the variant left in the bucket of a flow that was made by named.
func (s *server) checkOwn(v variant, id string, want outcome, original string) {
	s.t.Helper()
	got := map[string]string{}
	for key, sum := range filesIn(s.t, filepath.Join(s.data, "buckets", v.dest), id) {
		got[strings.ReplaceAll(key, v.name, original)] = sum
	}
	require.Equal(s.t, want.files, got)
	view := s.view(id)
	require.True(s.t, view.Closes)
	view.Totals.Parallelism = want.totals.Parallelism
	require.Equal(s.t, want.totals, view.Totals)
	require.Len(s.t, s.records(v), 1)
}

// began is a run that is under way.
type began struct {
	variant
	original string
	id       string
}

// start creates a flow of each variant and starts them all.
func startAll(s *server, round string) (list []began) {
	for _, v := range variants {
		b := began{variant: v.named(round), original: v.name}
		s.create(b.variant)
		b.id = s.tryStart(b.variant)
		require.NotEmpty(s.t, b.id, "%s", s.log)
		list = append(list, b)
	}
	return list
}

func checkAll(t *testing.T, s *server, list []began, want map[string]outcome) {
	t.Helper()
	for _, b := range list {
		require.Equal(t, types.ExecutionStatusSuccessful, s.wait(b.variant, b.id), "%s: %s", b.name, s.view(b.id).Message)
		s.checkOwn(b.variant, b.id, want[b.original], b.original)
	}
}

// undisturbedAll are the outcomes of all variants.
func undisturbedAll(t *testing.T) map[string]outcome {
	for _, v := range variants {
		undisturbed(t, v)
	}
	return maps.Clone(references)
}

func TestFleet_ProcessesKilledInTurnLoseAndDoubleNothing(t *testing.T) {
	temporal := temporaltest.Start(t)
	want := undisturbedAll(t)
	rnd := random(t, 0)
	r := newFleet(t, temporal)
	servers := []*server{r.boot(), r.boot()}
	workers := []*server{r.worker(), r.worker(), r.worker()}
	for round := range moments(5, 40) {
		s := servers[round%2]
		runs := startAll(s, fmt.Sprint("r", round))
		<-time.After(within(rnd, 2*time.Second))
		victim := round % 3
		switch round % 5 {
		case 0, 3:
			workers[victim].kill()
			t.Logf("round %d: worker %d killed", round, victim)
			workers[victim] = r.worker()
		case 1:
			s.kill()
			t.Logf("round %d: server %d killed", round, round%2)
			servers[round%2] = r.boot()
		case 2:
			workers[victim].signal(syscall.SIGSTOP)
			t.Logf("round %d: worker %d stands still", round, victim)
			checkAll(t, servers[0], runs, want)
			workers[victim].signal(syscall.SIGCONT) // it learns that its time is over, and cleans up behind itself
			require.Equal(t, 0, workers[victim].term(), "%s", r.log)
			workers[victim] = r.worker()
		case 4:
			require.Equal(t, 0, workers[victim].term(), "%s", r.log)
			t.Logf("round %d: worker %d drained", round, victim)
			workers[victim] = r.worker()
		}
		checkAll(t, servers[round%2], runs, want)
	}
}

func TestFleet_ADeadWorkersSplitsRunElsewhere(t *testing.T) {
	temporal := temporaltest.Start(t)
	for name, stop := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "standing still": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			v := variants[3] // has checkpoints in the middle of splits
			want := undisturbed(t, v)
			r := newFleet(t, temporal)
			s, first := r.boot(), r.worker()
			s.create(v)
			id := s.tryStart(v)
			require.NotEmpty(t, id)
			s.waitForRows(id)
			first.signal(stop)
			second := r.worker()
			dead := time.Now()
			s.until(func() bool { l := s.view(id).Live; return l == nil || l.SplitsDone == l.Splits })
			moved := time.Since(dead)
			require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id))
			t.Logf("%s: all splits done %s after, the run over %s after", name, moved.Round(100*time.Millisecond), time.Since(dead).Round(100*time.Millisecond))
			require.Less(t, moved, elsewhere)
			if stop == syscall.SIGSTOP { // the zombie wakes up, and may do nothing
				first.signal(syscall.SIGCONT)
				require.Equal(t, 0, first.term(), "%s", r.log)
			}
			s.check(v, id, want)
			require.Equal(t, 0, second.term())
		})
	}
}

func TestFleet_RollingUpgrade(t *testing.T) {
	temporal := temporaltest.Start(t)
	want := undisturbedAll(t)
	r := newFleet(t, temporal)
	s := r.boot()
	workers := []*server{r.worker("--temporal-build-id", "v1"), r.worker("--temporal-build-id", "v1")}
	runs := startAll(s, "before")
	checkAll(t, s, runs, want)
	for i := range workers { // each is replaced while runs are under way
		runs = startAll(s, fmt.Sprint("during", i))
		s.waitForRows(runs[0].id)
		require.Equal(t, 0, workers[i].term(), "%s", r.log)
		workers[i] = r.worker("--temporal-build-id", "v2")
		checkAll(t, s, runs, want)
	}
	workers[0].kill() // an old one that comes back takes nothing away from the new ones
	old := r.worker("--temporal-build-id", "v1")
	runs = startAll(s, "after")
	checkAll(t, s, runs, want)
	require.Equal(t, 0, old.term())
	for _, build := range []string{"v1", "v2"} {
		require.Equal(t, 1, strings.Count(r.log.String(), `"this build gets new work now" build=`+build+" "), r.log)
	}
}

func TestFleet_TemporalIsDown(t *testing.T) {
	temporal := temporaltest.NewServer(t)
	temporal.Start()
	v := variants[0]
	want := undisturbed(t, v)
	r := newFleet(t, temporal.Address)
	s := r.boot()
	r.worker()
	s.create(v)
	temporal.Stop()

	_, err := s.api.ListFlows(t.Context(), &appflow.ListFlowsInput{})
	require.NoError(t, err, "reads go on")
	s.create(variants[1])
	_, err = s.api.StartFlow(t.Context(), &appflow.StartFlowInput{FlowName: &v.name, ClientToken: aws.String("refused")})
	var refused *types.InternalServerException
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.ErrorMessage(), "Temporal")
	require.Equal(t, smithy.FaultServer, refused.ErrorFault())
	require.Empty(t, s.records(v), "what was refused has not begun")

	temporal.Start()
	back := time.Now()
	var id string
	s.until(func() bool { id = s.tryStart(v); return id != "" })
	t.Logf("started %s after Temporal was back", time.Since(back).Round(100*time.Millisecond))
	s.waitForRows(id)
	t.Logf("running %s after", time.Since(back).Round(100*time.Millisecond))
	temporal.Stop() // in the middle of a run
	temporal.Start()
	back = time.Now()
	require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id))
	t.Logf("over %s after the second outage", time.Since(back).Round(100*time.Millisecond))
	s.check(v, id, want)
}

func TestFleet_Refusals(t *testing.T) {
	r := newRig(t)
	for want, command := range map[string][]string{
		"--temporal needs --store postgres": {"serve", "--temporal", "127.0.0.1:1"},
		"a worker needs --temporal":         {"worker", "--store", "postgres://nobody@127.0.0.1:1/none"},
	} {
		out, code := r.fails(command...)
		require.Equal(t, 2, code, out)
		require.Contains(t, out, want)
	}
}

func TestFleet_AnotherKeyIsRefused(t *testing.T) {
	temporal := temporaltest.Start(t)
	r := newFleet(t, temporal)
	r.boot()
	out, code := r.fails(append([]string{"worker", "--data", t.TempDir(), "--listen", "127.0.0.1:0"}, r.flags...)...)
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "--key-url")
}
