package server

import (
	"cmp"
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
)

// maxEntityPage is AppFlow's own limit, and what a page holds when the caller names no number.
const maxEntityPage = 10_000

// entityGroup is the name that entities are listed under where the connector names no other.
const entityGroup = "Objects"

// entityPosition is where a page of entities ended: how many came before, and the last one's name, from which it goes on
// when the list has changed meanwhile.
type entityPosition struct {
	Seen int    `json:"seen"`
	Last string `json:"last"`
}

// listConnectorEntities lists what a vendor has (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ListConnectorEntities.html).
func (s *Server) listConnectorEntities(ctx context.Context, _ *call, in *wire.ListConnectorEntitiesInput) (*wire.ListConnectorEntitiesOutput, error) {
	at, err := vendorNamed{in.ConnectorType, in.ConnectorProfileName, in.ApiVersion}.find(ctx, s)
	if err != nil {
		return nil, err
	}
	path := deref(in.EntitiesPath)
	list := "ListConnectorEntities " + string(at.Connector) + "\x00" + at.Profile + "\x00" + at.APIVersion + "\x00" + path
	var from entityPosition
	if _, err := s.openPageToken(list, in.NextToken, &from); err != nil {
		return nil, err
	}
	if err := s.asks(at); err != nil {
		return nil, err
	}
	entities, err := s.Metadata.Entities(ctx, at, path)
	if err != nil {
		return nil, vendorError(err)
	}
	entities, seen := from.rest(entities)
	size := maxEntityPage
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	out := &wire.ListConnectorEntitiesOutput{}
	if len(entities) > size {
		entities = entities[:size]
		out.NextToken = s.pageToken(list, entityPosition{seen + size, entities[size-1].Name})
	}
	out.ConnectorEntityMap = map[string][]wire.ConnectorEntity{}
	for i := range entities {
		e := &entities[i]
		shown := wire.ConnectorEntity{Name: &e.Name, Label: &e.Label, HasNestedEntities: &e.HasNested}
		if e.Label == "" {
			shown.Label = &e.Name
		}
		group := cmp.Or(e.Group, entityGroup)
		out.ConnectorEntityMap[group] = append(out.ConnectorEntityMap[group], shown)
	}
	if len(entities) == 0 {
		out.ConnectorEntityMap[entityGroup] = []wire.ConnectorEntity{}
	}
	return out, nil
}

// rest is what comes after the position, and how many entities that leaves out.
func (p entityPosition) rest(entities []flow.Entity) ([]flow.Entity, int) {
	if p.Seen == 0 {
		return entities, 0
	}
	seen := min(p.Seen, len(entities))
	if seen > 0 && entities[seen-1].Name != p.Last {
		for i := range entities {
			if entities[i].Name == p.Last {
				seen = i + 1
				break
			}
		}
	}
	return entities[seen:], seen
}
