// Package custom is the connector for registered custom connectors: code of the user's that answers AppFlow's Lambda
// protocol. It speaks to an AWS Lambda function, or to a URL that takes the same documents, such as the runtime interface
// emulator's; see [Invoker].
//
//	profile → label → registration → function      Options.Find
//	credentials → secret → its ARN in each request  Keeper
//	ListEntities, DescribeEntity → metadata         entity.go
//	QueryData → texts → one array → columns         source.go, records.go
//	columns → lines → WriteData → refusals          destination.go
//
// A custom connector is foreign code: everything it answers is bounded, checked and taken for data. This package keeps
// nothing; what a registration answered is stored by those who asked.
package custom

import (
	"net/url"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Spec says what custom connectors have in common; each one's own registration says the rest.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.CustomConnector,
		Name:         "Custom connector",
		Summary:      "Whatever a registered connector of your own reads and writes.",
		DocsURL:      "https://docs.aws.amazon.com/appflow/latest/userguide/custom-connectors.html",
		CanBeSource:  true,
		CanBeDest:    true,
		NeedsProfile: true,
		Auth: connector.Auth{
			Kinds: []connector.AuthKind{connector.AuthOAuth2, connector.AuthAPIKey, connector.AuthBasic, connector.AuthCustom},
			OAuth: &connector.OAuth{
				Grants:    []connector.Grant{connector.GrantClientCredentials, connector.GrantAuthorizationCode, connector.GrantJWTBearer},
				TokenURLs: []string{"{oAuth2Properties.tokenUrl}"},
				Endpoint:  endpoint,
			},
		},
		Triggers:    []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval: time.Minute,
		Transfers:   []connector.Transfer{connector.TransferRecords},
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce,
			flow.SAPOData, flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		WriteOperations: []string{"INSERT", "UPSERT", "UPDATE", "DELETE"},
		Settings:        settings(),
		Limits: []string{
			"AppFlow waits 30 seconds for records and 10 for everything else; Weir waits longer.",
			"An answer may hold 6 MB.",
			"A run reads an entity from its beginning to its end, 1,000 records at a time: the protocol has no way to read parts side by side.",
			"A record may be written twice by INSERT when a run goes on after a crash, unless the connector keeps the idempotencyToken of its requests.",
			"Operators, triggers, frequencies and write operations are those that the connector declares.",
		},
	}
}

func settings() []connector.Setting {
	return connector.Settings([]connector.Setting{
		{Where: connector.InSource, Name: "entityName", Required: true, Description: "The entity to read."},
		{Where: connector.InSource, Name: "customProperties", Kind: connector.Map, Description: "Settings that the connector declares for sources."},
		{Where: connector.InSource, Name: "dataTransferApi.Name", Description: "The way to move records, where the connector has several."},
		{Where: connector.InSource, Name: "dataTransferApi.Type", Values: []string{"SYNC", "ASYNC", "AUTOMATIC"}, Description: "What kind of way that is."},
		{Where: connector.InDestination, Name: "entityName", Required: true, Description: "The entity to write."},
		{Where: connector.InDestination, Name: "customProperties", Kind: connector.Map, Description: "Settings that the connector declares for destinations."},
	},
		connector.WriteSettings("The fields that find records; the connector says which can."),
		connector.ErrorHandlingSettings(),
		[]connector.Setting{
			{Where: connector.InProfile, Name: "profileProperties", Kind: connector.Map, Description: "Settings that the connector declares for profiles."},
			{Where: connector.InProfile, Name: "oAuth2Properties.tokenUrl", Required: true, Description: "Where tokens are got, with OAuth."},
			{
				Where: connector.InProfile, Name: "oAuth2Properties.oAuth2GrantType", Required: true, Values: []string{"CLIENT_CREDENTIALS", "AUTHORIZATION_CODE", "JWT_BEARER"},
				Description: "How tokens are got.",
			},
			{Where: connector.InProfile, Name: "oAuth2Properties.tokenUrlCustomProperties", Kind: connector.Map, Description: "Further parameters of the token request."},
			{
				Where: connector.InCredentials, Name: "authenticationType", Required: true, Values: []string{"OAUTH2", "APIKEY", "BASIC", "CUSTOM"},
				Description: "Which of the kinds below is given; the connector says which it takes.",
			},
			{Where: connector.InCredentials, Name: "basic.username", Required: true, Description: "The user, with BASIC."},
			{Where: connector.InCredentials, Name: "basic.password", Required: true, Secret: true, Description: "The user's password."},
		},
		connector.ClientSettings("oauth2.", false),
		[]connector.Setting{connector.AccessTokenSetting("oauth2."), connector.RefreshTokenSetting("oauth2.")},
		connector.OAuthRequestSettings("oauth2."),
		[]connector.Setting{
			{Where: connector.InCredentials, Name: "apiKey.apiKey", Required: true, Secret: true, Description: "The key, with APIKEY."},
			{Where: connector.InCredentials, Name: "apiKey.apiSecretKey", Secret: true, Description: "The second half of the key, where there is one."},
			{Where: connector.InCredentials, Name: "custom.customAuthenticationType", Required: true, Description: "Which of the connector's own kinds it is, with CUSTOM."},
			{Where: connector.InCredentials, Name: "custom.credentialsMap", Kind: connector.Map, Secret: true, Description: "What that kind asks for."},
		},
	)
}

// endpoint reads the token's address from the profile. The authorization page is in the connector's registration, which a
// profile does not hold; a token can be got without it.
func endpoint(props flow.Properties, override connector.Override) (connector.OAuthEndpoint, error) {
	var p struct {
		OAuth *struct {
			TokenURL string            `json:"tokenUrl"`
			Custom   map[string]string `json:"tokenUrlCustomProperties"`
		} `json:"oAuth2Properties"`
	}
	if err := props.Decode(&p); err != nil {
		return connector.OAuthEndpoint{}, fault.Wrap(fault.Validation, err, "reading the profile's properties")
	}
	if p.OAuth == nil {
		return connector.OAuthEndpoint{}, fault.New(fault.Validation, "oAuth2Properties is missing; OAuth credentials need tokenUrl and oAuth2GrantType")
	}
	e := connector.OAuthEndpoint{TokenURL: p.OAuth.TokenURL, Extra: p.OAuth.Custom, ClientInBody: true}
	if override != nil && override("AUTH") != "" {
		e.TokenURL = override("AUTH")
	}
	if u, err := url.Parse(e.TokenURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return connector.OAuthEndpoint{}, fault.New(fault.Validation, "oAuth2Properties.tokenUrl must be a URL that begins with https://")
	}
	return e, nil
}
