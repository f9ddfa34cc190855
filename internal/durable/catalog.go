package durable

import (
	"context"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

// Catalog registers a run's published files in a metadata catalog. Registering the same again changes nothing.
type Catalog interface {
	// Register makes or updates the tables of a run that began a flow which was created at that time. Keys are those of
	// the files in the destination's bucket. What goes wrong is told in the details.
	Register(ctx context.Context, to flow.GlueConfig, flowCreatedAt time.Time, p *plan.Plan, keys []string) []flow.CatalogDetail
}

// catalogTime bounds how long an execution waits for its catalog.
const catalogTime = 2 * time.Minute

// register registers what the execution has published, when it is bound for success and its flow names a catalog. It
// comes before the ledger is closed: a crash in between registers again. An error is the ledger's.
func (s *Steps) register(ctx context.Context, executionID string) ([]flow.CatalogDetail, error) {
	if s.Catalog == nil {
		return nil, nil
	}
	x, p, err := s.frozen(ctx, executionID)
	if err != nil {
		return nil, err
	}
	to := x.Definition.Catalog
	if to == nil || to.Glue == nil || x.Status.Done() || x.Outcome != flow.ExecutionSuccessful || p == nil || p.Dest.Files == nil {
		return nil, nil
	}
	var f *flow.Flow
	err = s.read(ctx, func(tx store.ReadTx) (err error) {
		f, err = tx.FlowGet(ctx, x.FlowName)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	receipts, err := s.receipts(ctx, executionID)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(receipts))
	for i := range receipts {
		keys[i] = receipts[i].Name
	}
	within, cancel := context.WithTimeout(ctx, catalogTime)
	defer cancel()
	details := s.Catalog.Register(within, *to.Glue, f.CreatedAt, p, keys)
	for _, d := range details {
		if d.Tables.Status != flow.ExecutionSuccessful || d.Partitions != nil && d.Partitions.Status != flow.ExecutionSuccessful {
			s.Logger().Warn("output not registered in the catalog", "flow", x.FlowName, "execution", x.ID, "table", d.Table, "message", d.Message())
		}
	}
	return details, nil
}
