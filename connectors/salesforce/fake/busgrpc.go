package fake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// gRPC over HTTP/2, as https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md has it: messages with a prefix of
// five bytes, and a status in the trailers.

// Codes of gRPC that the bus uses.
const (
	grpcOK                = 0
	grpcInvalid           = 3
	grpcNotFound          = 5
	grpcDenied            = 7
	grpcResourceExhausted = 8
	grpcUnimplemented     = 12
	grpcInternal          = 13
	grpcUnavailable       = 14
	grpcUnauthenticated   = 16
)

const maxGRPCMessage = 4 << 20

// grpcError is how a call ends: a status, and Salesforce's own code behind its usual prefix.
type grpcError struct {
	status  int
	code    string
	message string
}

func (e *grpcError) Error() string { return e.message }

func failing(status int, code, format string, args ...any) *grpcError {
	return &grpcError{status, code, fmt.Sprintf(format, args...)}
}

const errorPrefix = "sfdc.platform.eventbus.grpc."

// grpcCall is one call.
type grpcCall struct {
	w http.ResponseWriter
	r *http.Request
}

// receive reads one message; io.EOF when the client has said all.
func (c *grpcCall) receive() (protoMessage, error) {
	var prefix [5]byte
	if _, err := io.ReadFull(c.r.Body, prefix[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(prefix[1:])
	if prefix[0] != 0 {
		return nil, failing(grpcUnimplemented, "", "compressed messages are not understood")
	}
	if size > maxGRPCMessage {
		return nil, failing(grpcResourceExhausted, "", "the message is larger than %d bytes", maxGRPCMessage)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c.r.Body, body); err != nil {
		return nil, err
	}
	m, err := parseProto(body)
	if err != nil {
		return nil, failing(grpcInternal, "", "%v", err)
	}
	return m, nil
}

// begin sends the head of the answer.
func (c *grpcCall) begin() {
	c.w.Header().Set("Content-Type", "application/grpc")
	c.w.WriteHeader(http.StatusOK)
	c.flush()
}

func (c *grpcCall) flush() { _ = http.NewResponseController(c.w).Flush() } // a client that has gone shows when it is written to

// send writes one message.
func (c *grpcCall) send(body []byte) error {
	frame := make([]byte, 5, 5+len(body))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(body))) //nolint:gosec // of messages made here
	_, err := c.w.Write(append(frame, body...))
	c.flush()
	return err
}

// end writes the trailers.
func (c *grpcCall) end(err error) {
	var failed *grpcError
	if err != nil && !errors.As(err, &failed) {
		failed = failing(grpcInternal, "", "%v", err)
	}
	h := c.w.Header()
	set := func(name, value string) { h.Set(http.TrailerPrefix+name, value) }
	if failed == nil {
		set("Grpc-Status", "0")
		return
	}
	set("Grpc-Status", fmt.Sprint(failed.status))
	set("Grpc-Message", percentEncoded(failed.message))
	if failed.code != "" {
		set("Error-Code", errorPrefix+failed.code)
	}
}

func percentEncoded(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
