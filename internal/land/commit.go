package land

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/plan"
)

const (
	publishers   = 16 // publications at the same time
	publishTries = 6
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// Commit publishes every receipt's staged file, checks that each object has the receipt's size, and discards whatever
// else the splits of these receipts had staged. It may be repeated, by another process too: what is published already
// counts as success. The caller holds the execution's fence; an error leaves some files published and the rest staged,
// for a repetition to finish. Receipts that have no staged file are passed over.
func Commit(ctx context.Context, t connector.Target, p *plan.Plan, receipts []connector.Receipt) error {
	files := Manifest(receipts)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(publishers)
	for _, r := range files {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error { return publish(gctx, t.Bucket, r) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Canceled, err, "publishing files of flow %q", p.FlowName)
	}
	return discardOwners(ctx, t, p, ownersOf(files), nil)
}

// Manifest is the receipts that have a staged file, in the order of their keys.
func Manifest(receipts []connector.Receipt) []connector.Receipt {
	var files []connector.Receipt
	for _, r := range receipts {
		if r.Staged != nil {
			files = append(files, r)
		}
	}
	slices.SortStableFunc(files, func(a, b connector.Receipt) int { return cmp.Compare(a.Name, b.Name) })
	return files
}

// Discard drops everything that the plan's splits have staged and not published, except the files of the kept receipts.
// It may be repeated. It must not run while a split of the execution is being transferred by an owner in good standing.
func Discard(ctx context.Context, t connector.Target, p *plan.Plan, splits int, keep []connector.Receipt) error {
	owners := make([]string, 0, splits)
	for i := range max(1, splits) {
		owners = append(owners, Owner(p, i))
	}
	return discardOwners(ctx, t, p, slices.Compact(owners), keep)
}

// DiscardSplit is Discard for one split: call it before the split is tried again, with the receipts of its last
// checkpoint, to drop what the dead attempt staged beyond it. Other splits may run meanwhile.
func DiscardSplit(ctx context.Context, t connector.Target, p *plan.Plan, split int, keep []connector.Receipt) error {
	return discardOwners(ctx, t, p, []string{Owner(p, split)}, keep)
}

func discardOwners(ctx context.Context, t connector.Target, p *plan.Plan, owners []string, keep []connector.Receipt) error {
	l, err := NewLayout(p)
	if err != nil {
		return err
	}
	var kept []blob.Staged
	for i := range keep {
		if s := keep[i].Staged; s != nil {
			kept = append(kept, *s)
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(publishers)
	for _, owner := range owners {
		g.Go(func() error {
			return again(gctx, func() error { return t.Bucket.Discard(gctx, owner, l.Root(), kept) })
		})
	}
	return g.Wait()
}

func ownersOf(files []connector.Receipt) []string {
	var owners []string
	for i := range files {
		owners = append(owners, files[i].Staged.Owner)
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// publish makes one file appear and looks at what appeared.
func publish(ctx context.Context, b blob.Bucket, r connector.Receipt) error {
	if err := again(ctx, func() error { return b.Publish(ctx, *r.Staged) }); err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "publishing %q", r.Name)
	}
	var o blob.Object
	err := again(ctx, func() (err error) { o, err = b.Stat(ctx, r.Staged.Key); return err })
	switch {
	case fault.Is(err, fault.AccessDenied):
		return nil // a role that may write and not read is common, and the store has acknowledged the publication
	case err != nil:
		return fault.Wrap(fault.CodeOf(err), err, "checking published file %q", r.Name)
	case o.Size != r.Staged.Size:
		return fault.New(fault.ConnectorServer, "checking published file %q: it has %d bytes instead of %d", r.Name, o.Size, r.Staged.Size)
	}
	return nil
}

// again tries an action that may be repeated until it succeeds, fails for good, or has been tried often enough.
func again(ctx context.Context, action func() error) error {
	backoff := firstBackoff
	for try := 1; ; try++ {
		err := action()
		class, after := fault.RetryOf(err)
		if err == nil || class == fault.Never || try == publishTries {
			return err
		}
		wait := backoff
		if class == fault.Throttled && after > 0 {
			wait = min(after, maxBackoff)
		}
		backoff = min(2*backoff, maxBackoff)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fault.Wrap(fault.Canceled, ctx.Err(), "waiting to try again")
		}
	}
}
