package server

import (
	"fmt"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/schedule"
)

// checkDefinition gathers everything that is wrong with a definition: the rules of package flow, the schedule's
// expression, and what the connectors in this build say of their own properties. The error is what a connector says in
// another code than Validation: what AppFlow learns by asking the application.
func checkDefinition(d *flow.Definition, connectors *connector.Registry) (flow.Problems, error) {
	p := d.Validate()
	if sch := d.Trigger.Schedule(); sch != nil && d.Trigger.Type == flow.TriggerScheduled && sch.Expression != "" {
		p = append(p, checkSchedule(d, sch)...)
	}
	var refused error
	judge := func(path string, err error) {
		switch {
		case fault.Is(err, fault.Validation):
			p = append(p, flow.Problem{Path: path, Text: err.Error()})
		case refused == nil:
			refused = err
		}
	}
	if c, ok := connectors.Find(d.Source.Connector).(connector.PropertyChecker); ok {
		judge("sourceFlowConfig.sourceConnectorProperties."+d.Source.Connector.Member(), c.CheckSource(d.Source.Properties))
	}
	for i, dst := range d.Destinations {
		if c, ok := connectors.Find(dst.Connector).(connector.PropertyChecker); ok {
			judge(fmt.Sprintf("destinationFlowConfigList.%d.member.destinationConnectorProperties.%s", i+1, dst.Connector.Member()), c.CheckDestination(dst.Properties))
		}
	}
	return p, refused
}

const schedulePath = "triggerConfig.triggerProperties.Scheduled.scheduleExpression"

// checkSchedule reads the expression and holds its period against what the source allows.
func checkSchedule(d *flow.Definition, sch *flow.Schedule) flow.Problems {
	expr, err := schedule.Parse(sch.Expression)
	if err != nil {
		return flow.Problems{{Path: schedulePath, Text: err.Error()}}
	}
	least := flow.TraitsOf(d.Source.Connector).MinInterval
	if every := expr.MinInterval(); every > 0 && every < least {
		return flow.Problems{{Path: schedulePath, Text: fmt.Sprintf("%s allows a run every %s at most; %s is more often", d.Source.Connector, least, sch.Expression)}}
	}
	return nil
}
