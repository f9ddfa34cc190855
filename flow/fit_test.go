package flow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

// account is an entity as a careful vendor describes it.
func account() flow.Schema {
	text := []flow.Operator{flow.OpEqualTo, flow.OpNotEqualTo, flow.OpContains}
	order := []flow.Operator{flow.OpEqualTo, flow.OpLessThan, flow.OpGreaterThan, flow.OpBetween}
	return flow.Schema{Entity: "Account", Fields: []flow.Field{
		{Name: "Id", VendorType: "id", Type: flow.TypeString, FilterOperators: text[:1], IsRetrievable: true, IsQueryable: true, IsPrimaryKey: true, WriteOperations: []string{"UPDATE", "DELETE"}},
		{Name: "Name", VendorType: "string", Type: flow.TypeString, FilterOperators: text, IsRetrievable: true, IsQueryable: true, IsCreatable: true, IsUpdatable: true},
		{Name: "Revenue", VendorType: "currency", Type: flow.TypeDouble, FilterOperators: order, IsRetrievable: true, IsQueryable: true, IsCreatable: true},
		{Name: "Changed", VendorType: "datetime", Type: flow.TypeDatetime, FilterOperators: order, IsRetrievable: true, IsQueryable: true, IsTimestamp: true},
		{Name: "Notes", VendorType: "textarea", Type: flow.TypeString, IsRetrievable: true, IsCreatable: true, IsUpdatable: true},
		{Name: "Secret", VendorType: "encrypted", Type: flow.TypeString, IsCreatable: true},
		{Name: "Ext__c", VendorType: "string", Type: flow.TypeString, IsRetrievable: true, IsCreatable: true, IsUpdatable: true, WriteOperations: []string{"UPSERT"}},
	}}
}

func from(tasks ...flow.Task) *flow.Definition {
	return &flow.Definition{
		Trigger: flow.Trigger{Type: flow.TriggerOnDemand}, Source: flow.Source{Connector: flow.Salesforce, ProfileName: ptr("crm")},
		Destinations: []flow.Destination{{Connector: flow.S3}}, Tasks: tasks,
	}
}

func changesBy(field string) *flow.Definition {
	d := from(mapTo("Name", "n"))
	d.Source.Incremental = &flow.IncrementalConfig{DatetimeField: &field}
	return d
}

func sf(t flow.TaskType, op flow.Operator, fields []string, props map[string]string) flow.Task {
	return flow.Task{Type: t, SourceFields: fields, Operators: map[string]flow.Operator{"Salesforce": op}, Properties: props}
}

