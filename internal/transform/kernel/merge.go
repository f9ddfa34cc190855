package kernel

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// Piece is a part of a merged text: a literal, or a lane's text form when Lane.Rows is not nil.
type Piece struct {
	Literal string
	Lane    Lane
}

// Merge strings the pieces together, row by row, into a dense String column of rows rows. A null piece is empty, and so
// the result is never null. A result longer than 1 GiB fails its row.
func Merge(s *Scratch, mem memory.Allocator, pieces []Piece, rows int, failed []Failure) (batch.Column, []Failure) {
	m := merger{pieces: pieces, readers: make([]reader, len(pieces))}
	hint := 0
	for i, p := range pieces {
		m.fixed += len(p.Literal)
		if p.Lane.Rows == nil {
			continue
		}
		m.readers[i] = open(p.Lane.Col)
		if m.readers[i].kind <= batch.JSON {
			for _, row := range p.Lane.Rows {
				hint += m.readers[i].view.Views[row].Len()
			}
		}
	}
	out := batch.NewRawTextBuilder(mem, rows)
	w := arena{mem: mem, b: out, hint: hint + m.fixed*rows}
	defer w.close()
	for at := range rows {
		s.text = s.text[:0]
		n := m.measure(s, at)
		if n > maxText {
			failed = append(failed, Failure{At: int32(at), Why: TooLong})
			out.SetNull(at)
			continue
		}
		// Room for what a copy of a whole header may write beyond the text.
		m.write(w.room(n+inlineMax), at)
		w.put(&out.Views[at], n)
	}
	return out.Build("", batch.String), failed
}

type merger struct {
	pieces  []Piece
	readers []reader
	fixed   int // length of the literals
	forms   [][]byte
}

// measure is the length of the row's result. It leaves the texts of pieces that are not plain text in m.forms.
func (m *merger) measure(s *Scratch, at int) int {
	n := m.fixed
	m.forms = m.forms[:0]
	for i := range m.readers {
		r := &m.readers[i]
		switch r.kind {
		case 0: // a literal
		case batch.Text, batch.String:
			n += r.length(int(m.pieces[i].Lane.Rows[at]))
		default:
			text, _ := r.text(s, int(m.pieces[i].Lane.Rows[at]))
			m.forms = append(m.forms, text)
			n += len(text)
		}
	}
	return n
}

// length is that of a text cell; 0 for null.
func (r *reader) length(row int) int {
	if r.view.Valid != nil && r.view.IsNull(row) {
		return 0
	}
	return r.view.Views[row].Len()
}

func (m *merger) write(dst []byte, at int) {
	form := 0
	for i := range m.readers {
		r, p := &m.readers[i], &m.pieces[i]
		switch r.kind {
		case 0:
			dst = dst[copy(dst, p.Literal):]
		case batch.Text, batch.String:
			row := int(p.Lane.Rows[at])
			if n := r.length(row); n <= inlineMax {
				v := &r.view.Views[row]
				*(*[inlineMax]byte)(dst) = *(*[inlineMax]byte)(unsafe.Add(unsafe.Pointer(v), 4))
				dst = dst[n:]
				continue
			}
			dst = dst[copy(dst, r.view.Bytes(row)):]
		default:
			dst = dst[copy(dst, m.forms[form]):]
			form++
		}
	}
}
