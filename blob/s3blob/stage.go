package s3blob

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

// cleanupTime bounds the calls that drop an upload nobody waits for any more.
const cleanupTime = 30 * time.Second

// Stage begins a multipart upload.
func (b *Bucket) Stage(ctx context.Context, owner, key string) (blob.Writer, error) {
	if err := blob.CheckStage(owner, key); err != nil {
		return nil, err
	}
	out, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b.bucket, Key: &key})
	if err != nil {
		return nil, b.classify(ctx, err, "staging %q of bucket %q", key, b.name)
	}
	w := &writer{bucket: b, sum: blob.NewSum(), next: &part{}}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.staged = blob.Staged{Owner: owner, Key: key, Upload: aws.ToString(out.UploadId)}
	return w, nil
}

// writer fills one multipart upload. A full part is uploaded while the next one is filled.
type writer struct {
	bucket *Bucket
	ctx    context.Context // ends with the first part that fails
	cancel context.CancelCauseFunc
	sum    hash.Hash
	next   *part // being filled
	number int32 // of parts handed to upload
	ended  bool
	wait   sync.WaitGroup // for the parts being uploaded

	mu     sync.Mutex  // guards staged.Parts
	staged blob.Staged // all but Parts belongs to the caller's goroutine
}

func (w *writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, fault.New(fault.Internal, "staging %q of bucket %q: write after the end", w.staged.Key, w.bucket.name)
	}
	written := 0
	for written < len(p) {
		limit := partBytes(w.bucket.opts.PartBytes, w.number+1)
		n := w.next.fill(p[written:], limit)
		w.sum.Write(p[written : written+n])
		written += n
		w.staged.Size += int64(n)
		if w.next.size < limit {
			break
		}
		if err := w.flush(); err != nil {
			return written, err
		}
	}
	return written, w.failure()
}

// flush hands the next part to be uploaded. It waits while the bucket uploads as many parts as it may, which is what
// bounds the memory of all writers together.
func (w *writer) flush() error {
	if w.number >= maxParts {
		return fault.New(fault.ConnectorServer, "staging %q of bucket %q: the object is too large, S3 takes %d parts", w.staged.Key, w.bucket.name, maxParts)
	}
	select {
	case w.bucket.slots <- struct{}{}:
	case <-w.ctx.Done():
		return w.failure()
	}
	w.number++
	number, body := w.number, w.next
	w.next = &part{}
	w.wait.Go(func() {
		defer func() { <-w.bucket.slots }()
		defer body.free()
		if err := w.upload(number, body); err != nil {
			w.cancel(err)
		}
	})
	return nil
}

func (w *writer) upload(number int32, body *part) error {
	out, err := w.bucket.client.UploadPart(w.ctx, &s3.UploadPartInput{
		Bucket: &w.bucket.bucket, Key: &w.staged.Key, UploadId: &w.staged.Upload,
		PartNumber: &number, Body: body, ContentLength: &body.size,
	})
	if err != nil {
		return w.bucket.classify(w.ctx, err, "staging %q of bucket %q: uploading part %d", w.staged.Key, w.bucket.name, number)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.staged.Parts = append(w.staged.Parts, blob.Part{Number: number, ETag: bareETag(out.ETag), Size: body.size})
	return nil
}

// failure is why the upload cannot go on: the first part's error, or the end of the caller's context.
func (w *writer) failure() error {
	if w.ctx.Err() == nil {
		return nil
	}
	return w.bucket.classify(w.ctx, context.Cause(w.ctx), "staging %q of bucket %q", w.staged.Key, w.bucket.name)
}

// Finish uploads the last part and waits for all. An empty object is one empty part.
func (w *writer) Finish(ctx context.Context) (blob.Staged, error) {
	if w.ended {
		return blob.Staged{}, fault.New(fault.Internal, "staging %q of bucket %q: finished after the end", w.staged.Key, w.bucket.name)
	}
	stop := context.AfterFunc(ctx, func() { w.cancel(ctx.Err()) })
	defer stop()
	var err error
	if w.next.size > 0 || w.number == 0 {
		err = w.flush()
	}
	w.wait.Wait()
	if err == nil {
		err = w.failure()
	}
	if err != nil {
		_ = w.Abort(ctx) // best effort: Discard finds what it could not drop
		return blob.Staged{}, err
	}
	w.end(nil)
	slices.SortFunc(w.staged.Parts, func(x, y blob.Part) int { return int(x.Number - y.Number) })
	w.staged.Sum = hex.EncodeToString(w.sum.Sum(nil))
	return w.staged, nil
}

// Abort drops the upload, also when ctx has ended already: it is what a canceled caller calls.
func (w *writer) Abort(ctx context.Context) error {
	if w.ended {
		return nil
	}
	w.end(context.Canceled)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return w.bucket.abort(ctx, w.staged.Key, w.staged.Upload)
}

// end stops the parts under way and gives the buffers back.
func (w *writer) end(cause error) {
	w.ended = true
	w.cancel(cause)
	w.wait.Wait()
	w.next.free()
}

func (b *Bucket) abort(ctx context.Context, key, upload string) error {
	_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.bucket, Key: &key, UploadId: &upload})
	if hasCode(err, "NoSuchUpload") {
		return nil
	}
	return b.classify(ctx, err, "discarding %q of bucket %q", key, b.name)
}

