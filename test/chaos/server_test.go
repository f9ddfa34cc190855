package chaos_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/stretchr/testify/require"
)

const (
	keyID     = "AKIACHAOSCHAOSCHAOS1"
	keySecret = "chaos-secret-of-a-server-that-lives-for-a-second"
	// patience bounds every wait. A lease in PostgreSQL outlives its holder by 15 s.
	patience = 90 * time.Second
	// endless is the patience with a run that uses up all its tries.
	endless = 15 * time.Minute
)

// rig is an installation that outlives its servers: a data directory with the output bucket, and a folder for temporary
// files.
type rig struct {
	t     *testing.T
	data  string
	temp  string
	flags []string
	env   []string // besides the keys
	// patience bounds waits for runs; the constant of that name when it is 0.
	patience time.Duration
	log      *lockedLog
}

func newRig(t *testing.T, flags ...string) *rig {
	r := &rig{t: t, data: t.TempDir(), temp: t.TempDir(), flags: flags, log: &lockedLog{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the servers' log:\n%s", r.log)
		}
	})
	return r
}

// lockedLog is what all servers of a rig have said.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) line(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(s + "\n")
}

// has reports whether a line holds all the words.
func (l *lockedLog) has(words ...string) bool {
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return true
		}
	}
	return false
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// server is one process of a rig.
type server struct {
	*rig
	process *exec.Cmd
	ended   chan struct{} // closed when the process is gone and its log read
	url     string
	api     *appflow.Client
}

// boot starts a server and returns when it serves.
func (r *rig) boot(flags ...string) *server {
	r.t.Helper()
	s := r.spawn("weir: serving on ", append([]string{"serve"}, flags...))
	s.api = appflow.New(appflow.Options{
		BaseEndpoint: &s.url, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(keyID, keySecret, "")),
	})
	return s
}

// spawn starts a process and returns when it says, after the prefix, where it listens.
func (r *rig) spawn(prefix string, command []string) *server {
	r.t.Helper()
	args := append(slices.Clone(command),
		"--listen", "127.0.0.1:0", "--data", r.data, "--threads", "1",
		"--bucket", "good=file://"+filepath.Join(sources, "good"), "--bucket", "bad=file://"+filepath.Join(sources, "bad"),
	)
	args = append(args, r.flags...)
	s := &server{rig: r, process: exec.Command(binary, args...), ended: make(chan struct{})}
	s.process.Env = []string{"TMPDIR=" + r.temp, "WEIR_ACCESS_KEY_ID=" + keyID, "WEIR_SECRET_ACCESS_KEY=" + keySecret}
	s.process.Env = append(s.process.Env, r.env...)
	stderr, err := s.process.StderrPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, s.process.Start())
	listening := make(chan string, 1)
	go s.read(stderr, prefix, listening)
	r.t.Cleanup(s.kill)
	select {
	case s.url = <-listening:
	case <-s.ended:
		require.FailNow(r.t, "the process ended at its start", "%s", r.log)
	case <-time.After(patience):
		require.FailNow(r.t, "the process does not start", "%s", r.log)
	}
	return s
}

// read keeps the log, and tells where the process listens.
func (s *server) read(stderr io.Reader, prefix string, listening chan<- string) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), " msg=request ") { // the test's own questions
			s.log.line(lines.Text())
		}
		if url, ok := strings.CutPrefix(lines.Text(), prefix); ok {
			listening <- url
		}
	}
	_ = s.process.Wait() // how it ended is in ProcessState
	close(s.ended)
}

// kill ends the process as a power failure would, and returns when it is gone.
func (s *server) kill() {
	_ = s.process.Process.Kill() // fails when it is gone already
	<-s.ended
}

// term asks the process to end and returns its exit code.
func (s *server) term() int {
	s.t.Helper()
	require.NoError(s.t, s.process.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.ended:
	case <-time.After(patience):
		require.FailNow(s.t, "the server does not drain", "%s", s.log)
	}
	return s.process.ProcessState.ExitCode()
}

// bucket is the folder of the output bucket.
func (r *rig) bucket() string { return filepath.Join(r.data, "buckets", "out") }

// leftovers are the temporary files that the servers left.
func (r *rig) leftovers() []string {
	entries, err := os.ReadDir(r.temp)
	require.NoError(r.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// fails runs a command that must end by itself, and returns what it said and its exit code.
func (r *rig) fails(args ...string) (string, int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = r.temp
	out, err := cmd.CombinedOutput()
	require.Error(r.t, err)
	return string(out), cmd.ProcessState.ExitCode()
}
