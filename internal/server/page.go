package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"weir.dev/weir/fault"
)

const defaultPage = 20

func pageSize(maxResults *int32) int {
	if maxResults == nil {
		return defaultPage
	}
	return int(*maxResults)
}

// tagBytes is how much of the authentication code a page token carries.
const tagBytes = 16

// pageToken seals a position for one list, so that a token of another list, another server or a hand-made one is told
// from ours.
func (s *Server) pageToken(list string, position any) *string {
	data, err := json.Marshal(position)
	if err != nil {
		return nil // positions are plain structs of strings and times
	}
	return ptr(base64.RawURLEncoding.EncodeToString(append(s.tokenTag(list, data), data...)))
}

// openPageToken reads a token into position, a pointer. No token leaves it as it is and answers false.
func (s *Server) openPageToken(list string, token *string, position any) (bool, error) {
	if token == nil {
		return false, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(*token)
	if err == nil && len(raw) > tagBytes && hmac.Equal(raw[:tagBytes], s.tokenTag(list, raw[tagBytes:])) &&
		json.Unmarshal(raw[tagBytes:], position) == nil {
		return true, nil
	}
	return false, fault.New(fault.Validation, "1 validation error detected: Value at 'nextToken' failed to satisfy constraint: "+
		"Member must be a token that a previous call of this operation returned, with the same parameters")
}

func (s *Server) tokenTag(list string, data []byte) []byte {
	h := hmac.New(sha256.New, s.tokenKey)
	h.Write([]byte(list))
	h.Write([]byte{0})
	h.Write(data)
	return h.Sum(nil)[:tagBytes]
}