// Publish completes the upload and looks whether the object is there. The SDK reads the error that S3 may send after a
// status of 200.
func (b *Bucket) Publish(ctx context.Context, s blob.Staged) error {
	if err := blob.CheckStage(s.Owner, s.Key); err != nil {
		return err
	}
	if s.Upload == "" || len(s.Parts) == 0 {
		return fault.New(fault.Validation, "publishing %q of bucket %q: the proof names no upload of an S3 store", s.Key, b.name)
	}
	parts := make([]types.CompletedPart, len(s.Parts))
	for i, p := range s.Parts {
		parts[i] = types.CompletedPart{PartNumber: aws.Int32(p.Number), ETag: aws.String(`"` + p.ETag + `"`)}
	}
	out, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &b.bucket, Key: &s.Key, UploadId: &s.Upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	switch {
	case hasCode(err, "NoSuchUpload"):
		return b.confirm(ctx, s, "") // completed before, or discarded
	case err != nil:
		return b.classify(ctx, err, "publishing %q of bucket %q", s.Key, b.name)
	}
	// A store's yes is not enough: versitygw 1.8 says it of an upload it does not know, when the key holds any object.
	err = b.confirm(ctx, s, bareETag(out.ETag))
	if fault.Is(err, fault.AccessDenied) {
		return nil // the rights AppFlow asks for at a destination do not include reading
	}
	return err
}

// confirm succeeds when the key holds the staged content: by the etag the store gave when it completed the upload
// (completed, may be empty), by the one that S3 makes of the parts' etags, or, where encryption makes another one, by
// reading the object.
func (b *Bucket) confirm(ctx context.Context, s blob.Staged, completed string) error {
	gone := fault.New(fault.NotFound, "publishing %q of bucket %q: what was staged is gone, and the key does not hold it", s.Key, b.name)
	o, err := b.Stat(ctx, s.Key)
	if fault.Is(err, fault.NotFound) || err == nil && o.Size != s.Size {
		return gone
	}
	if err != nil {
		return err
	}
	if o.ETag != "" && (o.ETag == completed || o.ETag == multipartETag(s.Parts)) {
		return nil
	}
	r, err := b.OpenAt(ctx, s.Key, 0, -1, o.ETag)
	if err != nil {
		return err
	}
	defer r.Close()
	sum := blob.NewSum()
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != s.Sum {
		return gone
	}
	return nil
}

// multipartETag is the etag S3 gives an object of such parts: the MD5 of the parts' MD5s and their number. It is "" when
// the parts' etags are no MD5s.
func multipartETag(parts []blob.Part) string {
	sum := md5.New()
	for _, p := range parts {
		raw, err := hex.DecodeString(p.ETag)
		if err != nil || len(raw) != md5.Size {
			return ""
		}
		sum.Write(raw)
	}
	return hex.EncodeToString(sum.Sum(nil)) + "-" + strconv.Itoa(len(parts))
}

// Discard aborts the owner's unfinished uploads. It lists before it aborts, because a listing that is changed under way
// may leave some out.
func (b *Bucket) Discard(ctx context.Context, owner, prefix string, keep []blob.Staged) error {
	if err := blob.CheckStage(owner, owner); err != nil {
		return err
	}
	type upload struct{ key, id string }
	var found []upload
	in := &s3.ListMultipartUploadsInput{Bucket: &b.bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
	for {
		out, err := b.client.ListMultipartUploads(ctx, in)
		if hasCode(err, "NoSuchUpload") {
			break // some stores answer so when there are none
		}
		if err != nil {
			return b.classify(ctx, err, "listing unfinished uploads of bucket %q", b.name)
		}
		for _, u := range out.Uploads {
			key, err := decodeKey(aws.ToString(u.Key), out.EncodingType)
			if err != nil {
				return fault.Wrap(fault.ConnectorServer, err, "listing unfinished uploads of bucket %q", b.name)
			}
			id := aws.ToString(u.UploadId)
			if strings.HasPrefix(key, prefix) && blob.Owns(owner, key) && !blob.Keeps(keep, key, id) {
				found = append(found, upload{key, id})
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			break
		}
		next, err := decodeKey(aws.ToString(out.NextKeyMarker), out.EncodingType)
		if err != nil || next == aws.ToString(in.KeyMarker) && aws.ToString(out.NextUploadIdMarker) == aws.ToString(in.UploadIdMarker) {
			return fault.New(fault.ConnectorServer, "listing unfinished uploads of bucket %q: the store cut the listing and gave no marker to go on", b.name)
		}
		in.KeyMarker, in.UploadIdMarker = &next, out.NextUploadIdMarker
	}
	for _, u := range found {
		if err := b.abort(ctx, u.key, u.id); err != nil {
			return err
		}
	}
	return nil
}
