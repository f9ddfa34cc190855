package blobtest

import (
	"context"
	"io"
	"iter"
	"sync/atomic"

	"weir.dev/weir/blob"
)

// Op is a call on a bucket or on what it handed out.
type Op string

// Ops.
const (
	OpList    Op = "list"
	OpStat    Op = "stat"
	OpOpen    Op = "open"
	OpRead    Op = "read"
	OpStage   Op = "stage"
	OpWrite   Op = "write"
	OpFinish  Op = "finish"
	OpAbort   Op = "abort"
	OpPublish Op = "publish"
	OpDiscard Op = "discard"
	OpCheck   Op = "check"
)

// Point is a moment at which a [Hook] is asked: before a call, when nothing has happened yet, or after it, when it has
// taken effect but nobody knows.
type Point struct {
	Op    Op
	Key   string // or the prefix
	After bool
	Call  int64 // counts the bucket's calls from 0, whatever their op
}

// Hook decides what happens at a point. An error fails the call: before it, in the store's place; after it, as an answer
// lost on the way. It may also not return at all (panic, [runtime.Goexit], kill the process) to play a crash. Nothing is
// cleaned up after it, as after a real crash. It may be called concurrently.
type Hook func(Point) error

// Faulty wraps a bucket so that every call, also those on its readers and writers, asks the hook first and last.
// Successful calls that fail afterwards are not undone.
func Faulty(b blob.Bucket, hook Hook) blob.Bucket { return &faulty{bucket: b, hook: hook} }

type faulty struct {
	bucket blob.Bucket
	hook   Hook
	calls  atomic.Int64
}

// around asks before, calls, and asks after when the call succeeded.
func (f *faulty) around(op Op, key string, call func() error) error {
	n := f.calls.Add(1) - 1
	if err := f.hook(Point{Op: op, Key: key, Call: n}); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return f.hook(Point{Op: op, Key: key, Call: n, After: true})
}

func (f *faulty) String() string { return f.bucket.String() }

func (f *faulty) Close() error { return f.bucket.Close() }

// List asks before the listing and before every object, as if each came with a call of its own.
func (f *faulty) List(ctx context.Context, prefix string) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		nothing := func() error { return nil }
		if err := f.around(OpList, prefix, nothing); err != nil {
			yield(blob.Object{}, err)
			return
		}
		for o, err := range f.bucket.List(ctx, prefix) {
			if err == nil {
				err = f.around(OpList, o.Key, nothing)
			}
			if err != nil {
				yield(blob.Object{}, err)
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (f *faulty) Stat(ctx context.Context, key string) (o blob.Object, err error) {
	err = f.around(OpStat, key, func() error {
		o, err = f.bucket.Stat(ctx, key)
		return err
	})
	return o, err
}

func (f *faulty) OpenAt(ctx context.Context, key string, offset, length int64, etag string) (io.ReadCloser, error) {
	var r io.ReadCloser
	err := f.around(OpOpen, key, func() (err error) {
		r, err = f.bucket.OpenAt(ctx, key, offset, length, etag)
		return err
	})
	if err != nil {
		if r != nil {
			r.Close()
		}
		return nil, err
	}
	return &faultyReader{ReadCloser: r, faulty: f, key: key}, nil
}

type faultyReader struct {
	io.ReadCloser
	faulty *faulty
	key    string
}

func (r *faultyReader) Read(p []byte) (n int, err error) {
	err = r.faulty.around(OpRead, r.key, func() error {
		n, err = r.ReadCloser.Read(p)
		return err
	})
	return n, err
}

func (f *faulty) Stage(ctx context.Context, owner, key string) (blob.Writer, error) {
	var w blob.Writer
	err := f.around(OpStage, key, func() (err error) {
		w, err = f.bucket.Stage(ctx, owner, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &faultyWriter{writer: w, faulty: f, key: key}, nil
}

type faultyWriter struct {
	writer blob.Writer
	faulty *faulty
	key    string
}

func (w *faultyWriter) Write(p []byte) (n int, err error) {
	err = w.faulty.around(OpWrite, w.key, func() error {
		n, err = w.writer.Write(p)
		return err
	})
	return n, err
}

func (w *faultyWriter) Finish(ctx context.Context) (s blob.Staged, err error) {
	err = w.faulty.around(OpFinish, w.key, func() error {
		s, err = w.writer.Finish(ctx)
		return err
	})
	if err != nil {
		return blob.Staged{}, err
	}
	return s, nil
}

func (w *faultyWriter) Abort(ctx context.Context) error {
	return w.faulty.around(OpAbort, w.key, func() error { return w.writer.Abort(ctx) })
}

func (f *faulty) Publish(ctx context.Context, s blob.Staged) error {
	return f.around(OpPublish, s.Key, func() error { return f.bucket.Publish(ctx, s) })
}

func (f *faulty) Discard(ctx context.Context, owner, prefix string, keep []blob.Staged) error {
	return f.around(OpDiscard, prefix, func() error { return f.bucket.Discard(ctx, owner, prefix, keep) })
}

func (f *faulty) Check(ctx context.Context) error {
	return f.around(OpCheck, "", func() error { return f.bucket.Check(ctx) })
}
