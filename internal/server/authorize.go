package server

import (
	"context"
	"strings"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/store"
)

// everything is the resource of what belongs to no resource.
const everything = "*"

// authorize asks the caller's policy about an operation, before anything is looked up: whoever may not do something learns
// nothing of what there is. Where the answer depends on tags of the resource, it is given on a snapshot of its own first;
// the context that comes back then makes every transaction of the call ask again, in its own snapshot.
func (s *Server) authorize(ctx context.Context, c *call, action policy.Action, in wire.Input) (context.Context, error) {
	if c.policy == nil {
		return ctx, nil
	}
	resource := resourceOf(c, in)
	if resource == "" {
		resource = everything
	}
	g := &guard{call: c, account: c.account}
	if err := g.ask(action, resource, tagsIn(in)); err != nil {
		return ctx, err
	}
	for _, also := range impliedBy(c, in) {
		if err := g.ask(also.action, orText(also.resource, resource), tagsIn(in)); err != nil {
			return ctx, err
		}
	}
	if len(g.open) == 0 {
		return ctx, nil
	}
	if err := s.plain.Read(ctx, func(tx store.ReadTx) error { return g.check(ctx, tx) }); err != nil {
		return ctx, err
	}
	return context.WithValue(ctx, guardKey{}, g), nil
}

// permission is an action on a resource.
type permission struct {
	action   policy.Action
	resource string // empty: that of the call
}

// impliedBy are the permissions that an operation needs besides its own: to tag what is created, and to use the profiles
// that a flow names (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonappflow.html). Starting a
// flow needs none of them: whoever wrote the flow had them.
func impliedBy(c *call, in wire.Input) []permission {
	var source *wire.SourceFlowConfig
	var destinations []wire.DestinationFlowConfig
	var out []permission
	switch in := in.(type) {
	case *wire.CreateFlowInput:
		source, destinations = in.SourceFlowConfig, in.DestinationFlowConfigList
		if len(in.Tags) > 0 {
			out = append(out, permission{action: actionTagResource})
		}
	case *wire.UpdateFlowInput:
		source, destinations = in.SourceFlowConfig, in.DestinationFlowConfigList
	default:
		return nil
	}
	use := func(profile *string) {
		if profile != nil {
			out = append(out, permission{actionUseConnectorProfile, c.profileARN(*profile)})
		}
	}
	if source != nil {
		use(source.ConnectorProfileName)
	}
	for i := range destinations {
		use(destinations[i].ConnectorProfileName)
	}
	return out
}

// tagsIn are the tags that a request sets or removes.
func tagsIn(in wire.Input) policy.Tags {
	switch in := in.(type) {
	case *wire.CreateFlowInput:
		return policy.Tags{Values: in.Tags}
	case *wire.TagResourceInput:
		return policy.Tags{Values: in.Tags}
	case *wire.UntagResourceInput:
		return policy.Tags{Keys: in.TagKeys}
	}
	return policy.Tags{}
}

// Actions that the server asks for by name.
var (
	actionTagResource         = mustAction(policy.TagResource)
	actionUseConnectorProfile = mustAction(policy.UseConnectorProfile)
)

func mustAction(name string) policy.Action {
	a, ok := policy.ActionOf(name)
	if !ok {
		panic("no policy action is named " + name) //nolint:forbidigo // a mistake of the program, found at its start
	}
	return a
}

// operationAction is the action of one of AppFlow's operations.
func operationAction(operation string) policy.Action { return mustAction("appflow:" + operation) }

// allow asks the caller's policy about something that has no tags.
func (s *Server) allow(c *call, action policy.Action, resource string) error {
	if c.policy == nil {
		return nil
	}
	q := c.question(action, resource, policy.Tags{})
	q.KnowsTags = true
	return verdict(c, q, c.policy.Decide(q))
}

