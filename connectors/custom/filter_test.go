package custom

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func everything() []flow.Operator {
	return []flow.Operator{
		flow.OpEqualTo, flow.OpNotEqualTo, flow.OpLessThan, flow.OpLessThanOrEqualTo, flow.OpGreaterThan, flow.OpGreaterThanOrEqualTo,
		flow.OpContains, flow.OpBetween,
	}
}

func filterable() flow.Schema {
	s := flow.Schema{Entity: "e"}
	for name, t := range map[string]flow.Type{
		"s": flow.TypeString, "n": flow.TypeLong, "d": flow.TypeDouble, "b": flow.TypeBoolean, "day": flow.TypeDate, "at": flow.TypeDatetime, "j": flow.TypeJSON,
		"a.b-c_d": flow.TypeString, "_x": flow.TypeString, "Between": flow.TypeString, "ü": flow.TypeString,
	} {
		s.Fields = append(s.Fields, flow.Field{Name: name, Type: t, IsQueryable: true, FilterOperators: everything()})
	}
	s.Fields = append(s.Fields, flow.Field{Name: "mute", Type: flow.TypeString, IsQueryable: true},
		flow.Field{Name: "shut", Type: flow.TypeString, FilterOperators: everything()})
	return s
}

func TestExpression_WhatIsSaidAndWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field, op, dataType string
		values              []string
		want                string
	}{
		{"s", "EQUAL_TO", "string", []string{"a"}, `(s = "a")`},
		{"s", "EQUAL_TO", "string", []string{""}, `(s = "")`},
		{"s", "EQUAL_TO", "string", []string{"O'Neil"}, `(s = "O'Neil")`},
		{"s", "EQUAL_TO", "string", []string{`5" pipe`}, `(s = '5" pipe')`},
		{"s", "EQUAL_TO", "string", []string{`5" o'clock`}, ""},
		{"s", "EQUAL_TO", "string", []string{`C:\`}, ""},
		{"s", "EQUAL_TO", "string", []string{"two\nlines"}, ""},
		{"s", "CONTAINS", "string", []string{"a", "b"}, `(s contains "a" or s contains "b")`},
		{"s", "NOT_EQUAL_TO", "string", []string{"a"}, `(s != "a")`},
		{"s", "NOT_EQUAL_TO", "string", []string{"a", "b"}, ""},
		{"s", "LESS_THAN", "string", []string{"a"}, ""},
		{"s", "GREATER_THAN", "integer", []string{"9"}, ""},
		{"n", "GREATER_THAN", "integer", []string{"9"}, `(n > 9)`},
		{"n", "BETWEEN", "integer", []string{"-1", "2.50"}, `(n >= -1 and n <= 2.50)`},
		{"n", "EQUAL_TO", "integer", []string{"1e5"}, ""},
		{"n", "EQUAL_TO", "string", []string{"1"}, ""},
		{"n", "CONTAINS", "integer", []string{"1"}, ""},
		{"b", "EQUAL_TO", "boolean", []string{"TRUE"}, `(b = true)`},
		{"b", "LESS_THAN", "boolean", []string{"true"}, ""},
		{"at", "GREATER_THAN_OR_EQUAL_TO", "datetime", []string{"1717143300001"}, `(at >= 2024-05-31T08:15:00.001Z)`},
		{"day", "EQUAL_TO", "date", []string{"1717113600000"}, `(day = 2024-05-31)`},
		{"day", "EQUAL_TO", "date", []string{"1717113600001"}, ""},
		{"at", "EQUAL_TO", "datetime", []string{"2024-05-31"}, ""},
		{"at", "EQUAL_TO", "datetime", []string{"9223372036854775807"}, ""},
		{"j", "CONTAINS", "string", []string{"a"}, ""},
		{"a.b-c_d", "EQUAL_TO", "string", []string{"a"}, `(a.b-c_d = "a")`},
		{"_x", "EQUAL_TO", "string", []string{"a"}, ""},
		{"Between", "EQUAL_TO", "string", []string{"a"}, ""},
		{"ü", "EQUAL_TO", "string", []string{"a"}, ""},
		{"mute", "EQUAL_TO", "string", []string{"a"}, ""},
		{"shut", "EQUAL_TO", "string", []string{"a"}, ""},
		{"none", "EQUAL_TO", "string", []string{"a"}, ""},
	} {
		got, err := expression(filterable(), []connector.Filter{{Field: test.field, Operator: flow.Operator(test.op), DataType: test.dataType, Values: test.values}}, nil, "")
		require.NoError(t, err)
		require.Equal(t, test.want, got, "%s %s %q", test.field, test.op, test.values)
	}
}

func TestExpression_WindowsTileTime(t *testing.T) {
	t.Parallel()
	at := func(ns int) time.Time { return time.Date(2024, 5, 1, 23, 59, 59, ns, time.UTC) }
	first, err := expression(filterable(), nil, &flow.Window{From: at(0), To: at(1_999_999)}, "at")
	require.NoError(t, err)
	second, err := expression(filterable(), nil, &flow.Window{From: at(1_999_999), To: at(5_000_000)}, "at")
	require.NoError(t, err)
	require.Equal(t, "(at >= 2024-05-01T23:59:59.000Z and at < 2024-05-01T23:59:59.001Z)", first)
	require.Equal(t, "(at >= 2024-05-01T23:59:59.001Z and at < 2024-05-01T23:59:59.005Z)", second)
	days, err := expression(filterable(), nil, &flow.Window{From: at(0), To: at(0).Add(time.Hour)}, "day")
	require.NoError(t, err)
	require.Equal(t, "(day >= 2024-05-01 and day < 2024-05-02)", days)
	for _, by := range []string{"s", "none", "_x", ""} {
		_, err := expression(filterable(), nil, &flow.Window{}, by)
		require.True(t, fault.Is(err, fault.Validation), by)
	}
}

func TestExpression_IsBounded(t *testing.T) {
	t.Parallel()
	many := connector.Filter{Field: "s", Operator: flow.OpEqualTo, DataType: "string", Values: []string{strings.Repeat("x", maxExpression)}}
	few := connector.Filter{Field: "n", Operator: flow.OpEqualTo, DataType: "integer", Values: []string{"1"}}
	got, err := expression(filterable(), []connector.Filter{many, few}, nil, "")
	require.NoError(t, err)
	require.Equal(t, "(n = 1)", got)
}

// said is what a reader of the language makes of one equality with a text, without knowing escapes.
var said = regexp.MustCompile(`^\(s = (?:"([^"\\]*)"|'([^'\\]*)')\)$`)

func FuzzExpression(f *testing.F) {
	for _, v := range []string{"", "a", `"`, `'`, `\`, `a" or s != "`, `a' or "`, "\x00", "日本", "\xff", `") or (n > "0`} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		got, err := expression(filterable(), []connector.Filter{{Field: "s", Operator: flow.OpEqualTo, DataType: "string", Values: []string{v}}}, nil, "")
		require.NoError(t, err)
		if got == "" {
			return
		}
		m := said.FindStringSubmatch(got)
		require.NotNil(t, m, "%q is one text", got)
		require.Equal(t, v, m[1]+m[2], "the text that was meant")
	})
}

func FuzzRecords(f *testing.F) {
	for _, s := range []string{
		`{"isSuccess":true,"records":["{\"a\":1}","{\"a\":\"\\u00e9\"}"],"nextToken":"t"}`, `{"records":[]}`, `{"records":["{}" ,"{}"]}`, `{"records":["{}"`, `{"records":[null]}`,
		`{"records":["\ud83d\ude42"]}`, `[`, `{"records":["{},{}"]}`, `{"nextToken":7,"records":["{\"a\":[{}","{}]}"]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		a, err := readRecords("e", 1, []byte(answer))
		if err != nil {
			require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
			return
		}
		p := &pages{entity: "e", fields: []string{"a"}, plan: planOf(t)}
		g := &page{pages: p, answer: a, first: 1}
		b, err := g.Decode()
		if err != nil {
			require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
			return
		}
		require.Equal(t, a.count, b.Rows)
		b.Release()
	})
}

func FuzzDefinition(f *testing.F) {
	f.Add(`{"entity":{},"fields":[{"fieldName":"a","dataType":"String","constraints":{"allowedValueRange":{"minRange":"1.5","maxRange":7}},"customProperties":{"x":1}}]}`)
	f.Add(`{"fields":[null]}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, raw string) {
		d, err := parseDefinition("e", []byte(raw))
		if err != nil {
			require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
			return
		}
		for _, x := range d.schema.Fields {
			require.NotEmpty(t, x.Name)
			require.NotEmpty(t, x.Type)
		}
	})
}

func FuzzResults(f *testing.F) {
	f.Add(`{"isSuccess":true,"writeRecordResults":[{"isSuccess":false}]}`, 1)
	f.Add(`{"isSuccess":false,"errorDetails":{"errorCode":"PartialWriteFailure"},"writeRecordResults":[{"isSuccess":true},null]}`, 2)
	f.Fuzz(func(t *testing.T, answer string, n int) {
		_, failed := examine("WriteData", []byte(answer))
		refused, err := readResults([]byte(answer), failed, 10, n, nil)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(refused), max(n, 0))
		for _, r := range refused {
			require.NotEmpty(t, r.Reason)
			require.True(t, r.Row >= 10 && r.Row < 10+n)
		}
	})
}
