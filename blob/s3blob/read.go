package s3blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

// List pages through the store's listing. Keys travel URL-encoded, because XML cannot carry all of them.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
		if b.opts.PageKeys > 0 {
			in.MaxKeys = &b.opts.PageKeys
		}
		for {
			out, err := b.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(blob.Object{}, b.classify(ctx, err, "listing %q of bucket %q", prefix, b.name))
				return
			}
			for i := range out.Contents {
				o, err := listed(&out.Contents[i], out.EncodingType)
				if err != nil {
					err = fault.Wrap(fault.ConnectorServer, err, "listing %q of bucket %q", prefix, b.name)
				}
				if !yield(o, err) || err != nil {
					return
				}
			}
			if !aws.ToBool(out.IsTruncated) {
				return
			}
			if aws.ToString(out.NextContinuationToken) == "" {
				yield(blob.Object{}, fault.New(fault.ConnectorServer, "listing %q of bucket %q: the store cut the listing and gave no token to go on", prefix, b.name))
				return
			}
			in.ContinuationToken = out.NextContinuationToken
		}
	}
}

func listed(o *types.Object, encoding types.EncodingType) (blob.Object, error) {
	key, err := decodeKey(aws.ToString(o.Key), encoding)
	return blob.Object{Key: key, Size: aws.ToInt64(o.Size), ETag: bareETag(o.ETag), ModTime: aws.ToTime(o.LastModified)}, err
}

// decodeKey undoes the encoding the store says it used; not all that are asked for one use it.
func decodeKey(key string, encoding types.EncodingType) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return key, nil
	}
	return url.QueryUnescape(key)
}

// bareETag is the etag without its quotes, as it is kept and compared.
func bareETag(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

// Stat asks for the object's head.
func (b *Bucket) Stat(ctx context.Context, key string) (blob.Object, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Object{}, err
	}
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: &key})
	if err != nil {
		return blob.Object{}, b.classify(ctx, err, "looking for %q in bucket %q", key, b.name)
	}
	return blob.Object{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: bareETag(out.ETag), ModTime: aws.ToTime(out.LastModified)}, nil
}

