package profile

import (
	"context"
	"time"

	"weir.dev/weir/internal/store"
)

// Transactions is what the shelf of a store needs of it.
type Transactions interface {
	Read(ctx context.Context, fn func(store.ReadTx) error) error
	Write(ctx context.Context, fn func(store.Tx) error) error
}

// OnStore is the shelf of an installation: its store.
func OnStore(st Transactions) Shelf { return storeShelf{st} }

type storeShelf struct{ store Transactions }

func (s storeShelf) Profile(ctx context.Context, name string) (p *store.Profile, err error) {
	err = s.store.Read(ctx, func(tx store.ReadTx) (err error) {
		p, err = tx.ProfileGet(ctx, name)
		return err
	})
	return p, err
}

func (s storeShelf) SaveCredentials(ctx context.Context, fence store.Fence, name string, revision int64, sealed []byte) error {
	return s.store.Write(ctx, func(tx store.Tx) error {
		if err := tx.FenceCheck(ctx, fence); err != nil {
			return err
		}
		return tx.ProfileSaveCredentials(ctx, name, revision, sealed)
	})
}

func (s storeShelf) Acquire(ctx context.Context, lease, owner string, now time.Time, ttl time.Duration) (fence store.Fence, err error) {
	err = s.store.Write(ctx, func(tx store.Tx) (err error) {
		fence, err = tx.LeaseAcquire(ctx, lease, owner, now, ttl)
		return err
	})
	return fence, err
}

func (s storeShelf) Release(ctx context.Context, fence store.Fence) error {
	return s.store.Write(ctx, func(tx store.Tx) error { return tx.LeaseRelease(ctx, fence) })
}
