package storetest

import (
	"context"
	"errors"
	"io"
	"sync"

	"weir.dev/weir/internal/store"
)

// ErrCrashed is what a [Crasher] answers from its crash on.
var ErrCrashed = errors.New("the process is gone")

// Faulty wraps a store so that hook is asked at every step, and may make it fail there by returning an error, or stop
// the goroutine there by a panic or runtime.Goexit. Steps are named:
//
//	Read:begin, then each call by its method's name, Read:end
//	Write:begin, then each call, Write:commit:before, Write:commit:after
//	BudgetChange, Ping, Backup, Restore
//
// A call's step comes before it: an error keeps it from happening. "Name:after" comes after a call that succeeded, whose
// answer an error withholds. What Write:commit:before refuses is rolled back; what Write:commit:after refuses has been
// committed, as when a server dies before it can answer. The hook may be called by several goroutines at once, and again
// for a transaction that lost a race.
func Faulty(s store.Store, hook func(step string) error) store.Store {
	return &faultyStore{s, hook}
}

// Crasher counts steps and crashes at one: there and ever after, everything fails with [ErrCrashed]. Its Step is a hook
// for [Faulty]. Run a scenario once with At zero to learn the number of steps, then once with each.
type Crasher struct {
	At int // 1-based; 0 never crashes

	mu    sync.Mutex
	steps []string
}

// Step is the hook. What happens after a crash is not counted.
func (c *Crasher) Step(step string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.At > 0 && len(c.steps) >= c.At {
		return ErrCrashed
	}
	c.steps = append(c.steps, step)
	if len(c.steps) == c.At {
		return ErrCrashed
	}
	return nil
}

// Steps are the steps so far; the last one is where it crashed, if it did.
func (c *Crasher) Steps() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.steps...)
}

type faultyStore struct {
	inner store.Store
	hook  func(step string) error
}

var _ store.Store = (*faultyStore)(nil)

// around runs one call between its two steps.
func around(hook func(string) error, step string, call func() error) error {
	if err := hook(step); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return hook(step + ":after")
}

func around1[T any](hook func(string) error, step string, call func() (T, error)) (T, error) {
	var v T
	err := around(hook, step, func() (err error) {
		v, err = call()
		return err
	})
	if err != nil {
		return *new(T), err
	}
	return v, nil
}

func (s *faultyStore) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	if err := s.hook("Read:begin"); err != nil {
		return err
	}
	if err := s.inner.Read(ctx, func(tx store.ReadTx) error { return fn(faultyReadTx{tx, s.hook}) }); err != nil {
		return err
	}
	return s.hook("Read:end")
}

func (s *faultyStore) Write(ctx context.Context, fn func(store.Tx) error) error {
	err := s.inner.Write(ctx, func(tx store.Tx) error {
		if err := s.hook("Write:begin"); err != nil {
			return err
		}
		if err := fn(faultyTx{faultyReadTx{tx, s.hook}, tx}); err != nil {
			return err
		}
		return s.hook("Write:commit:before")
	})
	if err != nil {
		return err
	}
	return s.hook("Write:commit:after")
}

func (s *faultyStore) BudgetChange(ctx context.Context, name string, change func([]byte) ([]byte, error)) error {
	return around(s.hook, "BudgetChange", func() error { return s.inner.BudgetChange(ctx, name, change) })
}

func (s *faultyStore) Ping(ctx context.Context) error {
	return around(s.hook, "Ping", func() error { return s.inner.Ping(ctx) })
}

func (s *faultyStore) Backup(ctx context.Context, w io.Writer) error {
	return around(s.hook, "Backup", func() error { return s.inner.Backup(ctx, w) })
}

func (s *faultyStore) Restore(ctx context.Context, r io.Reader) error {
	return around(s.hook, "Restore", func() error { return s.inner.Restore(ctx, r) })
}

// Close closes the store under it in any case: tests would leak it otherwise.
func (s *faultyStore) Close() error { return s.inner.Close() }
