package durable

import (
	"context"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
)

// watchSource shows on the board when a transfer waits for its source.
func watchSource(r connector.Reader, l *line) connector.Reader {
	if l == nil {
		return r
	}
	return &watchedReader{Reader: r, line: l}
}

type watchedReader struct {
	connector.Reader
	line *line
}

func (r *watchedReader) Read(ctx context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	r.line.enter(waitsForSource)
	defer r.line.leave(waitsForSource)
	pages, err := r.Reader.Read(ctx, req, split, from)
	if err != nil {
		return nil, err
	}
	return &watchedPages{Pages: pages, line: r.line}, nil
}

type watchedPages struct {
	connector.Pages
	line *line
}

func (p *watchedPages) Next(ctx context.Context) (connector.Page, error) {
	p.line.enter(waitsForSource)
	defer p.line.leave(waitsForSource)
	return p.Pages.Next(ctx)
}

// watchTarget shows on the board when a transfer waits for its bucket.
func watchTarget(t *connector.Target, l *line) *connector.Target {
	if t == nil || l == nil {
		return t
	}
	watched := *t
	watched.Bucket = &watchedBucket{Bucket: t.Bucket, line: l}
	return &watched
}

type watchedBucket struct {
	blob.Bucket
	line *line
}

func (b *watchedBucket) Stage(ctx context.Context, owner, key string) (blob.Writer, error) {
	b.line.enter(waitsForDest)
	defer b.line.leave(waitsForDest)
	w, err := b.Bucket.Stage(ctx, owner, key)
	if err != nil {
		return nil, err
	}
	return &watchedWriter{Writer: w, line: b.line}, nil
}

type watchedWriter struct {
	blob.Writer
	line *line
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	w.line.enter(waitsForDest)
	defer w.line.leave(waitsForDest)
	return w.Writer.Write(p)
}

func (w *watchedWriter) Finish(ctx context.Context) (blob.Staged, error) {
	w.line.enter(waitsForDest)
	defer w.line.leave(waitsForDest)
	return w.Writer.Finish(ctx)
}
