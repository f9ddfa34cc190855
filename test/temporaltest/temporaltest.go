// Package temporaltest gives tests a Temporal of their own: the real server, on a private PostgreSQL. WEIR_TEST_TEMPORAL
// names the server's program, which `make test/temporal` builds; without it tests are skipped. The server ends with the
// test process, however that ends.
package temporaltest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/test/pgtest"
)

var (
	once    sync.Once
	shared  *Server
	started atomic.Int64
)

// Start returns the address of a server that all tests of the process share, and that nobody stops.
func Start(t testing.TB) string {
	t.Helper()
	requireProgram(t)
	once.Do(func() {
		s := prepare(t, pgtest.NewServer(processLife{t}))
		s.Start()
		shared = s
	})
	require.NotNil(t, shared, "the server did not start")
	return shared.Address
}

// processLife is a test whose end is that of the process.
type processLife struct{ testing.TB }

// Cleanup does nothing: the database's supervisor cleans up when the process is gone.
func (processLife) Cleanup(func()) {}

// Server is a server that its test may stop and start. Its address stays the same.
type Server struct {
	Address string

	t        testing.TB
	host     string
	database string
	port     string
	cmd      *exec.Cmd
	leash    io.Closer
}

// NewServer prepares a server for this test alone; start it.
func NewServer(t testing.TB) *Server {
	t.Helper()
	requireProgram(t)
	s := prepare(t, pgtest.NewServer(t))
	t.Cleanup(func() {
		if s.cmd != nil {
			s.Stop()
		}
	})
	return s
}

func prepare(t testing.TB, pg *pgtest.Server) *Server {
	u, err := url.Parse(pg.URL())
	require.NoError(t, err)
	port := freePorts(t, 8)
	return &Server{
		Address: "127.0.0.1:" + port, t: t, host: u.Query().Get("host"), port: port,
		database: fmt.Sprintf("temporal_%d_%d", os.Getpid(), started.Add(1)),
	}
}

// freePorts finds the first of so many free ports in a row.
func freePorts(t testing.TB, many int) string {
	for range 100 {
		first := 10000 + rand.N(20000)
		isFree := true
		for port := first; port < first+many && isFree; port++ {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
			if isFree = err == nil; isFree {
				require.NoError(t, l.Close())
			}
		}
		if isFree {
			return strconv.Itoa(first)
		}
	}
	t.Fatal("no free ports found")
	return ""
}

// Start brings the server up, with what it held before, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	cmd := exec.Command(os.Getenv("WEIR_TEST_TEMPORAL"), "-host", s.host, "-user", "weir", "-database", s.database, "-port", s.port)
	var log bytes.Buffer
	cmd.Stderr = &log
	leash, err := cmd.StdinPipe()
	require.NoError(s.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s.t.Fatalf("Temporal did not start: %q %s", line, log.String())
	}
	s.cmd, s.leash = cmd, leash
}

// Stop kills the server, as an outage would.
func (s *Server) Stop() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Kill())
	_ = s.cmd.Wait() // says that it was killed
	_ = s.leash.Close()
	s.cmd = nil
}

func requireProgram(t testing.TB) {
	t.Helper()
	if os.Getenv("WEIR_TEST_TEMPORAL") == "" {
		t.Skip("WEIR_TEST_TEMPORAL does not name a Temporal server; run make test/temporal")
	}
}
