package driver

import (
	"context"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// FenceCheck implements [store.Tx]. In PostgreSQL the query also holds the lease's row until the transaction ends: an
// owner who takes the lease meanwhile waits for the effect, or the effect sees the new owner. It cannot land after the
// takeover.
func (t *Tx) FenceCheck(ctx context.Context, fence store.Fence) error {
	if fence.Within != nil { // first, so that all transactions lock the larger lease before the smaller one
		if err := t.FenceCheck(ctx, *fence.Within); err != nil {
			return err
		}
	}
	var one int64
	found, err := t.row(ctx, "FenceCheck", []any{fence.Lease, fence.Token}, &one)
	if err != nil {
		return doing(err, "checking lease %q", fence.Lease)
	}
	if !found {
		return fenced(fence)
	}
	return nil
}

func fenced(fence store.Fence) error {
	return fault.New(fault.Fenced, "lease %q has passed on from token %d", fence.Lease, fence.Token)
}

// LeaseAcquire implements [store.Tx]. A new token is drawn only while this transaction holds the lease's row, so tokens
// of one lease rise in the order in which its owners change.
func (t *Tx) LeaseAcquire(
	ctx context.Context, name, owner string, now time.Time, ttl time.Duration,
) (store.Fence, error) {
	if name == "" || owner == "" {
		return store.Fence{}, fault.New(fault.Validation, "a lease needs a name and an owner")
	}
	fence, err := t.leaseAcquire(ctx, name, owner, micro(now), ttl)
	return fence, doing(err, "acquiring lease %q", name)
}

func (t *Tx) leaseAcquire(
	ctx context.Context, name, owner string, now time.Time, ttl time.Duration,
) (store.Fence, error) {
	fence, holder, expiresAt := store.Fence{Lease: name}, "", Instant{}
	found, err := t.row(ctx, "LeaseLock", []any{name}, &holder, &fence.Token, &expiresAt)
	if err != nil {
		return store.Fence{}, err
	}
	switch {
	case found && holder == owner:
		_, err = t.exec(ctx, "LeaseRenew", name, fence.Token, micro(now.Add(ttl)))
		return fence, err
	case found && expiresAt.After(now):
		return store.Fence{}, fault.New(fault.Conflict, "%q holds it until %s", holder, expiresAt.Format(time.RFC3339Nano))
	case !found:
		if _, err = t.exec(ctx, "LeaseInsert", name, owner, micro(now.Add(ttl))); err != nil {
			return store.Fence{}, err
		}
	}
	if _, err = t.row(ctx, "LeaseTokenNext", nil, &fence.Token); err != nil {
		return store.Fence{}, err
	}
	_, err = t.exec(ctx, "LeaseTake", name, owner, fence.Token, micro(now.Add(ttl)))
	return fence, err
}

// LeaseRenew implements [store.Tx].
func (t *Tx) LeaseRenew(ctx context.Context, fence store.Fence, now time.Time, ttl time.Duration) error {
	n, err := t.exec(ctx, "LeaseRenew", fence.Lease, fence.Token, micro(now.Add(ttl)))
	if err != nil {
		return doing(err, "renewing lease %q", fence.Lease)
	}
	if n == 0 {
		return fenced(fence)
	}
	return nil
}

// LeaseRelease implements [store.Tx]. The row goes: tokens come from one counter for all leases, which never falls.
func (t *Tx) LeaseRelease(ctx context.Context, fence store.Fence) error {
	_, err := t.exec(ctx, "LeaseRelease", fence.Lease, fence.Token)
	return doing(err, "releasing lease %q", fence.Lease)
}
