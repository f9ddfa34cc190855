package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
)

// Bounds of splits. Where there are several, a split takes small objects until it holds enough work to be worth a
// worker's while; an object that is enough alone is alone.
const (
	maxObjects    = 1_000_000 // of a run: their names are frozen into the plan
	splitObjects  = 1_000
	minSplitBytes = 8 << 20
	maxSplitBytes = 64 << 20
)

// slice is a split's data: its objects as they were when they were listed.
type slice struct {
	Prefix  string   `json:"prefix"` // of all keys, kept once
	Objects []pinned `json:"objects"`
}

// pinned is one object; short, because there may be many.
type pinned struct {
	Rest string `json:"k"` // of the key, behind the prefix
	Size int64  `json:"s"`
	ETag string `json:"e"`
}

// Splits lists the prefix once and cuts the listing, in key order.
func (c *connection) Splits(ctx context.Context, req connector.ReadRequest, want int) ([]connector.Split, error) {
	p, bucket, err := c.source(ctx, req.Properties)
	if err != nil {
		return nil, err
	}
	objects, total, err := find(ctx, bucket, p.BucketPrefix, &req)
	if err != nil {
		return nil, err
	}
	target := min(max(total/int64(max(want, 1)), minSplitBytes), maxSplitBytes)
	var splits []connector.Split
	for len(objects) > 0 {
		n := len(objects)
		if want != 1 {
			n = take(objects, target)
		}
		split, err := newSplit(len(splits), p.BucketPrefix, objects[:n])
		if err != nil {
			return nil, err
		}
		splits = append(splits, split)
		objects = objects[n:]
	}
	return splits, nil
}

// list returns the objects to read and their size. Empty ones hold no record; the markers of folders are such. Matching
// is by plain prefix, as AppFlow's: "in" takes in/a, in-old/a and in.
func list(ctx context.Context, bucket blob.Bucket, prefix string, window *flow.Window) ([]blob.Object, int64, error) {
	var objects []blob.Object
	var total int64
	for o, err := range bucket.List(ctx, prefix) {
		if err != nil {
			return nil, 0, classify(ctx, err, "listing %q of bucket %q", prefix, bucket)
		}
		if o.Size == 0 || window != nil && (o.ModTime.Before(window.From) || !o.ModTime.Before(window.To)) {
			continue
		}
		if len(objects) == maxObjects {
			return nil, 0, fault.New(fault.Quota, "listing %q of bucket %q: there are more than %d objects; use a longer prefix", prefix, bucket, maxObjects)
		}
		objects = append(objects, o)
		total += o.Size
	}
	return objects, total, nil
}

// take returns how many of the objects the next split takes.
func take(objects []blob.Object, target int64) int {
	var size int64
	for i, o := range objects {
		if i > 0 && (o.Size >= target || i == splitObjects) {
			return i
		}
		if size += o.Size; size >= target {
			return i + 1
		}
	}
	return len(objects)
}

func newSplit(index int, prefix string, objects []blob.Object) (connector.Split, error) {
	s := slice{Prefix: prefix, Objects: make([]pinned, len(objects))}
	var size int64
	for i, o := range objects {
		s.Objects[i] = pinned{Rest: strings.TrimPrefix(o.Key, prefix), Size: o.Size, ETag: o.ETag}
		size += o.Size
	}
	data, err := json.Marshal(s)
	if err != nil {
		return connector.Split{}, fault.Wrap(fault.Internal, err, "splitting %q", prefix)
	}
	label := objects[0].Key
	if n := len(objects); n > 1 {
		label = fmt.Sprintf("%s … %s (%d objects)", label, objects[n-1].Key, n)
	}
	return connector.Split{Index: index, Label: label, Bytes: size, Data: data}, nil
}

// cursor is a place in a split.
type cursor struct {
	Object int             `json:"object"` // index in the split
	At     format.Position `json:"at"`     // in that object
}

// Read opens a split. The objects are opened one after the other, as pages are asked for.
func (c *connection) Read(ctx context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	p, bucket, err := c.source(ctx, req.Properties)
	if err != nil {
		return nil, err
	}
	r := &pages{bucket: bucket, configured: p.fileType(), schema: req.Schema, fields: req.Fields}
	r.opts = format.ReadOptions{ChunkBytes: req.ChunkBytes, MissingIsNull: req.MissingIsNull, Pool: c.pool}
	r.ownTypes = req.OwnTypes
	if err := json.Unmarshal(split.Data, &r.slice); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading split %d of bucket %q", split.Index, bucket)
	}
	if from != nil {
		if err := json.Unmarshal(from, &r.next); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "reading the cursor of split %d of bucket %q", split.Index, bucket)
		}
		if at := r.next; at.Object < 0 || at.Object >= len(r.slice.Objects) || at.At.Offset < 0 || at.At.Record < 0 || at.At.Line < 0 {
			return nil, fault.New(fault.Internal, "reading split %d of bucket %q: the cursor is not one of its own", split.Index, bucket)
		}
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r, nil
}

