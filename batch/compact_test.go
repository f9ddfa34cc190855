package batch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
)

// sparse is a column of few texts that lie in a large buffer, every third row null.
func sparse(pool *batch.Pool, rows int, kind batch.Type) (col batch.Column, texts []string) {
	buf := pool.Buffer(1 << 20)
	defer buf.Release()
	b := batch.NewTextBuilder(pool, rows)
	index := b.Buffer(buf)
	for row := range rows {
		text := strings.Repeat(string(rune('a'+row%26)), row%70)
		if row%3 == 2 {
			b.SetNull(row)
			texts = append(texts, "")
			continue
		}
		at := row * 1000
		copy(buf.Bytes()[at:], text)
		b.Set(row, index, buf.Bytes(), at, len(text))
		texts = append(texts, text)
	}
	return b.Build("c", kind), texts
}

func TestCompact_LetsGoOfTheBufferAndKeepsTheRows(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	col, want := sparse(pool, 1000, batch.Text)
	in := batch.New([]batch.Column{col}, 1000, batch.Origin{Object: "o", First: 7})
	require.Greater(t, pool.InUse(), int64(1<<20))

	out := batch.Compact(pool, in)
	require.Less(t, pool.InUse(), int64(100<<10), "the large buffer is free")
	require.Equal(t, batch.Origin{Object: "o", First: 7}, out.Origin)
	require.Equal(t, 1000, out.Rows)
	require.Equal(t, "c", out.Columns[0].Name)
	require.Equal(t, 333, out.Columns[0].Data.NullN())
	view := batch.OpenText(out.Columns[0])
	for row, text := range want {
		require.Equal(t, text, string(view.Bytes(row)), "row %d", row)
		require.Equal(t, row%3 == 2, view.IsNull(row), "row %d", row)
	}
	out.Release()
	require.Zero(t, pool.InUse())
}

func TestCompact_SharesWhatIsDense(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	b := batch.NewTextBuilder(pool, 2000)
	for row := range 2000 {
		b.Append(row, fmt.Appendf(nil, "a text of its own, number %d", row))
	}
	col := b.Build("c", batch.String)
	in := batch.New([]batch.Column{col}, 2000, batch.Origin{})
	in.Retain()
	before := pool.InUse()
	out := batch.Compact(pool, in)
	require.Equal(t, before, pool.InUse(), "nothing was copied")
	out.Release()
	in.Release()
	require.Zero(t, pool.InUse())
}
