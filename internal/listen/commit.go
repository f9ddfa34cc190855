package listen

import (
	"context"
	"sync"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// job is an arrival on its way into the store.
type job struct {
	*arrival
	fresh  []event
	chunks []*store.EventChunk
	now    time.Time
	out    taken
	err    error         // read after done
	done   chan struct{} // nil unless it is queued
}

// queue lets arrivals that come at the same time share a transaction, so that the database syncs its disk once for all of
// them. Whoever finds nobody at work takes what is there into the store.
type queue struct {
	mu      sync.Mutex // guards all below
	waiting []*job
	isBusy  bool
}

const (
	// jobsAtOnce bounds one transaction.
	jobsAtOnce = 100
	// commitTime bounds it in time. It is nobody's own: a client that goes away must not fail the others.
	commitTime = 30 * time.Second
)

// commit takes one job into the store. What is sent is queued; what a listener hears comes one by one anyway.
func (b *Inbox) commit(ctx context.Context, j *job) error {
	if !j.isPushed {
		return b.o.Store.Write(ctx, func(tx store.Tx) error {
			refused, err := b.write(ctx, tx, j, nil)
			if err == nil {
				err = refused
			}
			return err
		})
	}
	j.done = make(chan struct{})
	q := &b.queue
	q.mu.Lock()
	q.waiting = append(q.waiting, j)
	leads := !q.isBusy
	q.isBusy = true
	q.mu.Unlock()
	if leads {
		b.lead(ctx)
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done(): // it may be taken in all the same: its sender, who hears nothing, sends again under the same name
		return fault.Wrap(fault.Canceled, context.Cause(ctx), "taking events in")
	}
}

// lead takes in what waits. What comes meanwhile is somebody else's, so that no sender waits for all others.
func (b *Inbox) lead(ctx context.Context) {
	q := &b.queue
	q.mu.Lock()
	n := min(len(q.waiting), jobsAtOnce)
	jobs := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	q.mu.Unlock()
	defer b.leave(ctx) // also when the store panics: the queue would stand still for good
	shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	b.commitAll(shared, jobs)
}

// leave hands the queue on, if there is anything in it.
func (b *Inbox) leave(ctx context.Context) {
	q := &b.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.isBusy = len(q.waiting) > 0; q.isBusy {
		go b.lead(context.WithoutCancel(ctx))
	}
}

// commitAll takes jobs into the store, in one transaction. One that is refused holds up no other.
func (b *Inbox) commitAll(ctx context.Context, jobs []*job) {
	err := error(fault.New(fault.Internal, "taking events in was broken off"))
	defer func() {
		for _, j := range jobs {
			if err != nil {
				j.err = err
			}
			close(j.done)
		}
	}()
	err = b.o.Store.Write(ctx, func(tx store.Tx) error {
		sums := map[string]int64{}
		for _, j := range jobs {
			refused, err := b.write(ctx, tx, j, sums)
			if err != nil {
				return err
			}
			j.err = refused
		}
		return nil
	})
}