// allowFlow asks about a flow, whose tags are read only when the policy asks for them.
func (s *Server) allowFlow(ctx context.Context, tx store.ReadTx, c *call, action policy.Action, name string) error {
	g := &guard{call: c, account: c.account}
	if err := g.ask(action, c.flowARN(name), policy.Tags{}); err != nil {
		return err
	}
	return g.check(ctx, tx)
}

func (c *call) question(action policy.Action, resource string, tags policy.Tags) *policy.Request {
	if c.caller == nil {
		c.caller = &policy.Caller{ARN: c.principal, Name: c.userName, Region: c.region, SourceIP: c.address, IsSecure: c.isSecure, At: c.at}
	}
	return &policy.Request{Action: action, Resource: resource, Caller: c.caller, Tags: tags}
}

// verdict is the refusal of a decision in AWS's words, nil for an allowed or an open one
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
func verdict(c *call, q *policy.Request, d policy.Decision) error {
	var why string
	switch d {
	case policy.Allowed, policy.Undecided:
		return nil
	case policy.DeniedExplicitly:
		why = "with an explicit deny in an identity-based policy"
	default:
		why = "because no identity-based policy allows the " + q.Action.String() + " action"
	}
	return fault.New(fault.AccessDenied, "User: %s is not authorized to perform: %s on resource: %s %s", c.principal, q.Action, clip(q.Resource), why)
}

// guard holds what a policy cannot answer without the tags of resources. Used by one call.
type guard struct {
	call    *call
	account string
	open    []*policy.Request
}

type guardKey struct{}

// ask puts a question, and keeps it when it needs tags.
func (g *guard) ask(action policy.Action, resource string, tags policy.Tags) error {
	c := g.call
	if c.policy == nil {
		return nil
	}
	q := c.question(action, resource, tags)
	d := c.policy.Decide(q)
	if d == policy.Undecided {
		g.open = append(g.open, q)
	}
	return verdict(c, q, d)
}

// check answers the open questions on a transaction's snapshot. A resource that is not there has no tags.
func (g *guard) check(ctx context.Context, tx store.ReadTx) error {
	for _, open := range g.open {
		q := *open
		var err error
		if q.ResourceTags, err = tagsOf(ctx, tx, q.Resource, g.account); err != nil {
			return err
		}
		q.KnowsTags = true
		if err := verdict(g.call, &q, g.call.policy.Decide(&q)); err != nil {
			return err
		}
	}
	return nil
}

// tagsOf reads the tags of the resource that an ARN of this account names.
func tagsOf(ctx context.Context, tx store.ReadTx, arn, account string) (map[string]string, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[4] != account {
		return nil, nil
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	var tags map[string]string
	var err error
	switch kind {
	case kindFlow:
		f, ferr := tx.FlowGet(ctx, name)
		if err = ferr; err == nil {
			tags = f.Tags
		}
	case kindProfile:
		p, perr := tx.ProfileGet(ctx, name)
		if err = perr; err == nil {
			tags = p.Tags
		}
	case kindConnector:
		r, rerr := tx.RegistrationGet(ctx, name)
		if err = rerr; err == nil {
			tags = r.Tags
		}
	}
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return tags, err
}

// guardedStore has every transaction of a call with open questions answer them first, so that no handler can forget to:
// the tags that count are those of the snapshot that the handler reads and writes.
type guardedStore struct{ store.Store }

// Read implements [store.Store].
func (s guardedStore) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	g, ok := ctx.Value(guardKey{}).(*guard)
	if !ok {
		return s.Store.Read(ctx, fn)
	}
	return s.Store.Read(ctx, func(tx store.ReadTx) error {
		if err := g.check(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// Write implements [store.Store].
func (s guardedStore) Write(ctx context.Context, fn func(store.Tx) error) error {
	g, ok := ctx.Value(guardKey{}).(*guard)
	if !ok {
		return s.Store.Write(ctx, fn)
	}
	return s.Store.Write(ctx, func(tx store.Tx) error {
		if err := g.check(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
}
