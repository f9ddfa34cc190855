package notify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/notify"
	"weir.dev/weir/internal/store"
)

// post is a receiver that answers as it is told.
type post struct {
	name   string
	atOnce int
	answer func(f notify.Fact) error // nil takes everything

	mu  sync.Mutex
	got []notify.Fact // taken
	all int           // tried
}

func (p *post) Name() string             { return p.name }
func (p *post) Wants(k notify.Kind) bool { return k != notify.KindDeactivate || p.name == "test:all" }
func (p *post) AtOnce() int              { return max(1, p.atOnce) }

func (p *post) Deliver(ctx context.Context, facts []notify.Fact) []error {
	errs := make([]error, len(facts))
	for i, f := range facts {
		var err error
		if p.answer != nil {
			err = p.answer(f)
		}
		if ctx.Err() != nil {
			err = fault.Wrap(fault.Canceled, ctx.Err(), "delivering")
		}
		p.mu.Lock()
		p.all++
		if errs[i] = err; err == nil {
			p.got = append(p.got, f)
		}
		p.mu.Unlock()
	}
	return errs
}

func (p *post) taken() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.got {
		ids = append(ids, f.ID)
	}
	return ids
}

func (p *post) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}

// office is a store with letters of n executions that began, and a dispatcher that has not begun.
type office struct {
	store    *durabletest.Ledger
	counts   map[string]int
	log      bytes.Buffer
	mu       sync.Mutex
	receiver []notify.Receiver
}

func newOffice(t *testing.T, n int, receivers ...notify.Receiver) *office {
	o := &office{store: durabletest.NewLedger(), counts: map[string]int{}, receiver: receivers}
	o.begin(t, 0, n)
	return o
}

func (o *office) begin(t *testing.T, from, to int) {
	book := notify.NewBook("000000000000", "eu-north-1", o.receiver)
	require.NoError(t, o.store.Write(t.Context(), func(tx store.Tx) error {
		for i := from; i < to; i++ {
			f := &flow.Flow{Name: "orders"}
			x := flow.NewExecution(fmt.Sprintf("00000000-0000-0000-0000-%012d", i), f, time.Now())
			if err := book.Started(t.Context(), tx, f, x); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (o *office) dispatcher(st store.Store) *notify.Dispatcher {
	return notify.NewDispatcher(notify.Options{
		Store: st, Receivers: o.receiver, Log: slog.New(slog.NewTextHandler(&o.log, nil)),
		Counted: func(r notify.Receiver, outcome string) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.counts[r.Name()+" "+outcome]++
		},
	})
}

// work runs a dispatcher for a while; over hours it looks less often than it would, for the test's sake.
func (o *office) work(t *testing.T, d time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	disp := o.dispatcher(o.store)
	if d <= time.Minute {
		disp.Run(ctx)
		return
	}
	for ctx.Err() == nil {
		more, err := disp.Round(ctx)
		require.NoError(t, err)
		if !more {
			<-time.After(d / 1000)
		}
	}
}

func (o *office) left(t *testing.T) (list []*store.Letter) {
	require.NoError(t, o.store.Read(t.Context(), func(tx store.ReadTx) (err error) {
		list, err = tx.OutboxDue(t.Context(), time.Now().Add(1000*time.Hour), 1_000_000)
		return err
	}))
	return list
}

var errDown = fault.Temporary(fault.ConnectorServer, nil, "down")

func TestDispatcher_DeliversEachLetterOnceInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := &post{name: "test:a", atOnce: 10}, &post{name: "test:b"}
		o := newOffice(t, 450, a, b) // more than one look takes
		o.work(t, time.Second)
		for _, p := range []*post{a, b} {
			ids := p.taken()
			require.Len(t, ids, 450)
			slices.Sort(ids)
			require.Len(t, slices.Compact(ids), 450)
		}
		require.Empty(t, o.left(t))
		require.Equal(t, 450, o.counts["test:b delivered"])
	})
}

func TestDispatcher_ReceiverThatIsDownHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		up := time.Now().Add(3 * time.Hour)
		down := &post{name: "test:down", atOnce: 10, answer: func(notify.Fact) error {
			if time.Now().Before(up) {
				return errDown
			}
			return nil
		}}
		well := &post{name: "test:well"}
		o := newOffice(t, 450, down, well)
		o.work(t, time.Minute)
		require.Len(t, well.taken(), 450)
		require.Empty(t, down.taken())
		require.Less(t, down.tried(), 100, "it is asked now and then, not with every letter")
		o.begin(t, 450, 451)
		o.work(t, time.Second)
		require.Len(t, well.taken(), 451)

		o.work(t, 4*time.Hour)
		require.Len(t, down.taken(), 451)
		require.Empty(t, o.left(t))
		require.Contains(t, o.log.String(), "does not take them")
	})
}

