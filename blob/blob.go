// Package blob keeps bytes under keys in buckets: a local folder or an S3-compatible store, opened by URL.
//
// Reading and listing are ordinary. Writing is staged: bytes are uploaded where nobody sees them, the proof of it is
// plain data ([Staged]), and publishing makes them appear under their key at once, without copying. Publishing and
// discarding may be repeated, by another process too, and after a crash.
//
//	file  staged in a hidden folder of the bucket, published by rename
//	S3    staged as a multipart upload, published by completing it
//
// Nothing here knows flows or formats.
package blob

import (
	"context"
	"io"
	"iter"
	"time"
)

// Object is a stored object as a listing shows it.
type Object struct {
	Key     string    `json:"key"`
	Size    int64     `json:"size"`
	ETag    string    `json:"etag"` // changes whenever the content does; opaque
	ModTime time.Time `json:"modTime"`
}

// Bucket is one bucket. Safe for concurrent use. Errors carry fault codes: NotFound for a missing key or bucket,
// AccessDenied, ConnectorServer with a retry class for what the store did wrong.
type Bucket interface {
	// List yields the objects whose key starts with prefix, in key order, staged ones left out. It stops at the first
	// error, which it yields.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Stat describes one object.
	Stat(ctx context.Context, key string) (Object, error)
	// OpenAt streams length bytes of the object from offset; a negative length means to the end, and what lies past the
	// end is left out. When etag is not empty and the object has changed since, it, or a later Read, fails with Conflict.
	// Broken connections are resumed inside; ctx must stay alive until the stream is closed.
	OpenAt(ctx context.Context, key string, offset, length int64, etag string) (io.ReadCloser, error)
	// Stage begins to upload an object that will appear under key. Owner names who stages (an execution id): all that an
	// owner has staged can be found and discarded by that name. The key must contain the owner's name, see [CheckStage].
	// ctx must stay alive until Finish or Abort.
	Stage(ctx context.Context, owner, key string) (Writer, error)
	// Publish makes a finished staged object appear under its key. Repeating it is harmless: an object published before
	// with the same content is success. It fails with NotFound when the staged bytes are gone and the key does not hold
	// them either.
	Publish(ctx context.Context, s Staged) error
	// Discard drops everything the owner has staged under keys that start with prefix and not yet published, except the
	// kept ones. Repeating it is harmless.
	Discard(ctx context.Context, owner, prefix string, keep []Staged) error
	// Check reports whether the bucket can be reached with the rights it needs.
	Check(ctx context.Context) error
	// String is the bucket's name for messages, without secrets.
	String() string
	Close() error
}

// Writer uploads one staged object. For one goroutine; memory is bounded by the driver's part size.
type Writer interface {
	io.Writer
	// Finish ends the upload and returns its proof. The bytes are durable when it returns, and still invisible.
	Finish(ctx context.Context) (Staged, error)
	// Abort drops the upload. A no-op after Finish.
	Abort(ctx context.Context) error
}

// Staged is the proof of a finished, unpublished upload: plain data that any process can publish from.
type Staged struct {
	Owner  string `json:"owner"`
	Key    string `json:"key"`
	Upload string `json:"upload"` // the driver's name for the upload
	Size   int64  `json:"size"`
	Sum    string `json:"sum"` // of the whole content, see [NewSum]; in hex
	Parts  []Part `json:"parts,omitzero"`
}

// Part is one uploaded part of a multipart upload.
type Part struct {
	Number int32  `json:"number"`
	ETag   string `json:"etag"`
	Size   int64  `json:"size"`
}

// Opener resolves a bucket's name, as flows use it, to the bucket.
type Opener interface {
	// OpenBucket returns the named bucket. It fails with Validation for a name that no bucket may have. The caller must
	// not close it: the opener owns what it opened.
	OpenBucket(ctx context.Context, name string) (Bucket, error)
}
