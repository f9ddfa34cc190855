package server

import (
	"weir.dev/weir/api/wire"
)

// resourceOf is the ARN of what a call is about, empty when it is about nothing in particular. Policies and the audit trail
// go by it. AWS has no resource for what does not exist yet; here it is the one that will be, so that a policy can say which
// names a key may create.
func resourceOf(c *call, in wire.Input) string {
	flow := func(name *string) string { return c.named(kindFlow, name) }
	profile := func(name *string) string { return c.named(kindProfile, name) }
	switch in := in.(type) {
	case *wire.DescribeFlowInput:
		return flow(in.FlowName)
	case *wire.StartFlowInput:
		return flow(in.FlowName)
	case *wire.StopFlowInput:
		return flow(in.FlowName)
	case *wire.CreateFlowInput:
		return flow(in.FlowName)
	case *wire.UpdateFlowInput:
		return flow(in.FlowName)
	case *wire.DeleteFlowInput:
		return flow(in.FlowName)
	case *wire.DescribeFlowExecutionRecordsInput:
		return flow(in.FlowName)
	case *wire.CancelFlowExecutionsInput:
		return flow(in.FlowName)
	case *wire.ListFlowsInput:
		return c.flowARN(everything) // all flows, so that a policy for some does not show the others
	case *wire.TagResourceInput:
		return clip(deref(in.ResourceArn))
	case *wire.UntagResourceInput:
		return clip(deref(in.ResourceArn))
	case *wire.ListTagsForResourceInput:
		return clip(deref(in.ResourceArn))
	case *wire.CreateConnectorProfileInput:
		return profile(in.ConnectorProfileName)
	case *wire.UpdateConnectorProfileInput:
		return profile(in.ConnectorProfileName)
	case *wire.DeleteConnectorProfileInput:
		return profile(in.ConnectorProfileName)
	case *wire.ListConnectorEntitiesInput:
		return profile(in.ConnectorProfileName)
	case *wire.DescribeConnectorEntityInput:
		return profile(in.ConnectorProfileName)
	case *wire.ResetConnectorMetadataCacheInput:
		return profile(in.ConnectorProfileName)
	case *wire.RegisterConnectorInput:
		return c.named(kindConnector, in.ConnectorLabel)
	case *wire.UpdateConnectorRegistrationInput:
		return c.named(kindConnector, in.ConnectorLabel)
	case *wire.UnregisterConnectorInput:
		return c.named(kindConnector, in.ConnectorLabel)
	case *wire.DescribeConnectorInput:
		return c.named(kindConnector, in.ConnectorLabel)
	}
	return ""
}

// named is the ARN of a resource that a request may have left out.
func (c *call) named(kind string, name *string) string {
	if name == nil {
		return ""
	}
	return clip(c.arn(kind, *name))
}
