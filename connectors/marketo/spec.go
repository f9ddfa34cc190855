// Package marketo is the connector for Marketo Engage: leads, activities and custom objects, both ways.
package marketo

import (
	"regexp"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Marketo,
		Name:         "Marketo",
		Summary:      "Leads, activities and custom objects of a Marketo Engage instance, both ways.",
		DocsURL:      "https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/rest/rest-api",
		CanBeSource:  true,
		CanBeDest:    true,
		NeedsProfile: true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantClientCredentials},
			TokenURLs: []string{"{instanceUrl}/identity/oauth/token"},
			Endpoint:  endpoint,
		}},
		Triggers:    []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled},
		MinInterval: time.Hour,
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo, flow.Salesforce,
			flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		WriteOperations: []string{"UPSERT"},
		Settings: connector.Settings([]connector.Setting{
			connector.ObjectSetting(connector.InSource, "The object to read, such as leads."),
			connector.ObjectSetting(connector.InDestination, "The object to write, such as leads."),
		},
			connector.ErrorHandlingSettings(),
			[]connector.Setting{connector.InstanceSetting("The instance's address, such as https://123-ABC-456.mktorest.com, or its Munchkin id alone.")},
			connector.ClientSettings("", true),
			[]connector.Setting{connector.AccessTokenSetting("")},
			connector.OAuthRequestSettings(""),
		),
		SubServices: []connector.SubService{{Name: "AUTH", Description: "The identity service, which gives tokens."}},
		Limits: []string{
			"AppFlow moves 1 GB out and 500 MB in with a run; Weir has no limit of its own.",
			"Flows out of Marketo should not run at the same time: Marketo works on 2 exports at once, and queues 10.",
			"Records are created or updated, by what identifies them in Marketo; the flow chooses no operation.",
		},
	}
}

var munchkinID = regexp.MustCompile(`^[0-9]{3}-[A-Za-z]{3}-[0-9]{3}$`)

// instance reads instanceUrl in the forms that users have at hand: with the /rest or /identity that Marketo's own pages
// show behind it, or the Munchkin id alone.
func instance(props flow.Properties) (string, error) {
	var p struct {
		InstanceURL string `json:"instanceUrl"`
	}
	if err := props.Decode(&p); err != nil {
		return "", fault.Wrap(fault.Validation, err, "reading the profile's properties")
	}
	if munchkinID.MatchString(p.InstanceURL) {
		return "https://" + p.InstanceURL + ".mktorest.com", nil
	}
	base, err := connector.BaseURL("instanceUrl", p.InstanceURL)
	return strings.TrimSuffix(strings.TrimSuffix(base, "/rest"), "/identity"), err
}

func endpoint(props flow.Properties, override connector.Override) (connector.OAuthEndpoint, error) {
	base, err := connector.AuthBase(override, func() (string, error) { return instance(props) })
	if err != nil {
		return connector.OAuthEndpoint{}, err
	}
	return connector.OAuthEndpoint{TokenURL: base + "/identity/oauth/token", ClientInBody: true, Style: connector.TokenByQuery}, nil
}
