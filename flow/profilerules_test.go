package flow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

const blankCode = "Validation exception: AuthCode cannot be blank for connector: "

// Paths in the wanted texts are left out; their ends are checked by TestProfileCheck_NamesTheMember.
var profileCases = []struct {
	name         string
	connector    flow.ConnectorType
	props, creds string
	want         string // part of the text; empty when nothing is wrong
}{
	{"amplitude", flow.Amplitude, ``, `{"apiKey":"k","secretKey":"s"}`, ""},
	{"amplitude without credentials", flow.Amplitude, ``, ``, "the credentials are missing; connectorType Amplitude needs them"},
	{"datadog without properties", flow.Datadog, ``, `{"apiKey":"k","applicationKey":"a"}`, "the properties are missing; connectorType Datadog needs them"},
	{"marketo needs no code", flow.Marketo, `{"instanceUrl":"u"}`, `{"clientId":"c","clientSecret":"s"}`, ""},
	{"google with a refresh token", flow.GoogleAnalytics, ``, `{"clientId":"c","clientSecret":"s","refreshToken":"r"}`, ""},
	{"google without anything", flow.GoogleAnalytics, ``, `{"clientId":"c","clientSecret":"s"}`, blankCode + "GOOGLEANALYTICS"},
	{"slack with a code", flow.Slack, `{"instanceUrl":"u"}`, `{"clientId":"c","clientSecret":"s","oAuthRequest":{"authCode":"x"}}`, ""},
	{"slack with an empty code", flow.Slack, `{"instanceUrl":"u"}`, `{"clientId":"c","clientSecret":"s","oAuthRequest":{"authCode":""}}`, blankCode + "SLACK"},
	{"zendesk with an access token", flow.Zendesk, `{"instanceUrl":"u"}`, `{"clientId":"c","clientSecret":"s","accessToken":"t"}`, ""},
	{"zendesk with a redirect alone", flow.Zendesk, `{"instanceUrl":"u"}`, `{"clientId":"c","clientSecret":"s","oAuthRequest":{"redirectUri":"https://r"}}`, blankCode + "ZENDESK"},
	{"honeycode", flow.Honeycode, ``, `{}`, blankCode + "HONEYCODE"},
	{"pardot", flow.Pardot, ``, `{"clientCredentialsArn":"arn"}`, blankCode + "PARDOT"},

	{"salesforce with tokens", flow.Salesforce, ``, `{"accessToken":"t"}`, ""},
	{"salesforce without", flow.Salesforce, `{"instanceUrl":"u"}`, `{"clientCredentialsArn":"arn"}`, blankCode + "SALESFORCE"},
	{"salesforce with a grant", flow.Salesforce, ``, `{"oAuth2GrantType":"AUTHORIZATION_CODE","oAuthRequest":{"authCode":"x"}}`, ""},
	{"salesforce client credentials", flow.Salesforce, ``, `{"oAuth2GrantType":"CLIENT_CREDENTIALS","accessToken":"t"}`, "Salesforce does not take CLIENT_CREDENTIALS"},
	{"salesforce jwt", flow.Salesforce, ``, `{"oAuth2GrantType":"JWT_BEARER","jwtToken":"j"}`, ""},
	{"salesforce jwt without", flow.Salesforce, ``, `{"oAuth2GrantType":"JWT_BEARER","accessToken":"t"}`, "JWT_BEARER needs a jwtToken"},

	{"servicenow basic", flow.ServiceNow, `{"instanceUrl":"u"}`, `{"username":"u","password":"p"}`, ""},
	{"servicenow oauth", flow.ServiceNow, `{"instanceUrl":"u"}`, `{"oAuth2Credentials":{"refreshToken":"r"}}`, ""},
	{"servicenow oauth without a code", flow.ServiceNow, `{"instanceUrl":"u"}`, `{"oAuth2Credentials":{"clientId":"c"}}`, blankCode + "SERVICENOW"},
	{"servicenow both", flow.ServiceNow, `{"instanceUrl":"u"}`, `{"username":"u","password":"p","oAuth2Credentials":{"refreshToken":"r"}}`, "either username and password or oAuth2Credentials"},
	{"servicenow half", flow.ServiceNow, `{"instanceUrl":"u"}`, `{"username":"u"}`, "username and password are needed"},
	{"servicenow neither", flow.ServiceNow, `{"instanceUrl":"u"}`, `{}`, "username and password are needed"},

	{"sap basic", flow.SAPOData, `{"applicationHostUrl":"h"}`, `{"basicAuthCredentials":{"username":"u","password":"p"}}`, ""},
	{"sap oauth", flow.SAPOData, `{"oAuthProperties":{"tokenUrl":"t"}}`, `{"oAuthCredentials":{"accessToken":"t"}}`, ""},
	{"sap oauth without its properties", flow.SAPOData, `{}`, `{"oAuthCredentials":{"accessToken":"t"}}`, "oAuthCredentials need oAuthProperties"},
	{"sap oauth without a code", flow.SAPOData, `{"oAuthProperties":{}}`, `{"oAuthCredentials":{"clientId":"c"}}`, blankCode + "SAPODATA"},
	{"sap both", flow.SAPOData, `{}`, `{"basicAuthCredentials":{},"oAuthCredentials":{}}`, "either basicAuthCredentials or oAuthCredentials"},
	{"sap neither", flow.SAPOData, `{}`, `{}`, "basicAuthCredentials or oAuthCredentials are needed"},

	{"redshift by url", flow.Redshift, `{"databaseUrl":"jdbc:redshift://h"}`, `{"username":"u","password":"p"}`, ""},
	{"redshift by url without a user", flow.Redshift, `{"databaseUrl":"jdbc:redshift://h"}`, ``, "databaseUrl needs username and password"},
	{"redshift by url without a password", flow.Redshift, `{"databaseUrl":"jdbc:redshift://h"}`, `{"username":"u"}`, "databaseUrl needs username and password"},
	{"redshift cluster", flow.Redshift, `{"clusterIdentifier":"c","databaseName":"d","dataApiRoleArn":"r"}`, ``, ""},
	{"redshift cluster without a role", flow.Redshift, `{"clusterIdentifier":"c","databaseName":"d"}`, ``, "need dataApiRoleArn"},
	{"redshift cluster without a database", flow.Redshift, `{"clusterIdentifier":"c","dataApiRoleArn":"r"}`, ``, "need databaseName"},
	{"redshift serverless", flow.Redshift, `{"isRedshiftServerless":true,"workgroupName":"w","databaseName":"d","dataApiRoleArn":"r"}`, `{}`, ""},
	{"redshift workgroup, provisioned", flow.Redshift, `{"workgroupName":"w","databaseName":"d","dataApiRoleArn":"r"}`, ``, "workgroupName needs isRedshiftServerless"},
	{"redshift serverless, cluster", flow.Redshift, `{"isRedshiftServerless":true,"clusterIdentifier":"c","databaseName":"d","dataApiRoleArn":"r"}`, ``, "isRedshiftServerless needs workgroupName"},
	{"redshift cluster and workgroup", flow.Redshift, `{"clusterIdentifier":"c","workgroupName":"w"}`, ``, "exactly one of databaseUrl, clusterIdentifier and workgroupName"},
	{"redshift nowhere", flow.Redshift, `{}`, ``, "exactly one of databaseUrl, clusterIdentifier and workgroupName"},

	{"custom without credentials", flow.CustomConnector, ``, ``, ""},
	{"custom basic", flow.CustomConnector, ``, `{"authenticationType":"BASIC","basic":{"username":"u","password":"p"}}`, ""},
	{"custom api key", flow.CustomConnector, ``, `{"authenticationType":"APIKEY","apiKey":{"apiKey":"k"}}`, ""},
	{"custom custom", flow.CustomConnector, ``, `{"authenticationType":"CUSTOM","custom":{"customAuthenticationType":"PAT"}}`, ""},
	{"custom without its member", flow.CustomConnector, ``, `{"authenticationType":"BASIC"}`, "authenticationType BASIC needs the member basic"},
	{"custom with another's member", flow.CustomConnector, ``, `{"authenticationType":"BASIC","basic":{},"custom":{}}`, "the member custom does not belong to authenticationType BASIC"},
	{"custom oauth without properties", flow.CustomConnector, ``, `{"authenticationType":"OAUTH2","oauth2":{"accessToken":"t"}}`, "OAUTH2 needs oAuth2Properties"},
	{"custom oauth with a code", flow.CustomConnector, `{"oAuth2Properties":{"oAuth2GrantType":"AUTHORIZATION_CODE"}}`, `{"authenticationType":"OAUTH2","oauth2":{"oAuthRequest":{"authCode":"x"}}}`, ""},
	{"custom oauth without a code", flow.CustomConnector, `{"oAuth2Properties":{"oAuth2GrantType":"AUTHORIZATION_CODE"}}`, `{"authenticationType":"OAUTH2","oauth2":{}}`, blankCode + "CUSTOMCONNECTOR"},
	{"custom oauth client", flow.CustomConnector, `{"oAuth2Properties":{"oAuth2GrantType":"CLIENT_CREDENTIALS"}}`, `{"authenticationType":"OAUTH2","oauth2":{"clientId":"c","clientSecret":"s"}}`, ""},
	{"custom oauth client without a secret", flow.CustomConnector, `{"oAuth2Properties":{"oAuth2GrantType":"CLIENT_CREDENTIALS"}}`, `{"authenticationType":"OAUTH2","oauth2":{"clientId":"c"}}`, "CLIENT_CREDENTIALS needs clientId and clientSecret"},

	{"s3", flow.S3, ``, ``, "S3 takes no connector profile"},
	{"eventbridge", flow.EventBridge, ``, ``, "EventBridge takes no connector profile"},
	{"upsolver", flow.Upsolver, ``, ``, "Upsolver takes no connector profile"},
	{"lookout", flow.LookoutMetrics, ``, ``, "LookoutMetrics takes no connector profile"},
	{"customer profiles", flow.CustomerProfiles, ``, ``, "CustomerProfiles takes no connector profile"},
	{"hostile properties", flow.Slack, `[]`, `{}`, "the properties cannot be read"},
	{"hostile credentials", flow.Slack, `{}`, `{"accessToken":["hunter2"]}`, "the credentials cannot be read"},
}

