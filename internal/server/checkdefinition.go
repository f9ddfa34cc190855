package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/schedule"
)

// examine gathers everything that is wrong with a definition: what can be said without a connection, then what the
// applications and the custom connectors at both ends say. The error is what one of them answers in another code than
// Validation: that it cannot be reached, or refuses the credentials. It runs outside any transaction.
func (s *Server) examine(ctx context.Context, d *flow.Definition) (flow.Problems, error) {
	problems, refused := checkDefinition(d, s.Connectors)
	more, err := s.checkRegistrations(ctx, d)
	if err != nil {
		return problems, err
	}
	problems = append(problems, more...)
	if refused != nil {
		return problems, refused
	}
	more, refused = s.checkVendors(ctx, d)
	return append(problems, more...), refused
}

// checkDefinition gathers what is wrong with a definition without asking anybody: the rules of package flow, the schedule's
// expression, what the connectors can do, and what those in this build say of their own properties. The error is what a
// connector says in another code than Validation: what AppFlow learns by asking the application.
func checkDefinition(d *flow.Definition, connectors *connector.Registry) (flow.Problems, error) {
	p := d.Validate()
	isSound := len(p) == 0
	source := connectors.Spec(d.Source.Connector)
	if sch := d.Trigger.Schedule(); sch != nil && d.Trigger.Type == flow.TriggerScheduled && sch.Expression != "" {
		p = append(p, checkSchedule(d, sch, source)...)
	}
	if isSound { // the connectors' own rules take the common ones for granted
		p = append(p, checkAbilities(d, source, connectors.Spec(d.Destinations[0].Connector))...)
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
		judge(sourcePath(d), c.CheckSource(d.Source.Properties))
	}
	for i, dst := range d.Destinations {
		if c, ok := connectors.Find(dst.Connector).(connector.PropertyChecker); ok {
			judge(destinationPath(i, dst.Connector), c.CheckDestination(dst.Properties))
		}
	}
	return p, refused
}

func sourcePath(d *flow.Definition) string {
	return "sourceFlowConfig.sourceConnectorProperties." + d.Source.Connector.Member()
}

func destinationPath(i int, c flow.ConnectorType) string {
	return fmt.Sprintf("destinationFlowConfigList.%d.member.destinationConnectorProperties.%s", i+1, c.Member())
}

// checkAbilities holds a definition against what the two connectors say of themselves. A spec is nil for a connector that
// the registry does not know.
func checkAbilities(d *flow.Definition, source, dest *connector.Spec) flow.Problems {
	var p flow.Problems
	if source != nil && source.SourceRules != nil {
		p = append(p, source.SourceRules(d)...)
	}
	if dest == nil {
		return p
	}
	// The destination that needs events has a rule of its own in package flow.
	if t := d.Trigger.Type; dest.Type != flow.EventBridge && len(dest.DestTriggers) > 0 && !slices.Contains(dest.DestTriggers, t) {
		p = append(p, flow.Problem{
			Path: "triggerConfig.triggerType",
			Text: fmt.Sprintf("destination %s is not allowed with trigger type %s; it needs %s", dest.Type, t, join(dest.DestTriggers)),
		})
	}
	p = append(p, d.CheckWriting(dest.WriteOperations)...)
	if dest.DestRules != nil {
		p = append(p, dest.DestRules(d)...)
	}
	return p
}

func join[T ~string](list []T) string { return strings.Join(convertList[string](list), ", ") }

const schedulePath = "triggerConfig.triggerProperties.Scheduled.scheduleExpression"

// checkSchedule reads the expression and holds its period against what the source allows.
func checkSchedule(d *flow.Definition, sch *flow.Schedule, source *connector.Spec) flow.Problems {
	expr, err := schedule.Parse(sch.Expression)
	if err != nil {
		return flow.Problems{{Path: schedulePath, Text: err.Error()}}
	}
	least := flow.TraitsOf(d.Source.Connector).MinInterval
	if source != nil && source.MinIntervalFor != nil {
		least = source.MinIntervalFor(d)
	}
	if every := expr.MinInterval(); every > 0 && every < least {
		return flow.Problems{{Path: schedulePath, Text: fmt.Sprintf("%s allows %s every %s at most; %s is more often", d.Source.Connector, aRun(d, source, least), least, sch.Expression)}}
	}
	return nil
}

// aRun says which runs are meant where a connector allows others more often.
func aRun(d *flow.Definition, source *connector.Spec, least time.Duration) string {
	if source == nil || least == source.MinInterval {
		return "a run"
	}
	if mode := d.Trigger.Schedule().PullMode; mode != nil && *mode == flow.PullComplete {
		return "a run that takes everything (dataPullMode Complete)"
	}
	return "a run of this object"
}
