// Package chaos kills the real server. Each test runs the weir binary as a user does, breaks it off in the middle of a run
// (kill -9, SIGTERM, a cancellation, or several of them), starts it again on the same data, and then wants what a run that
// nobody disturbed would have left: the same bytes, a ledger that closes, one execution, and nothing else.
//
// WEIR_BIN names the binary; without it the package builds one. The moments are random: WEIR_CHAOS_SEED repeats those of an
// earlier test run, WEIR_SLOW_TESTS=1 takes a hundred of them.
package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/test/pgtest"
)

// binary is the program under test; sources is the folder of its input buckets.
var binary, sources string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if binary, err = findBinary(dir); err == nil {
		sources = filepath.Join(dir, "sources")
		err = writeSources(sources)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// findBinary is WEIR_BIN, or a build of this tree.
func findBinary(dir string) (string, error) {
	if path := os.Getenv("WEIR_BIN"); path != "" {
		return filepath.Abs(path)
	}
	path := filepath.Join(dir, "weir")
	out, err := exec.Command("go", "build", "-o", path, "weir.dev/weir/cmd/weir").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building weir: %w: %s", err, out)
	}
	return path, nil
}

// moments is how many random moments a test takes.
func moments(quick, slow int) int {
	if os.Getenv("WEIR_SLOW_TESTS") != "" {
		return slow
	}
	return quick
}

// random gives moment number i its own source, so that one moment can be repeated alone.
func random(t *testing.T, i int) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("WEIR_CHAOS_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "WEIR_CHAOS_SEED is not a number")
	}
	slow := ""
	if os.Getenv("WEIR_SLOW_TESTS") != "" {
		slow = "WEIR_SLOW_TESTS=1 "
	}
	t.Logf("repeat with: %sWEIR_CHAOS_SEED=%d go test ./test/chaos -count=1 -run '^%s$'", slow, seed, t.Name())
	return rand.New(rand.NewPCG(seed, uint64(i)))
}

// within is a random share of a time.
func within(rnd *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(rnd.Int64N(int64(d) + 1))
}

func TestKill_AtRandomMomentsLeavesTheUndisturbedOutput(t *testing.T) {
	for i := range moments(6, 100) {
		v := variants[i%len(variants)]
		t.Run(fmt.Sprintf("%03d_%s", i, v.name), func(t *testing.T) {
			want := undisturbed(t, v)
			killAndFinish(t, v, want, random(t, i), 1+i%3)
		})
	}
}

func TestKill_OnPostgres(t *testing.T) {
	for i := range moments(1, 8) {
		v := variants[(i+2)%len(variants)]
		t.Run(fmt.Sprintf("%03d_%s", i, v.name), func(t *testing.T) {
			want := undisturbed(t, v)
			killAndFinish(t, v, want, random(t, i), 1, "--store", pgtest.Start(t))
		})
	}
}

// killAndFinish kills a server so many times at random moments of one run, and checks what is there in the end.
func killAndFinish(t *testing.T, v variant, want outcome, rnd *rand.Rand, kills int, flags ...string) {
	r := newRig(t, flags...)
	s := r.boot()
	s.create(v)
	id := ""
	for k := range kills {
		delay := within(rnd, want.took*6/5)
		if rnd.IntN(4) == 0 { // now and then while the run is only being started or taken up again
			delay = within(rnd, 10*time.Millisecond)
		}
		started := make(chan string, 1)
		go func(id string) {
			if id == "" {
				id = s.tryStart(v)
			}
			started <- id
		}(id)
		<-time.After(delay)
		s.kill()
		id = <-started
		t.Logf("kill %d after %s", k+1, delay)
		s = r.boot()
	}
	if id == "" { // the answer was lost; the token tells whether the run was, too
		id = s.tryStart(v)
		require.NotEmpty(t, id)
	}
	require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id))
	s.check(v, id, want)
}

func TestTerm_DrainsAndTheNextStartGoesOn(t *testing.T) {
	for i := range moments(2, 20) {
		v := variants[(i+2)%len(variants)]
		t.Run(fmt.Sprintf("%03d_%s", i, v.name), func(t *testing.T) {
			want := undisturbed(t, v)
			rnd := random(t, i)
			r := newRig(t)
			s := r.boot()
			s.create(v)
			id := s.tryStart(v)
			require.NotEmpty(t, id)
			<-time.After(within(rnd, want.took))
			require.Equal(t, 0, s.term(), "the exit code of a drained server\n%s", r.log)
			s = r.boot()
			require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id))
			s.check(v, id, want)
		})
	}
}

func TestCancel_ThenKillLeavesNothing(t *testing.T) {
	for i := range moments(3, 30) {
		v := variants[i%len(variants)]
		t.Run(fmt.Sprintf("%03d_%s", i, v.name), func(t *testing.T) {
			want := undisturbed(t, v)
			rnd := random(t, i)
			r := newRig(t)
			s := r.boot()
			s.create(v)
			id := s.tryStart(v)
			require.NotEmpty(t, id)
			s.waitForRows(id)
			answered := make(chan error, 1)
			go func() { answered <- s.cancel(v) }()
			delay := time.Duration(0)
			if i%3 != 0 { // every third dies as soon as the cancellation is promised, the others at any moment of it
				delay = within(rnd, 30*time.Millisecond)
				<-time.After(delay)
				s.kill()
			}
			promised := <-answered == nil
			if i%3 == 0 {
				s.kill()
			}
			t.Logf("kill %s after the cancellation, which was promised: %t", delay, promised)
			s = r.boot()
			status := s.wait(v, id)
			if !promised && status == types.ExecutionStatusSuccessful {
				s.check(v, id, want) // the cancellation was lost with the server
				return
			}
			require.Equal(t, types.ExecutionStatusCanceled, status)
			s.checkNothing(v, id)
		})
	}
}

func TestFailure_ThenKillLeavesNothing(t *testing.T) {
	full := undisturbed(t, variants[0])
	for i := range moments(2, 20) {
		t.Run(fmt.Sprintf("%03d", i), func(t *testing.T) {
			rnd := random(t, i)
			r := newRig(t)
			s := r.boot()
			s.create(failing)
			id := s.tryStart(failing)
			require.NotEmpty(t, id)
			<-time.After(within(rnd, full.took*6/5))
			s.kill()
			s = r.boot()
			require.Equal(t, types.ExecutionStatusError, s.wait(failing, id))
			require.Contains(t, s.view(id).Message, "z-broken.csv")
			s.checkNothing(failing, id)
		})
	}
}
