// Package sigv4 checks AWS Signature Version 4 on requests, in the Authorization header or in the query of a presigned
// URL, and answers with the errors AWS services give
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
//
// It is pure: keys are looked up through a function, the time comes in as an argument, and the body has been read.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"

	// Skew is how far a request's clock may be from ours, both ways.
	Skew = 5 * time.Minute
	// maxExpires is the longest life of a presigned URL.
	maxExpires = 7 * 24 * time.Hour
)

// Error is a refusal. Name is the error type that AWS clients know; the status is 403 for all of them.
type Error struct {
	Name    string
	Message string
}

func (e *Error) Error() string { return e.Name + ": " + e.Message }

func refuse(name, format string, args ...any) *Error {
	return &Error{Name: name, Message: fmt.Sprintf(format, args...)}
}

// Key is an access key as the check needs it.
type Key struct {
	ID     string
	Secret string
	Name   string // of whom it stands for; passed through to the identity
}

// ErrUnknownKey is what a lookup answers when there is no such key, or it is disabled.
var ErrUnknownKey = errors.New("no such access key")

// Identity is who signed, and for where.
type Identity struct {
	KeyID  string
	Name   string // of the key
	Region string // as the signature names it: lower case letters, digits and hyphens
}

// Verifier checks requests for one service name, in two steps: what a request claims of its signature is cheap to read,
// and tells which key to look up; the proof needs the key and the whole body. Safe for concurrent use.
//
//	Read(request)             → Claim        refuses what is malformed, for another service, or too old
//	Check(claim, key, body)   → Identity     refuses what the key did not sign
type Verifier struct {
	Service string

	keys derivedKeys
}

// Claim is what a request says of its own signature.
type Claim struct {
	KeyID string

	date, region, service string
	at                    time.Time
	headers               []string // lower case, as signed
	signature             string
	presigned             bool
	hasSessionToken       bool
}

// Read takes a request's claim without looking at its body. The error is an *[Error].
func (v *Verifier) Read(r *http.Request, now time.Time) (*Claim, error) {
	c, err := parse(r)
	if err != nil {
		return nil, err
	}
	if err := c.checkScope(v.Service); err != nil {
		return nil, err
	}
	if err := c.checkTime(r, now); err != nil {
		return nil, err
	}
	c.hasSessionToken = hasSessionToken(r)
	return c, nil
}

// UnknownKey is the refusal of a claim whose key there is not, in the words that clients know.
func (c *Claim) UnknownKey() *Error {
	return refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
}

// Check proves a claim with its key and the whole body. The error is an *[Error].
func (v *Verifier) Check(c *Claim, key Key, r *http.Request, body []byte) (Identity, error) {
	if c.hasSessionToken {
		return Identity{}, refuse("UnrecognizedClientException",
			"The security token included in the request is invalid. This server issues no session tokens: unset AWS_SESSION_TOKEN.")
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if declared := r.Header.Get("X-Amz-Content-Sha256"); declared != "" && !c.presigned && declared != hash {
		return Identity{}, refuse("InvalidSignatureException",
			"The value of x-amz-content-sha256 does not match the hash of the body that was received.")
	}
	canonical, cerr := c.canonicalRequest(r, hash)
	if cerr != nil {
		return Identity{}, cerr
	}
	want := c.sign(v.keys.get(key, c), canonical)
	if subtle.ConstantTimeCompare([]byte(want), []byte(c.signature)) != 1 {
		return Identity{}, refuse("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return Identity{KeyID: c.KeyID, Name: key.Name, Region: c.region}, nil
}

func hasSessionToken(r *http.Request) bool {
	return r.Header.Get("X-Amz-Security-Token") != "" || strings.Contains(r.URL.RawQuery, "X-Amz-Security-Token=")
}

func (c *Claim) checkScope(service string) *Error {
	if c.service != service {
		return refuse("InvalidSignatureException", "Credential should be scoped to correct service: '%s'. ", service)
	}
	if c.date != c.at.Format(dateFormat) {
		return refuse("InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'.",
			c.date, c.at.Format(dateFormat))
	}
	if !slices.Contains(c.headers, "host") {
		return refuse("InvalidSignatureException", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

// checkTime bounds the window in which a captured request could be sent again.
func (c *Claim) checkTime(r *http.Request, now time.Time) *Error {
	life := Skew
	if c.presigned {
		seconds, err := time.ParseDuration(r.URL.Query().Get("X-Amz-Expires") + "s")
		if err != nil || seconds < time.Second || seconds > maxExpires {
			return refuse("IncompleteSignatureException", "X-Amz-Expires must be a number of seconds between 1 and %d.", int(maxExpires.Seconds()))
		}
		life = seconds
	}
	stamp := func(t time.Time) string { return t.UTC().Format(timeFormat) }
	if c.at.After(now.Add(Skew)) {
		return refuse("InvalidSignatureException", "Signature not yet current: %s is still later than %s (%s + 5 min.)",
			stamp(c.at), stamp(now.Add(Skew)), stamp(now))
	}
	if c.at.Add(life).Before(now) {
		return refuse("InvalidSignatureException", "Signature expired: %s is now earlier than %s (%s - %s)",
			stamp(c.at), stamp(now.Add(-life)), stamp(now), lifeName(life))
	}
	return nil
}

func lifeName(d time.Duration) string {
	if d == Skew {
		return "5 min."
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}

// sign computes the signature of a canonical request.
func (c *Claim) sign(key []byte, canonical []byte) string {
	sum := sha256.Sum256(canonical)
	toSign := algorithm + "\n" + c.at.Format(timeFormat) + "\n" + c.date + "/" + c.region + "/" + c.service + "/aws4_request\n" +
		hex.EncodeToString(sum[:])
	return hex.EncodeToString(hmacSHA256(key, toSign))
}

func hmacSHA256(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}
