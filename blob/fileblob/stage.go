package fileblob

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
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
	f, err := createIn(root, filepath.Dir(stagedPath(s)), filepath.Base(stagedPath(s)))
	if err != nil {
		return nil, b.classify(ctx, err, "staging %q of bucket %q", key, b.name)
	}
	w := &writer{bucket: b, root: root, ctx: ctx, file: f, staged: s, sum: sha256.New()}
	w.buf = bufio.NewWriterSize(io.MultiWriter(f, w.sum), 256<<10)
	return w, nil
}

// createIn makes a new file in dir. Another writer's tidying may remove the folder between making it and making the
// file, so it tries again.
func createIn(root *os.Root, dir, name string) (*os.File, error) {
	var err error
	for range attempts {
		if err = root.MkdirAll(dir, dirMode); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		var f *os.File
		f, err = root.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, err
}

// stagedPath is where a staged object waits. An id stands below the whole key, as a file's name of its own, so that the
// path tells owner, key and upload without a second file to keep in step.
func stagedPath(s blob.Staged) string {
	return filepath.FromSlash(staging + "/" + s.Owner + "/" + s.Key + "/" + s.Upload)
}

// writer fills one staged file.
type writer struct {
	bucket *Bucket
	root   *os.Root
	ctx    context.Context
	file   *os.File // nil after Finish and Abort
	buf    *bufio.Writer
	sum    hash.Hash
	staged blob.Staged
}

func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, fault.New(fault.Internal, "staging %q of bucket %q: write after the end", w.staged.Key, w.bucket.name)
	}
	if err := w.ctx.Err(); err != nil {
		return 0, w.wrap(err)
	}
	n, err := w.buf.Write(p)
	w.staged.Size += int64(n)
	return n, w.wrap(err)
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
		err = syncFolders(w.root, filepath.Dir(stagedPath(w.staged)))
	}
	if err == nil {
		// Someone may have discarded the owner's files meanwhile; then there is nothing left to vouch for.
		_, err = w.root.Lstat(stagedPath(w.staged))
	}
	if err != nil {
		drop(w.root, w.staged)
		return blob.Staged{}, w.wrap(err)
	}
	w.staged.SHA256 = hex.EncodeToString(w.sum.Sum(nil))
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
	return b.classify(ctx, syncFolders(root, filepath.Dir(target)), "syncing the folder of %q of bucket %q", s.Key, b.name)
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
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	if err != nil {
		return err
	}
	if n != s.Size || hex.EncodeToString(sum.Sum(nil)) != s.SHA256 {
		return gone
	}
	target, err := path(s.Key)
	if err != nil {
		return err
	}
	// The process that renamed it may have died before it synced.
	return b.classify(ctx, syncFolders(root, filepath.Dir(target)), "syncing the folder of %q of bucket %q", s.Key, b.name)
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
	err = discardFolder(ctx, root, owner, "", prefix, keep)
	return b.classify(ctx, err, "discarding what %q staged in bucket %q", owner, b.name)
}

// discardFolder removes from one folder of an owner's staged files, and from those below it, and the folder when it is
// empty then. The key is the folder's path below the owner's.
func discardFolder(ctx context.Context, root *os.Root, owner, key, prefix string, keep []blob.Staged) error {
	dir := filepath.FromSlash(strings.TrimSuffix(staging+"/"+owner+"/"+key, "/"))
	entries, err := readDir(root, dir)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.IsDir() {
			below := strings.TrimPrefix(key+"/"+e.Name(), "/")
			if err := discardFolder(ctx, root, owner, below, prefix, keep); err != nil {
				return err
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) || blob.Keeps(keep, key, e.Name()) {
			continue
		}
		if err := root.Remove(filepath.Join(dir, e.Name())); err != nil && !missing(err) {
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

// syncFolders makes the names on the way from the root down to dir durable.
func syncFolders(root *os.Root, dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		if err := syncFolder(root, dir); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
	}
}
