package memblob

import (
	"context"
	"strconv"
	"strings"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

// Stage begins an upload.
func (b *Bucket) Stage(ctx context.Context, owner, key string) (blob.Writer, error) {
	if err := b.alive(ctx); err != nil {
		return nil, err
	}
	if err := blob.CheckStage(owner, key); err != nil {
		return nil, err
	}
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	w := &writer{bucket: b, ctx: ctx, id: "u" + strconv.FormatInt(s.serial, 10), upload: &upload{owner: owner, key: key}}
	s.uploads[w.id] = w.upload
	return w, nil
}

type writer struct {
	bucket *Bucket
	ctx    context.Context
	id     string
	upload *upload
	ended  bool
}

func (w *writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, fault.New(fault.Internal, "staging %q of bucket %q: write after the end", w.upload.key, w.bucket)
	}
	if err := w.bucket.alive(w.ctx); err != nil {
		return 0, err
	}
	w.upload.data = append(w.upload.data, p...)
	return len(p), nil
}

func (w *writer) Finish(ctx context.Context) (blob.Staged, error) {
	if w.ended {
		return blob.Staged{}, fault.New(fault.Internal, "staging %q of bucket %q: finished after the end", w.upload.key, w.bucket)
	}
	w.ended = true
	s := w.bucket.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := w.bucket.alive(ctx); err != nil {
		delete(s.uploads, w.id)
		return blob.Staged{}, err
	}
	if s.uploads[w.id] != w.upload {
		return blob.Staged{}, fault.New(fault.NotFound, "staging %q of bucket %q: the upload was discarded", w.upload.key, s.name)
	}
	w.upload.finished = true
	return blob.Staged{
		Owner: w.upload.owner, Key: w.upload.key, Upload: w.id,
		Size: int64(len(w.upload.data)), Sum: blob.SumOf(w.upload.data),
	}, nil
}

func (w *writer) Abort(context.Context) error {
	if w.ended {
		return nil
	}
	w.ended = true
	s := w.bucket.store
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, w.id)
	return nil
}

// Publish makes a finished upload an object.
func (b *Bucket) Publish(ctx context.Context, staged blob.Staged) error {
	if err := b.alive(ctx); err != nil {
		return err
	}
	if err := blob.CheckStage(staged.Owner, staged.Key); err != nil {
		return err
	}
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[staged.Upload]; u != nil && u.finished && u.key == staged.Key {
		s.put(u.key, u.data)
		delete(s.uploads, staged.Upload)
		return nil
	}
	if o, ok := s.objects[staged.Key]; ok && o.Size == staged.Size && o.sum == staged.Sum {
		return nil
	}
	return fault.New(fault.NotFound, "publishing %q of bucket %q: what was staged is gone, and the key does not hold it", staged.Key, s.name)
}

// Discard drops the owner's uploads.
func (b *Bucket) Discard(ctx context.Context, owner, prefix string, keep []blob.Staged) error {
	if err := b.alive(ctx); err != nil {
		return err
	}
	if err := blob.CheckStage(owner, owner); err != nil {
		return err
	}
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, u := range s.uploads {
		if u.owner == owner && strings.HasPrefix(u.key, prefix) && !blob.Keeps(keep, u.key, id) {
			delete(s.uploads, id)
		}
	}
	return nil
}