func TestDispatcher_ReceiverThatHangsIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs, well := &hanging{post{name: "test:hangs"}}, &post{name: "test:well"}
		o := newOffice(t, 3, hangs, well)
		o.work(t, time.Second)
		require.Len(t, well.taken(), 3)
		o.begin(t, 3, 4)
		o.work(t, 15*time.Second)
		require.Len(t, well.taken(), 4)
		require.Len(t, o.left(t), 4, "those that hang")
	})
}

type hanging struct{ post }

func (h *hanging) Deliver(ctx context.Context, facts []notify.Fact) []error {
	<-ctx.Done()
	return slices.Repeat([]error{fault.Temporary(fault.ConnectorServer, ctx.Err(), "reaching it")}, len(facts))
}

func TestDispatcher_PartialFailureRetriesTheFailedAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failed := map[string]int{}
		p := &post{name: "test:p", atOnce: 10, answer: func(f notify.Fact) error {
			if f.Execution.ID[35] == '3' && failed[f.ID] < 2 {
				failed[f.ID]++
				return &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, RetryAfter: time.Minute, Message: "slow down"}
			}
			return nil
		}}
		o := newOffice(t, 10, p)
		o.work(t, time.Second)
		require.Len(t, p.taken(), 9)
		o.work(t, 30*time.Second)
		require.Len(t, p.taken(), 9, "it said when to come back")
		o.work(t, 5*time.Minute)
		require.Len(t, p.taken(), 10)
		require.Equal(t, 12, p.tried())
	})
}

func TestDispatcher_DropsWhatIsRefusedForGoodAndWhatIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := &post{name: "test:gone", answer: func(notify.Fact) error { return fault.New(fault.NotFound, "410") }}
		down := &post{name: "test:down", answer: func(notify.Fact) error { return errDown }}
		o := newOffice(t, 1, gone, down, &post{name: "test:forgotten"})
		o.receiver = o.receiver[:2] // the third is in the configuration no more
		o.work(t, 23*time.Hour)
		require.Equal(t, 1, gone.tried())
		require.Len(t, o.left(t), 2)
		o.work(t, 2*time.Hour)
		require.Empty(t, o.left(t))
		require.Equal(t, 1, o.counts["test:gone dropped"])
		require.Equal(t, 1, o.counts["test:down expired"])
		require.Less(t, down.tried(), 150)
	})
}

// lossy is a store whose next write fails.
type lossy struct {
	store.Store
	fail func() bool
}

func (l *lossy) Write(ctx context.Context, fn func(store.Tx) error) error {
	if l.fail() {
		return errors.New("the process died")
	}
	return l.Store.Write(ctx, fn)
}

func TestDispatcher_CrashBeforeForgettingDeliversAgainWithTheSameID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &post{name: "test:p"}
		o := newOffice(t, 1, p)
		st := &lossy{Store: o.store, fail: func() bool { return p.tried() > 0 }}
		_, err := o.dispatcher(st).Round(t.Context())
		require.ErrorContains(t, err, "died")
		require.Len(t, p.taken(), 1)
		o.work(t, time.Second)
		require.Len(t, p.taken(), 1, "the lease is the dead one's still")
		o.work(t, 2*time.Minute)
		ids := p.taken()
		require.Len(t, ids, 2)
		require.Equal(t, ids[0], ids[1])
		require.Empty(t, o.left(t))
	})
}

func TestDispatcher_OneOfTwoDelivers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &post{name: "test:p"}
		o := newOffice(t, 100, p)
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { o.work(t, 10*time.Second) })
		}
		both.Wait()
		require.Equal(t, 100, p.tried())
	})
}
