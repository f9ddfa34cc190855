package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// createConnectorProfile keeps a connection to a vendor, once its credentials have been seen to work
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_CreateConnectorProfile.html). The vendor is asked between two
// looks at the store: never inside a transaction, and not for a request that is refused anyway.
func (s *Server) createConnectorProfile(ctx context.Context, c *call, in *wire.CreateConnectorProfileInput) (*wire.CreateConnectorProfileOutput, error) {
	use := s.secretTokenUse(c, &in.ClientToken, in)
	connector := flow.ConnectorType(*in.ConnectorType)
	props, given, err := profileConfigIn(connector, in.ConnectorProfileConfig)
	if err != nil {
		return nil, err
	}
	p := &store.Profile{Profile: flow.Profile{
		Name: *in.ConnectorProfileName, Connector: connector, Label: deref(in.ConnectorLabel), Mode: flow.ConnectionMode(*in.ConnectionMode),
		Properties: props, KMSArn: in.KmsArn, CreatedAt: c.at, UpdatedAt: c.at, CreatedBy: c.principal, UpdatedBy: c.principal,
	}}
	p.CredentialsArn = c.newCredentialsARN(&p.Profile)
	if err := checkProfile("Create Connector Profile", &p.Profile, given, false); err != nil {
		return nil, err
	}
	out := &wire.CreateConnectorProfileOutput{}
	done := false
	err = s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		if done, err = use.repeated(ctx, tx, out); done || err != nil {
			return err
		}
		return s.admitProfile(ctx, tx, &p.Profile)
	})
	if err == nil && !done {
		p.SealedCredentials, err = s.prove(ctx, &p.Profile, given, nil)
	}
	if err != nil {
		return nil, err
	}
	err = s.mutate(ctx, c, out, func(tx store.Tx) error {
		*out = wire.CreateConnectorProfileOutput{ConnectorProfileArn: ptr(c.profileARN(p.Name))}
		if again, err := use.repeated(ctx, tx, out); again || err != nil {
			return err
		}
		if done {
			return fault.New(fault.Conflict, "The clientToken has expired. Use a new one.")
		}
		if err := s.admitProfile(ctx, tx, &p.Profile); err != nil {
			return err
		}
		if err := tx.ProfilePut(ctx, p); err != nil {
			return err
		}
		return use.remember(ctx, tx, out)
	})
	return out, err
}

// admitProfile checks what depends on what else is stored: the name, the number of profiles, the label.
func (s *Server) admitProfile(ctx context.Context, tx store.ReadTx, p *flow.Profile) error {
	_, err := tx.ProfileGet(ctx, p.Name)
	if err == nil {
		return fault.New(fault.Conflict, "Connector Profile with name %s already exists.", p.Name)
	}
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	n, err := tx.ProfileCount(ctx)
	if err != nil {
		return err
	}
	if n >= s.MaxProfiles {
		return fault.New(fault.Quota, "The limit of %d connector profiles is reached. Delete one, or raise the limit with --max-profiles.", s.MaxProfiles)
	}
	return checkLabel(ctx, tx, p.Label)
}
