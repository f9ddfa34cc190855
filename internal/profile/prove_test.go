package profile_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
)

func TestProve_CompletesAndChecks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		credentials func(r *rig) string
		grant       string // that the vendor was asked for; "" for none
	}{
		"a code": {func(r *rig) string {
			return `{"oAuthRequest":{"authCode":"` + r.vendor.Code("http://here/", oauth.Challenge("the verifier")) + `","redirectUri":"http://here/","codeVerifier":"the verifier"}}`
		}, "authorization_code"},
		"live tokens": {func(r *rig) string {
			access, refresh := r.vendor.Grant()
			return `{"accessToken":"` + access + `","refreshToken":"` + refresh + `"}`
		}, ""},
		"a dead access token": {func(r *rig) string {
			_, refresh := r.vendor.Grant()
			return `{"accessToken":"dead","refreshToken":"` + refresh + `"}`
		}, "refresh_token"},
		"a dummy access token": {func(r *rig) string {
			_, refresh := r.vendor.Grant()
			return `{"accessToken":"dummy","refreshToken":"` + refresh + `","clientCredentialsArn":"arn:app"}`
		}, "refresh_token"},
		"a refresh token alone": {func(r *rig) string {
			_, refresh := r.vendor.Grant()
			return `{"refreshToken":"` + refresh + `"}`
		}, "refresh_token"},
		"a JWT": {func(r *rig) string {
			return `{"oAuth2GrantType":"JWT_BEARER","jwtToken":"` + r.vendor.Assertion + `"}`
		}, "urn:ietf:params:oauth:grant-type:jwt-bearer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			b := r.book(func(o *profile.Options) {
				o.Apps = apps{"arn:app": {ID: r.vendor.ClientID, Secret: r.vendor.ClientSecret}}
			})
			given := test.credentials(r)
			sealed, err := b.Prove(t.Context(), crm(), flow.Properties(given), nil)
			require.NoError(t, err)
			require.NotContains(t, string(sealed), "access-")
			if test.grant != "" {
				require.Equal(t, 1, r.vendor.Count(test.grant))
			}
			require.Zero(t, r.vendor.Refused())
			require.Positive(t, r.vendor.Count("me"), "the connector was asked")
			again, err := b.Prove(t.Context(), crm(), nil, sealed)
			require.NoError(t, err, "what is sealed works by itself, without the code")
			require.NotEqual(t, sealed, again)
		})
	}
}

func TestProve_Refuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		credentials string
		env         map[string]string
		code        fault.Code
		want        string
	}{
		"nothing":             {`{}`, nil, fault.Validation, "Validation exception: AuthCode cannot be blank for connector: SALESFORCE"},
		"a bad code":          {`{"oAuthRequest":{"authCode":"canary","redirectUri":"http://x/"}}`, nil, fault.ConnectorAuth, "invalid_grant"},
		"dead tokens":         {`{"accessToken":"canary","refreshToken":"canary2"}`, nil, fault.ConnectorAuth, "update the profile's credentials"},
		"a dead token alone":  {`{"accessToken":"canary"}`, nil, fault.ConnectorAuth, "there is no refresh token"},
		"a bad JWT":           {`{"oAuth2GrantType":"JWT_BEARER","jwtToken":"canary"}`, nil, fault.ConnectorAuth, "bad assertion"},
		"a JWT that ended":    {`{"oAuth2GrantType":"JWT_BEARER","jwtToken":"e30.eyJleHAiOjE3MTQ1MjE2MDB9.canary"}`, nil, fault.ConnectorAuth, "ended on 2024-05-01T00:00:00Z; sign a new one"},
		"no application":      {`{"refreshToken":"canary"}`, map[string]string{"WEIR_OAUTH_SALESFORCE_CLIENT_ID": ""}, fault.Validation, "WEIR_OAUTH_SALESFORCE_CLIENT_ID and WEIR_OAUTH_SALESFORCE_CLIENT_SECRET"},
		"another application": {`{"refreshToken":"canary"}`, map[string]string{"WEIR_OAUTH_SALESFORCE_CLIENT_SECRET": "other"}, fault.ConnectorAuth, "invalid_client"},
		"a private address":   {`{"refreshToken":"canary"}`, map[string]string{"WEIR_ENDPOINT_URL_SALESFORCE": "http://10.1.2.3"}, fault.Validation, "--allow-network 10.1.2.3/32"},
		"nobody there":        {`{"refreshToken":"canary"}`, map[string]string{"WEIR_ENDPOINT_URL_SALESFORCE": "http://127.0.0.1:1"}, fault.ConnectorServer, "connection refused"},
		"no shape":            {`["canary"]`, nil, fault.Validation, "not of the form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for k, v := range test.env {
				r.env[k] = v
			}
			_, err := r.book().Prove(t.Context(), crm(), flow.Properties(test.credentials), nil)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, test.code, fault.CodeOf(err))
			require.NotContains(t, err.Error(), "canary")
			require.NotContains(t, r.log.String(), "canary")
		})
	}
}

