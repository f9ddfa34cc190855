package kernel

import (
	"bytes"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// MaskPart is which characters a mask replaces.
type MaskPart uint8

// Parts.
const (
	MaskAll   MaskPart = iota // every character, or with a length that many mask characters whatever the text
	MaskFirst                 // the first ones
	MaskLast                  // the last ones
)

// Mask replaces characters of each text by with, one character, in a dense column that shares nothing with the text it
// hides. A length beyond the text's replaces all of it. Null stays null, and an empty text stays empty. Characters are
// counted as in [Truncate], and so is the kind the column must have. A result longer than 1 GiB fails its row.
func Mask(mem memory.Allocator, lane Lane, part MaskPart, length int, with string, failed []Failure) (batch.Column, []Failure) {
	m := masker{view: batch.OpenText(lane.Col), length: length, with: with}
	m.out = batch.NewRawTextBuilder(mem, len(lane.Rows))
	m.failed = failed
	switch part {
	case MaskAll:
		m.all(mem, lane.Rows)
	default:
		m.some(mem, lane.Rows, part == MaskLast)
	}
	copyNulls(m.out, &m.view, lane.Rows)
	return m.out.Build(lane.Col.Name, lane.Col.Kind.Type), m.failed
}

type masker struct {
	view   batch.TextView
	out    *batch.TextBuilder
	length int
	with   string
	failed []Failure
}

// all makes headers that point into one buffer of mask characters.
func (m *masker) all(mem memory.Allocator, rows []int32) {
	most := m.length
	if most == 0 {
		for _, row := range rows {
			most = max(most, m.view.Views[row].Len())
		}
	}
	most = min(most, maxText/len(m.with))
	buf := memory.NewResizableBuffer(mem)
	defer buf.Release()
	buf.Resize(most*len(m.with) + batch.Slack)
	stars := buf.Bytes()
	fill(stars[:most*len(m.with)], m.with)
	place := batch.At(m.out.Buffer(buf), 0)
	for at, row := range rows {
		n := m.length
		if l := m.view.Views[row].Len(); l == 0 {
			n = 0
		} else if n == 0 {
			n = characters(m.view.Bytes(int(row)))
		}
		if n > most {
			m.tooLong(at)
			continue
		}
		batch.PutView(&m.out.Views[at], &stars[0], n*len(m.with), place)
	}
}

func (m *masker) tooLong(at int) {
	m.failed = append(m.failed, Failure{At: int32(at), Why: TooLong})
	m.out.SetNull(at)
}

// characters counts a text's characters; for ASCII these are its bytes.
func characters(text []byte) int {
	if isASCII(text) {
		return len(text)
	}
	return utf8.RuneCount(text)
}

// below[n] are the bits of a header that hold the first n bytes of an inline text.
var below = func() (m [inlineMax + 1][2]uint64) {
	for n := range m {
		var with, without arrow.ViewHeader
		with.SetBytes(bytes.Repeat([]byte{0xff}, n))
		without.SetBytes(make([]byte, n))
		m[n] = [2]uint64{words(&with)[0] ^ words(&without)[0], words(&with)[1] ^ words(&without)[1]}
	}
	return m
}()

// some replaces a part. Short ASCII is done inside the header; the rest is written anew.
func (m *masker) some(mem memory.Allocator, rows []int32, last bool) {
	hint := 0
	for _, row := range rows {
		hint += m.view.Views[row].Len()
	}
	a := arena{mem: mem, b: m.out, hint: hint}
	defer a.close()
	var stars arrow.ViewHeader
	inline := len(m.with) == 1
	if inline {
		stars.SetBytes(bytes.Repeat([]byte(m.with), inlineMax))
	}
	star := *words(&stars)
	for at, row := range rows {
		from := words(&m.view.Views[row])
		n := m.view.Views[row].Len()
		if n <= inlineMax && inline {
			text := &below[n]
			if (from[0]&text[0]|from[1]&text[1])&tops == 0 || isASCII(m.view.Bytes(int(row))) {
				k := min(m.length, n)
				masked := below[k]
				if last {
					kept := &below[n-k]
					masked = [2]uint64{text[0] &^ kept[0], text[1] &^ kept[1]}
				}
				to := words(&m.out.Views[at])
				to[0] = from[0]&(lengthBits|text[0])&^masked[0] | star[0]&masked[0]
				to[1] = from[1]&text[1]&^masked[1] | star[1]&masked[1]
				continue
			}
		}
		m.rewrite(&a, at, m.view.Bytes(int(row)), last)
	}
}

// rewrite writes the masked text out.
func (m *masker) rewrite(a *arena, at int, text []byte, last bool) {
	from, to := 0, 0
	if last {
		from, to = suffix(text, m.length), len(text)
	} else {
		to = prefix(text, m.length)
	}
	stars := m.length
	if to-from == len(text) {
		stars = characters(text)
	}
	if stars*len(m.with)+len(text)-(to-from) > maxText {
		m.tooLong(at)
		return
	}
	dst := a.room(stars*len(m.with) + len(text) - (to - from))
	n := copy(dst, text[:from])
	n += fill(dst[n:n+stars*len(m.with)], m.with)
	n += copy(dst[n:], text[to:])
	a.put(&m.out.Views[at], n)
}

// fill writes the character over and over.
func fill(dst []byte, with string) int {
	if len(with) == 1 {
		c := with[0]
		for i := range dst {
			dst[i] = c
		}
		return len(dst)
	}
	for n := copy(dst, with); n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
	return len(dst)
}
