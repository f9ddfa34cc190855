package land

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/plan"
)

// Error files hold the records that a run left out, one JSON object a line:
//
//	{prefix}/{flow}/{executionId}/{executionId}-errors-{split}-{number}.jsonl   lines of one split
//	{prefix}/{flow}/{executionId}/{executionId}-errors.jsonl                    what was too little for a file, of all splits
//
// They are staged like the output and published when the run ends, however it ends. A line is in a staged file, or in the
// tail that a checkpoint carries, from the checkpoint on that counts its record: so a crash neither loses nor doubles one.
const (
	// errorFileBytes is how many bytes of lines wait in memory before they become a file.
	errorFileBytes = 4 << 20
	// tailBytes is the most that a checkpoint carries, lastTailBytes the most that the last one of a split does.
	tailBytes     = 64 << 10
	lastTailBytes = 8 << 10
)

// ErrorMark is where an error log stands: what a retry goes on from. Plain data.
type ErrorMark struct {
	Next int64  `json:"next,omitzero"` // number of the next file
	Tail string `json:"tail,omitzero"` // whole lines that no file holds
}

// ErrorLog collects the lines of one split. For one goroutine.
type ErrorLog struct {
	p       *plan.Plan
	split   int
	bucket  blob.Bucket
	share   *Share
	next    int64
	pending []byte
	files   []connector.Receipt
	lines   int64
}

// OpenErrorLog opens the log of a split, going on from a mark; the zero mark is the start.
func OpenErrorLog(p *plan.Plan, split int, bucket blob.Bucket, share *Share, from ErrorMark) *ErrorLog {
	share.Hold(int64(len(from.Tail)))
	return &ErrorLog{p: p, split: split, bucket: bucket, share: share, next: from.Next, pending: []byte(from.Tail)}
}

// Add takes whole lines.
func (l *ErrorLog) Add(ctx context.Context, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	l.lines += int64(bytes.Count(lines, newline))
	l.share.Hold(int64(len(lines)))
	l.pending = append(l.pending, lines...)
	if len(l.pending) < errorFileBytes {
		return nil
	}
	return l.flush(ctx)
}

var newline = []byte("\n")

// ErrorState is the state of a log at one moment. It stays as it is when the log goes on.
type ErrorState struct {
	Lines int64               // taken since the log was opened
	Files []connector.Receipt // staged since then
	next  int64
	tail  []byte
}

// Mark is the state's mark.
func (s *ErrorState) Mark() ErrorMark { return ErrorMark{Next: s.next, Tail: string(s.tail)} }

// State is the log's state, made fit for a checkpoint: its tail is small. The last one's is smaller.
func (l *ErrorLog) State(ctx context.Context, last bool) (ErrorState, error) {
	most := tailBytes
	if last {
		most = lastTailBytes
	}
	if len(l.pending) > most {
		if err := l.flush(ctx); err != nil {
			return ErrorState{}, err
		}
	}
	return l.state(), nil
}

func (l *ErrorLog) state() ErrorState {
	n, m := len(l.files), len(l.pending)
	return ErrorState{Lines: l.lines, Files: l.files[:n:n], next: l.next, tail: l.pending[:m:m]}
}

// LastState is State for the way out after a failure: what cannot be staged is cut off behind a line.
func (l *ErrorLog) LastState(ctx context.Context) ErrorState {
	s, err := l.State(ctx, false)
	if err == nil {
		return s
	}
	s = l.state()
	s.tail = s.tail[:bytes.LastIndexByte(s.tail[:min(len(s.tail), tailBytes)], '\n')+1]
	return s
}

// Close gives back the log's memory.
func (l *ErrorLog) Close() {
	l.share.Hold(-int64(len(l.pending)))
	l.pending = nil
}

// flush stages the pending lines as a file. States made before keep their bytes: the log takes new memory.
func (l *ErrorLog) flush(ctx context.Context) error {
	owner := errorOwner(l.p, l.split)
	key := errorFolder(l.p) + owner + "-" + padded(l.next, fileDigits) + ".jsonl"
	staged, err := stage(ctx, l.bucket, owner, key, bytes.NewReader(l.pending))
	if err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "writing error file %q", key)
	}
	l.files = append(l.files, connector.Receipt{
		Name: key, Rows: int64(bytes.Count(l.pending, newline)), Bytes: staged.Size, Hash: staged.Sum, Staged: &staged,
	})
	l.share.Hold(-int64(len(l.pending)))
	l.next++
	l.pending = nil
	return nil
}

// stage uploads a file whole.
func stage(ctx context.Context, b blob.Bucket, owner, key string, from io.Reader) (blob.Staged, error) {
	w, err := b.Stage(ctx, owner, key)
	if err != nil {
		return blob.Staged{}, err
	}
	if _, err = io.Copy(w, from); err == nil {
		var staged blob.Staged
		if staged, err = w.Finish(ctx); err == nil {
			return staged, nil
		}
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_ = w.Abort(cleanup) // what is left of it is discarded with the rest
	return blob.Staged{}, err
}

func errorFolder(p *plan.Plan) string {
	folder := p.FlowName + "/" + p.ExecutionID + "/"
	if prefix := strings.Trim(p.Dest.ErrorFiles.Prefix, "/"); prefix != "" {
		folder = prefix + "/" + folder
	}
	return folder
}

func errorOwner(p *plan.Plan, split int) string {
	return p.ExecutionID + "-errors-" + padded(split, splitDigits)
}

// CommitErrors publishes the staged error files and the tails, as one file, in the order given, and drops what splits have
// staged besides. It returns receipts of what appeared. It may be repeated, by another process too, with the same input.
func CommitErrors(ctx context.Context, b blob.Bucket, p *plan.Plan, splits int, files []connector.Receipt, tails []string) ([]connector.Receipt, error) {
	all := slices.Clone(files)
	tails = slices.DeleteFunc(slices.Clone(tails), func(t string) bool { return t == "" })
	if len(tails) > 0 {
		rest, err := stageTails(ctx, b, p, tails)
		if err != nil {
			return nil, err
		}
		all = append(all, rest)
	}
	slices.SortFunc(all, func(x, y connector.Receipt) int { return cmp.Compare(x.Name, y.Name) })
	for _, r := range all {
		if err := publish(ctx, b, r); err != nil {
			return nil, err
		}
	}
	owners := []string{p.ExecutionID + "-errors"}
	for i := range splits {
		owners = append(owners, errorOwner(p, i))
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(publishers)
	for _, owner := range owners {
		g.Go(func() error {
			return again(gctx, func() error { return b.Discard(gctx, owner, errorFolder(p), nil) })
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "discarding staged error files of flow %q", p.FlowName)
	}
	return all, nil
}

func stageTails(ctx context.Context, b blob.Bucket, p *plan.Plan, tails []string) (connector.Receipt, error) {
	owner := p.ExecutionID + "-errors"
	key := errorFolder(p) + owner + ".jsonl"
	readers := make([]io.Reader, len(tails))
	rows := int64(0)
	for _, t := range tails {
		rows += int64(strings.Count(t, "\n"))
	}
	var staged blob.Staged
	err := again(ctx, func() (err error) {
		for i, t := range tails {
			readers[i] = strings.NewReader(t)
		}
		staged, err = stage(ctx, b, owner, key, io.MultiReader(readers...))
		return err
	})
	if err != nil {
		return connector.Receipt{}, fault.Wrap(fault.CodeOf(err), err, "writing error file %q", key)
	}
	return connector.Receipt{Name: key, Rows: rows, Bytes: staged.Size, Hash: staged.Sum, Staged: &staged}, nil
}
