package server

import (
	"context"
	"strings"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// connectorPosition is where a page of connector types ended.
type connectorPosition struct {
	After flow.ConnectorType `json:"after"`
}

// describeConnectors describes the connector types, all or some, in full and in brief
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DescribeConnectors.html). Registered connectors are
// ListConnectors' matter.
func (s *Server) describeConnectors(_ context.Context, _ *call, in *wire.DescribeConnectorsInput) (*wire.DescribeConnectorsOutput, error) {
	wanted := map[flow.ConnectorType]bool{}
	var names strings.Builder
	for _, t := range in.ConnectorTypes {
		wanted[flow.ConnectorType(t)] = true
		names.WriteString(" " + string(t))
	}
	list := "DescribeConnectors" + names.String()
	var from connectorPosition
	isLater, err := s.openPageToken(list, in.NextToken, &from)
	if err != nil {
		return nil, err
	}
	var specs []*connector.Spec
	passed := !isLater
	for _, spec := range s.Connectors.Specs() {
		if passed && (len(wanted) == 0 || wanted[spec.Type]) {
			specs = append(specs, spec)
		}
		passed = passed || spec.Type == from.After
	}
	out := &wire.DescribeConnectorsOutput{
		ConnectorConfigurations: map[wire.ConnectorType]wire.ConnectorConfiguration{}, Connectors: []wire.ConnectorDetail{},
	}
	if size := pageSize(in.MaxResults); len(specs) > size {
		specs = specs[:size]
		out.NextToken = s.pageToken(list, connectorPosition{specs[size-1].Type})
	}
	for _, spec := range specs {
		out.ConnectorConfigurations[wire.ConnectorType(spec.Type)] = configurationOut(spec)
		out.Connectors = append(out.Connectors, wire.ConnectorDetail{
			ConnectorType: ptr(wire.ConnectorType(spec.Type)), ConnectorName: ptr(spec.Name), ConnectorDescription: ptr(spec.Summary),
			ConnectorModes: spec.Modes(), SupportedDataTransferTypes: convertList[wire.SupportedDataTransferType](spec.Moves()),
		})
	}
	return out, nil
}
