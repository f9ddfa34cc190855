package server

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/schedule"
	"weir.dev/weir/internal/store"
)

// checkRegistrations holds a definition against what the custom connectors at its ends have declared when they were
// registered. Connectors that AWS has written, and those that are not registered any more, have declared nothing.
func (s *Server) checkRegistrations(ctx context.Context, d *flow.Definition) (flow.Problems, error) {
	var p flow.Problems
	if d.Source.Connector == flow.CustomConnector && deref(d.Source.ProfileName) != "" {
		said, err := s.declaredBy(ctx, *d.Source.ProfileName)
		if err != nil {
			return nil, err
		}
		if said != nil {
			p = append(p, checkCustomSource(d, said)...)
		}
	}
	for i := range d.Destinations {
		if dst := &d.Destinations[i]; dst.Connector == flow.CustomConnector && deref(dst.ProfileName) != "" {
			said, err := s.declaredBy(ctx, *dst.ProfileName)
			if err != nil {
				return nil, err
			}
			if said != nil {
				p = append(p, checkCustomDestination(d, i, said)...)
			}
		}
	}
	return p, nil
}

// declaredBy reads what the custom connector of a profile has declared; nil when nothing is known.
func (s *Server) declaredBy(ctx context.Context, profile string) (*wire.ConnectorConfiguration, error) {
	var said *wire.ConnectorConfiguration
	err := s.Store.Read(ctx, func(tx store.ReadTx) error {
		said = nil
		p, err := tx.ProfileGet(ctx, profile)
		if err != nil || p.Label == "" {
			return err
		}
		r, err := tx.RegistrationGet(ctx, p.Label)
		if err == nil {
			said = ptr(answered(r))
		}
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return said, err
}

func checkCustomSource(d *flow.Definition, said *wire.ConnectorConfiguration) flow.Problems {
	var p flow.Problems
	add := func(path, format string, args ...any) {
		p = append(p, flow.Problem{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	name := deref(said.ConnectorName)
	if !deref(said.CanUseAsSource) {
		add("sourceFlowConfig.connectorProfileName", "the custom connector %s cannot be used as a source", name)
		return p
	}
	if t := wire.TriggerType(d.Trigger.Type); !slices.Contains(said.SupportedTriggerTypes, t) {
		add("triggerConfig.triggerType", "the custom connector %s does not support trigger type %s; it supports %s", name, t, join(said.SupportedTriggerTypes))
	}
	for i := range d.Tasks {
		t := &d.Tasks[i]
		op := t.Operator(flow.CustomConnector)
		if _, isGiven := t.Operators[flow.CustomConnector.Member()]; isGiven && !slices.Contains(said.SupportedOperators, wire.Operators(op)) {
			add(fmt.Sprintf("tasks.%d.member.connectorOperator.CustomConnector", i+1), "Task Validation Error: task %d (%s): the custom connector %s does not support operator %s; it supports %s",
				i+1, t.Label(flow.CustomConnector), name, op, join(said.SupportedOperators))
		}
	}
	p = append(p, checkFrequency(d, said)...)
	p = append(p, checkVersion("sourceFlowConfig.apiVersion", d.Source.APIVersion, said)...)
	return append(p, checkCustomProperties(sourcePath(d), d.Source.Properties, "SOURCE", said)...)
}

func checkCustomDestination(d *flow.Definition, i int, said *wire.ConnectorConfiguration) flow.Problems {
	dst := &d.Destinations[i]
	at := fmt.Sprintf("destinationFlowConfigList.%d.member.", i+1)
	if !deref(said.CanUseAsDestination) {
		return flow.Problems{{Path: at + "connectorProfileName", Text: fmt.Sprintf("the custom connector %s cannot be used as a destination", deref(said.ConnectorName))}}
	}
	var p flow.Problems
	if op := dst.Writing().Operation; !slices.Contains(said.SupportedWriteOperations, wire.WriteOperationType(op)) {
		p = append(p, flow.Problem{
			Path: destinationPath(i, dst.Connector) + ".writeOperationType",
			Text: fmt.Sprintf("the custom connector %s does not support %s; it supports %s", deref(said.ConnectorName), op, join(said.SupportedWriteOperations)),
		})
	}
	p = append(p, checkVersion(at+"apiVersion", dst.APIVersion, said)...)
	return append(p, checkCustomProperties(destinationPath(i, dst.Connector), dst.Properties, "DESTINATION", said)...)
}

func checkVersion(path string, version *string, said *wire.ConnectorConfiguration) flow.Problems {
	switch {
	case len(said.SupportedApiVersions) == 0: // a manifest has no versions to choose from
		return nil
	case deref(version) == "":
		return flow.Problems{{Path: path, Text: fmt.Sprintf("apiVersion is missing; the custom connector %s has %s", deref(said.ConnectorName), join(said.SupportedApiVersions))}}
	case !slices.Contains(said.SupportedApiVersions, *version):
		return flow.Problems{{Path: path, Text: fmt.Sprintf("the custom connector %s has no version %s; it has %s", deref(said.ConnectorName), *version, join(said.SupportedApiVersions))}}
	}
	return nil
}

// frequencies are the declared words with the shortest period that each allows.
var frequencies = map[wire.ScheduleFrequencyType]time.Duration{
	"BYMINUTE": time.Minute, "HOURLY": time.Hour, "DAILY": 24 * time.Hour, "WEEKLY": 7 * 24 * time.Hour, "MONTHLY": 28 * 24 * time.Hour,
}

// checkFrequency holds the schedule's period against the most frequent one that is declared.
func checkFrequency(d *flow.Definition, said *wire.ConnectorConfiguration) flow.Problems {
	sch := d.Trigger.Schedule()
	if sch == nil {
		return nil
	}
	expr, err := schedule.Parse(sch.Expression)
	if err != nil || expr.MinInterval() == 0 {
		return nil // an expression that cannot be read has its own problem; one run only is always possible
	}
	for _, f := range said.SupportedSchedulingFrequencies {
		if least, ok := frequencies[f]; ok && expr.MinInterval() >= least {
			return nil
		}
	}
	return flow.Problems{{
		Path: schedulePath,
		Text: fmt.Sprintf("the custom connector %s cannot be scheduled by %s; it supports %s", deref(said.ConnectorName), sch.Expression, join(said.SupportedSchedulingFrequencies)),
	}}
}

// checkCustomProperties holds customProperties against the runtime settings that the connector declares for that end.
func checkCustomProperties(path string, props flow.Properties, scope string, said *wire.ConnectorConfiguration) flow.Problems {
	var given struct {
		Custom map[string]string `json:"customProperties"`
	}
	if err := props.Decode(&given); err != nil {
		return nil // the model's own checks have refused it
	}
	path += ".customProperties"
	var p flow.Problems
	known := map[string]bool{}
	for _, x := range said.ConnectorRuntimeSettings {
		key := deref(x.Key)
		if at := deref(x.Scope); at != scope && at != "SOURCE_AND_DESTINATION" {
			continue
		}
		known[key] = true
		value, isGiven := given.Custom[key]
		switch {
		case !isGiven && deref(x.IsRequired):
			p = append(p, flow.Problem{Path: path, Text: fmt.Sprintf("property %s is missing; the custom connector %s needs it", key, deref(said.ConnectorName))})
		case isGiven && len(x.ConnectorSuppliedValueOptions) > 0 && !slices.Contains(x.ConnectorSuppliedValueOptions, value):
			p = append(p, flow.Problem{Path: path + "." + key, Text: fmt.Sprintf("property %s must be one of %s", key, join(x.ConnectorSuppliedValueOptions))})
		case isGiven && !isOfType(value, deref(x.DataType)):
			p = append(p, flow.Problem{Path: path + "." + key, Text: fmt.Sprintf("property %s must be of type %s", key, deref(x.DataType))})
		}
	}
	for key := range given.Custom {
		if !known[key] {
			p = append(p, flow.Problem{Path: path + "." + clip(key), Text: fmt.Sprintf("the custom connector %s has no property %s for this; remove it", deref(said.ConnectorName), clip(key))})
		}
	}
	slices.SortFunc(p, func(a, b flow.Problem) int { return strings.Compare(a.Path+a.Text, b.Path+b.Text) })
	return p
}

// isOfType reports whether a text can be a setting's value; dates and URLs are the connector's to read.
func isOfType(value, dataType string) bool {
	var err error
	switch dataType {
	case "Boolean":
		_, err = strconv.ParseBool(value)
	case "Integer", "Long":
		_, err = strconv.ParseInt(value, 10, 64)
	}
	return err == nil
}
