package server

import (
	"strconv"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// definitionParts is what CreateFlow and UpdateFlow have in common.
type definitionParts struct {
	description  *string
	trigger      *wire.TriggerConfig
	source       *wire.SourceFlowConfig
	destinations []wire.DestinationFlowConfig
	tasks        []wire.Task
	catalog      *wire.MetadataCatalogConfig
}

// definitionIn turns a request that has passed the model's checks into a definition. It refuses properties that do not
// belong to the stated connector.
func definitionIn(in definitionParts) (flow.Definition, error) {
	d := flow.Definition{
		Description: in.description,
		Trigger:     triggerIn(in.trigger),
		Tasks:       make([]flow.Task, len(in.tasks)),
	}
	var err error
	if d.Source, err = sourceIn(in.source); err != nil {
		return d, err
	}
	d.Destinations = make([]flow.Destination, len(in.destinations))
	for i := range in.destinations {
		if d.Destinations[i], err = destinationIn(i, &in.destinations[i]); err != nil {
			return d, err
		}
	}
	for i := range in.tasks {
		d.Tasks[i] = taskIn(&in.tasks[i])
	}
	if c := in.catalog; c != nil {
		d.Catalog = &flow.CatalogConfig{}
		if g := c.GlueDataCatalog; g != nil {
			d.Catalog.Glue = &flow.GlueConfig{RoleArn: *g.RoleArn, DatabaseName: *g.DatabaseName, TablePrefix: *g.TablePrefix}
		}
	}
	return d, nil
}

func triggerIn(t *wire.TriggerConfig) flow.Trigger {
	out := flow.Trigger{Type: flow.TriggerType(*t.TriggerType)}
	if t.TriggerProperties == nil {
		return out
	}
	out.Properties = &flow.TriggerProperties{}
	if s := t.TriggerProperties.Scheduled; s != nil {
		out.Properties.Scheduled = &flow.Schedule{
			Expression: *s.ScheduleExpression, PullMode: convert[flow.DataPullMode](s.DataPullMode),
			Start: timeIn(s.ScheduleStartTime), End: timeIn(s.ScheduleEndTime), Timezone: s.Timezone,
			OffsetSeconds: s.ScheduleOffset, FirstExecutionFrom: timeIn(s.FirstExecutionFrom),
			DeactivateAfterRuns: s.FlowErrorDeactivationThreshold,
		}
	}
	return out
}

func sourceIn(s *wire.SourceFlowConfig) (flow.Source, error) {
	out := flow.Source{Connector: flow.ConnectorType(*s.ConnectorType), ProfileName: s.ConnectorProfileName, APIVersion: s.ApiVersion}
	props, err := memberIn("sourceFlowConfig.sourceConnectorProperties", out.Connector, s.SourceConnectorProperties)
	if err != nil {
		return out, err
	}
	out.Properties = props
	if i := s.IncrementalPullConfig; i != nil {
		out.Incremental = &flow.IncrementalConfig{DatetimeField: i.DatetimeTypeFieldName}
	}
	return out, nil
}

func destinationIn(i int, d *wire.DestinationFlowConfig) (flow.Destination, error) {
	out := flow.Destination{Connector: flow.ConnectorType(*d.ConnectorType), ProfileName: d.ConnectorProfileName, APIVersion: d.ApiVersion}
	path := "destinationFlowConfigList." + strconv.Itoa(i+1) + ".member.destinationConnectorProperties"
	props, err := memberIn(path, out.Connector, d.DestinationConnectorProperties)
	out.Properties = props
	return out, err
}

// union is one of the API's structures with a member per connector, of which one is to be set.
type union interface {
	Members() []string
	Member(name string) wire.Shape
}

// memberIn takes the connector's member out of a union.
func memberIn(path string, c flow.ConnectorType, u union) (flow.Properties, error) {
	want := c.Member()
	found := false
	for _, m := range u.Members() {
		if m != want {
			return nil, fault.New(fault.Validation, "%s.%s does not belong to connectorType %s; give %s.%s alone", path, m, c, path, want)
		}
		found = true
	}
	if !found {
		return nil, fault.New(fault.Validation, "%s.%s is missing; connectorType %s needs it", path, want, c)
	}
	return flow.Properties(u.Member(want).AppendJSON(nil)), nil
}

func taskIn(t *wire.Task) flow.Task {
	out := flow.Task{Type: flow.TaskType(*t.TaskType), SourceFields: t.SourceFields, DestinationField: t.DestinationField}
	if o := t.ConnectorOperator; o != nil {
		out.Operators = make(map[string]flow.Operator, 1)
		for _, m := range o.Members() {
			out.Operators[m] = flow.Operator(*o.Member(m))
		}
	}
	if t.TaskProperties != nil {
		out.Properties = make(map[string]string, len(t.TaskProperties))
		for k, v := range t.TaskProperties {
			out.Properties[string(k)] = v
		}
	}
	return out
}

// definitionOut writes a definition as it came in.
func definitionOut(d *flow.Definition, out *wire.DescribeFlowOutput) {
	out.Description = d.Description
	out.TriggerConfig = triggerOut(&d.Trigger)
	out.SourceFlowConfig = sourceOut(&d.Source)
	out.DestinationFlowConfigList = make([]wire.DestinationFlowConfig, len(d.Destinations))
	for i := range d.Destinations {
		out.DestinationFlowConfigList[i] = destinationOut(&d.Destinations[i])
	}
	out.Tasks = make([]wire.Task, len(d.Tasks))
	for i := range d.Tasks {
		out.Tasks[i] = taskOut(&d.Tasks[i])
	}
	if c := d.Catalog; c != nil {
		out.MetadataCatalogConfig = &wire.MetadataCatalogConfig{}
		if g := c.Glue; g != nil {
			out.MetadataCatalogConfig.GlueDataCatalog = &wire.GlueDataCatalogConfig{
				RoleArn: &g.RoleArn, DatabaseName: &g.DatabaseName, TablePrefix: &g.TablePrefix,
			}
		}
	}
}

func triggerOut(t *flow.Trigger) *wire.TriggerConfig {
	out := &wire.TriggerConfig{TriggerType: ptr(wire.TriggerType(t.Type))}
	if t.Properties == nil {
		return out
	}
	out.TriggerProperties = &wire.TriggerProperties{}
	if s := t.Properties.Scheduled; s != nil {
		out.TriggerProperties.Scheduled = &wire.ScheduledTriggerProperties{
			ScheduleExpression: &s.Expression, DataPullMode: convert[wire.DataPullMode](s.PullMode),
			ScheduleStartTime: timeOut(s.Start), ScheduleEndTime: timeOut(s.End), Timezone: s.Timezone,
			ScheduleOffset: s.OffsetSeconds, FirstExecutionFrom: timeOut(s.FirstExecutionFrom),
			FlowErrorDeactivationThreshold: s.DeactivateAfterRuns,
		}
	}
	return out
}

func sourceOut(s *flow.Source) *wire.SourceFlowConfig {
	out := &wire.SourceFlowConfig{
		ConnectorType: ptr(wire.ConnectorType(s.Connector)), ConnectorProfileName: s.ProfileName, ApiVersion: s.APIVersion,
		SourceConnectorProperties: &wire.SourceConnectorProperties{},
	}
	memberOut(s.Connector, s.Properties, out.SourceConnectorProperties)
	if i := s.Incremental; i != nil {
		out.IncrementalPullConfig = &wire.IncrementalPullConfig{DatetimeTypeFieldName: i.DatetimeField}
	}
	return out
}

func destinationOut(d *flow.Destination) wire.DestinationFlowConfig {
	out := wire.DestinationFlowConfig{
		ConnectorType: ptr(wire.ConnectorType(d.Connector)), ConnectorProfileName: d.ProfileName, ApiVersion: d.APIVersion,
		DestinationConnectorProperties: &wire.DestinationConnectorProperties{},
	}
	memberOut(d.Connector, d.Properties, out.DestinationConnectorProperties)
	return out
}

// memberOut puts stored properties back into a union. They were written by the same codec, so reading them cannot fail.
func memberOut(c flow.ConnectorType, props flow.Properties, u interface{ NewMember(name string) wire.Shape }) {
	if m := u.NewMember(c.Member()); m != nil {
		_ = m.DecodeJSON(props)
	}
}

func taskOut(t *flow.Task) wire.Task {
	out := wire.Task{TaskType: ptr(wire.TaskType(t.Type)), SourceFields: t.SourceFields, DestinationField: t.DestinationField}
	if t.Operators != nil {
		out.ConnectorOperator = &wire.ConnectorOperator{}
		for m, op := range t.Operators {
			out.ConnectorOperator.SetMember(m, string(op))
		}
	}
	if t.Properties != nil {
		out.TaskProperties = make(map[wire.OperatorPropertiesKeys]string, len(t.Properties))
		for k, v := range t.Properties {
			out.TaskProperties[wire.OperatorPropertiesKeys(k)] = v
		}
	}
	return out
}
