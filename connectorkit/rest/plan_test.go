package rest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func TestSplit_EnvelopeAndRecords(t *testing.T) {
	t.Parallel()
	e, records, err := rest.Split([]byte(` {"a": {"items" : [ {"x":"]}"} , {} ] , "n": 12345678901234567890}, "more":true, "b":[1,2]}`), "a.items")
	require.NoError(t, err)
	require.Equal(t, `[ {"x":"]}"} , {} ]`, string(records))
	require.Equal(t, "12345678901234567890", e.Text("a.n"))
	more, ok := e.Flag("more")
	require.True(t, more && ok)
	require.Len(t, e.Items("b"), 2)
	for body, want := range map[string]string{`[]`: `[]`, `{"q":1}`: `[{"q":1}]`, "\tnull": `[]`} {
		_, records, err := rest.Split([]byte(body), "")
		require.NoError(t, err, body)
		require.Equal(t, want, string(records), body)
	}
}

func TestSplit_NothingIsTakenForEmpty(t *testing.T) {
	t.Parallel()
	for body, retry := range map[string]fault.Retry{
		``: fault.Transient, `{`: fault.Transient, `{"items":[{"a":1},{"a"`: fault.Transient, `{"items":[{"a":1}]`: fault.Transient,
		`{"items":[]}}`: fault.Never, `{"other":[]}`: fault.Never, `{"items":7}`: fault.Never, `[]`: fault.Never, `7`: fault.Never,
		`<html>`: fault.Transient, `{"items":[],}`: fault.Transient, `{"items":[] "x":1}`: fault.Transient, `{"items":`: fault.Transient, `{items:[]}`: fault.Transient,
	} {
		_, _, err := rest.Split([]byte(body), "items")
		require.Equal(t, fault.ConnectorServer, fault.CodeOf(err), body)
		got, _ := fault.RetryOf(err)
		require.Equal(t, retry, got, "%s: %v", body, err)
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{`{"items":[{"a":1}],"next":"x"}`, `{"a":{"items":null}}`, `[[{}]]`, `{"items":"\"]"}`, `{"x":"\\","items":[]}`} {
		f.Add([]byte(s), "items")
		f.Add([]byte(s), "")
	}
	f.Fuzz(func(t *testing.T, body []byte, at string) {
		e, records, err := rest.Split(body, at)
		if err == nil && (e == nil || len(records) < 2 || records[0] != '[') {
			t.Fatalf("%q at %q gives %q", body, at, records)
		}
	})
}

func schema(fields ...flow.Field) flow.Schema { return flow.Schema{Entity: "things", Fields: fields} }

func decode(t *testing.T, p *rest.Plan, records string, drop map[int]bool) (kinds []batch.Type, rows [][]string, origin batch.Origin) {
	t.Helper()
	b, err := p.Decode([]byte(records), 1, drop)
	require.NoError(t, err)
	defer b.Release()
	for range b.Rows {
		rows = append(rows, nil)
	}
	for _, col := range b.Columns {
		kinds = append(kinds, col.Kind.Type)
		for i := range b.Rows {
			cell := "<null>"
			if col.Data.IsValid(i) {
				cell = string(batch.AppendText(nil, col, i))
			}
			rows[i] = append(rows[i], cell)
		}
	}
	return kinds, rows, b.Origin
}

func TestDecode_TypesAreTheSchemas(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	s := schema(flow.Field{Name: "s", Type: flow.TypeString}, flow.Field{Name: "n", Type: flow.TypeLong}, flow.Field{Name: "i", Type: flow.TypeInteger},
		flow.Field{Name: "f", Type: flow.TypeDouble}, flow.Field{Name: "b", Type: flow.TypeBoolean}, flow.Field{Name: "d", Type: flow.TypeDate},
		flow.Field{Name: "t", Type: flow.TypeDatetime}, flow.Field{Name: "e", Type: flow.TypeDatetime}, flow.Field{Name: "j", Type: flow.TypeJSON},
		flow.Field{Name: "m", Type: flow.TypeDecimal})
	p, err := rest.NewPlan(s, rest.PlanOptions{
		Fields: []string{"s", "n", "i", "f", "b", "d", "t", "e", "j", "m"}, At: map[string]string{"j": "deep.list"},
		Form: map[string]rest.Form{"e": rest.EpochSecond}, Pool: pool,
	})
	require.NoError(t, err)
	kinds, rows, _ := decode(t, p, `[
		{"s":"a\"b","n":9007199254740993,"i":-7,"f":1.5e3,"b":true,"d":"2024-02-29","t":"2024-02-29T13:14:15.123456+01:00","e":1700000000,"deep":{"list":[1,{"x":"y"}]},"m":10.50},
		{"s":42,"n":null,"b":false,"t":"1969-12-31T23:59:59Z","e":"0"}]`, nil)
	require.Equal(t, []batch.Type{batch.String, batch.Int64, batch.Int32, batch.Float64, batch.Bool, batch.Date, batch.Timestamp, batch.Timestamp, batch.JSON, batch.JSON}, kinds)
	require.Equal(t, [][]string{
		{`a"b`, "9007199254740993", "-7", "1500", "true", "2024-02-29", "2024-02-29T12:14:15.123456Z", "2023-11-14T22:13:20.000Z", `[1,{"x":"y"}]`, "10.50"},
		{"42", "<null>", "<null>", "<null>", "false", "<null>", "1969-12-31T23:59:59.000Z", "1970-01-01T00:00:00.000Z", "<null>", "<null>"},
	}, rows)
	require.Zero(t, pool.InUse())
}

// A value that is not of its field's type is kept as it came, with its column: the run decides about its record.
func TestDecode_MisfitsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	s := schema(flow.Field{Name: "n", Type: flow.TypeLong}, flow.Field{Name: "t", Type: flow.TypeDatetime}, flow.Field{Name: "b", Type: flow.TypeBoolean}, flow.Field{Name: "ok", Type: flow.TypeLong})
	pool := &batch.Pool{}
	p, err := rest.NewPlan(s, rest.PlanOptions{Fields: []string{"n", "t", "b", "ok"}, Pool: pool})
	require.NoError(t, err)
	for _, bad := range []string{`"n":"12"`, `"n":1.5`, `"n":99999999999999999999`, `"n":{}`, `"t":"yesterday"`, `"t":"2024-02-30T00:00:00Z"`, `"t":"2024-01-01T00:00:00"`, `"t":7`, `"b":1`, `"b":"true"`} {
		kinds, rows, _ := decode(t, p, `[{"n":1,"t":"2024-01-01T00:00:00Z","b":true,"ok":1},{`+bad+`,"ok":2}]`, nil)
		require.Len(t, rows, 2)
		require.Contains(t, kinds[:3], batch.JSON, bad)
		require.Equal(t, batch.Int64, kinds[3], "the others have their type")
		require.Equal(t, "2", rows[1][3])
	}
	require.Zero(t, pool.InUse())
}

