package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/formattest"
)

const benchRows = 100_000

func crm(tb testing.TB, rows int) formattest.File {
	var out bytes.Buffer
	require.NoError(tb, formattest.CRM{Seed: 1, Rows: rows}.WriteCSV(&out))
	return formattest.File{Label: "crm.csv", Data: out.Bytes()}
}

func columns(names ...string) (cols []format.ReadColumn) {
	for _, n := range names {
		cols = append(cols, format.ReadColumn{Name: n, Kind: batch.Kind{Type: batch.Text}})
	}
	return cols
}

func report(b *testing.B, file formattest.File) {
	b.SetBytes(file.Size())
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkNext(b *testing.B) {
	file := crm(b, benchRows)
	b.ReportAllocs()
	for b.Loop() {
		r, err := csv.NewReader(b.Context(), file, format.ReadOptions{})
		require.NoError(b, err)
		for {
			c, err := r.Next(b.Context())
			if err == io.EOF {
				break
			}
			require.NoError(b, err)
			c.Release()
		}
		require.NoError(b, r.Close())
	}
	report(b, file)
}

func BenchmarkDecode(b *testing.B) {
	file := crm(b, benchRows)
	var ten []string
	for i := 0; i < 20; i += 2 {
		ten = append(ten, formattest.CRMColumns[i])
	}
	for _, size := range []int{1 << 20, 4 << 20} {
		for name, cols := range map[string][]string{"all": formattest.CRMColumns, "half": ten, "none": nil} {
			b.Run(name+map[int]string{1 << 20: "/1MiB", 4 << 20: "/4MiB"}[size], func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					r, err := csv.NewReader(b.Context(), file, format.ReadOptions{Columns: columns(cols...), ChunkBytes: size})
					require.NoError(b, err)
					for {
						c, err := r.Next(b.Context())
						if err == io.EOF {
							break
						}
						require.NoError(b, err)
						b.StartTimer()
						got, err := c.Decode()
						if err != nil {
							b.Fatal(err)
						}
						got.Release()
						b.StopTimer()
					}
					require.NoError(b, r.Close())
					b.StartTimer()
				}
				report(b, file)
			})
		}
	}
}

func BenchmarkStandardLibrary(b *testing.B) {
	file := crm(b, benchRows)
	b.ReportAllocs()
	for b.Loop() {
		r := stdcsv.NewReader(bytes.NewReader(file.Data))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, file)
}

func BenchmarkEncode(b *testing.B) {
	file := crm(b, benchRows)
	batches := decodeAll(b, file, format.ReadOptions{Columns: columns(formattest.CRMColumns...), ChunkBytes: 1 << 20})
	var out []format.Column
	for _, name := range formattest.CRMColumns {
		out = append(out, format.Column{Name: name})
	}
	enc, err := csv.NewEncoder(out)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batches {
			block, err := enc.Encode(batches[i : i+1])
			if err != nil {
				b.Fatal(err)
			}
			block.Release()
		}
	}
	report(b, file)
}

func decodeAll(tb testing.TB, file formattest.File, opts format.ReadOptions) (batches []*batch.Batch) {
	r, err := csv.NewReader(tb.Context(), file, opts)
	require.NoError(tb, err)
	defer r.Close()
	for {
		c, err := r.Next(tb.Context())
		if err == io.EOF {
			return batches
		}
		require.NoError(tb, err)
		got, err := c.Decode()
		require.NoError(tb, err)
		batches = append(batches, got)
	}
}
