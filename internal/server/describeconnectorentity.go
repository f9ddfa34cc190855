package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/flow"
)

// describeConnectorEntity describes one entity's fields
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DescribeConnectorEntity.html).
func (s *Server) describeConnectorEntity(ctx context.Context, _ *call, in *wire.DescribeConnectorEntityInput) (*wire.DescribeConnectorEntityOutput, error) {
	at, err := vendorNamed{in.ConnectorType, in.ConnectorProfileName, in.ApiVersion}.find(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := s.asks(at); err != nil {
		return nil, err
	}
	schema, _, err := s.Metadata.Entity(ctx, at, *in.ConnectorEntityName)
	if err != nil {
		return nil, vendorError(err)
	}
	spec := s.specOf(at.Connector)
	out := &wire.DescribeConnectorEntityOutput{ConnectorEntityFields: make([]wire.ConnectorEntityField, len(schema.Fields))}
	for i := range schema.Fields {
		out.ConnectorEntityFields[i] = fieldOut(&schema.Fields[i], spec.CanBeSource, spec.CanBeDest)
	}
	return out, nil
}

// fieldOut writes a field in the API's words. Absent texts are left out.
func fieldOut(f *flow.Field, isSource, isDest bool) wire.ConnectorEntityField {
	out := wire.ConnectorEntityField{
		Identifier: ptr(f.Name), ParentIdentifier: textOut(f.Parent), Label: textOut(f.Label), Description: textOut(f.Description),
		DefaultValue: textOut(f.DefaultValue), IsPrimaryKey: ptr(f.IsPrimaryKey), IsDeprecated: ptr(f.IsDeprecated),
		CustomProperties: f.CustomProperties,
		SupportedFieldTypeDetails: &wire.SupportedFieldTypeDetails{V1: &wire.FieldTypeDetails{
			FieldType: ptr(f.VendorType), FilterOperators: convertList[wire.Operator](f.FilterOperators), SupportedValues: f.SupportedValues,
			ValueRegexPattern: textOut(f.ValuePattern), SupportedDateFormat: textOut(f.DateFormat),
			FieldValueRange: rangeOut(f.ValueRange), FieldLengthRange: rangeOut(f.LengthRange),
		}},
	}
	if out.Label == nil {
		out.Label = ptr(f.Name)
	}
	if isSource {
		out.SourceProperties = &wire.SourceFieldProperties{
			IsRetrievable: ptr(f.IsRetrievable), IsQueryable: ptr(f.IsQueryable), IsTimestampFieldForIncrementalQueries: ptr(f.IsTimestamp),
		}
	}
	if isDest && isWritable(f) { // files take any field, and say nothing of writing
		out.DestinationProperties = &wire.DestinationFieldProperties{
			IsCreatable: ptr(f.IsCreatable), IsUpdatable: ptr(f.IsUpdatable), IsUpsertable: ptr(f.IsUpsertable), IsNullable: ptr(f.IsNullable),
			IsDefaultedOnCreate: ptr(f.IsDefaulted), SupportedWriteOperations: convertList[wire.WriteOperationType](f.WriteOperations),
		}
	}
	return out
}

// isWritable reports whether the connector says anything about writing the field, be it that it fills it itself.
func isWritable(f *flow.Field) bool {
	return f.IsCreatable || f.IsUpdatable || f.IsUpsertable || f.IsDefaulted || len(f.WriteOperations) > 0
}

func textOut(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func rangeOut(r *flow.Range) *wire.Range {
	if r == nil {
		return nil
	}
	return &wire.Range{Minimum: r.Min, Maximum: r.Max}
}

// convertList turns a list of one string type into another; it is never nil, because the API writes such lists when they
// are empty.
func convertList[To, From ~string](list []From) []To {
	out := make([]To, len(list))
	for i, v := range list {
		out[i] = To(v)
	}
	return out
}
