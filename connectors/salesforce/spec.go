// Package salesforce is the connector for Salesforce: objects by the REST and Bulk APIs, both ways, and change events.
package salesforce

import (
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

const (
	loginHost   = "https://login.salesforce.com"
	sandboxHost = "https://test.salesforce.com"
)

var scopes = []string{"api", "refresh_token", "id"}

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Salesforce,
		Name:         "Salesforce",
		Summary:      "Objects of a Salesforce organization, both ways, and its change and platform events.",
		DocsURL:      "https://developer.salesforce.com/docs/apis",
		CanBeSource:  true,
		CanBeDest:    true,
		NeedsProfile: true,
		PrivateLink:  true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantAuthorizationCode, connector.GrantJWTBearer},
			Scopes:    scopes,
			AuthURLs:  []string{loginHost + "/services/oauth2/authorize", sandboxHost + "/services/oauth2/authorize"},
			TokenURLs: []string{loginHost + "/services/oauth2/token", sandboxHost + "/services/oauth2/token"},
			Endpoint:  endpoint,
		}},
		Triggers:     []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled, flow.TriggerEvent},
		MinInterval:  time.Minute,
		SourceRules:  sourceRules,
		DestRules:    destRules,
		TransferAPIs: []string{"AUTOMATIC", "BULKV2", "REST_SYNC"},
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.EventBridge, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo,
			flow.Salesforce, flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		WriteOperations: []string{"INSERT", "UPDATE", "UPSERT", "DELETE"},
		Settings:        settings(),
		SubServices: []connector.SubService{
			{Name: "AUTH", Description: "The login host, which gives tokens."},
			{Name: "EVENTS", Description: "The Pub/Sub API, for change and platform events."},
		},
		Limits: []string{
			"AppFlow moves 15 GB out and 500 MB in with a run; Weir has no limit of its own.",
			"AUTOMATIC reads by REST below 1,000,000 records and writes by REST below 1,000 records, and by Bulk API 2.0 else.",
			"Bulk API 2.0 carries no compound fields, such as addresses.",
			"UPDATE finds records by their Id, UPSERT by the Id or an external id.",
			"New fields are taken up by themselves (enableDynamicFieldUpdate) only on the way to S3.",
		},
	}
}

func settings() []connector.Setting {
	return connector.Settings([]connector.Setting{
		connector.ObjectSetting(connector.InSource, "The object to read, such as Account; for events the channel, such as AccountChangeEvent."),
		{Where: connector.InSource, Name: "enableDynamicFieldUpdate", Kind: connector.Flag, Default: "false", Description: "Whether fields that are added in Salesforce are taken up by themselves."},
		{Where: connector.InSource, Name: "includeDeletedRecords", Kind: connector.Flag, Default: "false", Description: "Whether records in the recycle bin are read, too."},
		transferAPI(connector.InSource),
		connector.ObjectSetting(connector.InDestination, "The object to write."),
		transferAPI(connector.InDestination),
	},
		connector.WriteSettings("The one field that finds records: Id, or for UPSERT an external id."),
		connector.ErrorHandlingSettings(),
		[]connector.Setting{
			{Where: connector.InProfile, Name: "instanceUrl", Description: "The organization's address, such as https://example.my.salesforce.com."},
			{Where: connector.InProfile, Name: "isSandboxEnvironment", Kind: connector.Flag, Default: "false", Description: "Whether the organization is a sandbox, which logs in elsewhere."},
			{
				Where: connector.InProfile, Name: "usePrivateLinkForMetadataAndAuthorization", Kind: connector.Flag, Default: "false",
				Description: "Whether metadata and tokens, too, go over a private connection.",
			},
			connector.AccessTokenSetting(""), connector.RefreshTokenSetting(""),
		},
		connector.OAuthRequestSettings(""),
		[]connector.Setting{
			{Where: connector.InCredentials, Name: "clientCredentialsArn", Secret: true, Description: "A secret with clientId and clientSecret of your own connected app."},
			{
				Where: connector.InCredentials, Name: "oAuth2GrantType", Values: []string{"CLIENT_CREDENTIALS", "AUTHORIZATION_CODE", "JWT_BEARER"}, Default: "AUTHORIZATION_CODE",
				Description: "How tokens are got; CLIENT_CREDENTIALS is not for Salesforce.",
			},
			{Where: connector.InCredentials, Name: "jwtToken", Secret: true, Description: "The signed assertion, with JWT_BEARER."},
		},
	)
}

func transferAPI(where string) connector.Setting {
	return connector.Setting{
		Where: where, Name: "dataTransferApi", Values: []string{"AUTOMATIC", "BULKV2", "REST_SYNC"}, Default: "AUTOMATIC",
		Description: "Which of Salesforce's APIs moves the records.",
	}
}

// endpoint resolves the login host: an organization's own where the profile names one, since it may have closed the
// common ones to itself; else production's or the sandboxes'.
func endpoint(props flow.Properties, override connector.Override) (connector.OAuthEndpoint, error) {
	base, err := connector.AuthBase(override, func() (string, error) {
		var p struct {
			InstanceURL string `json:"instanceUrl"`
			Sandbox     bool   `json:"isSandboxEnvironment"`
		}
		if err := props.Decode(&p); err != nil {
			return "", fault.Wrap(fault.Validation, err, "reading the profile's properties")
		}
		if p.InstanceURL != "" {
			base, err := connector.InstanceURL(props)
			if err != nil || strings.HasSuffix(base, ".my.salesforce.com") {
				return base, err
			}
		}
		if p.Sandbox {
			return sandboxHost, nil
		}
		return loginHost, nil
	})
	if err != nil {
		return connector.OAuthEndpoint{}, err
	}
	return connector.OAuthEndpoint{
		AuthURL: base + "/services/oauth2/authorize", TokenURL: base + "/services/oauth2/token", Scopes: scopes, ClientInBody: true, UsePKCE: true,
	}, nil
}
