package server

import (
	"context"
	"maps"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// maxTags is how many tags a resource may have (https://docs.aws.amazon.com/appflow/latest/userguide/tagging.html).
const maxTags = 50

// tagResource adds tags and replaces those of the same key
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_TagResource.html).
func (s *Server) tagResource(ctx context.Context, c *call, in *wire.TagResourceInput) (*wire.TagResourceOutput, error) {
	out := &wire.TagResourceOutput{}
	return out, s.changeTags(ctx, c, out, *in.ResourceArn, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// changeTags edits a resource's tags in one transaction.
func (s *Server) changeTags(ctx context.Context, c *call, out wire.Output, arn string, edit func(tags map[string]string)) error {
	name, err := c.flowOfARN(arn)
	if err != nil {
		return err
	}
	return s.mutate(ctx, c, out, func(tx store.Tx) error {
		f, err := flowByARN(ctx, tx, arn, name)
		if err != nil {
			return err
		}
		tags := maps.Clone(f.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		edit(tags)
		if len(tags) > maxTags {
			return fault.New(fault.Validation, "1 validation error detected: Value at 'tags' failed to satisfy constraint: "+
				"Member must have length less than or equal to %d together with the tags that are there; there would be %d", maxTags, len(tags))
		}
		f.Tags = tags
		return tx.FlowPut(ctx, f)
	})
}

// flowByARN reads the flow that a tag operation names.
func flowByARN(ctx context.Context, tx store.ReadTx, arn, name string) (*flow.Flow, error) {
	f, err := tx.FlowGet(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "Resource %s does not exist.", clip(arn))
	}
	return f, err
}
