package oauth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/fault"
)

func TestParse_ReadsWhatVendorsAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind, body, at string
		want           oauth.Token
	}{
		"RFC 6749": {
			"application/json;charset=UTF-8", `{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r"}`, "",
			oauth.Token{Access: "a", Refresh: "r", ExpiresAt: now.Add(time.Hour)},
		},
		"a lifetime as text":     {"", `{"access_token":"a","expires_in":"1799"}`, "", oauth.Token{Access: "a", ExpiresAt: now.Add(1799 * time.Second)}},
		"a lifetime of nothing":  {"", `{"access_token":"a","expires_in":null}`, "", oauth.Token{Access: "a"}},
		"a lifetime below zero":  {"", `{"access_token":"a","expires_in":-5}`, "", oauth.Token{Access: "a"}},
		"an absurd lifetime":     {"", `{"access_token":"a","expires_in":1e300}`, "", oauth.Token{Access: "a", ExpiresAt: now.Add(10 * 365 * 24 * time.Hour)}},
		"no type at all":         {"text/html", `{"access_token":"a"}`, "", oauth.Token{Access: "a"}},
		"a form":                 {"application/x-www-form-urlencoded", "access_token=a%2Bb&expires_in=60&refresh_token=r", "", oauth.Token{Access: "a+b", Refresh: "r", ExpiresAt: now.Add(time.Minute)}},
		"a form said to be text": {"text/plain", "access_token=a&scope=x", "", oauth.Token{Access: "a"}},
		"Salesforce": {
			"application/json", `{"access_token":"00D!a","instance_url":"https://acme.my.salesforce.com","issued_at":"1","token_type":"Bearer"}`, "",
			oauth.Token{Access: "00D!a", InstanceURL: "https://acme.my.salesforce.com"},
		},
		"an instance that is no URL": {"", `{"access_token":"a","instance_url":"javascript:x"}`, "", oauth.Token{Access: "a"}},
		"Slack, a user's token": {
			"application/json", `{"ok":true,"access_token":"xoxb-bot","authed_user":{"access_token":"xoxp-user","refresh_token":"xoxe-1","expires_in":43200}}`, "authed_user",
			oauth.Token{Access: "xoxp-user", Refresh: "xoxe-1", ExpiresAt: now.Add(12 * time.Hour)},
		},
		"Slack, refreshed at the top": {"", `{"ok":true,"access_token":"xoxe.xoxp","refresh_token":"n"}`, "authed_user", oauth.Token{Access: "xoxe.xoxp", Refresh: "n"}},
	} {
		got, err := oauth.Parse(oauth.Answer{Status: 200, ContentType: test.kind, Body: []byte(test.body)}, test.at, now)
		require.NoError(t, err, name)
		require.Equal(t, test.want, *got, name)
	}
}

func TestParse_Refuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		code   fault.Code
		retry  fault.Retry
		want   string
	}{
		"RFC 6749":                {400, `{"error":"invalid_grant","error_description":"expired access/refresh token"}`, fault.ConnectorAuth, fault.Never, "the vendor refused: invalid_grant: expired access/refresh token"},
		"Slack's way":             {200, `{"ok":false,"error":"invalid_code"}`, fault.ConnectorAuth, fault.Never, "the vendor refused: invalid_code"},
		"an error with a 200":     {200, `{"error":"bad_verification_code","access_token":"a"}`, fault.ConnectorAuth, fault.Never, "the vendor refused: bad_verification_code"},
		"a nested error":          {401, `{"error":{"message":"User Not Authenticated","detail":"x"},"status":"failure"}`, fault.ConnectorAuth, fault.Never, "User Not Authenticated"},
		"ServiceNow's way":        {401, `{"error_description":"access_denied","error":"server_error"}`, fault.ConnectorAuth, fault.Never, "server_error: access_denied"},
		"as a form":               {400, `error=invalid_grant&error_description=no+more`, fault.ConnectorAuth, fault.Never, "invalid_grant: no more"},
		"an empty 401":            {401, ``, fault.ConnectorAuth, fault.Never, "refused with status 401"},
		"too many":                {429, ``, fault.ConnectorServer, fault.Throttled, "slow down"},
		"too many, said with 400": {400, `{"error":"rate_limit_exceeded"}`, fault.ConnectorServer, fault.Throttled, "slow down"},
		"a gateway's page":        {502, `<html>`, fault.ConnectorServer, fault.Transient, "status 502"},
		"a broken server":         {500, `{"error":"server_error"}`, fault.ConnectorServer, fault.Transient, "status 500: server_error"},
		"another page":            {200, `<html>Sign in</html>`, fault.ConnectorServer, fault.Never, "is the token URL right?"},
		"nothing there":           {404, `{"message":"no"}`, fault.ConnectorServer, fault.Never, "is the token URL right?"},
		"no token":                {200, `{"token_type":"bearer"}`, fault.ConnectorServer, fault.Never, "no access token"},
		"a token with a newline":  {200, `{"access_token":"a\r\nX: y"}`, fault.ConnectorServer, fault.Never, "sent in a header"},
		"a huge token":            {200, `{"access_token":"` + strings.Repeat("a", 65<<10) + `"}`, fault.ConnectorServer, fault.Never, "sent in a header"},
		"a token of another kind": {200, `{"access_token":{"a":1}}`, fault.ConnectorServer, fault.Never, "no access token"},
		"a list":                  {200, `[1]`, fault.ConnectorServer, fault.Never, "nothing that can be read"},
		"null":                    {200, `null`, fault.ConnectorServer, fault.Never, "nothing that can be read"},
		"many words":              {400, `{"error":"e","error_description":"` + strings.Repeat(`x\n`, 1000) + `"}`, fault.ConnectorAuth, fault.Never, "…"},
	} {
		_, err := oauth.Parse(oauth.Answer{Status: test.status, RetryAfter: "7", Body: []byte(test.body)}, "", now)
		require.ErrorContains(t, err, test.want, name)
		require.Equal(t, test.code, fault.CodeOf(err), name)
		retry, after := fault.RetryOf(err)
		require.Equal(t, test.retry, retry, name)
		if retry == fault.Throttled {
			require.Equal(t, 7*time.Second, after, name)
		}
		require.Less(t, len(err.Error()), 700, name)
		require.NotContains(t, err.Error(), "\n", name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(200, "application/json", `{"access_token":"a","expires_in":"1","authed_user":{"access_token":"b"}}`, "authed_user")
	f.Add(400, "application/x-www-form-urlencoded", `error=x`, "")
	f.Add(200, "", `access_token=%zz`, "")
	f.Fuzz(func(t *testing.T, status int, kind, body, at string) {
		got, err := oauth.Parse(oauth.Answer{Status: status, ContentType: kind, Body: []byte(body)}, at, now)
		if err != nil {
			if len(err.Error()) > 3000 || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("an error that cannot be shown: %q", err)
			}
			return
		}
		if got.Access == "" || strings.ContainsAny(got.Access, " \r\n\t") || status >= 400 {
			t.Fatalf("%+v of %d %q", got, status, body)
		}
	})
}
