package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asWeir makes this test program the weir command, so that tests can have real processes with an environment and signals
// of their own.
const asWeir = "CLI_TEST_AS_WEIR"

// patience bounds every wait for a process or a server.
const patience = time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(asWeir) != "" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	for _, pair := range os.Environ() { // nobody's settings and keys may decide a test
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "WEIR_") || strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// result is what a command came to.
type result struct {
	code     int
	out, err string
}

// weir runs a command in this process.
func weir(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	code := execute(ctx, args, &out, &errs)
	return result{code, out.String(), errs.String()}
}

// done runs a command that must succeed, and returns what it printed.
func done(t *testing.T, args ...string) string {
	t.Helper()
	r := weir(t, args...)
	require.Equal(t, exitDone, r.code, "weir %s: %s", strings.Join(args, " "), r.err)
	return r.out
}

// decoded runs a command with --output json and reads what it prints.
func decoded[T any](t *testing.T, args ...string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(done(t, append(args, "--output", "json")...)), &v))
	return v
}

// command is a process of its own, with nothing but the given environment.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, self, args...)
	c.Dir = t.TempDir()
	c.Env = append([]string{asWeir + "=1"}, env...)
	return c
}

// process runs a command in a process of its own to its end.
func process(t *testing.T, env []string, args ...string) result {
	t.Helper()
	c := command(t, env, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// served is a `weir serve` in this process.
type served struct {
	url, data string
	stop      func() result // drains it, once
}

// at are the flags that reach the server.
func (s *served) at(args ...string) []string {
	return append(args, "--endpoint-url", s.url, "--data", s.data)
}

// serve starts a server on a free port. Data may be empty for a new directory.
func serve(t *testing.T, data string, flags ...string) *served {
	t.Helper()
	if data == "" {
		data = filepath.Join(t.TempDir(), "data")
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended, read := make(chan int, 1), make(chan string, 1)
	go func() {
		code := execute(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "error"}, flags...), io.Discard, w)
		w.Close()
		ended <- code
	}()
	serving := make(chan string, 1)
	go func() {
		var said strings.Builder
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			said.WriteString(lines.Text() + "\n")
			if url, ok := strings.CutPrefix(lines.Text(), "weir: serving on "); ok {
				serving <- url
			}
		}
		read <- said.String()
	}()
	s := &served{data: data}
	var last *result
	s.stop = func() result {
		if last == nil {
			cancel()
			last = &result{code: <-ended, err: <-read}
		}
		return *last
	}
	t.Cleanup(func() { s.stop() })
	select {
	case s.url = <-serving:
	case said := <-read:
		require.FailNow(t, "the server did not start", said)
	}
	return s
}

// write makes a file, with its folders.
func write(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// shop is a data directory whose bucket "shop" has three orders, one of them without an e-mail address.
func shop(t *testing.T, data string) string {
	t.Helper()
	if data == "" {
		data = filepath.Join(t.TempDir(), "data")
	}
	write(t, filepath.Join(data, "buckets", "shop", "orders", "1.csv"), "id,status,email,card\n1,paid,a@b.c,4111111111111111\n2,open,,5500\n3,paid,,340000\n")
	return data
}

// files are the paths of the files below a folder.
func files(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) && path == dir {
			return filepath.SkipAll
		}
		if err == nil && !d.IsDir() {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	require.NoError(t, err)
	return found
}

// interrupt sends a process what Ctrl-C sends.
func interrupt(t *testing.T, c *exec.Cmd) {
	t.Helper()
	require.NoError(t, c.Process.Signal(syscall.SIGINT))
}
