package kernel

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"

	"weir.dev/weir/batch"
)

// TextTest is a comparison of texts, compiled.
type TextTest struct {
	op       Op
	literals [][]byte
	// For literals that fit a header: the header's words, and which of their bits count.
	short []shortText
}

type shortText struct{ want, mask [2]uint64 }

// NewTextTest compiles the comparison. Between takes two literals.
func NewTextTest(op Op, literals []string) (*TextTest, bool) {
	t := &TextTest{op: op}
	fits := op == Equal || op == NotEqual
	for _, l := range literals {
		t.literals = append(t.literals, []byte(l))
		fits = fits && len(l) <= inlineMax
	}
	for i := 0; fits && i < len(literals); i++ {
		var v, ff arrow.ViewHeader
		v.SetBytes(t.literals[i])
		ff.SetBytes(bytes.Repeat([]byte{0xff}, len(t.literals[i])))
		m := *words(&ff)
		t.short = append(t.short, shortText{want: *words(&v), mask: [2]uint64{m[0] | lengthBits, m[1]}})
	}
	return t, op != Between || len(literals) == 2
}

// FilterText keeps the lane's rows whose text form satisfies the test; see [FilterNumber] for dst. Texts are compared
// byte by byte, which for UTF-8 is the order of code points: no case folding, no locale, no trimming. Null satisfies
// nothing.
func FilterText(s *Scratch, lane Lane, t *TextTest, dst []int32) []int32 {
	r := open(lane.Col)
	for rows := lane.Rows; len(rows) > 0; {
		block := rows[:min(blockRows, len(rows))]
		rows = rows[len(block):]
		if len(t.short) > 0 && (r.kind == batch.Text || r.kind == batch.String) {
			r.testShort(s, block, t)
		} else {
			r.texts(s, block)
			t.test(s, len(block))
		}
		dst = keep(dst, block, s.pass[:], s.state[:])
	}
	return dst
}

// testShort compares headers: a short text lies in its header whole, and a long one differs in length.
func (r *reader) testShort(s *Scratch, rows []int32, t *TextTest) {
	pass, state := s.pass[:len(rows)], s.state[:len(rows)]
	t.op.start(pass)
	all := t.op.all()
	for l := range t.short {
		b := &t.short[l]
		accept := t.op.accepts(l)
		for i, row := range rows {
			w := words(&r.view.Views[row])
			differs := (w[0]^b.want[0])&b.mask[0] | (w[1]^b.want[1])&b.mask[1]
			pass[i] = settle(pass[i], accept, outcome(differs != 0, false), all)
		}
	}
	for i, row := range rows {
		state[i] = isGood
		if r.isNull(int(row)) {
			state[i] = isNull
		}
	}
}

func (t *TextTest) test(s *Scratch, n int) {
	texts, pass := s.texts[:n], s.pass[:n]
	t.op.start(pass)
	all := t.op.all()
	for l, literal := range t.literals {
		accept := t.op.accepts(l)
		if t.op == Contains {
			for i, text := range texts {
				if bytes.Contains(text, literal) {
					pass[i] = 1
				}
			}
			continue
		}
		for i, text := range texts {
			c := bytes.Compare(text, literal)
			pass[i] = settle(pass[i], accept, outcome(c < 0, c > 0), all)
		}
	}
}
