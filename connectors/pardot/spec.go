// Package pardot is the connector for Salesforce Account Engagement, once called Pardot.
package pardot

import (
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

var scopes = []string{"pardot_api", "refresh_token"}

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Pardot,
		Name:         "Salesforce Account Engagement (Pardot)",
		Summary:      "Prospects, campaigns and the other objects of a business unit of Salesforce Account Engagement.",
		DocsURL:      "https://developer.salesforce.com/docs/marketing/pardot/guide/version-4.html",
		CanBeSource:  true,
		NeedsProfile: true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantAuthorizationCode},
			Scopes:    scopes,
			AuthURLs:  []string{"https://login.salesforce.com/services/oauth2/authorize", "https://test.salesforce.com/services/oauth2/authorize"},
			TokenURLs: []string{"https://login.salesforce.com/services/oauth2/token", "https://test.salesforce.com/services/oauth2/token"},
			Endpoint:  endpoint,
		}},
		Triggers:    []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval: time.Minute,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.EventBridge, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo,
			flow.Salesforce, flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		Settings: connector.Settings([]connector.Setting{
			connector.ObjectSetting(connector.InSource, "The object to read, such as prospect."),
			{Where: connector.InProfile, Name: "instanceUrl", Description: "The address of the API or of the Salesforce organization."},
			{Where: connector.InProfile, Name: "isSandboxEnvironment", Kind: connector.Flag, Default: "false", Description: "Whether the business unit is in a sandbox."},
			{Where: connector.InProfile, Name: "businessUnitId", Description: "The business unit, 18 characters that begin with 0Uv; no call succeeds without it."},
			connector.AccessTokenSetting(""), connector.RefreshTokenSetting(""),
		},
			connector.OAuthRequestSettings(""),
			[]connector.Setting{{Where: connector.InCredentials, Name: "clientCredentialsArn", Secret: true, Description: "A secret with clientId and clientSecret of your own connected app."}},
		),
		SubServices: []connector.SubService{{Name: "AUTH", Description: "Salesforce's login host, which gives tokens."}},
		Limits: []string{
			"The only filter is EQUAL_TO.",
			"The business unit has to allow several prospects with one e-mail address (version 4 of the API).",
		},
	}
}

// endpoint resolves the login host: the organization's own where instanceUrl is its address, else production's or the
// sandboxes'.
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
			return "https://test.salesforce.com", nil
		}
		return "https://login.salesforce.com", nil
	})
	if err != nil {
		return connector.OAuthEndpoint{}, err
	}
	return connector.OAuthEndpoint{
		AuthURL: base + "/services/oauth2/authorize", TokenURL: base + "/services/oauth2/token", Scopes: scopes, ClientInBody: true, UsePKCE: true,
	}, nil
}
