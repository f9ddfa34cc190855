package land

import (
	"bufio"
	"context"
	"hash/crc32"
	"sync"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
)

// file is one file on its way to the bucket. Its blocks are appended in order, by one goroutine at a time that lives
// while there is something to do.
type file struct {
	l      *Lander
	number int64
	key    string
	direct bool // it counts among the open uploads

	mu     sync.Mutex // guards queue and active
	queue  []op
	active bool

	// For the goroutine at work.
	enc   format.File
	out   blob.Writer // nil while the bytes go to the spool
	spans []span      // spooled bytes, in order
	rows  int64
	// content is the sum of those rows. Written and kept are checksums of the bytes that went to the spool and of those
	// that came back.
	content       batch.Content
	written, kept uint32
}

// op is a step of a file: a block to append, or its end.
type op struct {
	block *block
	end   bool
}

func (l *Lander) newFile(s *stream) *file {
	return &file{l: l, number: s.number, key: l.layout.Key(s.folder, l.opts.Split, s.number), enc: l.opts.Encoder.NewFile()}
}

// endFile queues the file's end. It waits while many files are being ended; those wait for nothing but workers and the
// bucket.
func (l *Lander) endFile(f *file) error {
	select {
	case l.closing <- struct{}{}:
	case <-l.ctx.Done():
		return l.failure()
	}
	f.append(op{end: true})
	return nil
}

// append queues a step.
func (f *file) append(o op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, o)
	if !f.active {
		f.active = true
		f.l.wg.Add(1)
		go f.work()
	}
}

func (f *file) work() {
	defer f.l.wg.Done()
	for {
		o, ending, ok := f.next()
		if !ok {
			return
		}
		err := f.step(o, ending)
		if err != nil {
			f.l.fail(err)
		}
		if o.end {
			<-f.l.closing
		}
	}
}

// next takes the oldest step; ending says that the file's end is queued already.
func (f *file) next() (o op, ending, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		f.active = false
		return op{}, false, false
	}
	o = f.queue[0]
	f.queue = f.queue[1:]
	for _, later := range f.queue {
		ending = ending || later.end
	}
	return o, ending || o.end, true
}

// step does one step, and after a failure anywhere in the lander only gives back what the step holds.
func (f *file) step(o op, ending bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.New(fault.Internal, "writing %q: internal error (%T)", f.key, r)
		}
	}()
	if o.block != nil {
		<-o.block.encoded
		defer o.block.done(f.l)
	}
	if f.l.ctx.Err() != nil {
		return nil
	}
	if o.block != nil {
		if err := f.openUpload(ending); err != nil {
			return err
		}
		if checksum(o.block.out.Parts, f.l.sample) != o.block.crc {
			return fault.New(fault.Internal, "writing %q: an encoded block has changed before it was written", f.key)
		}
		f.rows += int64(o.block.rows)
		f.content.Add(o.block.content)
		return f.wrap(f.write(o.block.out))
	}
	if !o.end {
		return nil
	}
	return f.finish()
}

// openUpload begins the upload, unless too many are open: then bytes go to the spool. A file that is ending is not counted,
// because the number of those is bounded too.
func (f *file) openUpload(ending bool) error {
	if f.out != nil || (len(f.spans) > 0 && !ending) {
		return nil
	}
	if !ending {
		most := min(maxUploads, max(2, f.l.opts.Share.b.cap/4/uploadBytes))
		if f.l.direct.Add(1) > most {
			f.l.direct.Add(-1)
			return nil
		}
		f.direct = true
	}
	return f.stage()
}

func (f *file) stage() error {
	out, err := f.l.opts.Target.Bucket.Stage(f.l.ctx, f.l.owner, f.key)
	if err != nil {
		return f.wrap(err)
	}
	f.out = out
	f.l.track(f, true)
	return f.unspool()
}

// unspool moves what is in the spool to the upload.
func (f *file) unspool() error {
	if len(f.spans) == 0 {
		return nil
	}
	buf := f.l.opts.Pool.Allocate(copyBytes)
	defer f.l.opts.Pool.Free(buf)
	for _, at := range f.spans {
		if err := f.l.spool.copyTo(spoolReader{f}, at, buf); err != nil {
			return f.wrap(err)
		}
		f.l.spool.free(at)
	}
	f.spans = nil
	if f.kept != f.written {
		return fault.New(fault.Internal, "writing %q: bytes in the temporary file have changed", f.key)
	}
	return nil
}

const copyBytes = 256 << 10

// write appends a block to the upload or to the spool. A block may come in many small parts, which the spool takes
// together.
func (f *file) write(b *format.Block) error {
	if f.out != nil {
		return f.enc.Append(f.out, b)
	}
	w := spoolBuffers.Get().(*bufio.Writer)
	defer spoolBuffers.Put(w)
	w.Reset(spooler{f})
	if err := f.enc.Append(w, b); err != nil {
		return err
	}
	return w.Flush()
}

var spoolBuffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, copyBytes) }}

// spoolReader takes what comes back from the spool on its way to the upload.
type spoolReader struct{ *file }

func (f spoolReader) Write(p []byte) (int, error) {
	f.kept = crc32.Update(f.kept, castagnoli, p)
	return f.out.Write(p)
}

// spooler writes a file's bytes to the spool.
type spooler struct{ *file }

func (f spooler) Write(p []byte) (int, error) {
	at, err := f.l.spool.write(p)
	if err != nil {
		return 0, err
	}
	f.written = crc32.Update(f.written, castagnoli, p)
	if n := len(f.spans); n > 0 && f.spans[n-1].off+f.spans[n-1].size == at.off {
		f.spans[n-1].size += at.size
	} else {
		f.spans = append(f.spans, at)
	}
	return len(p), nil
}

// finish ends the upload and hands out the receipt.
func (f *file) finish() error {
	if f.out == nil {
		if err := f.stage(); err != nil {
			return err
		}
	}
	if err := f.enc.Finish(f.out); err != nil {
		return f.wrap(err)
	}
	staged, err := f.out.Finish(f.l.ctx)
	if err != nil {
		return f.wrap(err)
	}
	f.out = nil
	f.l.track(f, false)
	if f.direct {
		f.l.direct.Add(-1)
	}
	if size := f.enc.Size(); size != staged.Size {
		return fault.New(fault.ConnectorServer, "writing %q: %d bytes are staged instead of %d", f.key, staged.Size, size)
	}
	f.l.opts.Done(f.number, connector.Receipt{Name: f.key, Rows: f.rows, Bytes: staged.Size, Hash: staged.Sum, Content: f.content, Staged: &staged})
	return nil
}

// abort drops the open upload. Errors are left to whoever discards what the execution staged.
func (f *file) abort() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.l.ctx), abortTime)
	defer cancel()
	_ = f.out.Abort(ctx)
}

// track remembers which files have an open upload.
func (l *Lander) track(f *file, open bool) {
	l.uploadsMu.Lock()
	defer l.uploadsMu.Unlock()
	if open {
		l.uploads[f] = true
	} else {
		delete(l.uploads, f)
	}
}

func (f *file) wrap(err error) error {
	return fault.Wrap(fault.CodeOf(err), err, "writing %q", f.key)
}
