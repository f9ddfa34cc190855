package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// updateConnectorRegistration asks a registered connector anew what it is, or the function that is to take its place
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_UpdateConnectorRegistration.html). A description that is left
// out stays.
func (s *Server) updateConnectorRegistration(ctx context.Context, c *call, in *wire.UpdateConnectorRegistrationInput) (*wire.UpdateConnectorRegistrationOutput, error) {
	use := newTokenUse(c, &in.ClientToken, in)
	label := *in.ConnectorLabel
	out := &wire.UpdateConnectorRegistrationOutput{}
	isRepeated := false
	var before *flow.Registration
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		if before, err = registrationByLabel(ctx, tx, label); err == nil {
			err = keepManifest(before)
		}
		if err != nil {
			return err
		}
		isRepeated, err = aboutRegistration(use, before).repeated(ctx, tx, out)
		return err
	})
	if err != nil {
		return nil, err
	}
	lambda := before.LambdaArn
	if in.ConnectorProvisioningConfig != nil {
		if lambda, err = lambdaOf(in.ConnectorProvisioningConfig); err != nil {
			return nil, err
		}
	}
	var config flow.Properties
	if !isRepeated {
		if config, err = s.configure(ctx, label, lambda); err != nil {
			return nil, err
		}
	}
	err = s.mutate(ctx, c, out, func(tx store.Tx) error {
		r, err := registrationByLabel(ctx, tx, label)
		if err == nil {
			err = keepManifest(r)
		}
		if err != nil {
			return err
		}
		use := aboutRegistration(use, r)
		*out = wire.UpdateConnectorRegistrationOutput{ConnectorArn: ptr(c.connectorARN(label))}
		if done, err := use.repeated(ctx, tx, out); done || err != nil {
			return err
		}
		if config == nil {
			return forgotten()
		}
		r.LambdaArn, r.Config = lambda, config
		if in.Description != nil {
			r.Description = in.Description
		}
		if err := tx.RegistrationPut(ctx, r); err != nil {
			return err
		}
		return use.remember(ctx, tx, out)
	})
	return out, err
}

// aboutRegistration binds a token's use to a connector as it was registered: what it answered for one that was
// unregistered since is no answer about a new one of the same label.
func aboutRegistration(u tokenUse, r *flow.Registration) tokenUse {
	return u.about(&flow.Flow{CreatedAt: r.RegisteredAt})
}
