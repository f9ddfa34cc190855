package textblock_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format/internal/textblock"
)

// table is text columns and what their rows hold; nil is null.
type table struct {
	views  []batch.TextView
	nulls  []int
	texts  [][][]byte
	leads  []string
	quoted bool
}

func newTable(rnd *rand.Rand, columns, rows int, quoted bool) *table {
	t := &table{quoted: quoted}
	pool := &batch.Pool{}
	for range columns {
		b := batch.NewTextBuilder(pool, rows)
		cells, nulls := make([][]byte, rows), 0
		for row := range rows {
			if rnd.IntN(5) == 0 {
				b.SetNull(row)
				nulls++
				continue
			}
			cells[row] = text(rnd, t.quoted && rnd.IntN(3) > 0)
			b.Append(row, cells[row])
		}
		t.views = append(t.views, batch.OpenText(b.Build("c", batch.String)))
		t.texts, t.nulls = append(t.texts, cells), append(t.nulls, nulls)
		lead := strings.Repeat("l", rnd.IntN(70))
		if quoted {
			lead += `"`
		}
		t.leads = append(t.leads, lead)
	}
	return t
}

// text has any length, and now and then a byte that matters, or one next to those.
func text(rnd *rand.Rand, notEmpty bool) []byte {
	n := rnd.IntN(20)
	if rnd.IntN(4) == 0 {
		n = rnd.IntN(200)
	}
	if notEmpty {
		n++
	}
	out := bytes.Repeat([]byte{'a' + byte(rnd.IntN(26))}, n)
	if n > 0 && rnd.IntN(3) == 0 {
		out[rnd.IntN(n)] = []byte("\"\\,\n\x00\x1f\x20\x7f\x80\xff!#[]-+")[rnd.IntN(16)]
	}
	return out
}

// plain is how the format of this test writes a cell.
func (t *table) plain(dst []byte, row, column int) []byte {
	lead, cell := t.leads[column], t.texts[column][row]
	switch {
	case t.quoted && cell == nil:
		return append(append(dst, lead[:len(lead)-1]...), "null"...)
	case !t.quoted:
		return append(append(dst, lead...), escaped(cell)...)
	}
	return append(append(append(dst, lead...), escaped(cell)...), '"')
}

func escaped(text []byte) (out []byte) {
	for _, c := range text {
		if c == '"' || c == '\\' || c < 0x20 {
			out = append(out, '~')
		}
		out = append(out, c)
	}
	return out
}

func TestRows_AreWhatTheFormatWouldWrite(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		quoted := rnd.IntN(2) == 0
		columns, rows := 1+rnd.IntN(6), rnd.IntN(60)
		tab := newTable(rnd, columns, rows, quoted)
		tail := []byte(strings.Repeat("}", rnd.IntN(40)) + "\n")
		lanes := make([]textblock.Lane, columns)
		for i := range lanes {
			if lanes[i].Lead = tab.leads[i]; rnd.IntN(8) > 0 { // else the column is not text
				lanes[i] = textblock.Lane{Text: &tab.views[i], Nulls: tab.nulls[i], Lead: tab.leads[i], Quoted: quoted, Empty: rnd.IntN(8) == 0}
			}
		}
		asked := 0
		r := textblock.Rows{Special: [2]byte{'"', '\\'}, Tail: tail, Cell: func(dst []byte, row, column int) []byte {
			asked++
			return tab.plain(textblock.Grow(dst, 2000), row, column)
		}}
		r.Open(lanes)
		got := r.Append(append(textblock.New(0), "head"...), rows)

		want := []byte("head")
		for row := range rows {
			for column := range columns {
				want = tab.plain(want, row, column)
			}
			want = append(want, tail...)
		}
		require.Equal(t, string(want), string(got))
		require.LessOrEqual(t, asked, rows*columns)
	}
}
