package jsonl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/formattest"
	"weir.dev/weir/format/jsonl"
)

const benchRows = 50_000

func crm(tb testing.TB, rows int) formattest.File {
	var out bytes.Buffer
	require.NoError(tb, formattest.CRM{Seed: 1, Rows: rows}.WriteJSON(&out))
	return formattest.File{Label: "crm.json", Data: out.Bytes()}
}

func report(b *testing.B, file formattest.File) {
	b.SetBytes(file.Size())
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkNext(b *testing.B) {
	lines := crm(b, benchRows)
	array := formattest.File{Label: "array", Data: append(append([]byte{'['}, bytes.ReplaceAll(bytes.TrimSpace(lines.Data), []byte("\n"), []byte(","))...), ']')}
	for name, file := range map[string]formattest.File{"lines": lines, "array": array} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := jsonl.NewReader(b.Context(), file, format.ReadOptions{})
				require.NoError(b, err)
				for {
					c, err := r.Next(b.Context())
					if errors.Is(err, io.EOF) {
						break
					}
					require.NoError(b, err)
					c.Release()
				}
				require.NoError(b, r.Close())
			}
			report(b, file)
		})
	}
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
					r, err := jsonl.NewReader(b.Context(), file, format.ReadOptions{Columns: columns(cols...), ChunkBytes: size})
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

func decodeAll(tb testing.TB, file formattest.File, opts format.ReadOptions) (batches []*batch.Batch) {
	r, err := jsonl.NewReader(tb.Context(), file, opts)
	require.NoError(tb, err)
	defer r.Close()
	for {
		c, err := r.Next(tb.Context())
		if errors.Is(err, io.EOF) {
			return batches
		}
		require.NoError(tb, err)
		got, err := c.Decode()
		require.NoError(tb, err)
		batches = append(batches, got)
	}
}

func named(names ...string) (cols []format.Column) {
	for _, n := range names {
		cols = append(cols, format.Column{Name: n})
	}
	return cols
}

func BenchmarkEncode(b *testing.B) {
	file := crm(b, benchRows)
	batches := decodeAll(b, file, format.ReadOptions{Columns: columns(formattest.CRMColumns...), ChunkBytes: 1 << 20})
	texts := make([]*batch.Batch, len(batches))
	for i, in := range batches {
		cols := make([]batch.Column, len(in.Columns))
		for j, c := range in.Columns {
			cols[j] = batch.ToText(batch.DefaultPool, c, batch.Text)
		}
		texts[i] = batch.New(cols, in.Rows, in.Origin)
	}
	enc, err := jsonl.NewEncoder(named(formattest.CRMColumns...))
	require.NoError(b, err)
	for name, batches := range map[string][]*batch.Batch{"json": batches, "text": texts} {
		b.Run(name, func(b *testing.B) {
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
		})
	}
}

func BenchmarkStandardLibrary(b *testing.B) {
	file := crm(b, benchRows)
	for b.Loop() {
		dec := json.NewDecoder(bytes.NewReader(file.Data))
		for {
			var row map[string]json.RawMessage
			if err := dec.Decode(&row); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	report(b, file)
}
