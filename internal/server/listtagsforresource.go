package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/internal/store"
)

// listTagsForResource returns a resource's tags
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ListTagsForResource.html).
func (s *Server) listTagsForResource(ctx context.Context, c *call, in *wire.ListTagsForResourceInput) (*wire.ListTagsForResourceOutput, error) {
	r, err := c.resourceOfARN(*in.ResourceArn)
	if err != nil {
		return nil, err
	}
	var t *tagged
	err = s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		t, err = taggedByARN(ctx, tx, *in.ResourceArn, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &wire.ListTagsForResourceOutput{Tags: tagsOut(t.tags)}, nil
}
