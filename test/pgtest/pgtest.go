// Package pgtest gives tests a PostgreSQL of their own: a private cluster in a temporary folder, reached through a socket
// there, started once per test process and gone with it, however that ends.
//
// WEIR_TEST_POSTGRES_URL names a running server to use instead. Without that and without PostgreSQL's programs, tests are
// skipped; where CI=true they fail, because a suite that silently skips its database proves nothing.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var (
	shared = sync.OnceValues(func() (string, error) {
		s, err := start(unsafe)
		if err != nil {
			return "", err
		}
		return s.url(), nil // nobody stops it: its supervisor does when this process is gone
	})
	schemas atomic.Int64
)

// Start returns the URL of an empty schema for this test alone, which is dropped when the test ends.
func Start(t testing.TB) string {
	t.Helper()
	base := os.Getenv("WEIR_TEST_POSTGRES_URL")
	if base == "" {
		requirePrograms(t)
		var err error
		base, err = shared()
		require.NoError(t, err)
	}
	name := fmt.Sprintf("weir_test_%d_%d", os.Getpid(), schemas.Add(1))
	execute(t, base, "CREATE SCHEMA "+name)
	t.Cleanup(func() { execute(t, base, "DROP SCHEMA "+name+" CASCADE") })
	return withSearchPath(t, base, name)
}

func withSearchPath(t testing.TB, base, schema string) string {
	u, err := url.Parse(base)
	require.NoError(t, err)
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func execute(t testing.TB, url, statement string) {
	t.Helper()
	ctx := context.Background() // t.Context() is over when cleanups run
	c, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	_, err = c.Exec(ctx, statement)
	require.NoError(t, err)
	require.NoError(t, c.Close(ctx))
}

// Durable starts a cluster that syncs as PostgreSQL does by default, for programs that measure. Remove ends it, and so does
// the end of this process.
func Durable() (url string, remove func(), err error) {
	c, err := start("")
	if err != nil {
		return "", nil, err
	}
	return c.url(), c.remove, nil
}

// Server is a cluster that its test may stop and start.
type Server struct {
	t testing.TB
	*cluster
}

// NewServer starts a cluster for this test alone. It needs PostgreSQL's programs, whatever WEIR_TEST_POSTGRES_URL says.
func NewServer(t testing.TB) *Server {
	t.Helper()
	requirePrograms(t)
	c, err := start(unsafe)
	require.NoError(t, err)
	t.Cleanup(c.remove)
	return &Server{t, c}
}

// URL stays the same over stops and starts.
func (s *Server) URL() string { return s.url() }

// Stop ends the server at once, breaking its connections, and returns when it is down.
func (s *Server) Stop() {
	s.t.Helper()
	require.NoError(s.t, s.stop())
}

// Start brings the server up again with its data, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	require.NoError(s.t, s.up())
}

func requirePrograms(t testing.TB) {
	t.Helper()
	if _, err := programs(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("this test needs PostgreSQL: %v", err)
		}
		t.Skipf("PostgreSQL is not here (%v); install it or set WEIR_TEST_POSTGRES_URL", err)
	}
}
