package webhook_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/webhook"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// other stands for the connector of all other labels.
type other struct{ connector.Connector }

func (other) Connect(context.Context, connector.Config) (connector.Connection, error) {
	return nil, nil
}

func connect(t *testing.T, credentials string) (connector.Connection, error) {
	return webhook.Or(other{}).Connect(t.Context(), connector.Config{Label: flow.LabelWebhook, ProfileCredentials: flow.Properties(credentials)})
}

const secret = "sixteen bytes ok"

func apiKey(secrets ...string) string {
	text := fmt.Sprintf(`{"authenticationType":"APIKEY","apiKey":{"apiKey":%q`, secrets[0])
	if len(secrets) > 1 {
		text += fmt.Sprintf(`,"apiSecretKey":%q`, secrets[1])
	}
	return text + "}}"
}

func signed(secret, id string, at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return http.Header{
		webhook.HeaderID: {id}, webhook.HeaderTimestamp: {stamp}, webhook.HeaderSignature: {webhook.Sign([]byte(secret), id, stamp, []byte(body))},
	}
}

// The example that the convention's own libraries are tested with
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
func TestSign_IsTheConventions(t *testing.T) {
	t.Parallel()
	key, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		webhook.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)))
}

func TestVerifyEvents_TakesWhatIsSigned(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	conn, err := connect(t, apiKey(secret, "another one of sixteen"))
	require.NoError(t, err)
	v := conn.(connector.EventVerifier)
	for name, c := range map[string]struct {
		header http.Header
		body   string
		says   string
	}{
		"signed":             {header: signed(secret, "a", now, "{}"), body: "{}"},
		"by the former":      {header: signed("another one of sixteen", "a", now, "{}"), body: "{}"},
		"a little late":      {header: signed(secret, "a", now.Add(-4*time.Minute), "{}"), body: "{}"},
		"by another":         {header: signed("sixteen bytes no", "a", now, "{}"), body: "{}", says: "holds no signature"},
		"another body":       {header: signed(secret, "a", now, "{}"), body: "[]", says: "holds no signature"},
		"too old":            {header: signed(secret, "a", now.Add(-6*time.Minute), "{}"), body: "{}", says: "timestamp lies more than 5m0s"},
		"from the future":    {header: signed(secret, "a", now.Add(6*time.Minute), "{}"), body: "{}", says: "timestamp lies more than 5m0s"},
		"far in the past":    {header: http.Header{webhook.HeaderID: {"a"}, webhook.HeaderTimestamp: {"-9223372036854775808"}}, says: "timestamp lies"},
		"nothing":            {header: http.Header{}, says: "Webhook-Id is missing"},
		"no time":            {header: http.Header{webhook.HeaderID: {"a"}}, says: "Webhook-Timestamp is missing"},
		"another one's name": {header: with(signed(secret, "a", now, "{}"), webhook.HeaderID, "b"), body: "{}", says: "holds no signature"},
		"another time":       {header: with(signed(secret, "a", now, "{}"), webhook.HeaderTimestamp, "1700000001"), body: "{}", says: "holds no signature"},
		"one of several":     {header: also(signed(secret, "a", now, "{}")), body: "{}"},
	} {
		id, err := v.VerifyEvents(c.header, []byte(c.body), now)
		if c.says == "" {
			require.NoError(t, err, name)
			require.Equal(t, "a", id, name)
			continue
		}
		require.ErrorContains(t, err, c.says, name)
		require.True(t, fault.Is(err, fault.AccessDenied), name)
		require.NotContains(t, err.Error(), secret)
	}
}

func with(h http.Header, name, value string) http.Header {
	h.Set(name, value)
	return h
}

func also(h http.Header) http.Header {
	return with(h, webhook.HeaderSignature, "v1a,bm90aGluZw== v1,AAAA "+h.Get(webhook.HeaderSignature))
}

func TestConnect_SecretsNeedLength(t *testing.T) {
	t.Parallel()
	for credentials, says := range map[string]string{
		apiKey("short"): "too short",
		apiKey("whsec_" + base64.StdEncoding.EncodeToString([]byte("short"))): "too short",
		apiKey("whsec_%%%%"): "not base64",
		`[]`:                 "not of the form",
	} {
		_, err := connect(t, credentials)
		require.ErrorContains(t, err, says)
	}
	conn, err := connect(t, `{"authenticationType":"CUSTOM","custom":{"customAuthenticationType":"x","credentialsMap":{"secret":"sixteen bytes ok"}}}`)
	require.NoError(t, err)
	require.NoError(t, conn.(connector.Checker).Check(t.Context()))
	conn, err = connect(t, "{}")
	require.NoError(t, err)
	require.True(t, fault.Is(conn.(connector.Checker).Check(t.Context()), fault.ConnectorAuth))
	_, err = conn.(connector.EventVerifier).VerifyEvents(signed("", "a", time.Unix(0, 0), ""), nil, time.Unix(0, 0))
	require.True(t, fault.Is(err, fault.AccessDenied), "without a secret nothing passes")
}
