package s3blob

import (
	"context"
	"net"
	"time"
)

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// dialImpatient makes connections that break when the store takes nothing for so long. The SDK bounds the wait for an
// answer, which begins when the request has gone out; without this a store that stops in the middle of an upload, and
// keeps the connection, would hold it up for ever.
func dialImpatient(dial dialFunc, stall time.Duration) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatientConn{Conn: c, stall: stall}, nil
	}
}

// impatientConn bounds each write, which has some tens of KiB at most. Reads are bounded where it is known whether
// anything is to come.
type impatientConn struct {
	net.Conn
	stall time.Duration
}

func (c *impatientConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
