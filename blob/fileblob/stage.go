package fileblob

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

// idLen is the length of an upload's id: 128 random bits in hex.
const idLen = 32

// attempts bounds how often an operation is repeated whose folder another writer's tidying removed under it.
const attempts = 1000

// Stage begins a file in the hidden folder. Writes are buffered.
func (b *Bucket) Stage(ctx context.Context, owner, key string) (blob.Writer, error) {
	if err := blob.CheckStage(owner, key); err != nil {
		return nil, err
	}
	if _, err := path(key); err != nil {
		return nil, err
	}
	root, err := b.open(ctx, true)
	if err != nil {
		return nil, err
	}
	var random [idLen / 2]byte
	rand.Read(random[:])
	s := blob.Staged{Owner: owner, Key: key, Upload: hex.EncodeToString(random[:])}
	f, top, err := createStaged(root, s)
	if err != nil {
		return nil, b.classify(ctx, err, "staging %q of bucket %q", key, b.name)
	}
	w := &writer{bucket: b, root: root, ctx: ctx, file: f, top: top, staged: s, sum: blob.NewSum()}
	w.buf = bufio.NewWriterSize(io.MultiWriter(f, w.sum), bufBytes)
	return w, nil
}

// bufBytes is the size of a writer's buffer. Writers are many when output is partitioned.
const bufBytes = 64 << 10

// createStaged makes the file of a staged object. Another writer's tidying may remove the folder between making it and
// making the file, so it tries again. Top is the deepest folder that was there before.
func createStaged(root *os.Root, s blob.Staged) (f *os.File, top string, err error) {
	path := stagedPath(s)
	for range attempts {
		top = deepest(root, filepath.Dir(path))
		if err = root.MkdirAll(filepath.Dir(path), dirMode); err == nil {
			f, err = root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return f, top, err
}

// deepest is dir, or the nearest folder above it that exists.
func deepest(root *os.Root, dir string) string {
	for ; dir != "."; dir = filepath.Dir(dir) {
		if _, err := root.Lstat(dir); err == nil {
			break
		}
	}
	return dir
}

// nameBytes is how much of an upload's name goes into one segment of its path; a file's name may have 255 bytes.
const nameBytes = 240

// stagedPath is where a staged object waits: in its owner's folder, under a name made of the upload's id and the escaped
// key. The name alone tells what is staged, without a second file to keep in step; one folder for all costs one sync
// less for each. Names that are too long for a file go on in folders below.
func stagedPath(s blob.Staged) string {
	name := s.Upload + "-" + strings.ReplaceAll(url.PathEscape(s.Key), ".", "%2E")
	path := staging + "/" + s.Owner
	for ; len(name) > nameBytes; name = name[nameBytes:] {
		path += "/" + name[:nameBytes]
	}
	return filepath.FromSlash(path + "/" + name)
}

// parseStaged undoes stagedPath, given what lies below the owner's folder with its slashes removed.
func parseStaged(name string) (key, upload string, ok bool) {
	upload, escaped, ok := strings.Cut(name, "-")
	key, err := url.PathUnescape(escaped)
	return key, upload, ok && err == nil && len(upload) == idLen
}

// writer fills one staged file.
type writer struct {
	bucket *Bucket
	root   *os.Root
	ctx    context.Context
	file   *os.File // nil after Finish and Abort
	top    string   // the deepest folder that was there before the file
	buf    *bufio.Writer
	sum    hash.Hash
	staged blob.Staged
	begun  int64 // up to where the system has been asked to write the file to the disk
}

// writebackBytes is how much is written before the system is asked to bring it to the disk. Left alone it would wait for
// the sync at the end, and a large file's writer for all of the file.
const writebackBytes = 8 << 20

func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, fault.New(fault.Internal, "staging %q of bucket %q: write after the end", w.staged.Key, w.bucket.name)
	}
	if err := w.ctx.Err(); err != nil {
		return 0, w.wrap(err)
	}
	if len(p) >= bufBytes { // what waits goes first, so that this need not be copied
		if err := w.buf.Flush(); err != nil {
			return 0, w.wrap(err)
		}
	}
	n, err := w.buf.Write(p)
	w.staged.Size += int64(n)
	if err != nil {
		return n, w.wrap(err)
	}
	if written := w.staged.Size - int64(w.buf.Buffered()); written-w.begun >= writebackBytes {
		startWriteback(w.file, w.begun, written-w.begun)
		w.begun = written
	}
	return n, nil
}

// Finish syncs the file and the folders that lead to it.
func (w *writer) Finish(ctx context.Context) (blob.Staged, error) {
	if w.file == nil {
		return blob.Staged{}, fault.New(fault.Internal, "staging %q of bucket %q: finished after the end", w.staged.Key, w.bucket.name)
	}
	err := ctx.Err()
	if err == nil {
		err = w.buf.Flush()
	}
	if err == nil {
		err = w.file.Sync()
	}
	if closeErr := w.file.Close(); err == nil {
		err = closeErr
	}
	w.file = nil
	if err == nil {
		err = syncFolders(w.root, filepath.Dir(stagedPath(w.staged)), w.top)
	}
	if err == nil {
		// Someone may have discarded the owner's files meanwhile; then there is nothing left to vouch for.
		_, err = w.root.Lstat(stagedPath(w.staged))
	}
	if err != nil {
		_ = drop(w.root, w.staged) // best effort: Discard finds what it could not drop
		return blob.Staged{}, w.wrap(err)
	}
	w.staged.Sum = hex.EncodeToString(w.sum.Sum(nil))
	return w.staged, nil
}

func (w *writer) Abort(ctx context.Context) error {
	if w.file == nil {
		return nil
	}
	w.file.Close()
	w.file = nil
	return w.bucket.classify(ctx, drop(w.root, w.staged), "discarding %q of bucket %q", w.staged.Key, w.bucket.name)
}

