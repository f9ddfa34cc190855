package connectortest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// RunWriter checks a destination of rows alone, for connectors that write in several ways.
func RunWriter(t *testing.T, c connector.Connector, w Writer) {
	testWriter(t, Harness{Connector: c, Writer: &w})
}

func testWriter(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"Write_RowsArrive", testWrite},
		{"Write_RepeatedSequenceIsHarmless", testWriteAgain},
		{"Write_RefusalsAreReported", testRefusals},
		{"Write_CanceledSaysSo", testWriteCanceled},
		{"Open_InvalidPropertiesAreRefused", testWriteInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h.waive(t, c.name)
			c.test(t, h)
		})
	}
}

// opener makes an object and returns a way to open writers on it, as several processes would.
func opener(t *testing.T, h Harness) (Written, func(split int) connector.RowWriter) {
	t.Helper()
	w := h.Writer.New(t)
	return w, func(split int) connector.RowWriter {
		dest, ok := connect(t, h, w.Config).(connector.Writer)
		require.True(t, ok)
		rows, err := dest.OpenWriter(t.Context(), connector.WriteRequest{Properties: w.Properties, ExecutionID: "execution-1", Split: split})
		require.NoError(t, err)
		return rows
	}
}

func write(t *testing.T, w connector.RowWriter, sequence int64, d Data) (connector.Receipt, []connector.Refusal) {
	t.Helper()
	b := Batch(batch.DefaultPool, d)
	defer b.Release()
	receipt, refused, err := w.Write(t.Context(), sequence, b)
	require.NoError(t, err)
	require.NotEmpty(t, receipt.Name)
	require.EqualValues(t, len(d.Rows)-len(refused), receipt.Rows)
	return receipt, refused
}

func testWrite(t *testing.T, h Harness) {
	object, open := opener(t, h)
	d := h.Writer.data(100)
	w := open(0)
	for i := range 10 {
		_, refused := write(t, w, int64(i), Data{Fields: d.Fields, Rows: d.Rows[i*10 : i*10+10]})
		require.Empty(t, refused)
	}
	require.NoError(t, w.Close(t.Context()))
	require.Equal(t, d.Rows, object.Rows(t))
}

func testWriteAgain(t *testing.T, h Harness) {
	object, open := opener(t, h)
	d := h.Writer.data(30)
	d.Rows[7][0] = Refused
	first, refused := write(t, open(0), 0, d)
	require.Len(t, refused, 1)
	again, refusedAgain := write(t, open(0), 0, d) // after a crash, by another process
	require.Equal(t, first, again)
	require.Equal(t, refused, refusedAgain)
	require.Len(t, object.Rows(t), 29)
	write(t, open(1), 0, d) // another split has sequence numbers of its own
	if h.Writer.Keyed {
		require.Len(t, object.Rows(t), 29)
		return
	}
	require.Len(t, object.Rows(t), 58)
}

func testRefusals(t *testing.T, h Harness) {
	object, open := opener(t, h)
	d := h.Writer.data(20)
	for _, i := range []int{0, 5, 19} {
		d.Rows[i][0] = Refused
	}
	_, refused := write(t, open(0), 0, d)
	require.Len(t, refused, 3)
	for i, want := range []int{0, 5, 19} {
		require.Equal(t, want, refused[i].Row)
		require.NotEmpty(t, refused[i].Reason)
	}
	require.Len(t, object.Rows(t), 17)
}

func testWriteCanceled(t *testing.T, h Harness) {
	object, open := opener(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := Batch(batch.DefaultPool, h.Writer.data(3))
	defer b.Release()
	_, _, err := open(0).Write(ctx, 0, b)
	requireCode(t, fault.Canceled, err)
	require.Empty(t, object.Rows(t))
}

func testWriteInvalid(t *testing.T, h Harness) {
	require.NotEmpty(t, h.Writer.Invalid)
	dest := connect(t, h, h.Writer.New(t).Config).(connector.Writer)
	for _, props := range h.Writer.Invalid {
		_, err := dest.OpenWriter(t.Context(), connector.WriteRequest{Properties: props, ExecutionID: "execution-1"})
		requireCode(t, fault.Validation, err, string(props))
	}
}

func testFiles(t *testing.T, h Harness) {
	t.Run("Target_SaysWhereAndHow", func(t *testing.T) {
		t.Parallel()
		cfg, props := h.Files.New(t)
		files, ok := connect(t, h, cfg).(connector.FileTarget)
		require.True(t, ok)
		target, err := files.Target(t.Context(), props)
		require.NoError(t, err)
		require.NotNil(t, target.Bucket)
		require.NotEmpty(t, target.Name)
		require.NotEmpty(t, target.Output.Type)
		require.NoError(t, target.Bucket.Check(t.Context()))
		again, err := files.Target(t.Context(), props)
		require.NoError(t, err)
		require.Equal(t, target.Output, again.Output)
	})
	t.Run("Target_InvalidPropertiesAreRefused", func(t *testing.T) {
		t.Parallel()
		require.NotEmpty(t, h.Files.Invalid)
		cfg, _ := h.Files.New(t)
		files := connect(t, h, cfg).(connector.FileTarget)
		for _, props := range h.Files.Invalid {
			_, err := files.Target(t.Context(), props)
			requireCode(t, fault.Validation, err, string(props))
		}
	})
}
