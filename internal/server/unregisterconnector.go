package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// unregisterConnector forgets a custom connector
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_UnregisterConnector.html). Its profiles and flows stay, when
// they do not stand in the way; they fail from then on.
func (s *Server) unregisterConnector(ctx context.Context, c *call, in *wire.UnregisterConnectorInput) (*wire.UnregisterConnectorOutput, error) {
	out := &wire.UnregisterConnectorOutput{}
	label := *in.ConnectorLabel
	return out, s.mutate(ctx, c, out, func(tx store.Tx) error {
		r, err := registrationByLabel(ctx, tx, label)
		if err == nil {
			err = keepManifest(r)
		}
		if err != nil {
			return err
		}
		users, err := tx.RegistrationUsers(ctx, label, 1)
		if err != nil {
			return err
		}
		if len(users) > 0 && !deref(in.ForceDelete) {
			return fault.New(fault.Conflict, "Connector with label %s is in use by connector profile %s. Delete its profiles first, or set forceDelete.", label, users[0])
		}
		return tx.RegistrationDelete(ctx, label)
	})
}