func TestFitSource_NamesTaskFieldReasonAndFix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		def  *flow.Definition
		want string // "" means nothing is wrong
		path string
	}{
		{"all is well", from(sf(flow.TaskFilter, flow.OpProjection, []string{"Id", "Name"}, nil), mapTo("Name", "n"), mapTo("Revenue", "r")), "", ""},
		{"unknown field", from(mapTo("Naame", "n")), `task 1 (Map Naame): the source entity "Account" has no field "Naame"; it has Id, Name, Revenue`, "tasks.1.member.sourceFields"},
		{"wrong case", from(mapTo("name", "n")), `it has "Name"`, "tasks.1.member.sourceFields"},
		{"unknown in projection", from(sf(flow.TaskFilter, flow.OpProjection, []string{"Id", "Nope"}, nil)), `has no field "Nope"`, "tasks.1.member.sourceFields"},
		{"unreadable", from(mapTo("Secret", "s")), `source field "Secret" cannot be read`, "tasks.1.member.sourceFields"},
		{"not queryable", from(sf(flow.TaskFilter, flow.OpEqualTo, []string{"Notes"}, map[string]string{"DATA_TYPE": "string", "VALUE": "x"})), `"Notes" cannot be filtered by`, "tasks.1.member.sourceFields"},
		{"operator", from(sf(flow.TaskFilter, flow.OpContains, []string{"Revenue"}, map[string]string{"DATA_TYPE": "currency", "VALUE": "1"})), `"Revenue", which is currency, cannot be filtered by CONTAINS; it allows EQUAL_TO, LESS_THAN`, "tasks.1.member.connectorOperator.Salesforce"},
		{"data type", from(sf(flow.TaskFilter, flow.OpEqualTo, []string{"Revenue"}, map[string]string{"DATA_TYPE": "string", "VALUE": "1"})), `DATA_TYPE string would compare by text, but source field "Revenue" is currency; write currency`, "tasks.1.member.taskProperties.DATA_TYPE"},
		{"data type of a kind", from(sf(flow.TaskFilter, flow.OpEqualTo, []string{"Revenue"}, map[string]string{"DATA_TYPE": "integer", "VALUE": "1"})), "", ""},
		{"vendor's data type", from(sf(flow.TaskFilter, flow.OpEqualTo, []string{"Id"}, map[string]string{"DATA_TYPE": "ID", "VALUE": "1"})), "", ""},
		{"derived field", from(sf(flow.TaskMerge, flow.OpNoOp, []string{"Id", "Name"}, map[string]string{"CONCAT_FORMAT": "-"}), mapTo("Id,Name", "both")), "", ""},
		{"operand of a derived field", from(sf(flow.TaskMerge, flow.OpNoOp, []string{"Id", "Nope"}, map[string]string{"CONCAT_FORMAT": "-"}), mapTo("Id,Nope", "both")), `has no field "Nope"`, "tasks.1.member.sourceFields"},
		{"excluded by a wrong name", from(flow.Task{Type: flow.TaskMapAll, Properties: map[string]string{"EXCLUDE_SOURCE_FIELDS_LIST": `["Secretion"]`}}), `has no field "Secretion"; it has Id, Name`, "tasks.1.member.taskProperties.EXCLUDE_SOURCE_FIELDS_LIST"},
		{"incremental field unknown", changesBy("Chnaged"), `has no field "Chnaged"`, "sourceFlowConfig.incrementalPullConfig.datetimeTypeFieldName"},
		{"incremental field of another kind", changesBy("Revenue"), `"Revenue" does not tell when a record changed; use one of Changed`, "sourceFlowConfig.incrementalPullConfig.datetimeTypeFieldName"},
		{"incremental field", changesBy("Changed"), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := c.def.FitSource(account())
			if c.want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0].Text, c.want)
			require.Equal(t, c.path, found[0].Path)
		})
	}
}

func TestFitSource_SaysNothingWhereNothingIsKnown(t *testing.T) {
	t.Parallel()
	d := from(mapTo("anything", "x"))
	require.Empty(t, d.FitSource(flow.Schema{}), "an empty source")
	open := account()
	open.Open = true
	require.Empty(t, d.FitSource(open), "a sample")
	long := flow.Schema{Entity: "E"}
	for range 50 {
		long.Fields = append(long.Fields, flow.Field{Name: strings.Repeat("f", 10), IsRetrievable: true})
	}
	require.Contains(t, d.FitSource(long).String(), " and 38 more")
}

func toSalesforce(props string, tasks ...flow.Task) *flow.Definition {
	d := s3(tasks...)
	d.Destinations[0] = flow.Destination{Connector: flow.Salesforce, ProfileName: ptr("crm"), Properties: flow.Properties(props)}
	return d
}

