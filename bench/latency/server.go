package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/jackc/pgx/v5"

	"weir.dev/weir/format/formattest"
)

const (
	keyID, keySecret = "AKIABENCHLATENCY0001", "bench-secret-of-the-root-key"
	rows             = 1000
)

// server is a `weir serve` of its own, with a bucket "source" of a thousand rows.
type server struct {
	process *exec.Cmd
	ended   chan struct{}
	folder  string
	url     string
	api     *appflow.Client
	commits *pgx.Conn // nil over SQLite
}

func startServer(ctx context.Context, o options, store string) (_ *server, err error) {
	s := &server{ended: make(chan struct{})}
	if s.folder, err = os.MkdirTemp("", "weir-bench-latency-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.writeSource(); err != nil {
		return nil, err
	}
	if store != "sqlite" {
		if s.commits, err = pgx.Connect(ctx, store); err != nil {
			return nil, err
		}
	}
	s.process = exec.Command(o.weir, "serve", "--listen", "127.0.0.1:0", "--data", s.folder, "--store", store,
		"--write-rate-limit", "0", "--max-flows", strconv.Itoa(o.flows+1))
	s.process.Env = append(os.Environ(), "WEIR_ACCESS_KEY_ID="+keyID, "WEIR_SECRET_ACCESS_KEY="+keySecret)
	stderr, err := s.process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		s.process = nil
		return nil, err
	}
	lines := bufio.NewScanner(stderr)
	for s.url == "" && lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "weir: serving on "); ok {
			s.url = url
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, stderr) // the log, which a server writes as well
		_ = s.process.Wait()
		close(s.ended)
	}()
	if s.url == "" {
		return nil, errors.New("the server did not start")
	}
	s.api = appflow.New(appflow.Options{
		BaseEndpoint: &s.url, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(keyID, keySecret, ""),
	})
	return s, nil
}

func (s *server) writeSource() error {
	folder := filepath.Join(s.folder, "buckets", "source", "in")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(folder, "a.csv"))
	if err != nil {
		return err
	}
	return errors.Join(formattest.CRM{Rows: rows}.WriteCSV(f), f.Close())
}

// stop ends the server and removes its folder.
func (s *server) stop() error {
	if s.commits != nil {
		_ = s.commits.Close(context.Background()) // nothing was written
	}
	if s.process != nil {
		_ = s.process.Process.Signal(syscall.SIGTERM) // fails when it has ended by itself
		select {
		case <-s.ended:
		case <-time.After(time.Minute):
			_ = s.process.Process.Kill()
			<-s.ended
		}
	}
	return os.RemoveAll(s.folder)
}

// cpu is the processor time that the server has used so far, to 10 ms.
func (s *server) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on: utime is the 14th, stime the 15th
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	const ticksPerSecond = 100
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(errUser, errSystem)
}

// memory is what of the server is in memory, in bytes: all of it, and what is its own, without the pages of the program's
// file, which all its processes share and the system drops when it needs room.
func (s *server) memory() (all, own int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	line := func(name string) int64 {
		_, rest, _ := strings.Cut(string(text), name+":")
		kib, broken := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		err = errors.Join(err, broken)
		return kib << 10
	}
	return line("VmRSS"), line("RssAnon"), err
}

// committed is how many transactions the database has committed so far, in all. PostgreSQL counts those of an idle
// connection with a delay of ten seconds, which this waits for.
func (s *server) committed(ctx context.Context) (n int64, err error) {
	if s.commits == nil {
		return 0, nil
	}
	if err := sleep(ctx, 11*time.Second); err != nil {
		return 0, err
	}
	err = s.commits.QueryRow(ctx, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").Scan(&n)
	return n, err
}
