package durable

import (
	"context"

	"weir.dev/weir/connector"
	"weir.dev/weir/internal/land"
	"weir.dev/weir/internal/plan"
)

// publish makes every staged file appear and checks with the destination that it holds them. Then nothing that is still
// staged is needed, and what attempts that died left behind is dropped, in splits without receipts too.
func publish(ctx context.Context, p *plan.Plan, target *connector.Target, splits int, receipts []connector.Receipt) error {
	if err := land.Commit(ctx, *target, p, receipts); err != nil {
		return err
	}
	owners := map[string]bool{}
	for i := range receipts {
		if s := receipts[i].Staged; s != nil {
			owners[s.Owner] = true
		}
	}
	if len(owners) >= splits {
		return nil // land.Commit has looked at all of them
	}
	return land.Discard(ctx, *target, p, splits, nil)
}
