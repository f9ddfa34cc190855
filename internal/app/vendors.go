package app

import (
	"context"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/metadata"
)

// metadataTimeout bounds one question to a vendor. AWS's clients wait a minute for an answer of ours.
const metadataTimeout = 40 * time.Second

// metadataCache keeps what vendors say of their entities, in step with the other servers over the same store.
func (a *App) metadataCache() *metadata.Cache {
	o := metadata.Options{TTL: a.Config.MetadataTTL, Timeout: metadataTimeout, Open: a.connect}
	o.ShareBy(a.Store)
	return metadata.New(o)
}

// connect opens a connection for a profile, or for a connector that takes none.
func (a *App) connect(ctx context.Context, c flow.ConnectorType, profile, apiVersion string) (connector.Connection, error) {
	code := a.Connectors.Find(c)
	if code == nil {
		return nil, fault.New(fault.Unsupported, "the connector %s is not in this build", c)
	}
	cfg, err := a.profiles.Config(ctx, c, profile, apiVersion)
	if err != nil {
		return nil, err
	}
	return code.Connect(ctx, cfg)
}
