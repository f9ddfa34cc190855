package rest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/flow"
)

// cellSchema has a field of each type whose two spellings differ.
var cellSchema = flow.Schema{Entity: "e", Fields: []flow.Field{
	{Name: "s", Type: flow.TypeString}, {Name: "b", Type: flow.TypeBoolean}, {Name: "i", Type: flow.TypeInteger}, {Name: "l", Type: flow.TypeLong},
	{Name: "d", Type: flow.TypeDouble}, {Name: "n", Type: flow.TypeDecimal}, {Name: "day", Type: flow.TypeDate}, {Name: "at", Type: flow.TypeDatetime},
	{Name: "t", Type: flow.TypeTime},
}}

func cellPlan(t *testing.T) (*rest.Plan, []string) {
	t.Helper()
	var fields []string
	for _, f := range cellSchema.Fields {
		fields = append(fields, f.Name)
	}
	p, err := rest.NewPlan(cellSchema, rest.PlanOptions{Fields: fields, Form: map[string]rest.Form{"n": rest.PlainNumber, "t": rest.Clock}})
	require.NoError(t, err)
	return p, fields
}

// textBatch is what a CSV reader gives: text, with null for what is empty.
func textBatch(fields []string, rows [][]string) *batch.Batch {
	columns := make([]batch.Column, len(fields))
	for i, name := range fields {
		b := batch.NewTextBuilder(batch.DefaultPool, len(rows))
		for r, row := range rows {
			b.Append(r, []byte(row[i]))
		}
		columns[i] = b.BuildEmptyAsNull(name, batch.Text)
	}
	return batch.New(columns, len(rows), batch.Origin{Object: "e", First: 1})
}

func TestCells_SameBatchAsJSON(t *testing.T) {
	t.Parallel()
	p, fields := cellPlan(t)
	fromJSON, err := p.Decode([]byte(`[
		{"s":"a \"b\"","b":true,"i":7,"l":9007199254740993,"d":1.0E9,"n":1.0E9,"day":"2024-05-01","at":"2024-05-01T10:11:12.345+0000","t":"10:11:12.000Z"},
		{"s":null,"b":false,"i":null,"l":null,"d":null,"n":null,"day":null,"at":null,"t":null},
		{"s":"NULL","b":null,"i":-1,"l":-1,"d":0.1,"n":12345678901234.50,"day":"1969-12-31","at":"1969-12-31T23:59:59.000+0000","t":"00:00:00.500Z"}]`), 1, nil)
	require.NoError(t, err)
	defer fromJSON.Release()
	fromText := p.Cells(textBatch(fields, [][]string{
		{`a "b"`, "true", "7", "9007199254740993", "1000000000", "1000000000.00", "2024-05-01", "2024-05-01T10:11:12.345Z", "10:11:12.000Z"},
		{"", "false", "", "", "", "", "", "", ""},
		{"NULL", "", "-1", "-1", "0.1", "12345678901234.5", "1969-12-31", "1969-12-31T23:59:59.000Z", "00:00:00.5Z"},
	}))
	defer fromText.Release()
	require.Equal(t, connectortest.Text(t, fromJSON, fields), connectortest.Text(t, fromText, fields))
	for i := range fields {
		require.Equal(t, fromJSON.Columns[i].Kind, fromText.Columns[i].Kind, fields[i])
	}
	require.Equal(t, batch.Time, fromText.Columns[8].Kind.Type)
}

func TestCells_WhatDoesNotFitStaysText(t *testing.T) {
	t.Parallel()
	p, fields := cellPlan(t)
	got := p.Cells(textBatch(fields, [][]string{{"x", "yes", "1.5", "many", "NaN", "1.2.3", "soon", "2024-05-01T25:00:00Z", "24:00:00"}}))
	defer got.Release()
	for i := range fields {
		require.Equal(t, batch.String, got.Columns[i].Kind.Type, fields[i])
	}
	require.Equal(t, "1.2.3", connectortest.Text(t, got, fields)[0][5])
}

func TestDecode_NumbersHaveOneForm(t *testing.T) {
	t.Parallel()
	schema := flow.Schema{Entity: "e", Fields: []flow.Field{{Name: "n", Type: flow.TypeDecimal}}}
	p, err := rest.NewPlan(schema, rest.PlanOptions{Fields: []string{"n"}, Form: map[string]rest.Form{"n": rest.PlainNumber}})
	require.NoError(t, err)
	for given, want := range map[string]string{
		"0": "0", "-0": "0", "0.0": "0", "-0.00": "0", "7": "7", "7.0": "7", "70": "70", "7.10": "7.1", "-7.10": "-7.1", "0.5": "0.5", "-0.5": "-0.5",
		"1.0E9": "1000000000", "1.25e1": "12.5", "1.25E-3": "0.00125", "-1.5E+2": "-150", "1e-1": "0.1", "12345678901234567.1200": "12345678901234567.12",
		"1e999": "1e999", `"x"`: "x",
	} {
		b, err := p.Decode([]byte(`[{"n":`+given+`}]`), 1, nil)
		require.NoError(t, err)
		require.Equal(t, want, connectortest.Text(t, b, []string{"n"})[0][0], given)
		b.Release()
	}
	long := "[" + strings.Repeat(`{"n":100.00},{"n":null},`, 500) + `{"n":2E1}]`
	b, err := p.Decode([]byte(long), 1, nil)
	require.NoError(t, err)
	defer b.Release()
	require.Equal(t, "20", connectortest.Text(t, b, []string{"n"})[1000][0])
	require.Equal(t, "<null>", connectortest.Text(t, b, []string{"n"})[999][0])
}
