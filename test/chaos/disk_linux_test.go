package chaos_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // judges the database
)

// disk is a small file system of the test's own.
type disk struct {
	t      *testing.T
	folder string
}

// newDisk mounts a disk of so many MiB, which takes root.
func newDisk(t *testing.T, size int) *disk {
	t.Helper()
	d := &disk{t: t, folder: t.TempDir()}
	err := syscall.Mount("weir-chaos", d.folder, "tmpfs", 0, fmt.Sprintf("size=%dm", size))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("this test mounts a small disk, for which it needs root: %v", err)
		}
		t.Skipf("a small disk cannot be mounted here (%v); run this as root", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(d.folder, syscall.MNT_DETACH)) })
	return d
}

// fill takes all room but so many KiB, and returns what gives it back.
func (d *disk) fill(leave int64) (free func()) {
	d.t.Helper()
	var stat syscall.Statfs_t
	require.NoError(d.t, syscall.Statfs(d.folder, &stat))
	path := filepath.Join(d.folder, "ballast")
	f, err := os.Create(path)
	require.NoError(d.t, err)
	defer f.Close()
	require.NoError(d.t, syscall.Fallocate(int(f.Fd()), 0, 0, int64(stat.Bavail)*stat.Bsize-leave<<10))
	return func() { require.NoError(d.t, os.Remove(path)) }
}

// remount makes the disk read-only, or not.
func (d *disk) remount(flags uintptr) {
	d.t.Helper()
	require.NoError(d.t, syscall.Mount("weir-chaos", d.folder, "tmpfs", syscall.MS_REMOUNT|flags, ""))
}

// works wants that a new run of the variant leaves what it should.
func (s *server) works(v variant, round string, want outcome) {
	s.t.Helper()
	next := v.named(round)
	s.create(next)
	id := s.tryStart(next)
	require.NotEmpty(s.t, id, "%s", s.log)
	require.Equal(s.t, types.ExecutionStatusSuccessful, s.wait(next, id), s.view(id).Message)
	s.checkOwn(next, id, want, v.name)
}

// The bucket's disk is full, or cannot be written to: the run says so, and the next one works when that is over.
func TestDisk_OfTheBucketIsInTrouble(t *testing.T) {
	v := variants[0]
	want := undisturbed(t, v)
	for name, drill := range map[string]struct {
		begin func(d *disk) (end func())
		says  string
	}{
		"full":      {func(d *disk) func() { return d.fill(2 << 10) }, "no space left on device"},
		"read-only": {func(d *disk) func() { d.remount(syscall.MS_RDONLY); return func() { d.remount(0) } }, "read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, 200)
			r := newRig(t, "--bucket", "out=file://"+filepath.Join(d.folder, "out"))
			s := r.boot()
			s.create(v)
			end := drill.begin(d)
			id := s.tryStart(v)
			require.Equal(t, types.ExecutionStatusError, s.wait(v, id))
			t.Log(s.view(id).Message)
			require.Contains(t, s.view(id).Message, drill.says)
			end()
			require.Empty(t, filesIn(t, filepath.Join(d.folder, "out"), id), "what was staged is gone")
			s.works(v, "next", want)
		})
	}
}

// With weir:retries the run itself goes on when there is room.
func TestDisk_ARunThatMayGoOnLaterWaitsForRoom(t *testing.T) {
	v := variants[0]
	want := undisturbed(t, v)
	d := newDisk(t, 200)
	s := newRig(t, "--bucket", "room=file://"+filepath.Join(d.folder, "room")).boot()
	v.dest = "room"
	in := v.createInput()
	in.Tags = map[string]string{"weir:retries": "3/3s"}
	_, err := s.api.CreateFlow(t.Context(), in)
	require.NoError(t, err)
	free := d.fill(2 << 10)
	id := s.tryStart(v)
	s.until(func() bool { return strings.Contains(s.view(id).Message, "failure 1, to go on at") })
	free()
	require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id), s.view(id).Message)
	require.Equal(t, want.files, filesIn(t, filepath.Join(d.folder, "room"), id))
	require.True(t, s.view(id).Closes)
}

// The disk of everything is full, the database too: the server stays up, and goes on when there is room.
func TestDisk_OfTheDataIsFull(t *testing.T) {
	v := variants[0]
	want := undisturbed(t, v)
	d := newDisk(t, 300)
	r := newRig(t)
	r.data = filepath.Join(d.folder, "data")
	s := r.boot()
	s.create(v)
	for round, leave := range []int64{0, 64, 4 << 10} { // not even a transaction; a few; some files
		t.Logf("with %d KiB left", leave)
		free := d.fill(leave)
		id := s.tryStart(v)
		if id != "" {
			s.endOrHeldUp(v, id)
		}
		status, body := s.page("/healthz")
		require.Equal(t, http.StatusOK, status, body)
		_, err := s.api.ListFlows(t.Context(), &appflow.ListFlowsInput{})
		require.NoError(t, err, "reads go on")
		free()
		if id == "" {
			id = s.tryStart(v)
			require.NotEmpty(t, id, "%s", s.log)
		}
		ended, message := s.wait(v, id), s.view(id).Message
		t.Logf("the run's end: %s, %s", ended, message)
		if ended == types.ExecutionStatusError {
			require.Regexp(t, "no space left on device|disk is full", message)
		}
		s.works(v, fmt.Sprint("round", round), want)
		_, err = s.api.DeleteFlow(t.Context(), &appflow.DeleteFlowInput{FlowName: &v.name, ForceDelete: true})
		require.NoError(t, err)
		s.create(v)
	}
	require.Equal(t, 0, s.term(), "%s", r.log)
	requireSound(t, filepath.Join(r.data, "weir.db"))
}

// endOrHeldUp returns when the run is over, or held up by its disk.
func (s *server) endOrHeldUp(v variant, id string) {
	s.t.Helper()
	s.until(func() bool {
		for _, x := range s.records(v) {
			if *x.ExecutionId == id && x.ExecutionStatus != types.ExecutionStatusInprogress {
				return true
			}
		}
		return s.log.has("disk is full", id)
	})
}

// requireSound asks SQLite whether the file is whole.
func requireSound(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer db.Close()
	var said string
	require.NoError(t, db.QueryRowContext(context.Background(), "PRAGMA integrity_check").Scan(&said))
	require.Equal(t, "ok", said)
}
