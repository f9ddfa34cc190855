package server

import (
	"context"
	"encoding/json"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// profilePosition is where a page of profiles ended.
type profilePosition struct {
	After string `json:"after"`
}

// describeConnectorProfiles lists the profiles that satisfy all filters, by name
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DescribeConnectorProfiles.html). Names that do not exist are
// left out. Credentials are never part of the answer.
func (s *Server) describeConnectorProfiles(ctx context.Context, c *call, in *wire.DescribeConnectorProfilesInput) (*wire.DescribeConnectorProfilesOutput, error) {
	query := store.ProfileQuery{
		Names: in.ConnectorProfileNames, Connector: flow.ConnectorType(deref(in.ConnectorType)), Label: deref(in.ConnectorLabel),
	}
	list := profileListName(query)
	var from profilePosition
	if _, err := s.openPageToken(list, in.NextToken, &from); err != nil {
		return nil, err
	}
	size := pageSize(in.MaxResults)
	query.After, query.Limit = from.After, size+1 // one more tells whether there is a next page
	var profiles []*store.Profile
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		profiles, err = tx.ProfileList(ctx, query)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &wire.DescribeConnectorProfilesOutput{}
	if len(profiles) > size {
		profiles = profiles[:size]
		out.NextToken = s.pageToken(list, profilePosition{profiles[size-1].Name})
	}
	out.ConnectorProfileDetails = make([]wire.ConnectorProfile, len(profiles))
	for i, p := range profiles {
		out.ConnectorProfileDetails[i] = profileOut(c, &p.Profile)
	}
	return out, nil
}

// profileListName tells lists with other filters apart, so that a page's token fits its own list only.
func profileListName(query store.ProfileQuery) string {
	filters, err := json.Marshal(query)
	if err != nil {
		return "DescribeConnectorProfiles" // a query is texts and numbers, which always encode
	}
	return "DescribeConnectorProfiles " + hashOf(filters)
}
