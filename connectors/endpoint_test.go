package connectors_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func TestOAuthEndpoints_StandWhereTheVendorsHaveThem(t *testing.T) {
	t.Parallel()
	all := connectors.All()
	nobody := func(string) string { return "" }
	auth := func(sub string) string {
		if sub == "AUTH" {
			return "http://127.0.0.1:9/login/"
		}
		return ""
	}
	for _, c := range []struct {
		connector        flow.ConnectorType
		props            string
		override         func(string) string
		authURL, wantURL string
	}{
		{flow.Salesforce, ``, nil, "https://login.salesforce.com/services/oauth2/authorize", "https://login.salesforce.com/services/oauth2/token"},
		{flow.Salesforce, `{"isSandboxEnvironment":true}`, nobody, "https://test.salesforce.com/services/oauth2/authorize", "https://test.salesforce.com/services/oauth2/token"},
		{flow.Salesforce, `{"instanceUrl":"https://x.my.salesforce.com/"}`, nil, "https://x.my.salesforce.com/services/oauth2/authorize", "https://x.my.salesforce.com/services/oauth2/token"},
		{flow.Salesforce, `{"instanceUrl":"https://na1.salesforce.com"}`, nil, "https://login.salesforce.com/services/oauth2/authorize", "https://login.salesforce.com/services/oauth2/token"},
		{flow.Salesforce, `{"instanceUrl":"https://x.my.salesforce.com"}`, auth, "http://127.0.0.1:9/login/services/oauth2/authorize", "http://127.0.0.1:9/login/services/oauth2/token"},
		{flow.Pardot, `{"instanceUrl":"https://pi.demo.pardot.com","isSandboxEnvironment":true}`, nil, "https://test.salesforce.com/services/oauth2/authorize", "https://test.salesforce.com/services/oauth2/token"},
		{flow.GoogleAnalytics, ``, nil, "https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token"},
		{flow.GoogleAnalytics, ``, auth, "http://127.0.0.1:9/login/o/oauth2/v2/auth", "http://127.0.0.1:9/login/token"},
		{flow.Marketo, `{"instanceUrl":"https://123-ABC-456.mktorest.com/rest"}`, nil, "", "https://123-ABC-456.mktorest.com/identity/oauth/token"},
		{flow.Marketo, `{"instanceUrl":"123-ABC-456"}`, nil, "", "https://123-ABC-456.mktorest.com/identity/oauth/token"},
		{flow.Zendesk, `{"instanceUrl":"https://shop.zendesk.com"}`, nil, "https://shop.zendesk.com/oauth/authorizations/new", "https://shop.zendesk.com/oauth/tokens"},
		{flow.ServiceNow, `{"instanceUrl":"dev1.service-now.com"}`, nil, "https://dev1.service-now.com/oauth_auth.do", "https://dev1.service-now.com/oauth_token.do"},
		{flow.Slack, `{"instanceUrl":"https://x.slack.com"}`, nil, "https://slack.com/oauth/v2/authorize", "https://slack.com/api/oauth.v2.access"},
		{flow.SAPOData, `{"oAuthProperties":{"tokenUrl":"https://sap.example/t","authCodeUrl":"https://sap.example/a","oAuthScopes":["S"]}}`, nil, "https://sap.example/a", "https://sap.example/t"},
		{flow.CustomConnector, `{"oAuth2Properties":{"tokenUrl":"https://shop.example/t","oAuth2GrantType":"CLIENT_CREDENTIALS"}}`, nil, "", "https://shop.example/t"},
		{flow.Honeycode, ``, auth, "http://127.0.0.1:9/login/oauth2/authorize", "http://127.0.0.1:9/login/oauth2/token"},
	} {
		got, err := all.Spec(c.connector).Auth.OAuth.Endpoint(flow.Properties(c.props), c.override)
		require.NoError(t, err, "%s %s", c.connector, c.props)
		require.Equal(t, c.authURL, got.AuthURL, "%s %s", c.connector, c.props)
		require.Equal(t, c.wantURL, got.TokenURL, "%s %s", c.connector, c.props)
	}
	for _, c := range []struct {
		connector flow.ConnectorType
		props     string
	}{
		{flow.Zendesk, ``},
		{flow.Zendesk, `{"instanceUrl":"https://user:secret@shop.zendesk.com"}`},
		{flow.Zendesk, `{"instanceUrl":"https://shop.zendesk.com?x=secret"}`},
		{flow.Marketo, `{"instanceUrl":"file:///etc/secret"}`},
		{flow.SAPOData, `{}`},
		{flow.SAPOData, `{"oAuthProperties":{"tokenUrl":"javascript:secret","authCodeUrl":"https://sap.example/a"}}`},
		{flow.CustomConnector, `{}`},
		{flow.CustomConnector, `{"oAuth2Properties":{"tokenUrl":"https://u:secret@shop.example/t"}}`},
		{flow.Honeycode, ``},
	} {
		_, err := all.Spec(c.connector).Auth.OAuth.Endpoint(flow.Properties(c.props), nil)
		require.Equal(t, fault.Validation, fault.CodeOf(err), "%s %s", c.connector, c.props)
		require.NotContains(t, err.Error(), "secret")
	}
}
