package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// registrationPosition is where a page of registered connectors ended.
type registrationPosition struct {
	After string `json:"after"`
}

// listConnectors lists the registered connectors by label
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ListConnectors.html).
func (s *Server) listConnectors(ctx context.Context, _ *call, in *wire.ListConnectorsInput) (*wire.ListConnectorsOutput, error) {
	var from registrationPosition
	if _, err := s.openPageToken("ListConnectors", in.NextToken, &from); err != nil {
		return nil, err
	}
	size := pageSize(in.MaxResults)
	var list []*flow.Registration
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		list, err = tx.RegistrationList(ctx, from.After, size+1) // one more tells whether there is a next page
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &wire.ListConnectorsOutput{}
	if len(list) > size {
		list = list[:size]
		out.NextToken = s.pageToken("ListConnectors", registrationPosition{list[size-1].Label})
	}
	out.Connectors = make([]wire.ConnectorDetail, len(list))
	for i, r := range list {
		out.Connectors[i] = registrationSummary(r)
	}
	return out, nil
}