// OpenAt streams a part of the object, and asks for the rest again when the stream breaks or stalls.
func (b *Bucket) OpenAt(ctx context.Context, key string, offset, length int64, etag string) (io.ReadCloser, error) {
	if err := blob.CheckKey(key); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fault.New(fault.Validation, "opening %q of bucket %q: negative offset %d", key, b.name, offset)
	}
	r := &reader{bucket: b, ctx: ctx, key: key, offset: offset, end: -1, etag: etag}
	if length == 0 {
		// No range says "nothing", yet a missing or changed object is to be told.
		o, err := b.Stat(ctx, key)
		if err == nil && etag != "" && o.ETag != etag {
			err = r.changed()
		}
		if err != nil {
			return nil, err
		}
		r.end = offset
		return r, nil
	}
	if length > 0 {
		r.end = offset + length
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// maxBreaks is how often in a row a stream may break without delivering a byte.
const maxBreaks = 5

// reader is a download that survives its connections. For one goroutine.
type reader struct {
	bucket *Bucket
	ctx    context.Context
	key    string
	offset int64  // of the next byte
	end    int64  // where to stop; -1 until the store has told the object's size
	etag   string // of the object all bytes come from; "" until known

	closed bool
	body   io.ReadCloser // of the current connection; nil between two
	cancel context.CancelFunc
	stall  *time.Timer // cancels a connection that delivers nothing
	breaks int         // since the last byte
}

// open asks for the bytes from offset on. At the object's end there is nothing to ask for: then body stays nil, and end
// is set to say so.
func (r *reader) open() error {
	ctx, cancel := context.WithCancel(r.ctx)
	in := &s3.GetObjectInput{Bucket: &r.bucket.bucket, Key: &r.key}
	if r.etag != "" {
		in.IfMatch = aws.String(`"` + r.etag + `"`)
	}
	if r.offset > 0 || r.end >= 0 {
		in.Range = aws.String(byteRange(r.offset, r.end))
	}
	out, err := r.bucket.client.GetObject(ctx, in)
	if err != nil {
		cancel()
		switch {
		case hasStatus(err, http.StatusRequestedRangeNotSatisfiable):
			r.end = r.offset
			return nil
		case hasStatus(err, http.StatusPreconditionFailed):
			return r.changed()
		}
		return r.bucket.classify(r.ctx, err, "reading %q of bucket %q", r.key, r.bucket.name)
	}
	r.body, r.cancel, r.stall = out.Body, cancel, time.AfterFunc(r.bucket.opts.Stall, cancel)
	r.stall.Stop()
	if err := r.accept(in, out); err != nil {
		r.drop()
		return err
	}
	return nil
}

// accept checks that the answer holds what was asked for, and learns the object's size and etag from the first one.
func (r *reader) accept(in *s3.GetObjectInput, out *s3.GetObjectOutput) error {
	got := bareETag(out.ETag)
	if r.etag != "" && got != "" && got != r.etag {
		return r.changed() // a store that ignores If-Match
	}
	r.etag = got
	if in.Range == nil {
		r.end = aws.ToInt64(out.ContentLength)
		if out.ContentLength == nil {
			return fault.New(fault.ConnectorServer, "reading %q of bucket %q: the store does not tell the object's size", r.key, r.bucket.name)
		}
		return nil
	}
	var first, last, size int64
	if _, err := fmt.Sscanf(aws.ToString(out.ContentRange), "bytes %d-%d/%d", &first, &last, &size); err != nil || first != r.offset || last >= size {
		return fault.New(fault.ConnectorServer, "reading %q of bucket %q: the store answered range %q for %q", r.key, r.bucket.name, aws.ToString(out.ContentRange), *in.Range)
	}
	if r.end < 0 || r.end > size {
		r.end = size
	}
	return nil
}

func byteRange(offset, end int64) string {
	if end < 0 {
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, end-1)
}

func (r *reader) changed() error {
	return fault.New(fault.Conflict, "reading %q of bucket %q: the object has changed since it was listed", r.key, r.bucket.name)
}

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if err := r.ctx.Err(); err != nil {
			return 0, r.bucket.classify(r.ctx, err, "reading %q of bucket %q", r.key, r.bucket.name)
		}
		if r.closed {
			return 0, fault.New(fault.Internal, "reading %q of bucket %q: it is closed", r.key, r.bucket.name)
		}
		if r.end >= 0 && r.offset >= r.end {
			return 0, io.EOF
		}
		if r.body == nil {
			if err := r.resume(); err != nil {
				return 0, err
			}
			continue
		}
		r.stall.Reset(r.bucket.opts.Stall)
		n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.offset)])
		r.stall.Stop()
		r.offset += int64(n)
		if n > 0 {
			r.breaks = 0
		}
		if err != nil {
			r.drop() // at the end, or before it: then the next round goes on from offset
		}
		if n > 0 {
			return n, nil
		}
	}
}

// resume opens the stream again after a pause, unless that has been in vain for too long.
func (r *reader) resume() error {
	r.breaks++
	if r.breaks > maxBreaks {
		return fault.Temporary(fault.ConnectorServer, errors.New("the connection broke again and again"), "reading %q of bucket %q", r.key, r.bucket.name)
	}
	pause := r.bucket.opts.Backoff << (r.breaks - 1)
	timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done():
		return r.bucket.classify(r.ctx, r.ctx.Err(), "reading %q of bucket %q", r.key, r.bucket.name)
	}
	end := r.end
	if err := r.open(); err != nil {
		if retry, _ := fault.RetryOf(err); retry != fault.Never && r.breaks < maxBreaks {
			return nil // body is still nil, so the caller comes again
		}
		return err
	}
	if r.end != end {
		return r.changed() // shorter than it was
	}
	return nil
}

// Close ends the download.
func (r *reader) Close() error {
	r.closed = true
	r.drop()
	return nil
}

// drop ends the current connection. What closing it says is of no interest: every byte that was asked for has been
// delivered, or will be asked for again.
func (r *reader) drop() {
	if r.body == nil {
		return
	}
	r.stall.Stop()
	r.cancel() // before closing the body, which would otherwise read what is left of it
	r.body.Close()
	r.body = nil
}
