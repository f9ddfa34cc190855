package notify

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// Book writes letters into the transactions that they are about. A nil Book, and one without receivers, writes none.
// Safe for concurrent use; a transaction that is run again writes the same letters again.
type Book struct {
	account, region string
	to              []Receiver
}

// NewBook makes a book for an installation's receivers.
func NewBook(account, region string, receivers []Receiver) *Book {
	return &Book{account: account, region: region, to: receivers}
}

// Started writes that an execution has been put into the ledger.
func (b *Book) Started(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error {
	if b == nil || len(b.to) == 0 {
		return nil
	}
	fact := newFact(idOf(x.ID, KindStart), KindStart, x.StartedAt, &x.Definition)
	fact.Flow.Name, fact.Flow.CreatedBy, fact.Execution = f.Name, f.CreatedBy, executionOf(x)
	return b.write(ctx, tx, fact, nil)
}

// Ended writes that an execution is done; its status says how. The flow is nil when it has been deleted meanwhile.
func (b *Book) Ended(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error {
	if b == nil || len(b.to) == 0 {
		return nil
	}
	fact := newFact(idOf(x.ID, KindEnd), KindEnd, x.UpdatedAt, &x.Definition)
	fact.Flow.Name, fact.Execution = x.FlowName, executionOf(x)
	if f != nil {
		fact.Flow.CreatedBy = f.CreatedBy
	}
	return b.write(ctx, tx, fact, func() (*Lineage, error) { return readLineage(ctx, tx, x.ID) })
}

// Deactivated writes that a scheduled or event flow has been deactivated because of the execution that just failed.
func (b *Book) Deactivated(ctx context.Context, tx store.Tx, f *flow.Flow, x *flow.Execution) error {
	if b == nil || len(b.to) == 0 {
		return nil
	}
	kind := KindDeactivate
	if f.Trigger.Type == flow.TriggerEvent {
		kind = KindEventDeactivate
	}
	fact := newFact(idOf(x.ID, kind), kind, x.UpdatedAt, &f.Definition)
	fact.Flow.Name, fact.Flow.CreatedBy, fact.Execution, fact.Reason = f.Name, f.CreatedBy, executionOf(x), f.StatusMessage
	return b.write(ctx, tx, fact, nil)
}

// EventReport writes what an event flow has done for a while.
func (b *Book) EventReport(ctx context.Context, tx store.Tx, f *flow.Flow, r *store.EventReport) error {
	if b == nil || len(b.to) == 0 {
		return nil
	}
	fact := eventFact(f, KindEventReport, r.To)
	fact.Activity = r
	return b.write(ctx, tx, fact, nil)
}

// EventsDeactivated writes that an event flow has been deactivated because nobody can listen for it.
func (b *Book) EventsDeactivated(ctx context.Context, tx store.Tx, f *flow.Flow, at time.Time) error {
	if b == nil || len(b.to) == 0 {
		return nil
	}
	fact := eventFact(f, KindEventDeactivate, at)
	fact.Reason = f.StatusMessage
	return b.write(ctx, tx, fact, nil)
}

// eventFact is about no execution: its id comes from the flow and the time.
func eventFact(f *flow.Flow, kind Kind, at time.Time) Fact {
	fact := newFact(idOf(f.Name+"/"+kept(at).Format(time.RFC3339Nano), kind), kind, at, &f.Definition)
	fact.Flow.Name, fact.Flow.CreatedBy = f.Name, f.CreatedBy
	return fact
}

// write puts one letter for each receiver that cares into the outbox.
func (b *Book) write(ctx context.Context, tx store.Tx, fact Fact, lineage func() (*Lineage, error)) error {
	fact.Account, fact.Region = b.account, b.region
	var traced *Lineage
	for _, r := range b.to {
		if !r.Wants(fact.Kind) {
			continue
		}
		if q, ok := r.(interface{ WantsEventRuns() bool }); ok && fact.Flow.Trigger == flow.TriggerEvent && fact.Kind.isRun() && !q.WantsEventRuns() {
			continue
		}
		body := fact
		if l, ok := r.(interface{ WantsLineage() bool }); ok && l.WantsLineage() && lineage != nil {
			if traced == nil {
				var err error
				if traced, err = lineage(); err != nil {
					return err
				}
			}
			body.Lineage = traced
		}
		raw, err := json.Marshal(&body)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "writing a notification of flow %q", fact.Flow.Name)
		}
		letter := &store.Letter{
			ID: letterID(fact.ID, r.Name()), Kind: string(fact.Kind), To: r.Name(), At: kept(fact.At), DueAt: kept(fact.At), Body: raw,
		}
		if err := tx.OutboxPut(ctx, letter); err != nil {
			return err
		}
	}
	return nil
}

// kept is a time as stores keep it.
func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// space makes ids that depend on nothing but what they are of.
var space = uuid.MustParse("8a7c3c0e-5f0b-4f8e-9a52-6a3f1f6f2d10")

func idOf(executionID string, kind Kind) string {
	return uuid.NewSHA1(space, []byte(executionID+"/"+string(kind))).String()
}

func letterID(factID, receiver string) string {
	return uuid.NewSHA1(space, []byte(factID+"/"+receiver)).String()
}

// readLineage reads an execution's frozen plan; nil before it was prepared.
func readLineage(ctx context.Context, tx store.ReadTx, executionID string) (*Lineage, error) {
	raw, err := tx.PlanGet(ctx, executionID)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var p plan.Plan
	if json.Unmarshal(raw, &p) != nil {
		return nil, nil // a plan of another build: the run is told of without its columns
	}
	return LineageOf(&p), nil
}
