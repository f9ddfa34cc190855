package server

import (
	"context"
	"errors"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// updateConnectorProfile replaces a profile's connection mode, properties and credentials
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_UpdateConnectorProfile.html). A request without credentials
// keeps those that are stored. Runs that have started go on with what they have.
func (s *Server) updateConnectorProfile(ctx context.Context, c *call, in *wire.UpdateConnectorProfileInput) (*wire.UpdateConnectorProfileOutput, error) {
	use := s.secretTokenUse(c, &in.ClientToken, in)
	tries := 3
	if in.ConnectorProfileConfig.ConnectorProfileCredentials != nil {
		tries = 1 // an authorization code works once
	}
	for range tries {
		out, err := s.tryUpdateProfile(ctx, c, use, in)
		if !errors.Is(err, errProfileMoved) {
			return out, err
		}
	}
	return nil, fault.New(fault.Conflict, "Connector Profile %s is being changed by another request. Try again.", *in.ConnectorProfileName)
}

// errProfileMoved says that the profile is no longer the one that the vendor was asked about.
var errProfileMoved = errors.New("the profile has changed meanwhile")

func (s *Server) tryUpdateProfile(
	ctx context.Context, c *call, use tokenUse, in *wire.UpdateConnectorProfileInput,
) (*wire.UpdateConnectorProfileOutput, error) {
	out := &wire.UpdateConnectorProfileOutput{}
	var before *store.Profile
	done := false
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		if before, err = profileByName(ctx, tx, *in.ConnectorProfileName); err != nil {
			return err
		}
		done, err = use.since(before.CreatedAt).repeated(ctx, tx, out)
		return err
	})
	if err != nil {
		return nil, err
	}
	props, given, err := profileConfigIn(before.Connector, in.ConnectorProfileConfig)
	if err != nil {
		return nil, err
	}
	after := before.Profile
	after.Properties, after.Mode = props, flow.ConnectionMode(*in.ConnectionMode)
	if err := checkProfile("Update Connector Profile", &after, given, len(before.SealedCredentials) > 0); err != nil {
		return nil, err
	}
	var sealed []byte
	if !done {
		if sealed, err = s.prove(ctx, &after, given, before.SealedCredentials); err != nil {
			return nil, err
		}
	}
	err = s.mutate(ctx, c, out, func(tx store.Tx) error {
		*out = wire.UpdateConnectorProfileOutput{ConnectorProfileArn: ptr(c.profileARN(after.Name))}
		now, err := profileByName(ctx, tx, after.Name)
		if err != nil {
			return err
		}
		use := use.since(now.CreatedAt)
		if again, err := use.repeated(ctx, tx, out); again || err != nil {
			return err
		}
		isAnother := !now.CreatedAt.Equal(before.CreatedAt)
		if done || isAnother || given == nil && now.Revision != before.Revision {
			return errProfileMoved
		}
		now.Properties, now.Mode, now.Private = after.Properties, after.Mode, after.Private
		now.UpdatedAt, now.UpdatedBy = c.at, c.principal
		if sealed != nil {
			now.SealedCredentials = sealed
		}
		if err := tx.ProfilePut(ctx, now); err != nil {
			return err
		}
		return use.remember(ctx, tx, out)
	})
	return out, err
}
