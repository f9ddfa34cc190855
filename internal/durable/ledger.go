package durable

import (
	"context"
	"encoding/json"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// write runs one transaction, again when the database had a moment of weakness. An answer that got lost may mean that
// the transaction was committed, so fn must do nothing that a repetition would spoil.
func (s *Steps) write(ctx context.Context, fn func(tx store.Tx) error) error {
	return s.ledger(ctx, func() error { return s.Store.Write(ctx, fn) })
}

func (s *Steps) read(ctx context.Context, fn func(tx store.ReadTx) error) error {
	return s.ledger(ctx, func() error { return s.Store.Read(ctx, fn) })
}

func (s *Steps) ledger(ctx context.Context, transact func() error) error {
	err := s.Options.Ledger.or(defaultLedger).Do(ctx, s.Options.Random, transact)
	if class, _ := fault.RetryOf(err); err != nil && class != fault.Never {
		return &LedgerError{Cause: err}
	}
	return err
}

// LedgerError says that the ledger stayed out of reach for longer than a step wants to wait. It is no fault of the
// execution's: an engine goes on with it when the ledger is back.
type LedgerError struct{ Cause error }

func (e *LedgerError) Error() string { return "using the ledger: " + e.Cause.Error() }

func (e *LedgerError) Unwrap() error { return e.Cause }

// frozen loads an execution with its plan; the plan is nil before it is prepared.
func (s *Steps) frozen(ctx context.Context, id string) (*flow.Execution, *plan.Plan, error) {
	var x *flow.Execution
	var raw json.RawMessage
	err := s.read(ctx, func(tx store.ReadTx) (err error) {
		if x, err = tx.ExecutionGet(ctx, id); err != nil {
			return err
		}
		raw, err = tx.PlanGet(ctx, id)
		if fault.Is(err, fault.NotFound) {
			raw, err = nil, nil
		}
		return err
	})
	if err != nil || raw == nil {
		return x, nil, err
	}
	p, err := decodePlan(id, raw)
	return x, p, err
}

func decodePlan(executionID string, raw json.RawMessage) (*plan.Plan, error) {
	p := new(plan.Plan)
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the plan of execution %s", executionID)
	}
	return p, nil
}

// splits loads an execution's splits, in order.
func (s *Steps) splits(ctx context.Context, id string) (rows []*store.Split, err error) {
	err = s.read(ctx, func(tx store.ReadTx) (err error) {
		rows, err = tx.SplitList(ctx, id)
		return err
	})
	return rows, err
}

// receipts loads an execution's receipts, in order.
func (s *Steps) receipts(ctx context.Context, id string) ([]connector.Receipt, error) {
	list, _, err := s.allReceipts(ctx, id)
	return list, err
}

// allReceipts loads an execution's receipts, and those of its error files.
func (s *Steps) allReceipts(ctx context.Context, id string) (list, errors []connector.Receipt, err error) {
	var rows []*store.Receipt
	err = s.read(ctx, func(tx store.ReadTx) (err error) {
		rows, err = tx.ReceiptList(ctx, id)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	list = make([]connector.Receipt, 0, len(rows))
	for _, row := range rows {
		var r connector.Receipt
		if err := json.Unmarshal(row.Data, &r); err != nil {
			return nil, nil, fault.Wrap(fault.Internal, err, "reading receipt %d of split %d", row.Sequence, row.Split)
		}
		if row.Sequence < 0 {
			errors = append(errors, r)
		} else {
			list = append(list, r)
		}
	}
	return list, errors, nil
}

func splitOf(row *store.Split) (connector.Split, error) {
	var sp connector.Split
	err := json.Unmarshal(row.Data, &sp)
	return sp, fault.Wrap(fault.Internal, err, "reading split %d", row.Index)
}

// splitLabel is the split as far as messages need it.
func splitLabel(row *store.Split) connector.Split {
	sp, err := splitOf(row)
	if err != nil {
		return connector.Split{Index: row.Index}
	}
	return sp
}

// Transact runs a transaction of an engine's own, as the steps run theirs: again when the database had a moment of
// weakness, so fn must do nothing that a repetition would spoil.
func (s *Steps) Transact(ctx context.Context, fn func(tx store.Tx) error) error {
	return s.write(ctx, fn)
}

// Look reads for an engine, as the steps read for themselves.
func (s *Steps) Look(ctx context.Context, fn func(tx store.ReadTx) error) error {
	return s.read(ctx, fn)
}