func TestProve_SealsEveryKindOfCredentials(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		connector          flow.ConnectorType
		props, credentials string
		hasTokens          bool
	}{
		"keys":                {flow.Amplitude, `{}`, `{"apiKey":"k","secretKey":"s"}`, false},
		"a password":          {flow.Veeva, `{"instanceUrl":"https://v.example.com"}`, `{"username":"u","password":"p"}`, false},
		"ServiceNow, basic":   {flow.ServiceNow, `{"instanceUrl":"https://v.example.com"}`, `{"username":"u","password":"p"}`, false},
		"ServiceNow, OAuth":   {flow.ServiceNow, `{"instanceUrl":"https://v.example.com"}`, `{"oAuth2Credentials":{"clientId":"app","clientSecret":"x","accessToken":"a","refreshToken":"r"}}`, true},
		"SAP, basic":          {flow.SAPOData, `{}`, `{"basicAuthCredentials":{"username":"u","password":"p"}}`, false},
		"custom, an API key":  {flow.CustomConnector, `{}`, `{"authenticationType":"APIKEY","apiKey":{"apiKey":"k"}}`, false},
		"custom, OAuth":       {flow.CustomConnector, `{"oAuth2Properties":{"tokenUrl":"https://t.example.com","oAuth2GrantType":"AUTHORIZATION_CODE"}}`, `{"authenticationType":"OAUTH2","oauth2":{"accessToken":"a"}}`, true},
		"an access token":     {flow.Slack, `{"instanceUrl":"https://acme.slack.com"}`, `{"clientId":"i","clientSecret":"s","accessToken":"xoxp"}`, true},
		"nothing, for Lambda": {flow.CustomConnector, `{}`, ``, false},
	} {
		r := newRig(t)
		b := r.book()
		p := &flow.Profile{Name: "p", Connector: test.connector, Properties: flow.Properties(test.props)}
		sealed, err := b.Prove(t.Context(), p, flow.Properties(test.credentials), nil)
		require.NoError(t, err, name)
		r.put(p, test.credentials)
		cfg, err := b.Config(t.Context(), test.connector, "p", "v1")
		require.NoError(t, err, name)
		require.Equal(t, test.hasTokens, cfg.Tokens != nil, name)
		require.Equal(t, test.credentials == "", sealed == nil, name)
		if test.credentials != "" {
			require.JSONEq(t, test.credentials, string(cfg.ProfileCredentials), name)
		}
	}
}

// Marketo's application is the credentials: what is proved is that they give a token.
func TestProve_FetchesATokenForAClient(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.env["WEIR_ENDPOINT_URL_MARKETO_AUTH"] = "http://127.0.0.1:1"
	p := &flow.Profile{Name: "mk", Connector: flow.Marketo, Properties: flow.Properties(`{"instanceUrl":"https://123-ABC-456.mktorest.com"}`)}
	_, err := r.book().Prove(t.Context(), p, flow.Properties(`{"clientId":"app","clientSecret":"canary"}`), nil)
	require.True(t, fault.Is(err, fault.ConnectorServer))
	require.NotContains(t, err.Error(), "canary", "the secret travels in the query")
}

func TestProve_DropsTheCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.vendor.More = map[string]any{"instance_url": "https://eu7.my.salesforce.com"}
	code := r.vendor.Code("http://here/", "")
	r.put(crm(), `{"oAuthRequest":{"authCode":"`+code+`","redirectUri":"http://here/"}}`)
	cfg, err := r.book().Config(t.Context(), flow.Salesforce, "crm", "58.0")
	require.NoError(t, err)
	require.NotContains(t, string(cfg.ProfileCredentials), code)
	require.Equal(t, "58.0", cfg.APIVersion)
	var props map[string]string
	require.NoError(t, json.Unmarshal(cfg.ProfileProperties, &props))
	require.Equal(t, "https://eu7.my.salesforce.com", props["instanceUrl"], "the vendor's word counts")
}

func TestConfig_Refuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.book().Config(t.Context(), flow.Salesforce, "none", "")
	require.True(t, fault.Is(err, fault.NotFound))
	require.EqualError(t, err, "Connector Profile with name none does not exist.")
	access, _ := r.vendor.Grant()
	r.put(crm(), `{"accessToken":"`+access+`"}`)
	_, err = r.book().Config(t.Context(), flow.Zendesk, "crm", "")
	require.True(t, fault.Is(err, fault.Validation))
	cfg, err := r.book().Config(t.Context(), flow.S3, "", "")
	require.NoError(t, err)
	require.Nil(t, cfg.Tokens)
	require.NotNil(t, cfg.HTTP)
	require.Equal(t, r.vendor.URL, func() string { c, _ := r.book().Config(t.Context(), flow.Salesforce, "", ""); return c.Endpoint("") }())
	require.Empty(t, strings.TrimSpace(cfg.Endpoint("")))
}
