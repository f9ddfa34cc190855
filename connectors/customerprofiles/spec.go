// Package customerprofiles is the connector for Amazon Connect Customer Profiles: records become profile objects of a domain.
package customerprofiles

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:      flow.CustomerProfiles,
		Name:      "Amazon Connect Customer Profiles",
		Summary:   "Profile objects in a domain of Amazon Connect Customer Profiles.",
		DocsURL:   "https://docs.aws.amazon.com/customerprofiles/latest/APIReference/API_PutProfileObject.html",
		CanBeDest: true,
		Settings: []connector.Setting{
			{Where: connector.InDestination, Name: "domainName", Description: "The domain that the objects are put in.", Required: true},
			{Where: connector.InDestination, Name: "objectTypeName", Description: "The type of the objects, whose mapping says which fields identify one."},
		},
		Limits: []string{
			"An object with the same key replaces the one before.",
			"A refused record ends the run: the API has no error handling for this destination.",
		},
	}
}
