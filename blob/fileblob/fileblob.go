// Package fileblob keeps a bucket in a local folder: an object's key is the path of its file.
//
//	DIR/out/orders/part-0             the object "out/orders/part-0"
//	DIR/.weir/staging/OWNER/ID-KEY    an object staged by OWNER that will appear under KEY
//
// Everything goes through [os.Root], so that no key and no link leads out of the folder. Publishing syncs and renames:
// an object appears whole or not at all, also when the power fails. The hidden folder exists only while something is
// staged.
//
// A key is used as it is, with no escaping; a key that is no plain path is refused with Validation: one with an empty,
// "." or ".." segment (so also a slash at either end), with NUL, with a segment over 255 bytes, below ".weir", or with a
// character that the system's file names cannot have (on Windows also ':' and '\'). A file whose name is not UTF-8, a
// link to a folder, and anything else that is neither file nor folder make a listing that meets them fail: they are not
// left out silently.
//
// It may assume that everything in the folder is the user's to be read, and that only Weir writes below .weir.
package fileblob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

const (
	hidden   = ".weir"
	staging  = hidden + "/staging"
	dirMode  = 0o750
	fileMode = 0o640
)

// Bucket is a folder. It is opened at first use.
type Bucket struct {
	name   string
	dir    string
	create bool

	mu     sync.Mutex // guards root and closed
	root   *os.Root   // nil until the first use that found the folder
	closed bool
}

var _ blob.Bucket = (*Bucket)(nil)

// New returns the bucket kept in dir, called name in messages. The folder must exist, unless create says that staging
// the first object makes it. Reading never makes it: a misspelt bucket is an error, not an empty one.
func New(name, dir string, create bool) *Bucket {
	return &Bucket{name: name, dir: dir, create: create}
}

func (b *Bucket) String() string { return b.name }

// Close closes the folder. Open readers and writers stay usable.
func (b *Bucket) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.root == nil {
		return nil
	}
	err := b.root.Close()
	b.root = nil
	return err
}

// Check reports whether the folder can be read. One that staging would make passes.
func (b *Bucket) Check(ctx context.Context) error {
	root, err := b.open(ctx, false)
	if err != nil {
		if b.create && fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	f, err := root.Open(".")
	if err != nil {
		return b.classify(ctx, err, "opening bucket %q", b.name)
	}
	return f.Close()
}

// open returns the folder, making it first when make is set and the bucket may.
func (b *Bucket) open(ctx context.Context, make bool) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, b.classify(ctx, err, "opening bucket %q", b.name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fault.New(fault.Internal, "opening bucket %q: it is closed", b.name)
	}
	if b.root != nil {
		return b.root, nil
	}
	if make && b.create {
		if err := os.MkdirAll(b.dir, dirMode); err != nil {
			return nil, b.classify(ctx, err, "making the folder of bucket %q", b.name)
		}
	}
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, b.classify(ctx, err, "opening bucket %q", b.name)
	}
	b.root = root
	return root, nil
}

// path turns a key into the path of its file inside the root.
func path(key string) (string, error) {
	if err := blob.CheckKey(key); err != nil {
		return "", err
	}
	if key == "." || key == hidden || strings.HasPrefix(key, hidden+"/") {
		return "", fault.New(fault.Validation, "the key %q is reserved in a bucket that is a folder", key)
	}
	local, err := filepath.Localize(key)
	if err != nil {
		return "", fault.New(fault.Validation, "the key %q cannot be a file's path: it has an empty segment, '.', '..' or a character that file names cannot have", key)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if len(segment) > 255 {
			return "", fault.New(fault.Validation, "the key %q has a segment over 255 bytes, longer than a file's name may be", key)
		}
	}
	return local, nil
}

// classify gives an error of the file system its code.
func (b *Bucket) classify(ctx context.Context, err error, format string, args ...any) error {
	var code fault.Code
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		code = fault.Canceled
	case missing(err):
		code = fault.NotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		code = fault.AccessDenied
	case errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, fs.ErrExist):
		code = fault.Conflict
	case errors.Is(err, syscall.ENAMETOOLONG):
		code = fault.Validation
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EIO):
		return fault.Temporary(fault.ConnectorServer, err, format, args...)
	default:
		code = fault.ConnectorServer
	}
	return fault.Wrap(code, err, format, args...)
}

// missing reports whether err says that a path leads to nothing; a file in the place of a folder does so too.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
