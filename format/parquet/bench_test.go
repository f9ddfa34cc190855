package parquet

import (
	"bytes"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/formattest"
)

func textColumns(names []string) []format.Column {
	cols := make([]format.Column, len(names))
	for i, n := range names {
		cols[i] = format.Column{Name: n, Out: batch.Kind{Type: batch.String}}
	}
	return cols
}

// textBytes is what the batches would take as CSV.
func textBytes(batches []*batch.Batch) int64 {
	var n int64
	for _, b := range batches {
		for _, c := range b.Columns {
			t := batch.OpenText(c)
			for i := range t.Views {
				n += int64(t.Views[i].Len()) + 1
			}
		}
	}
	return n
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkEncode_Text20(b *testing.B) {
	for _, codec := range []Codec{Snappy, Zstd, None} {
		b.Run([...]string{"snappy", "zstd", "none"}[codec], func(b *testing.B) {
			batches := crmBatches(1, 8, DefaultBlockRows/8)
			benchmarkEncode(b, textColumns(crmNames), batches, Options{Codec: codec})
		})
	}
}

func benchmarkEncode(b *testing.B, cols []format.Column, batches []*batch.Batch, opts Options) {
	enc, err := NewEncoder(cols, opts)
	require.NoError(b, err)
	rows := 0
	for _, x := range batches {
		rows += x.Rows
	}
	b.SetBytes(textBytes(batches))
	b.ReportAllocs()
	var size int64
	began := cpuTime()
	for b.Loop() {
		block, err := enc.Encode(batches)
		require.NoError(b, err)
		f := enc.NewFile()
		require.NoError(b, f.Append(io.Discard, block))
		size = block.Size()
		block.Release()
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	b.ReportMetric(float64(size)/1e6, "MB-out")
	// Processor time, garbage collection included, is what remains comparable on a machine with other work.
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/float64(textBytes(batches)), "cpu-ns/B")
}

func BenchmarkEncode_Column(b *testing.B) {
	batches := crmBatches(1, 8, DefaultBlockRows/8)
	for i, name := range crmNames {
		b.Run(name, func(b *testing.B) {
			var one []*batch.Batch
			for _, x := range batches {
				one = append(one, batch.New(x.Columns[i:i+1], x.Rows, x.Origin))
			}
			benchmarkEncode(b, textColumns(crmNames[i:i+1]), one, Options{})
		})
	}
}

// BenchmarkOtherWriters gives the same rows to the writers of arrow-go and parquet-go, from the layouts they like best:
// contiguous strings for arrow-go, ready rows for parquet-go.
func BenchmarkOtherWriters(b *testing.B) {
	batches := crmBatches(1, 8, DefaultBlockRows/8)
	run := func(name string, write func(w io.Writer)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(textBytes(batches))
			b.ReportAllocs()
			began := cpuTime()
			var size counter
			for b.Loop() {
				size = 0
				write(&size)
			}
			b.ReportMetric(float64(size)/1e6, "MB-out")
			b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/float64(textBytes(batches)), "cpu-ns/B")
		})
	}
	var fields []arrow.Field
	for _, n := range crmNames {
		fields = append(fields, arrow.Field{Name: n, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	sc := arrow.NewSchema(fields, nil)
	var records []arrow.RecordBatch
	for _, x := range batches {
		var cols []arrow.Array
		for _, c := range x.Columns {
			cols = append(cols, plainArray(c.Data))
		}
		records = append(records, array.NewRecordBatch(sc, cols, int64(x.Rows)))
	}
	run("arrow-go", func(out io.Writer) {
		props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(DefaultBlockRows))
		w, err := pqarrow.NewFileWriter(sc, out, props, pqarrow.DefaultWriterProps())
		require.NoError(b, err)
		for _, r := range records {
			require.NoError(b, w.WriteBuffered(r))
		}
		require.NoError(b, w.Close())
	})

	group := parquetgo.Group{}
	for _, n := range crmNames {
		group[n] = parquetgo.Encoded(parquetgo.Optional(parquetgo.String()), &parquetgo.RLEDictionary)
	}
	schema := parquetgo.NewSchema("rows", group)
	at := map[string]int{}
	for i, path := range schema.Columns() {
		at[path[0]] = i
	}
	var rows []parquetgo.Row
	for _, x := range batches {
		for r := range x.Rows {
			row := make(parquetgo.Row, len(crmNames))
			for _, c := range x.Columns {
				i := at[c.Name]
				if c.Data.IsNull(r) {
					row[i] = parquetgo.NullValue().Level(0, 0, i)
				} else {
					row[i] = parquetgo.ByteArrayValue([]byte(c.Data.(*array.StringView).Value(r))).Level(0, 1, i)
				}
			}
			rows = append(rows, row)
		}
	}
	run("parquet-go", func(out io.Writer) {
		w := parquetgo.NewGenericWriter[any](out, schema, parquetgo.Compression(&parquetgo.Snappy))
		_, err := w.WriteRows(rows)
		require.NoError(b, err)
		require.NoError(b, w.Close())
	})
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func BenchmarkEncode_Typed(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	cols := []format.Column{allKinds[3], allKinds[4], allKinds[5], allKinds[6], allKinds[7], allKinds[8], allKinds[9], allKinds[10], allKinds[11]}
	for name, distinct := range map[string]int{"few values": 1000, "all different": 0} {
		b.Run(name, func(b *testing.B) {
			in := []*batch.Batch{randomBatch(r, cols, shapeOf{rows: DefaultBlockRows, nulls: 0.05, distinct: distinct}, 1)}
			enc, err := NewEncoder(cols, Options{})
			require.NoError(b, err)
			b.ReportAllocs()
			began := cpuTime()
			for b.Loop() {
				block, err := enc.Encode(in)
				require.NoError(b, err)
				block.Release()
			}
			b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/float64(DefaultBlockRows*len(cols)), "cpu-ns/value")
		})
	}
}

func BenchmarkRead_Text20(b *testing.B) {
	enc, err := NewEncoder(textColumns(crmNames), Options{})
	require.NoError(b, err)
	batches := crmBatches(1, 8, DefaultBlockRows/8)
	data := writeFile(b, enc, batches)
	b.SetBytes(textBytes(batches))
	b.ReportAllocs()
	began := cpuTime()
	for b.Loop() {
		r, err := NewReader(b.Context(), &stored{data: data}, format.ReadOptions{})
		require.NoError(b, err)
		c, err := r.Next(b.Context())
		require.NoError(b, err)
		x, err := c.Decode()
		require.NoError(b, err)
		x.Release()
		require.NoError(b, r.Close())
	}
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/float64(textBytes(batches)), "cpu-ns/B")
}

