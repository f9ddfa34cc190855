package fileblob_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/fileblob"
	"weir.dev/weir/fault"
)

func open(t *testing.T, dir string) *fileblob.Bucket {
	b := fileblob.New("test", dir, false)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func TestConformance(t *testing.T) {
	t.Parallel()
	odd := []string{"e1/" + strings.Repeat("日本/", 140) + "x", "e1/tab\tnew\nline", `e1/back\slash`, "e1/" + strings.Repeat("x", 255)}
	if runtime.GOOS == "windows" {
		t.Skip("the kit's keys cannot be file names here")
	}
	blobtest.Run(t, blobtest.Harness{
		New: func(t *testing.T) blobtest.Fixture {
			dir := t.TempDir()
			return blobtest.Fixture{
				Bucket: open(t, dir),
				Again:  func(t *testing.T) blob.Bucket { return open(t, dir) },
				Put:    func(t *testing.T, key string, data []byte) { put(t, dir, key, data) },
				Traces: func(t *testing.T) []string { return traces(t, dir) },
			}
		},
		OddKeys: odd,
		RefusedKeys: []string{
			"e1//x", "/e1/x", "e1/", "e1/x/", "../e1", "e1/../x", "e1/./x", "./e1", ".", "..", "e1/..", "e1/\x00", "/",
			".weir", ".weir/e1", ".weir/staging/e1/x", "e1/" + strings.Repeat("x", 256),
		},
	})
}

// put replaces a file as a careful program does: the object has a new inode.
func put(t *testing.T, dir, key string, data []byte) {
	path := filepath.Join(dir, filepath.FromSlash(key))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path+".new", data, 0o640))
	require.NoError(t, os.Rename(path+".new", path))
}

// traces lists everything below the hidden folder, itself included.
func traces(t *testing.T, dir string) []string {
	var found []string
	err := filepath.WalkDir(filepath.Join(dir, ".weir"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		found = append(found, path)
		return nil
	})
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return found
}

func TestNew_MissingFolderIsNotFoundUntilStagingMakesIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "buckets", "orders")
	b := fileblob.New("orders", dir, true)
	defer b.Close()
	require.NoError(t, b.Check(t.Context()), "staging will make it")
	for _, err := range b.List(t.Context(), "in/") {
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
		require.ErrorContains(t, err, `"orders"`)
	}
	require.NoError(t, b.Discard(t.Context(), "e1", "", nil))
	require.NoDirExists(t, dir)
	require.NoError(t, b.Publish(t.Context(), blobtest.Stage(t, b, "e1", "out/e1", []byte("x"))))
	require.Equal(t, "x", string(blobtest.Read(t, b, "out/e1")))

	strict := fileblob.New("strict", filepath.Join(t.TempDir(), "none"), false)
	defer strict.Close()
	require.Equal(t, fault.NotFound, fault.CodeOf(strict.Check(t.Context())))
	_, err := strict.Stage(t.Context(), "e1", "out/e1")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestLinks_DoNotLeadOut(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
	put(t, dir, "in/real", []byte("r"))
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "in", "link")))
	b := open(t, dir)
	require.Equal(t, []string{"in/link", "in/real"}, blobtest.Keys(t, b, "in/"), "links inside are followed")
	require.Equal(t, "r", string(blobtest.Read(t, b, "in/link")))

	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "in", "out")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "away")))
	for _, key := range []string{"in/out", "away/secret"} {
		_, err := b.OpenAt(t.Context(), key, 0, -1, "")
		require.Error(t, err, key)
	}
	w, err := b.Stage(t.Context(), "e1", "away/e1")
	require.NoError(t, err)
	s, err := w.Finish(t.Context())
	require.NoError(t, err)
	require.Error(t, b.Publish(t.Context(), s))
	require.NoFileExists(t, filepath.Join(outside, "e1"))
	var last error
	for _, err := range b.List(t.Context(), "") {
		last = err
	}
	require.Error(t, last, "a link that leads out is not left out silently")
}

func TestRead_FileWrittenInPlaceIsConflict(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir)
	for name, change := range map[string]func(path string) error{
		"cut":   func(path string) error { return os.Truncate(path, 10) },
		"grown": appendTo,
	} {
		put(t, dir, name, blobtest.Content(1, 100_000))
		o, err := b.Stat(t.Context(), name)
		require.NoError(t, err)
		r, err := b.OpenAt(t.Context(), name, 0, -1, o.ETag)
		require.NoError(t, err)
		_, err = io.ReadFull(r, make([]byte, 50_000))
		require.NoError(t, err)
		require.NoError(t, change(filepath.Join(dir, name)))
		_, err = io.ReadAll(r)
		require.Equal(t, fault.Conflict, fault.CodeOf(err), name)
		require.NoError(t, r.Close())
	}
}

func appendTo(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString("more")
	return err
}

func TestPublish_FileInPlaceOfAFolderIsConflict(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir)
	put(t, dir, "out", []byte("a file"))
	put(t, dir, "folder/e1/x", []byte("below a folder"))
	for _, key := range []string{"out/e1", "folder/e1"} {
		s := blobtest.Stage(t, b, "e1", key, []byte("x"))
		require.Equal(t, fault.Conflict, fault.CodeOf(b.Publish(t.Context(), s)), key)
	}
	require.NoError(t, b.Discard(t.Context(), "e1", "", nil))
	require.Empty(t, traces(t, dir))
}

func TestPublish_TouchesNothingOutsideItsStaging(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir)
	put(t, dir, "e1/victim", []byte("v"))
	for _, upload := range []string{"../../../../e1/victim", "..", "", strings.Repeat("0", 31), strings.Repeat("g", 32)} {
		err := b.Publish(t.Context(), blob.Staged{Owner: "e1", Key: "e1/x", Upload: upload, Size: 1})
		require.Equal(t, fault.Validation, fault.CodeOf(err), upload)
	}
	require.Equal(t, []string{"e1/victim"}, blobtest.Keys(t, b, ""))
}

func TestDiscard_RemovesFoldersOfAProcessThatDiedBeforeItsFirstFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".weir", "staging"), 0o700))
	b := fileblob.New("out", dir, false)
	require.NoError(t, b.Discard(t.Context(), "owner", "", nil))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
