// Package connectors lists the connectors of this build, one line each. Nothing registers itself: another build with
// other connectors calls [connector.NewRegistry] with a list of its own.
package connectors

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/amplitude"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/customerprofiles"
	"weir.dev/weir/connectors/datadog"
	"weir.dev/weir/connectors/dynatrace"
	"weir.dev/weir/connectors/eventbridge"
	"weir.dev/weir/connectors/googleanalytics"
	"weir.dev/weir/connectors/honeycode"
	"weir.dev/weir/connectors/infornexus"
	"weir.dev/weir/connectors/lookoutmetrics"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/connectors/marketo"
	"weir.dev/weir/connectors/pardot"
	"weir.dev/weir/connectors/redshift"
	"weir.dev/weir/connectors/s3"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/connectors/sapodata"
	"weir.dev/weir/connectors/servicenow"
	"weir.dev/weir/connectors/singular"
	"weir.dev/weir/connectors/slack"
	"weir.dev/weir/connectors/snowflake"
	"weir.dev/weir/connectors/trendmicro"
	"weir.dev/weir/connectors/upsolver"
	"weir.dev/weir/connectors/veeva"
	"weir.dev/weir/connectors/webhook"
	"weir.dev/weir/connectors/zendesk"
)

// Settings are what connectors need beyond a profile. The zero value is enough to describe all of them.
type Settings struct {
	Custom custom.Options
	// Manifests are custom connectors of the operator's own that need no code; nil for none.
	Manifests  *manifest.Library
	Salesforce salesforce.Options
}

// All returns a registry of every connector type of AppFlow, by name: the connectors of this build, and descriptions of
// those that it lacks. At most one Settings counts.
func All(settings ...Settings) *connector.Registry {
	var s Settings
	if len(settings) > 0 {
		s = settings[0]
	}
	own := connector.Connector(custom.New(s.Custom))
	if s.Manifests != nil {
		own = s.Manifests.Or(own)
	}
	own = webhook.Or(own)
	return connector.NewRegistry(
		connector.Described(amplitude.Spec()),
		own,
		connector.Described(customerprofiles.Spec()),
		connector.Described(datadog.Spec()),
		connector.Described(dynatrace.Spec()),
		connector.Described(eventbridge.Spec()),
		connector.Described(googleanalytics.Spec()),
		connector.Described(honeycode.Spec()),
		connector.Described(infornexus.Spec()),
		connector.Described(lookoutmetrics.Spec()),
		connector.Described(marketo.Spec()),
		connector.Described(pardot.Spec()),
		connector.Described(redshift.Spec()),
		s3.New(),
		salesforce.New(s.Salesforce),
		connector.Described(sapodata.Spec()),
		connector.Described(servicenow.Spec()),
		connector.Described(singular.Spec()),
		connector.Described(slack.Spec()),
		connector.Described(snowflake.Spec()),
		connector.Described(trendmicro.Spec()),
		connector.Described(upsolver.Spec()),
		connector.Described(veeva.Spec()),
		zendesk.New(),
	)
}
