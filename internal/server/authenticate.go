package server

import (
	"errors"
	"io"
	"net/http"
	"os"

	"weir.dev/weir/internal/server/sigv4"
)

// trustedLength is how large a declared body may be to get its memory at once; larger ones get it as they arrive.
const trustedLength = 32 << 10

// authenticate checks the signature and reads the body, within bounds. What is cheap comes first: a request that claims no
// key of ours costs neither its body nor a hash.
func (s *Server) authenticate(r *http.Request, c *call) ([]byte, error) {
	claim, err := s.verifier.Read(r, c.at)
	if err != nil {
		return nil, s.strangers.refused(c, err)
	}
	key, rules, err := s.Keys.Find(r.Context(), claim.KeyID)
	if errors.Is(err, sigv4.ErrUnknownKey) {
		return nil, s.strangers.refused(c, claim.UnknownKey())
	}
	if err != nil {
		return nil, err
	}
	if err := s.strangers.admit(c, key.ID); err != nil {
		return nil, err
	}
	body, err := s.readBody(r)
	if err != nil {
		return nil, err
	}
	id, err := s.verifier.Check(claim, key, r, body)
	if err != nil {
		return nil, s.strangers.failed(c, key.ID, err)
	}
	c.keyID, c.region, c.userName, c.policy = id.KeyID, id.Region, id.Name, rules
	c.principal = "arn:aws:iam::" + s.AccountID + ":user/" + id.Name
	return body, nil
}

func (s *Server) readBody(r *http.Request) ([]byte, error) {
	tooLarge := &httpError{status: http.StatusRequestEntityTooLarge, name: "RequestEntityTooLargeException", message: "the request's body is too large"}
	if r.ContentLength > s.MaxBody {
		return nil, tooLarge
	}
	var body []byte
	var err error
	if n := r.ContentLength; n >= 0 && n <= trustedLength {
		body = make([]byte, n)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, s.MaxBody+1))
	}
	switch {
	case err == nil && int64(len(body)) <= s.MaxBody:
		return body, nil
	case err == nil:
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &httpError{status: http.StatusRequestTimeout, name: "RequestTimeoutException", message: "the request's body came too slowly"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return nil, &httpError{status: http.StatusBadRequest, name: "RequestAbortedException", message: "the request's body ended early"}
	}
	return nil, &httpError{status: http.StatusBadRequest, name: "MalformedHttpRequestException", message: "the request's body cannot be read"}
}