func properties(text string) flow.Properties {
	if text == "" {
		return nil
	}
	return flow.Properties(text)
}

func testedProfile(connector flow.ConnectorType, props string) *flow.Profile {
	p := &flow.Profile{Connector: connector, Properties: properties(props)}
	if connector == flow.CustomConnector {
		p.Label = "acme"
	}
	return p
}

func TestProfileCheck_EachConnectorsRules(t *testing.T) {
	t.Parallel()
	for _, c := range profileCases {
		problems := testedProfile(c.connector, c.props).Check(properties(c.creds), false)
		if c.want == "" {
			require.Empty(t, problems, c.name)
			continue
		}
		require.Len(t, problems, 1, c.name)
		require.Contains(t, problems.String(), c.want, c.name)
		require.NotContains(t, problems.String(), "hunter2", c.name)
	}
}

// AppFlow's own text comes alone; all others say where.
func TestProfileCheck_NamesTheMember(t *testing.T) {
	t.Parallel()
	p := testedProfile(flow.Salesforce, "")
	require.Equal(t, blankCode+"SALESFORCE", p.Check(properties(`{}`), false).String())
	require.Equal(t, "the grant type JWT_BEARER needs a jwtToken (at connectorProfileConfig.connectorProfileCredentials.Salesforce.jwtToken)",
		p.Check(properties(`{"oAuth2GrantType":"JWT_BEARER"}`), false).String())
	require.Contains(t, testedProfile(flow.GoogleAnalytics, "").Check(nil, false).String(), "(at connectorProfileConfig.connectorProfileCredentials.GoogleAnalytics)",
		"the member's name, which is not the type's")
}

