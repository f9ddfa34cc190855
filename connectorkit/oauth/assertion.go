package oauth

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// AssertionEnd is when a signed assertion, a JWT, says that it ends. Its signature is not looked at: that is for the
// server that takes it. ok is false when it does not say, or is no JWT.
func AssertionEnd(assertion string) (end time.Time, ok bool) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		End float64 `json:"exp"`
	}
	if json.Unmarshal(text, &claims) != nil || claims.End <= 0 || claims.End > math.MaxInt32*100 {
		return time.Time{}, false
	}
	return time.Unix(int64(claims.End), 0).UTC(), true
}
