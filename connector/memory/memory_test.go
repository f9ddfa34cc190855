package memory_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connector/memory"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func table(name string, d connectortest.Data) memory.Table {
	t := memory.Table{Name: name}
	for _, f := range d.Fields {
		t.Fields = append(t.Fields, flow.Field{Name: f, Type: flow.TypeString})
	}
	for _, row := range d.Rows {
		cells := make([]any, len(row))
		for i := range row {
			cells[i] = row[i]
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// TestConformance runs one vendor for everything: entities do not disturb each other.
func TestConformance(t *testing.T) {
	t.Parallel()
	vendor := memory.New(memory.Options{
		OnPage: func(ctx context.Context, at memory.At) error {
			if at.Page == 0 || !strings.HasSuffix(at.Entity, "/hanging") {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		},
		Refuse: func(row []any) string {
			if row[0] == connectortest.Refused {
				return "told to"
			}
			return ""
		},
	})
	load := func(name string, d connectortest.Data) connectortest.Loaded {
		vendor.Put(table(name, d))
		return connectortest.Loaded{Config: connector.Config{Pool: &batch.Pool{}}, Properties: memory.Properties(name), Entity: name}
	}
	invalid := []flow.Properties{nil, flow.Properties(`{}`), flow.Properties(`{"object":1}`), flow.Properties(`[]`)}
	connectortest.Run(t, connectortest.Harness{
		Connector: vendor,
		Source: &connectortest.Source{
			Load:    func(t *testing.T, d connectortest.Data) connectortest.Loaded { return load(t.Name(), d) },
			Hang:    func(t *testing.T, d connectortest.Data) connectortest.Loaded { return load(t.Name()+"/hanging", d) },
			Invalid: append(invalid, memory.Properties("none")),
		},
		Writer: &connectortest.Writer{
			New: func(t *testing.T) connectortest.Written {
				return connectortest.Written{
					Config: connector.Config{Pool: &batch.Pool{}}, Properties: memory.Properties(t.Name()),
					Rows: func(t *testing.T) [][]string { return received(vendor, t.Name()) },
				}
			},
			Invalid: invalid,
		},
	})
}

func received(v *memory.Vendor, object string) [][]string {
	var rows [][]string
	for _, r := range v.Received(object) {
		var row []string
		for _, c := range r.Cells {
			row = append(row, fmt.Sprint(c))
		}
		rows = append(rows, row)
	}
	return rows
}

func read(t *testing.T, v *memory.Vendor, object string) (connector.Reader, connector.Pages) {
	conn, err := v.Connect(t.Context(), connector.Config{Pool: &batch.Pool{}})
	require.NoError(t, err)
	reader := conn.(connector.Reader)
	schema, err := reader.Describe(t.Context(), memory.Properties(object))
	require.NoError(t, err)
	req := connector.ReadRequest{Properties: memory.Properties(object), Schema: schema}
	for _, f := range schema.Fields {
		req.Fields = append(req.Fields, f.Name)
	}
	splits, err := reader.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	pages, err := reader.Read(t.Context(), req, splits[0], nil)
	require.NoError(t, err)
	return reader, pages
}

func TestRead_FailsWhereTold(t *testing.T) {
	t.Parallel()
	failed := false
	v := memory.New(memory.Options{
		OnPage: func(_ context.Context, at memory.At) error {
			if at.Page == 1 && !failed {
				failed = true
				return fault.Temporary(fault.ConnectorServer, io.ErrUnexpectedEOF, "reading page 1")
			}
			return nil
		},
		Malformed: func(at memory.At) bool { return at.Page == 2 },
	})
	v.Put(table("x", connectortest.NewData(300)))
	_, pages := read(t, v, "x")
	for i, want := range []string{"", "transient", "", "malformed"} {
		p, err := pages.Next(t.Context())
		if want == "transient" {
			retry, _ := fault.RetryOf(err)
			require.Equal(t, fault.Transient, retry)
			continue
		}
		require.NoError(t, err)
		b, err := p.Decode()
		if want == "malformed" {
			require.ErrorContains(t, err, "row 201 is malformed")
			continue
		}
		require.NoError(t, err, i)
		require.Equal(t, 100, b.Rows)
		b.Release()
	}
	_, err := pages.Next(t.Context())
	require.Equal(t, io.EOF, err)
}

// TestDecode_EveryType reads one cell of each type, and a null, in its text form.
func TestDecode_EveryType(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 29, 13, 14, 15, 0, time.UTC)
	cells := []struct {
		kind flow.Type
		cell any
		want string
	}{
		{flow.TypeString, "a text of more than twelve bytes", "a text of more than twelve bytes"},
		{flow.TypeText, "t", "t"}, {flow.TypeJSON, `{"a":1}`, `{"a":1}`}, {flow.TypeBoolean, true, "true"},
		{flow.TypeInteger, int32(-5), "-5"}, {flow.TypeLong, int64(1) << 40, "1099511627776"}, {flow.TypeDouble, 1.5, "1.5"},
		{flow.TypeDate, at, "2024-02-29"}, {flow.TypeTime, at, "13:14:15.000"}, {flow.TypeDatetime, at, "2024-02-29T13:14:15.000Z"},
		{flow.TypeBinary, []byte("x"), "eA=="},
	}
	tab := memory.Table{Name: "types", Rows: [][]any{nil, nil}}
	want := [][]string{nil, nil}
	var names []string
	for _, c := range cells {
		tab.Fields = append(tab.Fields, flow.Field{Name: string(c.kind), Type: c.kind})
		names = append(names, string(c.kind))
		tab.Rows[0], tab.Rows[1] = append(tab.Rows[0], c.cell), append(tab.Rows[1], nil)
		want[0], want[1] = append(want[0], c.want), append(want[1], "<null>")
	}
	v := memory.New(memory.Options{})
	v.Put(tab)
	_, pages := read(t, v, "types")
	p, err := pages.Next(t.Context())
	require.NoError(t, err)
	b, err := p.Decode()
	require.NoError(t, err)
	defer b.Release()
	require.Equal(t, want, connectortest.Text(t, b, names))
}

func TestRead_WindowKeepsItsRows(t *testing.T) {
	t.Parallel()
	v := memory.New(memory.Options{})
	day := func(d int) time.Time { return time.Date(2024, 1, d, 0, 0, 0, 0, time.UTC) }
	v.Put(memory.Table{
		Name:   "x",
		Fields: []flow.Field{{Name: "id", Type: flow.TypeLong}, {Name: "at", Type: flow.TypeDatetime}},
		Rows:   [][]any{{int64(1), day(1)}, {int64(2), day(2)}, {int64(3), nil}, {int64(4), day(3)}, {int64(5), day(4)}},
	})
	conn, err := v.Connect(t.Context(), connector.Config{Pool: &batch.Pool{}})
	require.NoError(t, err)
	reader := conn.(connector.Reader)
	req := connector.ReadRequest{
		Properties: memory.Properties("x"), Fields: []string{"id"}, Window: &flow.Window{From: day(2), To: day(4)}, WindowBy: "at",
	}
	splits, err := reader.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	pages, err := reader.Read(t.Context(), req, splits[0], nil)
	require.NoError(t, err)
	p, err := pages.Next(t.Context())
	require.NoError(t, err)
	b, err := p.Decode()
	require.NoError(t, err)
	defer b.Release()
	require.Equal(t, [][]string{{"2"}, {"4"}}, connectortest.Text(t, b, []string{"id"}))
	require.EqualValues(t, 4, b.Origin.Record(1))
}

func TestWrite_LostAcknowledgementIsRepeatedOnce(t *testing.T) {
	t.Parallel()
	lost := false
	v := memory.New(memory.Options{OnWrite: func(_ context.Context, sequence int64, after bool) error {
		if sequence == 1 && after && !lost {
			lost = true
			return fault.Temporary(fault.ConnectorServer, io.ErrUnexpectedEOF, "writing")
		}
		return nil
	}})
	conn, err := v.Connect(t.Context(), connector.Config{})
	require.NoError(t, err)
	w, err := conn.(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{Properties: memory.Properties("x"), ExecutionID: "e"})
	require.NoError(t, err)
	b := connectortest.Batch(&batch.Pool{}, connectortest.NewData(2))
	defer b.Release()
	for _, sequence := range []int64{0, 1, 1, 2} {
		_, _, err := w.Write(t.Context(), sequence, b)
		if err != nil {
			require.True(t, lost)
		}
	}
	require.True(t, lost)
	require.Len(t, v.Received("x"), 6)
}
