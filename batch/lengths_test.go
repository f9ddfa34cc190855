package batch

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"
)

func TestAddLengths_AsOneRowAfterAnother(t *testing.T) {
	t.Parallel()
	const rows = 3*lengthTile + 77
	for columns := range 7 {
		var h hasher
		want, got := make([]uint64, rows-3), make([]uint64, rows-3)
		for c := range columns {
			b := NewTextBuilder(&Pool{}, rows)
			for row := range rows {
				n := (row*7 + c*13) % 31
				if n%5 == c {
					b.SetNull(row)
					continue
				}
				b.Append(row, []byte(strings.Repeat("x", n)))
			}
			col := b.Build("c", String)
			col.Data = array.NewSlice(col.Data, 3, rows)
			text := OpenText(col)
			h.cols = append(h.cols, hashed{text: text, isText: true})
			for row := range want {
				if !text.IsNull(row) {
					want[row] += uint64(len(text.Bytes(row))+1) * (uint64(2*c+1) * mixA)
				}
			}
		}
		h.addLengths(got)
		require.Equal(t, want, got, "%d columns", columns)
	}
}
