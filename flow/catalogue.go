package flow

import (
	"slices"
	"time"
)

// Traits are the facts about a connector type that flow definitions are checked against, whether or not this build has
// the connector itself (https://docs.aws.amazon.com/appflow/latest/userguide/app-specific.html).
type Traits struct {
	IsSource     bool
	IsDest       bool
	NeedsProfile bool
	Triggers     []TriggerType // as a source
	MinInterval  time.Duration // of a schedule
	// ObjectKey is the property that names the object of a source or destination; it may not change by an update.
	ObjectKey string
}

var (
	recordTriggers = []TriggerType{TriggerOnDemand, TriggerScheduled}
	eventTriggers  = []TriggerType{TriggerOnDemand, TriggerScheduled, TriggerEvent}
)

func source(every time.Duration, key string) Traits {
	return Traits{IsSource: true, NeedsProfile: true, Triggers: recordTriggers, MinInterval: every, ObjectKey: key}
}

func both(every time.Duration, key string) Traits {
	t := source(every, key)
	t.IsDest = true
	return t
}

func dest(needsProfile bool, key string) Traits {
	return Traits{IsDest: true, NeedsProfile: needsProfile, ObjectKey: key}
}

var traits = map[ConnectorType]Traits{
	Amplitude:        source(24*time.Hour, "object"),
	CustomConnector:  both(time.Minute, "entityName"),
	CustomerProfiles: dest(false, "domainName"),
	Datadog:          source(time.Minute, "object"),
	Dynatrace:        source(time.Minute, "object"),
	EventBridge:      dest(false, "object"),
	GoogleAnalytics:  source(24*time.Hour, "object"),
	Honeycode:        dest(true, "object"),
	InforNexus:       source(time.Minute, "object"),
	LookoutMetrics:   dest(false, ""),
	Marketo:          both(time.Hour, "object"),
	Pardot:           source(time.Minute, "object"),
	Redshift:         dest(true, "object"),
	S3:               {IsSource: true, IsDest: true, Triggers: recordTriggers, MinInterval: time.Minute},
	Salesforce:       {IsSource: true, IsDest: true, NeedsProfile: true, Triggers: eventTriggers, MinInterval: time.Minute, ObjectKey: "object"},
	SAPOData:         both(time.Minute, "objectPath"),
	ServiceNow:       source(time.Minute, "object"),
	Singular:         source(time.Hour, "object"),
	Slack:            source(time.Minute, "object"),
	Snowflake:        dest(true, "object"),
	Trendmicro:       source(time.Hour, "object"),
	Upsolver:         dest(false, ""),
	Veeva:            source(time.Minute, "object"),
	Zendesk:          both(time.Minute, "object"),
}

// TraitsOf returns the facts about a connector type; the zero Traits for an unknown one.
func TraitsOf(c ConnectorType) Traits { return traits[c] }

// Offers reports whether a source can be triggered that way.
func (t Traits) Offers(trigger TriggerType) bool { return slices.Contains(t.Triggers, trigger) }
