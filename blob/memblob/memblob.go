// Package memblob keeps a bucket in memory, for tests and for trying things out. It is the plainest implementation of
// the bucket's contract and takes every key that [blob.CheckKey] takes, as S3 does.
//
// A [Store] holds the content and any number of buckets may be opened on it, as several processes do with a real store;
// closing a bucket loses nothing. Everything written stays in memory until it is discarded.
package memblob

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

// Store holds one bucket's objects and uploads. Safe for concurrent use.
type Store struct {
	name string
	now  func() time.Time

	mu      sync.Mutex // guards all below
	objects map[string]object
	uploads map[string]*upload // by id
	serial  int64              // counts changes: ids and etags are made of it
}

type object struct {
	blob.Object
	data []byte // never written to after it is put here
	sum  string
}

type upload struct {
	owner, key string
	data       []byte // written by its writer alone until finished
	finished   bool
}

// NewStore returns an empty store, called name in messages. Now gives the objects' times; nil means the system's clock.
func NewStore(name string, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{name: name, now: now, objects: map[string]object{}, uploads: map[string]*upload{}}
}

// New returns a bucket on a store of its own.
func New(name string) *Bucket { return NewStore(name, nil).Open() }

// Open returns a bucket on the store.
func (s *Store) Open() *Bucket { return &Bucket{store: s} }

// Put makes an object, as another program would.
func (s *Store) Put(key string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, bytes.Clone(data))
}

// put stores data, which it keeps, under the key. The caller holds mu.
func (s *Store) put(key string, data []byte) {
	s.serial++
	s.objects[key] = object{
		Object: blob.Object{Key: key, Size: int64(len(data)), ETag: "m" + strconv.FormatInt(s.serial, 10), ModTime: s.now()},
		data:   data,
		sum:    blob.SumOf(data),
	}
}

// Remove deletes an object, as another program would.
func (s *Store) Remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
}

// Staged returns the keys of the uploads that are neither published nor discarded, sorted.
func (s *Store) Staged() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for _, u := range s.uploads {
		keys = append(keys, u.key)
	}
	slices.Sort(keys)
	return keys
}

// Bucket is one client of a store.
type Bucket struct{ store *Store }

var _ blob.Bucket = (*Bucket)(nil)

func (b *Bucket) String() string { return b.store.name }

// Close does nothing.
func (b *Bucket) Close() error { return nil }

// Check succeeds.
func (b *Bucket) Check(ctx context.Context) error { return b.alive(ctx) }

// Store is the bucket's store.
func (b *Bucket) Store() *Store { return b.store }

func (b *Bucket) alive(ctx context.Context) error {
	return fault.Wrap(fault.Canceled, ctx.Err(), "using bucket %q", b.store.name)
}

// List yields a snapshot of the objects.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		for _, o := range b.store.snapshot(prefix) {
			if err := b.alive(ctx); err != nil {
				yield(blob.Object{}, err)
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (s *Store) snapshot(prefix string) []blob.Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []blob.Object
	for key, o := range s.objects {
		if strings.HasPrefix(key, prefix) {
			found = append(found, o.Object)
		}
	}
	slices.SortFunc(found, func(x, y blob.Object) int { return strings.Compare(x.Key, y.Key) })
	return found
}

func (b *Bucket) find(ctx context.Context, key string) (object, error) {
	if err := b.alive(ctx); err != nil {
		return object{}, err
	}
	if err := blob.CheckKey(key); err != nil {
		return object{}, err
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	o, ok := b.store.objects[key]
	if !ok {
		return object{}, fault.New(fault.NotFound, "opening %q of bucket %q: there is no such object", key, b.store.name)
	}
	return o, nil
}

// Stat describes an object.
func (b *Bucket) Stat(ctx context.Context, key string) (blob.Object, error) {
	o, err := b.find(ctx, key)
	return o.Object, err
}

// OpenAt streams the content the object had at the call.
func (b *Bucket) OpenAt(ctx context.Context, key string, offset, length int64, etag string) (io.ReadCloser, error) {
	if offset < 0 {
		return nil, fault.New(fault.Validation, "opening %q of bucket %q: negative offset %d", key, b.store.name, offset)
	}
	o, err := b.find(ctx, key)
	if err != nil {
		return nil, err
	}
	if etag != "" && etag != o.ETag {
		return nil, fault.New(fault.Conflict, "reading %q of bucket %q: the object has changed since it was listed", key, b.store.name)
	}
	data := o.data[min(offset, o.Size):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return &reader{ctx: ctx, bucket: b, data: data}, nil
}

type reader struct {
	ctx    context.Context
	bucket *Bucket
	data   []byte
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.bucket.alive(r.ctx); err != nil {
		return 0, err
	}
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (r *reader) Close() error { return nil }
