package server

import (
	"context"

	"weir.dev/weir/api/wire"
)

// untagResource removes tags; keys that are not there are ignored
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_UntagResource.html).
func (s *Server) untagResource(ctx context.Context, c *call, in *wire.UntagResourceInput) (*wire.UntagResourceOutput, error) {
	out := &wire.UntagResourceOutput{}
	return out, s.changeTags(ctx, c, out, *in.ResourceArn, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}
