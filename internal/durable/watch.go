package durable

import (
	"context"
	"errors"
	"time"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// watchSource shows on the board when a transfer waits for its source, and ends a wait of more than so long.
func watchSource(r connector.Reader, l *line, patience time.Duration) connector.Reader {
	return &watchedReader{Reader: r, line: l, patience: patience}
}

type watchedReader struct {
	connector.Reader
	line     *line
	patience time.Duration
}

func (r *watchedReader) Read(ctx context.Context, req connector.ReadRequest, split connector.Split, from connector.Cursor) (connector.Pages, error) {
	r.line.enter(waitsForSource)
	defer r.line.leave(waitsForSource)
	pages, err := r.Reader.Read(ctx, req, split, from)
	if err != nil {
		return nil, err
	}
	return &watchedPages{Pages: pages, line: r.line, patience: r.patience}, nil
}

type watchedPages struct {
	connector.Pages
	line     *line
	patience time.Duration

	outer, inner context.Context // inner ends with outer, or when a wait has been too long
	end          context.CancelCauseFunc
}

func (p *watchedPages) Next(ctx context.Context) (connector.Page, error) {
	p.line.enter(waitsForSource)
	defer p.line.leave(waitsForSource)
	if p.outer != ctx { // the streams behind a page may live as long as the context they were opened with: one for all
		p.outer = ctx
		p.inner, p.end = context.WithCancelCause(ctx)
	}
	timer := time.AfterFunc(p.patience, func() { p.end(errStalled) })
	defer timer.Stop()
	page, err := p.Pages.Next(p.inner)
	if err != nil && errors.Is(context.Cause(p.inner), errStalled) {
		p.outer = nil
		return nil, fault.Temporary(fault.ConnectorServer, nil, "the source has delivered nothing for %s", p.patience)
	}
	return page, err
}

func (p *watchedPages) Close() error {
	if p.end != nil {
		defer p.end(nil)
	}
	return p.Pages.Close()
}

var errStalled = errors.New("a wait took too long")

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