// pages reads the objects of one split.
type pages struct {
	bucket     blob.Bucket
	configured fileType
	schema     flow.Schema
	fields     []string
	ownTypes   bool
	opts       format.ReadOptions
	slice      slice

	ctx    context.Context // what open streams live by
	cancel context.CancelFunc
	next   cursor
	reader format.Reader // of object next.Object; nil before it is opened
	failed error         // sticky
}

// Next returns the next chunk of the current object, or the first one of the next object that has any.
func (r *pages) Next(ctx context.Context) (connector.Page, error) {
	if r.failed != nil {
		return nil, r.failed
	}
	// Streams live longer than one call, so they hang on the split's context; a call that is canceled ends that too.
	if ctx.Err() != nil {
		r.cancel()
	}
	stop := context.AfterFunc(ctx, r.cancel)
	defer stop()
	for r.ctx.Err() == nil && r.next.Object < len(r.slice.Objects) {
		if r.reader == nil {
			if err := r.open(); err != nil {
				return nil, r.fail(err)
			}
		}
		chunk, err := r.reader.Next(r.ctx)
		if err == nil {
			p := &page{pages: r, key: r.key(), chunk: chunk, records: chunk.End().Record - r.next.At.Record}
			r.next.At = chunk.End()
			p.end = r.next
			return p, nil
		}
		if !errors.Is(err, io.EOF) {
			return nil, r.fail(err)
		}
		if err := r.closeReader(); err != nil {
			return nil, r.fail(err)
		}
		r.next = cursor{Object: r.next.Object + 1}
	}
	if r.ctx.Err() != nil {
		return nil, r.fail(r.ctx.Err())
	}
	return nil, io.EOF
}

// key is the current object's, or the last one's at the end.
func (r *pages) key() string {
	if len(r.slice.Objects) == 0 {
		return r.slice.Prefix
	}
	return r.slice.Prefix + r.slice.Objects[min(r.next.Object, len(r.slice.Objects)-1)].Rest
}

// open starts the object at r.next.
func (r *pages) open() error {
	o := r.slice.Objects[r.next.Object]
	in := input{bucket: r.bucket, object: blob.Object{Key: r.key(), Size: o.Size, ETag: o.ETag}}
	t, err := in.typeOf(r.ctx, r.configured)
	if err != nil {
		return err
	}
	opts := r.opts
	opts.From = r.next.At
	opts.Columns = make([]format.ReadColumn, len(r.fields))
	for i, name := range r.fields {
		opts.Columns[i] = format.ReadColumn{Name: name, Kind: r.kind(t, name)}
	}
	r.reader, err = in.open(r.ctx, t, opts)
	return err
}

func (r *pages) kind(t fileType, name string) batch.Kind {
	switch t {
	case typeCSV:
		return batch.Kind{Type: batch.Text}
	case typeJSON:
		return batch.Kind{Type: batch.JSON}
	}
	if r.ownTypes {
		return batch.Kind{}
	}
	return kindOf(r.schema, name)
}

// fail makes err the end of the split.
func (r *pages) fail(err error) error {
	switch {
	case r.ctx.Err() != nil:
	case fault.Is(err, fault.Conflict):
		err = fault.Wrap(fault.Conflict, err, "the object was replaced during the run; run the flow again when nobody writes to it")
	case fault.Is(err, fault.NotFound):
		err = fault.Wrap(fault.Conflict, err, "the object was removed during the run; run the flow again when nobody writes to it")
	}
	r.failed = classify(r.ctx, err, "reading object %q of bucket %q", r.key(), r.bucket)
	return r.failed
}

func (r *pages) closeReader() error {
	if r.reader == nil {
		return nil
	}
	err := r.reader.Close()
	r.reader = nil
	return err
}

// Close ends the open streams. Pages that were fetched before can still be decoded.
func (r *pages) Close() error {
	if r.failed == nil {
		r.failed = fault.New(fault.Internal, "reading bucket %q: the split is closed", r.bucket)
	}
	r.cancel()
	return r.closeReader()
}

// page is one chunk of an object.
type page struct {
	pages   *pages
	key     string
	chunk   format.Chunk
	end     cursor
	records int64
}

func (p *page) Decode() (*batch.Batch, error) {
	b, err := p.chunk.Decode()
	// The split may have been canceled meanwhile; what is wrong with this page is wrong all the same.
	return b, classify(context.Background(), err, "reading object %q of bucket %q", p.key, p.pages.bucket)
}

func (p *page) Release() { p.chunk.Release() }

func (p *page) Cursor() connector.Cursor {
	raw, err := json.Marshal(p.end)
	if err != nil {
		panic(err) //nolint:forbidigo // integers always have a JSON form
	}
	return raw
}

func (p *page) Bytes() int64 { return p.chunk.Bytes() }

func (p *page) Object() string { return p.key }

// Records is how many the format counted when it cut the page.
func (p *page) Records() int64 { return p.records }