func TestProfileCheck_StoredCredentialsNeedNoNewOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		connector flow.ConnectorType
		props     string
	}{
		{flow.Amplitude, ``}, {flow.Salesforce, ``}, {flow.ServiceNow, `{"instanceUrl":"u"}`}, {flow.SAPOData, `{}`},
		{flow.Redshift, `{"databaseUrl":"jdbc:redshift://h"}`}, {flow.CustomConnector, ``},
	} {
		require.Empty(t, testedProfile(c.connector, c.props).Check(nil, true), c.connector)
	}
	require.NotEmpty(t, testedProfile(flow.Salesforce, "").Check(properties(`{}`), true), "what is given has to be enough by itself")
}

func TestProfileCheck_LabelsAreForCustomConnectors(t *testing.T) {
	t.Parallel()
	creds := properties(`{"apiKey":"k","secretKey":"s"}`)
	require.Contains(t, (&flow.Profile{Connector: flow.Amplitude, Label: "acme"}).Check(creds, false).String(), "goes with connectorType CustomConnector only")
	require.Contains(t, (&flow.Profile{Connector: flow.CustomConnector}).Check(nil, false).String(), "needs a connectorLabel")
	require.True(t, flow.IsAuthoredLabel("HubSpot"))
	require.False(t, flow.IsAuthoredLabel("hubspot"))
}

// Every connector type has its line, or takes no profile; a new one shows here.
func TestProfileCheck_AgreesWithTheCatalogue(t *testing.T) {
	t.Parallel()
	for _, connector := range connectorTypes {
		problems := testedProfile(connector, `{}`).Check(properties(`{}`), false).String()
		require.Equal(t, flow.TraitsOf(connector).NeedsProfile, problems != string(connector)+" takes no connector profile (at connectorType)", connector)
	}
	require.Len(t, connectorTypes, 24)
}

var connectorTypes = []flow.ConnectorType{
	flow.Salesforce, flow.Singular, flow.Slack, flow.Redshift, flow.S3, flow.Marketo, flow.GoogleAnalytics, flow.Zendesk,
	flow.ServiceNow, flow.Datadog, flow.Trendmicro, flow.Snowflake, flow.Dynatrace, flow.InforNexus, flow.Amplitude, flow.Veeva,
	flow.EventBridge, flow.LookoutMetrics, flow.Upsolver, flow.Honeycode, flow.CustomerProfiles, flow.SAPOData, flow.CustomConnector,
	flow.Pardot,
}
