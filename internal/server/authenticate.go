package server

import (
	"errors"
	"io"
	"net/http"
	"os"
)

// trustedLength is how large a declared body may be to get its memory at once; larger ones get it as they arrive.
const trustedLength = 32 << 10

// authenticate reads the body, within bounds, and checks the signature over it.
func (s *Server) authenticate(r *http.Request, c *call) ([]byte, error) {
	body, err := s.readBody(r)
	if err != nil {
		return nil, err
	}
	id, err := s.verifier.Verify(r, body, c.at)
	if err != nil {
		return nil, err
	}
	c.keyID, c.region = id.KeyID, id.Region
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