func TestFitDestination_NamesTaskFieldReasonAndFix(t *testing.T) {
	t.Parallel()
	const insert, update, upsert = `{"object":"Account"}`, `{"object":"Account","writeOperationType":"UPDATE","idFieldNames":["Id"]}`,
		`{"object":"Account","writeOperationType":"UPSERT","idFieldNames":["Ext__c"]}`
	all := flow.Task{Type: flow.TaskMapAll}
	source := &flow.Schema{Fields: []flow.Field{{Name: "Name"}, {Name: "Colour"}}}
	for _, c := range []struct {
		name   string
		def    *flow.Definition
		source *flow.Schema
		want   string
	}{
		{"insert", toSalesforce(insert, mapTo("a", "Name"), mapTo("b", "Secret")), nil, ""},
		{"unknown", toSalesforce(insert, mapTo("a", "Nam")), nil, `the destination entity "Account" has no field "Nam"`},
		{"read-only", toSalesforce(insert, mapTo("a", "Changed")), nil, `destination field "Changed" cannot be written by INSERT`},
		{"not updatable", toSalesforce(update, mapTo("a", "Id"), mapTo("b", "Revenue")), nil, `destination field "Revenue" cannot be written by UPDATE`},
		{"the id is written to find by", toSalesforce(update, mapTo("a", "Id"), mapTo("b", "Name")), nil, ""},
		{"upsert by external id", toSalesforce(upsert, mapTo("a", "Ext__c"), mapTo("b", "Name")), nil, ""},
		{"unfit id", toSalesforce(`{"object":"Account","writeOperationType":"UPSERT","idFieldNames":["Name"]}`, mapTo("b", "Name")), nil, `destination field "Name" cannot be an id for UPSERT; use one of Ext__c`},
		{"unknown id", toSalesforce(`{"object":"Account","writeOperationType":"UPSERT","idFieldNames":["Nope"]}`, mapTo("b", "Name")), nil, `has no field "Nope"`},
		{"everything", toSalesforce(insert, all), source, `the destination cannot take Colour; name them in EXCLUDE_SOURCE_FIELDS_LIST`},
		{"everything but", toSalesforce(insert, flow.Task{Type: flow.TaskMapAll, Properties: map[string]string{"EXCLUDE_SOURCE_FIELDS_LIST": `["Colour"]`}}), source, ""},
		{"everything of who knows what", toSalesforce(insert, all), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := c.def.FitDestination(account(), c.source)
			if c.want == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0].String(), c.want)
		})
	}
	paths := account()
	paths.Paths = true
	require.Empty(t, toSalesforce(insert, mapTo("a", "Owner.Email")).FitDestination(paths, nil), "a parent named by a field of its own")
	require.Len(t, toSalesforce(insert, mapTo("a", "Email")).FitDestination(paths, nil), 1)
	require.Len(t, toSalesforce(insert, mapTo("a", "Owner.Email")).FitDestination(account(), nil), 1)
	require.Empty(t, toSalesforce(insert, mapTo("a", "x")).FitDestination(flow.Schema{}, nil), "nothing is known")
	silent := flow.Schema{Fields: []flow.Field{{Name: "x"}}}
	require.Empty(t, toSalesforce(insert, mapTo("a", "x")).FitDestination(silent, nil), "the vendor does not say what can be written")
}

func TestCheckWriting_OperationsAndMappedIds(t *testing.T) {
	t.Parallel()
	const update = `{"object":"Account","writeOperationType":"UPDATE","idFieldNames":["Id"]}`
	d := toSalesforce(update, mapTo("a", "Name"))
	require.Contains(t, d.CheckWriting([]string{"INSERT", "UPSERT"}).String(), "Salesforce cannot UPDATE records; it has INSERT, UPSERT (at destinationFlowConfigList.1.member.destinationConnectorProperties.Salesforce.writeOperationType)")
	require.Contains(t, d.CheckWriting([]string{"UPDATE"}).String(), `no task maps a field to "Id", by which UPDATE finds records; add a Map task`)
	require.Empty(t, toSalesforce(update, mapTo("a", "Id")).CheckWriting(nil))
	require.Empty(t, toSalesforce(update, flow.Task{Type: flow.TaskMapAll}).CheckWriting(nil), "everything is mapped")
	require.Empty(t, toSalesforce(`{"object":"Account"}`, mapTo("a", "Name")).CheckWriting([]string{"UPSERT"}), "what is not given is not refused")
}
