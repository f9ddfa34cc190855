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
	r, err := c.resourceOfARN(arn)
	if err != nil {
		return err
	}
	return s.mutate(ctx, c, out, func(tx store.Tx) error {
		t, err := taggedByARN(ctx, tx, arn, r)
		if err != nil {
			return err
		}
		tags := maps.Clone(t.tags)
		if tags == nil {
			tags = map[string]string{}
		}
		edit(tags)
		if len(tags) > maxTags {
			return fault.New(fault.Validation, "1 validation error detected: Value at 'tags' failed to satisfy constraint: "+
				"Member must have length less than or equal to %d together with the tags that are there; there would be %d", maxTags, len(tags))
		}
		return t.put(ctx, tx, tags)
	})
}

// tagged is a resource with tags: one of the three.
type tagged struct {
	tags         map[string]string
	flow         *flow.Flow
	profile      *store.Profile
	registration *flow.Registration
}

// taggedByARN reads the resource that a tag operation names.
func taggedByARN(ctx context.Context, tx store.ReadTx, arn string, r resource) (*tagged, error) {
	t := &tagged{}
	var err error
	switch r.kind {
	case kindFlow:
		if t.flow, err = tx.FlowGet(ctx, r.name); err == nil {
			t.tags = t.flow.Tags
		}
	case kindProfile:
		if t.profile, err = tx.ProfileGet(ctx, r.name); err == nil {
			t.tags = t.profile.Tags
		}
	case kindConnector:
		if t.registration, err = tx.RegistrationGet(ctx, r.name); err == nil {
			t.tags = t.registration.Tags
		}
	}
	if fault.Is(err, fault.NotFound) {
		return nil, noResource(arn)
	}
	return t, err
}

// put stores the resource with other tags. A flow's may be options of Weir's, a profile's its budget of calls, which have to make sense.
func (t *tagged) put(ctx context.Context, tx store.Tx, tags map[string]string) error {
	switch {
	case t.flow != nil:
		if problems := t.flow.CheckTags(tags); len(problems) > 0 {
			return fault.New(fault.Validation, "Tag Resource request failed: [%s]", problems)
		}
		t.flow.Tags = tags
		return tx.FlowPut(ctx, t.flow)
	case t.profile != nil:
		if _, problems := flow.CallBudgetOf(tags); len(problems) > 0 {
			return fault.New(fault.Validation, "Tag Resource request failed: [%s]", problems)
		}
		t.profile.Tags = tags
		return tx.ProfilePut(ctx, t.profile)
	}
	t.registration.Tags = tags
	return tx.RegistrationPut(ctx, t.registration)
}
