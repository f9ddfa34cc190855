package fileblob

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

// List walks the folders below prefix in key order. It holds one folder's names in memory per level.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		root, err := b.open(ctx, false)
		if err != nil {
			yield(blob.Object{}, err)
			return
		}
		dir := "."
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			dir = prefix[:i]
			if _, err := path(dir); err != nil {
				return // no object can have such a prefix
			}
		}
		w := &walk{bucket: b, root: root, prefix: prefix, yield: yield}
		w.folder(ctx, dir)
	}
}

// walk is one listing under way.
type walk struct {
	bucket *Bucket
	root   *os.Root
	prefix string
	yield  func(blob.Object, error) bool
}

// folder yields the objects of one folder and those below it. It returns false when the listing is over.
func (w *walk) folder(ctx context.Context, dir string) bool {
	entries, err := readDir(w.root, dir)
	if err != nil {
		if missing(err) {
			return true
		}
		return w.fail(ctx, err, dir)
	}
	// In key order a folder stands where its name with the slash stands: "a-b" < "a/b" < "a0".
	slices.SortFunc(entries, func(x, y fs.DirEntry) int { return strings.Compare(sortName(x), sortName(y)) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return w.fail(ctx, err, dir)
		}
		key := e.Name()
		if dir != "." {
			key = dir + "/" + key
		} else if key == hidden {
			continue
		}
		if !w.entry(ctx, key, e) {
			return false
		}
	}
	return true
}

// entry yields one file, or what is in one folder.
func (w *walk) entry(ctx context.Context, key string, e fs.DirEntry) bool {
	if e.IsDir() {
		if name := key + "/"; !strings.HasPrefix(name, w.prefix) && !strings.HasPrefix(w.prefix, name) {
			return true
		}
		return w.folder(ctx, key)
	}
	if !strings.HasPrefix(key, w.prefix) {
		return true
	}
	p, err := path(key)
	if err != nil {
		return w.fail(ctx, err, key)
	}
	info, err := w.root.Stat(p)
	if err != nil {
		if missing(err) && e.Type()&fs.ModeSymlink == 0 {
			return true // removed since the folder was read
		}
		return w.fail(ctx, err, key)
	}
	if !info.Mode().IsRegular() {
		return w.fail(ctx, fault.New(fault.Validation, "it is neither a file nor a folder (%s)", info.Mode().Type()), key)
	}
	return w.yield(object(key, info), nil)
}

func (w *walk) fail(ctx context.Context, err error, key string) bool {
	if fault.Is(err, fault.Validation) {
		err = fault.Wrap(fault.Validation, err, "listing bucket %q at %q", w.bucket.name, key)
	} else {
		err = w.bucket.classify(ctx, err, "listing bucket %q at %q", w.bucket.name, key)
	}
	w.yield(blob.Object{}, err)
	return false
}

func readDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// Stat describes the file. A folder is not an object.
func (b *Bucket) Stat(ctx context.Context, key string) (blob.Object, error) {
	f, err := b.openFile(ctx, key)
	if err != nil {
		return blob.Object{}, err
	}
	defer f.Close()
	return f.at, nil
}

// OpenAt streams a part of the file. A file that is replaced while it is read keeps its old content for the reader; one
// that is written in place is noticed at the end, when etag was given.
func (b *Bucket) OpenAt(ctx context.Context, key string, offset, length int64, etag string) (io.ReadCloser, error) {
	if offset < 0 {
		return nil, fault.New(fault.Validation, "opening %q of bucket %q: negative offset %d", key, b.name, offset)
	}
	f, err := b.openFile(ctx, key)
	if err != nil {
		return nil, err
	}
	if etag != "" && etag != f.at.ETag {
		f.Close()
		return nil, f.changed()
	}
	left := max(f.at.Size-offset, 0)
	if length >= 0 {
		left = min(left, length)
	}
	return &reader{ctx: ctx, file: f, src: io.NewSectionReader(f.File, offset, left), guard: etag != ""}, nil
}

// file is an open object with the description it had when it was opened.
type file struct {
	*os.File
	bucket *Bucket
	at     blob.Object
}

func (b *Bucket) openFile(ctx context.Context, key string) (*file, error) {
	p, err := path(key)
	if err != nil {
		return nil, err
	}
	root, err := b.open(ctx, false)
	if err != nil {
		return nil, err
	}
	// A named pipe would block here for ever, so look before opening.
	info, err := root.Stat(p)
	if err == nil && info.Mode().IsRegular() {
		var f *os.File
		if f, err = root.Open(p); err == nil {
			if info, err = f.Stat(); err == nil {
				return &file{File: f, bucket: b, at: object(key, info)}, nil
			}
			f.Close()
		}
	}
	if err == nil {
		err = fs.ErrNotExist
	}
	return nil, b.classify(ctx, err, "opening %q of bucket %q", key, b.name)
}

func (f *file) changed() error {
	return fault.New(fault.Conflict, "reading %q of bucket %q: the object has changed since it was listed", f.at.Key, f.bucket.name)
}

// reader streams a file and ends with its context.
type reader struct {
	ctx   context.Context
	file  *file
	src   *io.SectionReader
	guard bool // the caller relies on an etag
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, r.wrap(err)
	}
	n, err := r.src.Read(p)
	if err == nil {
		return n, nil
	}
	if err != io.EOF {
		return n, r.wrap(err)
	}
	if short, _ := r.src.Seek(0, io.SeekCurrent); short < r.src.Size() {
		return n, r.file.changed() // cut off in place
	}
	if r.guard {
		info, err := r.file.Stat()
		if err != nil {
			return n, r.wrap(err)
		}
		if object(r.file.at.Key, info).ETag != r.file.at.ETag {
			return n, r.file.changed()
		}
	}
	return n, io.EOF
}

func (r *reader) wrap(err error) error {
	return r.file.bucket.classify(r.ctx, err, "reading %q of bucket %q", r.file.at.Key, r.file.bucket.name)
}

func (r *reader) Close() error { return r.file.Close() }

// object describes a file. The etag is made of what changes when the content does.
func object(key string, info fs.FileInfo) blob.Object {
	return blob.Object{
		Key:     key,
		Size:    info.Size(),
		ETag:    strconv.FormatInt(info.ModTime().UnixNano(), 16) + "-" + strconv.FormatInt(info.Size(), 16) + "-" + inode(info),
		ModTime: info.ModTime(),
	}
}