// contacts is a CSV file of rows as customer software exports them, about 250 bytes each.
func contacts(b *testing.B, rows int) formattest.File {
	var text bytes.Buffer
	require.NoError(b, formattest.CRM{Seed: 1, Rows: rows}.WriteCSV(&text))
	return formattest.File{Label: "contacts.csv", Data: text.Bytes()}
}

func parse(b *testing.B, in formattest.File, to func(*batch.Batch)) {
	var opts format.ReadOptions
	for _, n := range formattest.CRMColumns {
		opts.Columns = append(opts.Columns, format.ReadColumn{Name: n, Kind: batch.Kind{Type: batch.Text}})
	}
	r, err := csv.NewReader(b.Context(), in, opts)
	require.NoError(b, err)
	for {
		c, err := r.Next(b.Context())
		if err == io.EOF {
			break
		}
		require.NoError(b, err)
		x, err := c.Decode()
		require.NoError(b, err)
		to(x)
	}
	require.NoError(b, r.Close())
}

// BenchmarkEncode_Contacts encodes what the CSV reader makes, still where it was read.
func BenchmarkEncode_Contacts(b *testing.B) {
	var batches []*batch.Batch
	parse(b, contacts(b, DefaultBlockRows), func(x *batch.Batch) { batches = append(batches, x) })
	for name, o := range map[string]Options{"snappy": {}, "zstd": {Codec: Zstd}, "none": {Codec: None}} {
		b.Run(name, func(b *testing.B) {
			benchmarkEncode(b, textColumns(formattest.CRMColumns), batches, o)
		})
	}
}

// BenchmarkConvert_Contacts is CSV in, Parquet out, on one goroutine.
func BenchmarkConvert_Contacts(b *testing.B) {
	in := contacts(b, 2*DefaultBlockRows)
	enc, err := NewEncoder(textColumns(formattest.CRMColumns), Options{})
	require.NoError(b, err)
	b.SetBytes(in.Size())
	b.ReportAllocs()
	began := cpuTime()
	var size int64
	for b.Loop() {
		f := enc.NewFile()
		var held []*batch.Batch
		rows := 0
		flush := func() {
			block, err := enc.Encode(held)
			require.NoError(b, err)
			require.NoError(b, f.Append(io.Discard, block))
			block.Release()
			for _, x := range held {
				x.Release()
			}
			held, rows = held[:0], 0
		}
		parse(b, in, func(x *batch.Batch) {
			held, rows = append(held, x), rows+x.Rows
			if rows >= enc.BlockRows() {
				flush()
			}
		})
		flush()
		require.NoError(b, f.Finish(io.Discard))
		size = f.Size()
	}
	b.ReportMetric(float64(size)/1e6, "MB-out")
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N)/float64(in.Size()), "cpu-ns/B")
}