func TestDecode_WindowAndDrops(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	day := func(d int) time.Time { return time.Date(2024, 1, d, 0, 0, 0, 0, time.UTC) }
	s := schema(flow.Field{Name: "id", Type: flow.TypeLong}, flow.Field{Name: "name", Type: flow.TypeString}, flow.Field{Name: "at", Type: flow.TypeDatetime})
	p, err := rest.NewPlan(s, rest.PlanOptions{Fields: []string{"id", "name"}, Window: &flow.Window{From: day(2), To: day(4)}, By: "at", Pool: pool})
	require.NoError(t, err)
	_, rows, origin := decode(t, p, `[{"id":1,"at":"2024-01-01T23:59:59.999999Z"},{"id":2,"name":"a text that is longer than twelve","at":"2024-01-02T00:00:00Z"},
		{"id":3,"at":null},{"id":4,"at":"2024-01-03T12:00:00Z"},{"id":5,"at":"2024-01-03T13:00:00Z"},{"id":6,"at":"2024-01-04T00:00:00Z"}]`, map[int]bool{3: true})
	require.Equal(t, [][]string{{"2", "a text that is longer than twelve"}, {"5", "<null>"}}, rows)
	require.EqualValues(t, 5, origin.Record(1))
	_, err = p.Decode([]byte(`[{"id":1,"at":"soon"}]`), 1, nil)
	require.ErrorContains(t, err, `the time in "at" of record 1 cannot be read`)
	require.Zero(t, pool.InUse())
}

func TestNewPlan_RefusesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := rest.NewPlan(schema(flow.Field{Name: "a", Type: flow.TypeLong}), rest.PlanOptions{Fields: []string{"b"}})
	require.Equal(t, fault.Validation, fault.CodeOf(err))
	_, err = rest.NewPlan(schema(flow.Field{Name: "a", Type: flow.TypeLong}), rest.PlanOptions{Window: &flow.Window{}, By: "a"})
	require.Equal(t, fault.Validation, fault.CodeOf(err))
}

func BenchmarkDecode(b *testing.B) {
	s := schema(flow.Field{Name: "id", Type: flow.TypeLong}, flow.Field{Name: "subject", Type: flow.TypeString}, flow.Field{Name: "updated_at", Type: flow.TypeDatetime}, flow.Field{Name: "tags", Type: flow.TypeJSON})
	p, err := rest.NewPlan(s, rest.PlanOptions{Fields: []string{"id", "subject", "updated_at", "tags"}})
	require.NoError(b, err)
	records := []byte("[")
	for i := range 1000 {
		if i > 0 {
			records = append(records, ',')
		}
		records = append(records, `{"id":35000000092837,"subject":"Invoice needs a new address","description":"Please help. Thank you very much in advance!","updated_at":"2026-05-26T23:59:12Z","tags":["sample","password"],"via":{"channel":"web"}}`...)
	}
	records = append(records, ']')
	b.SetBytes(int64(len(records)))
	b.ReportAllocs()
	for b.Loop() {
		out, err := p.Decode(records, 1, nil)
		require.NoError(b, err)
		out.Release()
	}
}
