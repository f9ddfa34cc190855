package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/metadata"
	"weir.dev/weir/internal/store"
)

// resetConnectorMetadataCache forgets what is kept of a vendor's metadata, on every server
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ResetConnectorMetadataCache.html).
func (s *Server) resetConnectorMetadataCache(ctx context.Context, c *call, in *wire.ResetConnectorMetadataCacheInput) (*wire.ResetConnectorMetadataCacheOutput, error) {
	at, err := vendorNamed{in.ConnectorType, in.ConnectorProfileName, in.ApiVersion}.find(ctx, s)
	if err != nil {
		return nil, err
	}
	if many := at.Connector == flow.CustomConnector || len(s.specOf(at.Connector).APIVersions) > 1; many && in.ApiVersion == nil {
		return nil, fault.New(fault.Validation, "apiVersion is missing; connectorType %s has several versions", at.Connector)
	}
	if s.Metadata != nil {
		err := s.Metadata.Reset(ctx, metadata.Scope{
			Connector: at.Connector, Profile: at.Profile, APIVersion: at.APIVersion, Entity: deref(in.ConnectorEntityName), Path: deref(in.EntitiesPath),
		})
		if err != nil {
			return nil, err
		}
	}
	out := &wire.ResetConnectorMetadataCacheOutput{}
	return out, s.mutate(ctx, c, out, func(store.Tx) error { return nil })
}
