package server

import (
	"context"
	"strings"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// maxNamedUsers is how many flows a refusal names.
const maxNamedUsers = 5

// deleteConnectorProfile removes a profile with its credentials
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DeleteConnectorProfile.html). Flows that use it keep it from
// going; by force it goes, and they fail when they run next.
func (s *Server) deleteConnectorProfile(ctx context.Context, c *call, in *wire.DeleteConnectorProfileInput) (*wire.DeleteConnectorProfileOutput, error) {
	name := *in.ConnectorProfileName
	out := &wire.DeleteConnectorProfileOutput{}
	err := s.mutate(ctx, c, out, func(tx store.Tx) error {
		if _, err := profileByName(ctx, tx, name); err != nil {
			return err
		}
		if !deref(in.ForceDelete) {
			users, err := tx.ProfileUsers(ctx, name, maxNamedUsers+1)
			if err != nil {
				return err
			}
			if len(users) > 0 {
				return fault.New(fault.Conflict, "Connector Profile %s is used by %s. Delete the flows first, or delete with forceDelete.",
					name, nameUsers("flow", users))
			}
		}
		return tx.ProfileDelete(ctx, name)
	})
	return out, err
}

// nameUsers names the first few of what uses something.
func nameUsers(kind string, names []string) string {
	more := ""
	if len(names) > maxNamedUsers {
		names, more = names[:maxNamedUsers], " and more"
	}
	if len(names) > 1 {
		kind += "s"
	}
	return kind + " " + strings.Join(names, ", ") + more
}