func (w *writer) wrap(err error) error {
	return w.bucket.classify(w.ctx, err, "staging %q of bucket %q", w.staged.Key, w.bucket.name)
}

// Publish renames the staged file to its key.
func (b *Bucket) Publish(ctx context.Context, s blob.Staged) error {
	if err := checkStaged(s); err != nil {
		return err
	}
	target, err := path(s.Key)
	if err != nil {
		return err
	}
	root, err := b.open(ctx, false)
	if err != nil {
		return err
	}
	if info, err := root.Lstat(stagedPath(s)); missing(err) {
		return b.publishedBefore(ctx, root, s)
	} else if err != nil {
		return b.classify(ctx, err, "publishing %q of bucket %q", s.Key, b.name)
	} else if info.Size() != s.Size {
		return fault.New(fault.ConnectorServer, "publishing %q of bucket %q: %d bytes are staged instead of %d", s.Key, b.name, info.Size(), s.Size)
	}
	top := deepest(root, filepath.Dir(target))
	if err := root.MkdirAll(filepath.Dir(target), dirMode); missing(err) {
		return fault.Wrap(fault.Conflict, err, "publishing %q of bucket %q: a file stands where its folder should", s.Key, b.name)
	} else if err != nil {
		return b.classify(ctx, err, "making the folder of %q of bucket %q", s.Key, b.name)
	}
	if err := root.Rename(stagedPath(s), target); missing(err) {
		return b.publishedBefore(ctx, root, s) // another process was faster
	} else if err != nil {
		return b.classify(ctx, err, "publishing %q of bucket %q", s.Key, b.name)
	}
	tidy(root, filepath.Dir(stagedPath(s)))
	return b.classify(ctx, syncFolders(root, filepath.Dir(target), top), "syncing the folder of %q of bucket %q", s.Key, b.name)
}

// publishedBefore succeeds when the key holds the staged content already. It reads the object to be sure.
func (b *Bucket) publishedBefore(ctx context.Context, root *os.Root, s blob.Staged) error {
	tidy(root, filepath.Dir(stagedPath(s)))
	gone := fault.New(fault.NotFound, "publishing %q of bucket %q: what was staged is gone, and the key does not hold it", s.Key, b.name)
	r, err := b.OpenAt(ctx, s.Key, 0, -1, "")
	if fault.Is(err, fault.NotFound) {
		return gone
	}
	if err != nil {
		return err
	}
	defer r.Close()
	sum := blob.NewSum()
	n, err := io.Copy(sum, r)
	if err != nil {
		return err
	}
	if n != s.Size || hex.EncodeToString(sum.Sum(nil)) != s.Sum {
		return gone
	}
	target, err := path(s.Key)
	if err != nil {
		return err
	}
	// The process that renamed it may have died before it synced.
	return b.classify(ctx, syncFolders(root, filepath.Dir(target), "."), "syncing the folder of %q of bucket %q", s.Key, b.name)
}

// Discard removes what the owner has staged.
func (b *Bucket) Discard(ctx context.Context, owner, prefix string, keep []blob.Staged) error {
	if err := blob.CheckStage(owner, owner); err != nil {
		return err
	}
	root, err := b.open(ctx, false)
	if fault.Is(err, fault.NotFound) {
		return nil // nothing was ever staged
	}
	if err != nil {
		return err
	}
	err = discardFolder(ctx, root, filepath.FromSlash(staging+"/"+owner), "", prefix, keep)
	return b.classify(ctx, err, "discarding what %q staged in bucket %q", owner, b.name)
}

// discardFolder removes from one folder of an owner's staged files, and from those below it, and the folder when it is
// empty then. Name is the part of an upload's name that led there.
func discardFolder(ctx context.Context, root *os.Root, dir, name, prefix string, keep []blob.Staged) error {
	entries, err := readDir(root, dir)
	if missing(err) {
		tidy(root, filepath.Dir(dir)) // a process may have died between making the folders above and this one
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if err := discardFolder(ctx, root, path, name+e.Name(), prefix, keep); err != nil {
				return err
			}
			continue
		}
		key, upload, ok := parseStaged(name + e.Name())
		if !ok || !strings.HasPrefix(key, prefix) || blob.Keeps(keep, key, upload) {
			continue
		}
		if err := root.Remove(path); err != nil && !missing(err) {
			return err
		}
	}
	tidy(root, dir)
	return nil
}

func drop(root *os.Root, s blob.Staged) error {
	err := root.Remove(stagedPath(s))
	tidy(root, filepath.Dir(stagedPath(s)))
	if missing(err) {
		return nil
	}
	return err
}

// tidy removes dir and its parents, up to the hidden folder itself, as far as they are empty.
func tidy(root *os.Root, dir string) {
	for ; dir != "."; dir = filepath.Dir(dir) {
		if err := root.Remove(dir); err != nil && !missing(err) {
			return
		}
	}
}

// checkStaged refuses a proof that names a path outside the staged files.
func checkStaged(s blob.Staged) error {
	if err := blob.CheckStage(s.Owner, s.Key); err != nil {
		return err
	}
	if id, err := hex.DecodeString(s.Upload); err != nil || len(id) != idLen/2 {
		return fault.New(fault.Validation, "the upload %q of %q is not one of a folder's", s.Upload, s.Key)
	}
	return nil
}

// syncFolders makes the names on the way from top down to dir durable: those of folders that were there before are so
// already.
func syncFolders(root *os.Root, dir, top string) error {
	for ; ; dir = filepath.Dir(dir) {
		if err := syncFolder(root, dir); err != nil {
			return err
		}
		if dir == top || dir == "." {
			return nil
		}
	}
}
