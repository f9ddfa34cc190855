package compress_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/compress"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/jsonl"
)

func texts(pool *batch.Pool, first, rows int) *batch.Batch {
	b := batch.NewTextBuilder(pool, rows)
	for i := range rows {
		b.Append(i, fmt.Appendf(nil, "a text of record %d, longer than a header", first+i))
	}
	return batch.New([]batch.Column{b.Build("text", batch.String)}, rows, batch.Origin{First: int64(first)})
}

func TestNewEncoder_ContentIsTheInnerEncoders(t *testing.T) {
	t.Parallel()
	cols := []format.Column{{Name: "text"}}
	inners := map[string]func([]format.Column) (format.Encoder, error){"csv": csv.NewEncoder, "jsonl": jsonl.NewEncoder}
	for name, makeInner := range inners {
		for _, method := range []compress.Method{compress.Gzip, compress.Zstd} {
			t.Run(name+"/"+string(method), func(t *testing.T) {
				t.Parallel()
				pool := &batch.Pool{}
				inner, err := makeInner(cols)
				require.NoError(t, err)
				packed, err := compress.NewEncoder(inner, method, pool)
				require.NoError(t, err)
				var plain, stored bytes.Buffer
				f, g := inner.NewFile(), packed.NewFile()
				for first := 0; first < 9000; first += 3000 {
					b := texts(pool, first, 3000)
					p, err := inner.Encode([]*batch.Batch{b})
					require.NoError(t, err)
					require.NoError(t, f.Append(&plain, p))
					p.Release()
					q, err := packed.Encode([]*batch.Batch{b})
					require.NoError(t, err)
					require.Equal(t, 3000, q.Rows)
					require.NoError(t, g.Append(&stored, q))
					q.Release()
					b.Release()
				}
				require.NoError(t, f.Finish(&plain))
				require.NoError(t, g.Finish(&stored))
				require.EqualValues(t, stored.Len(), g.Size())
				require.Less(t, stored.Len(), plain.Len()/4)
				require.Zero(t, pool.InUse())
				require.Equal(t, plain.String(), unpack(t, method, &stored))
			})
		}
	}
}

func unpack(t *testing.T, m compress.Method, in io.Reader) string {
	t.Helper()
	var r io.Reader
	if m == compress.Gzip {
		z, err := gzip.NewReader(in)
		require.NoError(t, err)
		r = z
	} else {
		z, err := zstd.NewReader(in)
		require.NoError(t, err)
		defer z.Close()
		r = z
	}
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(data)
}
