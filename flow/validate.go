package flow

import (
	"slices"
	"strings"
)

// Validate checks a definition against every rule that needs no connection: what goes with what, and the tasks. The
// shapes of the values themselves (lengths, patterns, enums) have been checked before. Nil means nothing was found.
func (d *Definition) Validate() Problems {
	var p Problems
	d.validateTrigger(&p)
	d.validateEnds(&p)
	if len(p) == 0 { // the tasks' rules depend on the two ends
		d.validateTasks(&p)
	}
	return p
}

func (d *Definition) validateTrigger(p *Problems) {
	s := d.Trigger.Schedule()
	switch {
	case d.Trigger.Type == TriggerScheduled && s == nil:
		p.quote("triggerConfig.triggerProperties", "TriggerProps is required for Scheduled Trigger Type.")
		return
	case d.Trigger.Type != TriggerScheduled && s != nil:
		p.add("triggerConfig.triggerProperties.Scheduled", "a schedule goes with triggerType Scheduled only; remove it or change triggerType %s", d.Trigger.Type)
		return
	case s == nil:
		return
	}
	if strings.TrimSpace(s.Expression) == "" {
		p.add("triggerConfig.triggerProperties.Scheduled.scheduleExpression", "the schedule expression is empty; write for instance rate(1hours)")
	}
	if s.Start != nil && s.End != nil && !s.End.After(*s.Start) {
		p.add("triggerConfig.triggerProperties.Scheduled.scheduleEndTime", "the schedule ends before it starts")
	}
	if s.FirstExecutionFrom != nil && s.Start != nil && s.FirstExecutionFrom.After(*s.Start) {
		p.add("triggerConfig.triggerProperties.Scheduled.firstExecutionFrom", "the first window would begin after the first run")
	}
}

func (d *Definition) validateEnds(p *Problems) {
	src := TraitsOf(d.Source.Connector)
	if !src.IsSource {
		p.add("sourceFlowConfig.connectorType", "%s cannot be used as a source", d.Source.Connector)
	} else if !src.Offers(d.Trigger.Type) && !d.mayBeSentEvents() {
		p.add("triggerConfig.triggerType", "%s as a source does not support trigger type %s; it supports %s", d.Source.Connector, d.Trigger.Type, join(src.Triggers))
	}
	if src.NeedsProfile && blank(d.Source.ProfileName) {
		p.add("sourceFlowConfig.connectorProfileName", "%s needs a connector profile", d.Source.Connector)
	}
	if len(d.Destinations) != 1 {
		p.add("destinationFlowConfigList", "exactly one destination is supported, %d were given", len(d.Destinations))
		return
	}
	dst := d.Destinations[0]
	facts := TraitsOf(dst.Connector)
	if !facts.IsDest {
		p.add("destinationFlowConfigList.1.member.connectorType", "%s cannot be used as a destination", dst.Connector)
	}
	if facts.NeedsProfile && blank(dst.ProfileName) {
		p.add("destinationFlowConfigList.1.member.connectorProfileName", "%s needs a connector profile", dst.Connector)
	}
	if dst.Connector == EventBridge && d.Trigger.Type != TriggerEvent {
		p.add("triggerConfig.triggerType", "an EventBridge destination needs trigger type Event")
	}
	dst.validateWrite(p)
	if d.Catalog != nil && d.Catalog.Glue != nil && dst.Connector != S3 {
		p.add("metadataCatalogConfig", "only an S3 destination can be registered in a data catalog")
	}
}

// mayBeSentEvents reports whether the trigger is Event and the source one that is sent events where AppFlow has none:
// whether this flow is such a one is said by its tags (S3) or its profile's label (Webhook), which a definition lacks.
func (d *Definition) mayBeSentEvents() bool {
	return d.Trigger.Type == TriggerEvent && (d.Source.Connector == S3 || d.Source.Connector == CustomConnector)
}

// validateWrite checks the two properties that every destination of records has in common: an operation that finds records
// needs the fields to find them by.
func (d *Destination) validateWrite(p *Problems) {
	var write struct {
		Operation string   `json:"writeOperationType"`
		IDs       []string `json:"idFieldNames"`
	}
	if err := d.Properties.Decode(&write); err != nil || write.Operation == "" || write.Operation == "INSERT" {
		return // properties that cannot be read have been refused before
	}
	if len(write.IDs) == 0 || slices.Contains(write.IDs, "") {
		p.add("destinationFlowConfigList.1.member.destinationConnectorProperties."+d.Connector.Member()+".idFieldNames",
			"write operation %s needs idFieldNames, the fields that tell which record is meant", write.Operation)
	}
}

// Profiles returns the connector profiles the definition depends on. A name given with a connector that takes none is
// ignored, as AppFlow does.
func (d *Definition) Profiles() []string {
	var names []string
	add := func(c ConnectorType, name *string) {
		if TraitsOf(c).NeedsProfile && !blank(name) && !slices.Contains(names, *name) {
			names = append(names, *name)
		}
	}
	add(d.Source.Connector, d.Source.ProfileName)
	for _, dst := range d.Destinations {
		add(dst.Connector, dst.ProfileName)
	}
	return names
}

func blank(s *string) bool { return s == nil || *s == "" }

func join[T ~string](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = string(v)
	}
	return strings.Join(parts, ", ")
}
