package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// listTagsForResource returns a resource's tags
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ListTagsForResource.html).
func (s *Server) listTagsForResource(ctx context.Context, c *call, in *wire.ListTagsForResourceInput) (*wire.ListTagsForResourceOutput, error) {
	name, err := c.flowOfARN(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	var f *flow.Flow
	err = s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		f, err = flowByARN(ctx, tx, *in.ResourceArn, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &wire.ListTagsForResourceOutput{Tags: tagsOut(f.Tags)}, nil
}
