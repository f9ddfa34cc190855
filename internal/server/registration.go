package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Registrar asks custom connectors what they are.
type Registrar interface {
	// Configuration asks the connector behind a Lambda ARN, and returns its answer as the members of the API's
	// ConnectorConfiguration that it decides, bounded and checked. AccessDenied when the function may not be called,
	// NotFound when it does not exist, ConnectorServer when it fails or answers with anything but a sound description,
	// ConnectorAuth when it says that it lacks rights itself.
	Configuration(ctx context.Context, label, lambdaArn string) (flow.Properties, error)
}

// connectorARN names a registered connector as the caller's region sees it.
func (c *call) connectorARN(label string) string {
	return "arn:aws:appflow:" + c.region + ":" + c.account + ":connector/" + label
}

// registrationByLabel reads a registration, or says that there is none.
func registrationByLabel(ctx context.Context, tx store.ReadTx, label string) (*flow.Registration, error) {
	r, err := tx.RegistrationGet(ctx, label)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "Connector with label %s does not exist.", label)
	}
	return r, err
}

// lambdaOf reads the one kind of provisioning there is.
func lambdaOf(in *wire.ConnectorProvisioningConfig) (string, error) {
	if in == nil || in.Lambda == nil {
		return "", missing("connectorProvisioningConfig.lambda")
	}
	return *in.Lambda.LambdaArn, nil
}

func missing(member string) error {
	return fault.New(fault.Validation, "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must not be null", member)
}

// configure asks a custom connector what it is.
func (s *Server) configure(ctx context.Context, label, lambdaArn string) (flow.Properties, error) {
	if s.Registrar == nil {
		return nil, fault.New(fault.ConnectorServer, "Error while communicating to connector: this server has no way to call custom connectors.")
	}
	return s.Registrar.Configuration(ctx, label, lambdaArn)
}

// registrationOut describes a registered connector in full.
func registrationOut(c *call, r *flow.Registration) wire.ConnectorConfiguration {
	out := answered(r)
	out.ConnectorArn, out.ConnectorLabel = ptr(c.connectorARN(r.Label)), ptr(r.Label)
	out.ConnectorType = ptr(wire.ConnectorType(flow.CustomConnector))
	out.IsPrivateLinkEnabled, out.IsPrivateLinkEndpointUrlRequired = ptr(false), ptr(false)
	out.ConnectorDescription = r.Description
	if r.Description == nil {
		out.ConnectorDescription = out.ConnectorName
	}
	if !isManifest(r) {
		out.ConnectorProvisioningType = ptr(wire.ConnectorProvisioningType("LAMBDA"))
		out.ConnectorProvisioningConfig = &wire.ConnectorProvisioningConfig{Lambda: &wire.LambdaConnectorProvisioningConfig{LambdaArn: ptr(r.LambdaArn)}}
	}
	out.RegisteredAt, out.RegisteredBy = ptr(wire.TimestampOf(r.RegisteredAt)), ptr(r.RegisteredBy)
	return out
}

// answered reads what the connector answered when it was registered. It was checked then; one that cannot be read any
// more describes nothing.
func answered(r *flow.Registration) wire.ConnectorConfiguration {
	var out wire.ConnectorConfiguration
	if err := out.DecodeJSON(r.Config); err != nil {
		return wire.ConnectorConfiguration{}
	}
	return out
}

// registrationSummary describes a registered connector in brief.
func registrationSummary(r *flow.Registration) wire.ConnectorDetail {
	full := answered(r)
	out := wire.ConnectorDetail{
		ConnectorType: ptr(wire.ConnectorType(flow.CustomConnector)), ConnectorLabel: ptr(r.Label), ConnectorDescription: r.Description,
		ConnectorName: full.ConnectorName, ConnectorOwner: full.ConnectorOwner, ConnectorVersion: full.ConnectorVersion,
		ConnectorModes:             full.ConnectorModes,
		SupportedDataTransferTypes: full.SupportedDataTransferTypes,
		RegisteredAt:               ptr(wire.TimestampOf(r.RegisteredAt)), RegisteredBy: ptr(r.RegisteredBy),
	}
	if !isManifest(r) {
		out.ConnectorProvisioningType = ptr(wire.ConnectorProvisioningType("LAMBDA"))
	}
	if out.ConnectorDescription == nil {
		out.ConnectorDescription = full.ConnectorName
	}
	return out
}
