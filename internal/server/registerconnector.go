package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// registerConnector asks a custom connector what it is, and keeps the answer under a label
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_RegisterConnector.html). The connector is called outside any
// transaction, and only when the request would otherwise succeed.
func (s *Server) registerConnector(ctx context.Context, c *call, in *wire.RegisterConnectorInput) (*wire.RegisterConnectorOutput, error) {
	use := newTokenUse(c, &in.ClientToken, in)
	if in.ConnectorLabel == nil {
		return nil, missing("connectorLabel")
	}
	if in.ConnectorProvisioningType == nil {
		return nil, missing("connectorProvisioningType")
	}
	lambda, err := lambdaOf(in.ConnectorProvisioningConfig)
	if err != nil {
		return nil, err
	}
	r := &flow.Registration{
		Label: *in.ConnectorLabel, Description: in.Description, LambdaArn: lambda, RegisteredAt: c.at, RegisteredBy: c.principal,
	}
	out := &wire.RegisterConnectorOutput{}
	isRepeated := false
	err = s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		if isRepeated, err = use.repeated(ctx, tx, out); isRepeated || err != nil {
			return err
		}
		return s.admitRegistration(ctx, tx, r.Label)
	})
	if err != nil {
		return nil, err
	}
	if !isRepeated {
		if r.Config, err = s.configure(ctx, r.Label, lambda); err != nil {
			return nil, err
		}
	}
	err = s.mutate(ctx, c, out, func(tx store.Tx) error {
		*out = wire.RegisterConnectorOutput{ConnectorArn: ptr(c.connectorARN(r.Label))}
		if done, err := use.repeated(ctx, tx, out); done || err != nil {
			return err
		}
		if r.Config == nil {
			return forgotten()
		}
		if err := s.admitRegistration(ctx, tx, r.Label); err != nil {
			return err
		}
		if err := tx.RegistrationPut(ctx, r); err != nil {
			return err
		}
		return use.remember(ctx, tx, out)
	})
	return out, err
}

// forgotten is for a clientToken whose life ends between the two looks at it.
func forgotten() error {
	return fault.Temporary(fault.Internal, nil, "the clientToken has just ended its life; repeat the request")
}

// admitRegistration checks what depends on what else is registered: the label, and how many there are.
func (s *Server) admitRegistration(ctx context.Context, tx store.ReadTx, label string) error {
	if label == flow.LabelWebhook {
		return fault.New(fault.Conflict, "The label %s is Weir's own, for flows that are sent events. Choose another label.", label)
	}
	if flow.IsAuthoredLabel(label) {
		return fault.New(fault.Conflict, "The label %s is that of a connector written by AWS. Choose another label.", label)
	}
	r, err := tx.RegistrationGet(ctx, label)
	if err == nil {
		if err := keepManifest(r); err != nil {
			return err
		}
		return fault.New(fault.Conflict, "Connector with label %s already exists.", label)
	}
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	n, err := tx.RegistrationCount(ctx)
	if err == nil && n >= s.MaxConnectors {
		return fault.New(fault.Quota, "The limit of %d registered connectors is reached. Unregister one, or raise the limit with --max-connectors.", s.MaxConnectors)
	}
	return err
}
