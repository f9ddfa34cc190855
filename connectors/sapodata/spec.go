// Package sapodata is the connector for SAP systems that speak OData, versions 2 and 4, with operational data provisioning.
package sapodata

import (
	"net/url"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.SAPOData,
		Name:         "SAP OData",
		Summary:      "Entity sets of an SAP system's OData services, both ways, with deltas of operational data provisioning.",
		DocsURL:      "https://docs.aws.amazon.com/appflow/latest/userguide/sapodata.html",
		CanBeSource:  true,
		CanBeDest:    true,
		NeedsProfile: true,
		PrivateLink:  true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthBasic, connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantAuthorizationCode},
			AuthURLs:  []string{"{oAuthProperties.authCodeUrl}"},
			TokenURLs: []string{"{oAuthProperties.tokenUrl}"},
			Endpoint:  endpoint,
		}},
		Triggers:        []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval:     time.Minute,
		MinIntervalFor:  minInterval,
		Destinations:    []flow.ConnectorType{flow.CustomerProfiles, flow.Redshift, flow.S3, flow.SAPOData, flow.CustomConnector},
		WriteOperations: []string{"INSERT", "UPSERT", "UPDATE"},
		Settings:        settings(),
		SubServices:     []connector.SubService{{Name: "AUTH", Description: "The authorization server, instead of the addresses in oAuthProperties."}},
		Limits: []string{
			"Scheduled runs that take everything come at most once a day; incremental ones once a minute.",
			"A page holds at most 3,000 records, 10,000 with operational data provisioning.",
			"At most 10 requests run at the same time, for plain OData sources; operational data provisioning and writing use one.",
			"OAuth is for OData version 2; basic authentication is for both.",
			"A flow that pulls deltas subscribes to a queue, and a second one on the same object ends the first one's subscription.",
			"Records cannot be written to providers of operational data.",
		},
	}
}

func settings() []connector.Setting {
	return connector.Settings([]connector.Setting{
		{Where: connector.InSource, Name: "objectPath", Description: "The service's path and the entity set, such as /sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder."},
		{Where: connector.InSource, Name: "parallelismConfig.maxParallelism", Kind: connector.Number, Required: true, Description: "How many requests may run at the same time, 1 to 10."},
		{Where: connector.InSource, Name: "paginationConfig.maxPageSize", Kind: connector.Number, Required: true, Description: "How many records a request asks for, 1 to 10,000; 1,000 when there is no paginationConfig."},
		{Where: connector.InDestination, Name: "objectPath", Required: true, Description: "The service's path and the entity set to write."},
		{Where: connector.InDestination, Name: "successResponseHandlingConfig.bucketName", Description: "The bucket that SAP's answers to written records are kept in."},
		{Where: connector.InDestination, Name: "successResponseHandlingConfig.bucketPrefix", Description: "The folder in that bucket."},
	},
		connector.WriteSettings("The key fields that find records, for UPSERT and UPDATE; SAP does not delete."),
		connector.ErrorHandlingSettings(),
		[]connector.Setting{
			{Where: connector.InProfile, Name: "applicationHostUrl", Required: true, Description: "The system's address, such as https://sap.example.com."},
			{Where: connector.InProfile, Name: "applicationServicePath", Required: true, Description: "The path of the catalog service, such as /sap/opu/odata/iwfnd/catalogservice;v=2."},
			{Where: connector.InProfile, Name: "portNumber", Kind: connector.Number, Required: true, Description: "The port, 1 to 65535."},
			{Where: connector.InProfile, Name: "clientNumber", Required: true, Description: "The SAP client, three digits."},
			{Where: connector.InProfile, Name: "logonLanguage", Description: "The language of texts, such as EN."},
			{Where: connector.InProfile, Name: "privateLinkServiceName", Description: "The endpoint service, for connection mode Private."},
			{Where: connector.InProfile, Name: "oAuthProperties.tokenUrl", Required: true, Description: "Where tokens are got, with OAuth."},
			{Where: connector.InProfile, Name: "oAuthProperties.authCodeUrl", Required: true, Description: "The authorization page, with OAuth."},
			{Where: connector.InProfile, Name: "oAuthProperties.oAuthScopes", Kind: connector.List, Required: true, Description: "The scopes to ask for: those of the services that flows use."},
			{Where: connector.InProfile, Name: "disableSSO", Kind: connector.Flag, Default: "false", Description: "Whether SAP's redirect to single sign-on is switched off, for basic authentication."},
			{Where: connector.InCredentials, Name: "basicAuthCredentials.username", Required: true, Description: "The user, with basic authentication."},
			{Where: connector.InCredentials, Name: "basicAuthCredentials.password", Required: true, Secret: true, Description: "The user's password."},
		},
		connector.ClientSettings("oAuthCredentials.", true),
		[]connector.Setting{connector.AccessTokenSetting("oAuthCredentials."), connector.RefreshTokenSetting("oAuthCredentials.")},
		connector.OAuthRequestSettings("oAuthCredentials."),
	)
}

// endpoint reads the two addresses from the profile. Under an operator's host they keep the paths that SAP systems have
// by default.
func endpoint(props flow.Properties, override connector.Override) (connector.OAuthEndpoint, error) {
	var p struct {
		OAuth *struct {
			TokenURL string   `json:"tokenUrl"`
			AuthURL  string   `json:"authCodeUrl"`
			Scopes   []string `json:"oAuthScopes"`
		} `json:"oAuthProperties"`
	}
	if err := props.Decode(&p); err != nil {
		return connector.OAuthEndpoint{}, fault.Wrap(fault.Validation, err, "reading the profile's properties")
	}
	if p.OAuth == nil {
		return connector.OAuthEndpoint{}, fault.New(fault.Validation, "oAuthProperties is missing; OAuth credentials need tokenUrl, authCodeUrl and oAuthScopes")
	}
	e := connector.OAuthEndpoint{AuthURL: p.OAuth.AuthURL, TokenURL: p.OAuth.TokenURL, Scopes: p.OAuth.Scopes}
	if override != nil && override("AUTH") != "" {
		base := strings.TrimRight(override("AUTH"), "/")
		e.AuthURL, e.TokenURL = base+"/sap/bc/sec/oauth2/authorize", base+"/sap/bc/sec/oauth2/token"
	}
	for _, u := range []struct{ name, value string }{{"oAuthProperties.tokenUrl", e.TokenURL}, {"oAuthProperties.authCodeUrl", e.AuthURL}} {
		if parsed, err := url.Parse(u.value); err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.User != nil {
			return connector.OAuthEndpoint{}, fault.New(fault.Validation, "%s must be a URL that begins with https://", u.name)
		}
	}
	return e, nil
}
