// Package honeycode describes Amazon Honeycode, which Amazon ended in February 2024. Its flows and profiles can be defined,
// so that old definitions still apply; they cannot run.
package honeycode

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Honeycode,
		Name:         "Amazon Honeycode",
		Summary:      "Rows appended to a table of an Amazon Honeycode workbook.",
		DocsURL:      "https://docs.aws.amazon.com/appflow/latest/userguide/honeycode.html",
		CanBeDest:    true,
		NeedsProfile: true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:   []connector.Grant{connector.GrantAuthorizationCode},
			Endpoint: endpoint,
		}},
		WriteOperations: []string{"INSERT"},
		Settings: connector.Settings(
			[]connector.Setting{connector.ObjectSetting(connector.InDestination, "The workbook and table to append to.")},
			connector.ErrorHandlingSettings(),
			[]connector.Setting{connector.AccessTokenSetting(""), connector.RefreshTokenSetting("")},
			connector.OAuthRequestSettings(""),
		),
		SubServices: []connector.SubService{{Name: "AUTH", Description: "A stand-in for the authorization server, which is gone."}},
		Retired:     "Amazon ended Honeycode on 29 February 2024.",
	}
}

// endpoint knows no address of its own: Amazon never published one.
func endpoint(_ flow.Properties, override connector.Override) (connector.OAuthEndpoint, error) {
	base, err := connector.AuthBase(override, func() (string, error) {
		return "", fault.New(fault.Validation, "Amazon Honeycode has ended, and its authorization server with it; give an access token, or name a server in WEIR_ENDPOINT_URL_HONEYCODE_AUTH")
	})
	if err != nil {
		return connector.OAuthEndpoint{}, err
	}
	return connector.OAuthEndpoint{AuthURL: base + "/oauth2/authorize", TokenURL: base + "/oauth2/token", ClientInBody: true}, nil
}
