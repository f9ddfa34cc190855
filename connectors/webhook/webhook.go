// Package webhook is the source of event flows that anybody can send to over HTTP: whoever shares the secret of a profile
// signs what he sends, as Standard Webhooks are signed (https://www.standardwebhooks.com).
//
// In AppFlow's words it is a custom connector with the label [flow.LabelWebhook] that needs no registration. It checks
// signatures and keeps nothing: the events themselves are taken in, kept and moved by others.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// The headers of a signed request.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp" // seconds since 1970
	HeaderSignature = "Webhook-Signature" // "v1," and the signature in base64; several, separated by spaces
)

const (
	// Tolerance is how far a request's timestamp may lie from our clock. A signed request is good for no longer, so that
	// who overhears one can do little with it.
	Tolerance = 5 * time.Minute
	// minSecret is the shortest secret, in bytes. Shorter ones can be guessed from a single request.
	minSecret = 16
	maxID     = 256
	// maxSignatures bounds the work for one request.
	maxSignatures = 8
	codedPrefix   = "whsec_"
)

// Or is the connector of custom connectors with this one among them.
func Or(other connector.Connector) connector.Connector { return &either{other} }

type either struct{ other connector.Connector }

var _ connector.PropertyChecker = (*either)(nil)

func (e *either) Spec() *connector.Spec { return e.other.Spec() }

// Connect opens a connection of the profile's label. It reaches nobody.
func (e *either) Connect(ctx context.Context, cfg connector.Config) (connector.Connection, error) {
	if cfg.Label != flow.LabelWebhook {
		return e.other.Connect(ctx, cfg)
	}
	secrets, err := readSecrets(cfg.ProfileCredentials)
	if err != nil {
		return nil, err
	}
	return &connection{secrets}, nil
}

// CheckSource and CheckDestination check what holds for every label: a definition does not name one.
func (e *either) CheckSource(props flow.Properties) error {
	if c, ok := e.other.(connector.PropertyChecker); ok {
		return c.CheckSource(props)
	}
	return nil
}

func (e *either) CheckDestination(props flow.Properties) error {
	if c, ok := e.other.(connector.PropertyChecker); ok {
		return c.CheckDestination(props)
	}
	return nil
}

// connection knows the secrets of one profile: more than one while they are being replaced.
type connection struct{ secrets [][]byte }

var (
	_ connector.Checker       = (*connection)(nil)
	_ connector.EntityLister  = (*connection)(nil)
	_ connector.EventVerifier = (*connection)(nil)
)

func (c *connection) Close() error { return nil }

// Check implements [connector.Checker].
func (c *connection) Check(context.Context) error {
	if len(c.secrets) == 0 {
		return fault.New(fault.ConnectorAuth, "the profile has no secret: give one of %d bytes or more as apiKey, with authenticationType APIKEY", minSecret)
	}
	return nil
}

// ListEntities implements [connector.EntityLister]: there is one kind of event, what is sent.
func (c *connection) ListEntities(_ context.Context, path string) ([]flow.Entity, error) {
	if path != "" {
		return nil, nil
	}
	return []flow.Entity{{Name: "events", Label: "Events", HasNested: false}}, nil
}

// VerifyEvents implements [connector.EventVerifier].
func (c *connection) VerifyEvents(header http.Header, body []byte, now time.Time) (string, error) {
	id, at := header.Get(HeaderID), header.Get(HeaderTimestamp)
	if id == "" || len(id) > maxID {
		return "", denied("the header %s is missing or longer than %d bytes", HeaderID, maxID)
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return "", denied("the header %s is missing or no number of seconds", HeaderTimestamp)
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > Tolerance || off < -Tolerance {
		return "", denied("the timestamp lies more than %s from this server's clock", Tolerance)
	}
	given := strings.Fields(header.Get(HeaderSignature))
	for _, signature := range given[:min(len(given), maxSignatures)] {
		for _, secret := range c.secrets {
			if hmac.Equal([]byte(signature), []byte(Sign(secret, id, at, body))) {
				return id, nil
			}
		}
	}
	return "", denied("the header %s holds no signature that the profile's secret makes", HeaderSignature)
}

func denied(format string, args ...any) error {
	return fault.New(fault.AccessDenied, "The request is not signed as it should be: "+format+".", args...)
}

// Sign is the value of the signature's header: HMAC-SHA256 over "id.timestamp.body".
func Sign(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// ParseSecret reads a secret as people are given it: base64 behind whsec_, else as it is.
func ParseSecret(text string) ([]byte, error) {
	secret := []byte(text)
	if coded, ok := strings.CutPrefix(text, codedPrefix); ok {
		raw, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			return nil, fault.New(fault.ConnectorAuth, "the secret begins with %s, but what follows is not base64", codedPrefix)
		}
		secret = raw
	}
	if len(secret) < minSecret {
		return nil, fault.New(fault.ConnectorAuth, "the secret is too short: it needs %d bytes or more", minSecret)
	}
	return secret, nil
}

// readSecrets finds the secrets in a profile's credentials: apiKey, and apiSecretKey for a former one that still holds; or
// the members secret and formerSecret of custom credentials. No error quotes them.
func readSecrets(given flow.Properties) ([][]byte, error) {
	var p struct {
		APIKey struct {
			Key    string `json:"apiKey"`
			Former string `json:"apiSecretKey"`
		} `json:"apiKey"`
		Custom struct {
			Credentials map[string]string `json:"credentialsMap"`
		} `json:"custom"`
	}
	if given.Decode(&p) != nil {
		return nil, fault.New(fault.Validation, "the credentials of the profile are not of the form that custom connectors take")
	}
	var secrets [][]byte
	for _, text := range []string{p.APIKey.Key, p.APIKey.Former, p.Custom.Credentials["secret"], p.Custom.Credentials["formerSecret"]} {
		if text == "" {
			continue
		}
		secret, err := ParseSecret(text)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}
