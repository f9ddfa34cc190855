package s3

import (
	"context"
	"errors"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// connection reads and lends the configured buckets.
type connection struct {
	buckets blob.Opener
	pool    *batch.Pool
}

var (
	_ connector.EntityLister    = (*connection)(nil)
	_ connector.EntityDescriber = (*connection)(nil)
	_ connector.Reader          = (*connection)(nil)
	_ connector.FileTarget      = (*connection)(nil)
)

// Connect opens a connection. There is no profile, and nothing is reached yet: a connection is not about one bucket.
func (Connector) Connect(_ context.Context, cfg connector.Config) (connector.Connection, error) {
	if cfg.Buckets == nil {
		return nil, fault.New(fault.Internal, "connecting to Amazon S3: no buckets are configured")
	}
	c := &connection{buckets: cfg.Buckets, pool: cfg.Pool}
	if c.pool == nil {
		c.pool = batch.DefaultPool
	}
	return c, nil
}

// Close does nothing: the buckets belong to their opener.
func (c *connection) Close() error { return nil }

// classify keeps the codes that buckets and formats gave, and takes what has none, such as a file that cannot be parsed,
// for the store's fault. A bucket that is missing is the flow's.
func classify(ctx context.Context, err error, format string, args ...any) error {
	var judged *fault.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.Wrap(fault.Canceled, ctx.Err(), format, args...)
	case !errors.As(err, &judged):
		return fault.Wrap(fault.ConnectorServer, err, format, args...)
	case judged.Code == fault.NotFound:
		return fault.Wrap(fault.Validation, err, format, args...)
	}
	return fault.Wrap(judged.Code, err, format, args...)
}
