package server

import (
	"weir.dev/weir/api/wire"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// ParseFlow reads a CreateFlow request as CreateFlow would, with the same checks and the same words, and saves nothing.
// Tools that run or show a definition without a server use it.
func ParseFlow(body []byte, connectors *connector.Registry) (*flow.Flow, error) {
	in := &wire.CreateFlowInput{}
	if err := in.DecodeJSON(body); err != nil {
		return nil, fault.New(fault.Validation, "%s", err.Error())
	}
	if err := in.Validate(); err != nil {
		return nil, fault.New(fault.Validation, "%s", err.Error())
	}
	def, err := definitionIn(definitionParts{in.Description, in.TriggerConfig, in.SourceFlowConfig, in.DestinationFlowConfigList, in.Tasks, in.MetadataCatalogConfig})
	if err != nil {
		return nil, err
	}
	problems, refused := checkDefinition(&def, connectors)
	problems = append(problems, def.CheckTags(in.Tags)...)
	if problems != nil {
		return nil, fault.New(fault.Validation, "[%s]", problems)
	}
	if refused != nil {
		return nil, refused
	}
	return &flow.Flow{Definition: def, Name: *in.FlowName, KMSArn: in.KmsArn, SchemaVersion: 1, Version: 1, Tags: in.Tags}, nil
}
