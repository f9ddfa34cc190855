package durabletest

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob/fileblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/store"
)

// Environment of a process that [Processes] starts.
const (
	childDir      = "WEIR_CRASH_DIR"      // holds the store and the bucket
	childScenario = "WEIR_CRASH_SCENARIO" // its number in heavy()
	killsWanted   = "WEIR_CRASH_KILLS"    // how many kills a test makes
)

// OpenFile opens the store of a data directory.
type OpenFile func(ctx context.Context, path string) (store.Store, error)

// IsChild reports whether this process was started by [Processes]: then TestMain must call [Child] instead of the tests.
func IsChild() bool { return os.Getenv(childDir) != "" }

// Child is such a process: it runs the engine until nothing is left to do. It returns the exit code.
func Child(factory Factory, open OpenFile) int {
	number, err := strconv.Atoi(os.Getenv(childScenario))
	if err == nil {
		err = runChild(factory, open, os.Getenv(childDir), heavy()[number])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func runChild(factory Factory, open OpenFile, dir string, sc Scenario) error {
	ctx := context.Background()
	s, err := open(ctx, filepath.Join(dir, "weir.db"))
	if err != nil {
		return err
	}
	defer s.Close()
	bucket := fileblob.New("out", filepath.Join(dir, "out"), true)
	defer bucket.Close()
	vendor := &Vendor{Objects: sc.Objects, Trouble: sc.Trouble()}
	ended := make(chan flow.ExecutionStatus, 1)
	e := factory(&durable.Steps{
		Store:      s,
		Connectors: connector.NewRegistry(vendor.Connectors(NewTrap(nil))...),
		Configure: func(context.Context, flow.ConnectorType, string, string) (connector.Config, error) {
			return connector.Config{Buckets: buckets{"out": bucket}}, nil
		},
		Mover:     sc.Mover(),
		Log:       slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Concluded: func(x *flow.Execution) { ended <- x.Status },
	}, true)
	if err := e.Resume(ctx); err != nil {
		return err
	}
	if x, err := find(ctx, s); err != nil || x.Status.Done() {
		return err // over before this process began; nothing was resumed
	}
	<-ended
	return e.Drain(ctx)
}

func find(ctx context.Context, s store.Store) (x *flow.Execution, err error) {
	err = s.Read(ctx, func(tx store.ReadTx) (err error) {
		x, err = tx.ExecutionGet(ctx, executionID)
		return err
	})
	return x, err
}

// heavy are runs that last a while: a vendor that takes its time for each page.
func heavy() []Scenario {
	var objects []Object
	for i := range 24 {
		objects = append(objects, Object{Pages: 4 + i%9, Rows: 50 + 10*i})
	}
	latency := func() func(context.Context, int, int) error {
		return func(ctx context.Context, _, _ int) error {
			timer := time.NewTimer(3 * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	mover := func() durable.Mover { return engine.New(engine.Options{Threads: 2}) }
	var list []Scenario
	for _, out := range []flow.FileOutput{
		{Prefix: "lake", Type: flow.FileCSV},
		{Prefix: "lake", Type: flow.FileParquet, SingleFile: true, TargetFileSize: 4000},
		{Prefix: "lake", Type: flow.FileJSON},
	} {
		list = append(list, Scenario{Name: string(out.Type), Objects: objects, Trouble: latency, Dest: Folder(out), Mover: mover})
	}
	return list
}

// kills is how many kills are wanted, over all scenarios.
func kills(t testing.TB) int {
	if text := os.Getenv(killsWanted); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err, killsWanted)
		return n
	}
	if IsSlow() {
		return 100
	}
	return 9
}

// Processes runs flows in processes that are killed with kill -9 at random moments and started again until the run is
// over, and compares what lies in the bucket then, byte for byte, with a run that nobody killed. The test binary starts
// itself: its TestMain must know [IsChild].
func Processes(t *testing.T, open OpenFile) {
	scenarios := heavy()
	wanted := kills(t)
	for number, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) {
			calm := t.TempDir()
			prepareDir(t, calm, sc, open)
			began := time.Now()
			require.False(t, child(t, calm, number, 0), "killed without being told to")
			took := time.Since(began)
			want := folder(t, filepath.Join(calm, "out"))
			require.NotEmpty(t, want)

			done, runs := 0, 0
			for ; done < (wanted+len(scenarios)-1)/len(scenarios); runs++ {
				dir := t.TempDir()
				prepareDir(t, dir, sc, open)
				for child(t, dir, number, time.Duration(rand.Float64()*float64(took))) {
					done++
				}
				require.Equal(t, want, folder(t, filepath.Join(dir, "out")))
				checkLedger(t, dir, sc, open)
			}
			t.Logf("%d kills in %d runs of %v", done, runs, took.Round(time.Millisecond))
		})
	}
}

func prepareDir(t *testing.T, dir string, sc Scenario, open OpenFile) {
	s, err := open(t.Context(), filepath.Join(dir, "weir.db"))
	require.NoError(t, err)
	require.NoError(t, sc.begin(t.Context(), s))
	require.NoError(t, s.Close())
}

// child runs one process and kills it after the time, if that is not 0. It reports whether it was killed.
func child(t *testing.T, dir string, number int, after time.Duration) (killed bool) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childScenario+"="+strconv.Itoa(number))
	var stderr tail
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	if after > 0 {
		timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	if err != nil && cmd.ProcessState.ExitCode() == -1 {
		return true
	}
	require.NoError(t, err, string(stderr))
	return false
}

// tail keeps the end of what is written.
type tail []byte

func (b *tail) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	*b = (*b)[max(0, len(*b)-4096):]
	return len(p), nil
}

// folder reads all files below a folder, hidden ones too, so that anything left behind shows.
func folder(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(data)
		return err
	}))
	return files
}

func checkLedger(t *testing.T, dir string, sc Scenario, open OpenFile) {
	s, err := open(t.Context(), filepath.Join(dir, "weir.db"))
	require.NoError(t, err)
	defer s.Close()
	x, err := find(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, flow.ExecutionSuccessful, x.Status, x.Message)
	require.True(t, x.Totals.Closes())
	var rows int64
	for _, o := range sc.Objects {
		rows += int64(o.Pages * o.Rows)
	}
	require.Equal(t, rows, x.Totals.Written)
}
