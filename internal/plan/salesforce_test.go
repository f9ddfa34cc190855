package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

func fields(names ...string) (list []flow.Field) {
	for _, name := range names {
		list = append(list, flow.Field{Name: name, Type: flow.TypeString})
	}
	return list
}

// ofSalesforce compiles a flow from an object with the fields Id and Name, which once had the reference's.
func ofSalesforce(properties string, reference []flow.Field, tasks ...flow.Task) (*plan.Plan, error) {
	return plan.Compile(plan.Input{
		Schema: flow.Schema{Entity: "Account", Fields: fields("Id", "Name"), Paths: true}, Files: &flow.FileOutput{Type: flow.FileJSON},
		Reference: flow.Schema{Entity: "Account", Fields: reference},
		Execution: &flow.Execution{Definition: flow.Definition{
			Source:       flow.Source{Connector: flow.Salesforce, Properties: flow.Properties(properties)},
			Destinations: []flow.Destination{{Connector: flow.S3, Properties: flow.Properties(`{}`)}}, Tasks: tasks,
		}},
	})
}

func mapped(name string) flow.Task {
	return flow.Task{Type: flow.TaskMap, SourceFields: []string{name}, DestinationField: &name}
}

// A path through a relationship is a field that the schema does not list; any other name has to be in it.
func TestCompile_PathsAreFieldsOfOtherObjects(t *testing.T) {
	t.Parallel()
	p, err := ofSalesforce(`{}`, nil, mapped("Id"), mapped("Owner.Name"))
	require.NoError(t, err)
	require.Equal(t, []string{"Id", "Owner.Name"}, p.Source.Read.Fields)
	require.True(t, p.Source.Read.Schema.Paths)
	_, err = ofSalesforce(`{}`, nil, mapped("Id"), mapped("Nothing"))
	require.Equal(t, fault.Validation, fault.CodeOf(err))
}

// A new field is taken up by Map_all when the source is told to, and else left out; one that is gone fails the run.
func TestCompile_DynamicFieldsOfSalesforce(t *testing.T) {
	t.Parallel()
	all := flow.Task{Type: flow.TaskMapAll}
	for properties, want := range map[string][]string{
		`{}`: {"Id"}, `{"enableDynamicFieldUpdate":false}`: {"Id"}, `{"enableDynamicFieldUpdate":true}`: {"Id", "Name"},
	} {
		p, err := ofSalesforce(properties, fields("Id"), all)
		require.NoError(t, err)
		require.Equal(t, want, p.Source.Read.Fields, properties)
		require.Equal(t, len(want) > 1, p.SchemaChanged)
		_, err = ofSalesforce(properties, fields("Id", "Gone__c"), all)
		require.ErrorContains(t, err, "Gone__c", properties)
	}
}

// Salesforce's BETWEEN leaves its bounds out.
func TestCompile_BetweenOfSalesforceIsOpen(t *testing.T) {
	t.Parallel()
	between := flow.Task{
		Type: flow.TaskFilter, SourceFields: []string{"Name"}, Operators: map[string]flow.Operator{"Salesforce": flow.OpBetween},
		Properties: map[string]string{flow.PropDataType: "string", flow.PropLowerBound: "b", flow.PropUpperBound: "d"},
	}
	p, err := ofSalesforce(`{}`, nil, between, mapped("Id"))
	require.NoError(t, err)
	require.Equal(t, []connector.Filter{
		{Field: "Name", Operator: flow.OpGreaterThan, DataType: "string", Values: []string{"b"}},
		{Field: "Name", Operator: flow.OpLessThan, DataType: "string", Values: []string{"d"}},
	}, p.Source.Read.Filters)
}
