package compress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Files that say by a byte order mark that they are UTF-16 are given as UTF-8, without the mark: spreadsheets save their
// text so. Everything else passes as it is; that it is UTF-8 is for the readers of formats to judge, who know the line.

// order is the order of bytes that a mark announces.
type order struct {
	mark string
	binary.ByteOrder
}

var orders = []order{{"\xff\xfe", binary.LittleEndian}, {"\xfe\xff", binary.BigEndian}}

// errUTF32 refuses what begins like UTF-16 in one byte order, and is not.
var errUTF32 = textError("it is UTF-32; UTF-8 is read, and UTF-16 with a byte order mark")

// textError is an error in the text itself, not in how it is stored or compressed.
type textError string

func (f textError) Error() string { return string(f) }

// decodeText puts a decoder in front of content that is not UTF-8.
func (s *Stream) decodeText() error {
	head := make([]byte, 4)
	if s.method == "" {
		head, _ = s.buf.Peek(len(head)) // an error comes again when it is read
	} else {
		n, err := io.ReadFull(s.content, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		head = head[:n]
		s.content = io.MultiReader(bytes.NewReader(head), s.content)
	}
	if string(head) == "\xff\xfe\x00\x00" || string(head) == "\x00\x00\xfe\xff" {
		return errUTF32
	}
	for _, o := range orders {
		if bytes.HasPrefix(head, []byte(o.mark)) {
			s.content = &wideReader{src: s.content, order: o, line: 1}
			s.recoded = true
		}
	}
	return nil
}

// wideReader turns UTF-16 into UTF-8. Halves of characters that stand alone are an error: read as anything else they
// would be other data.
type wideReader struct {
	src   io.Reader
	order order
	begun bool // the mark is behind
	line  int64

	buf  [8 << 10]byte // read and not decoded: a part of a character at most, between calls
	n    int
	text []byte // decoded and not given
	out  []byte // what text is a part of
	err  error  // after text
}

func (w *wideReader) Read(p []byte) (int, error) {
	for len(w.text) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		w.fill()
	}
	n := copy(p, w.text)
	w.text = w.text[n:]
	return n, nil
}

// fill decodes the next piece of the source.
func (w *wideReader) fill() {
	n, err := w.src.Read(w.buf[w.n:])
	w.n += n
	w.out = w.out[:0]
	used := w.decode(w.buf[:w.n])
	w.n = copy(w.buf[:], w.buf[used:w.n])
	w.text = w.out
	switch {
	case w.err != nil:
	case errors.Is(err, io.EOF) && w.n > 0:
		w.err = textError(fmt.Sprintf("it is UTF-16 that ends inside a character, at line %d", w.line))
	default:
		w.err = err
	}
}

// decode appends whole characters to out and returns how many bytes they were.
func (w *wideReader) decode(b []byte) (used int) {
	if !w.begun && len(b) >= 2 {
		w.begun, used = true, 2
	}
	for len(b)-used >= 2 {
		r, size := rune(w.order.Uint16(b[used:])), 2
		if utf16.IsSurrogate(r) {
			if len(b)-used < 4 && r < 0xdc00 {
				return used
			}
			if len(b)-used >= 4 {
				r, size = utf16.DecodeRune(r, rune(w.order.Uint16(b[used+2:]))), 4
			}
			if size == 2 || r == utf8.RuneError {
				w.err = textError(fmt.Sprintf("it is UTF-16 with half a character at line %d", w.line))
				return used
			}
		}
		if r == '\n' {
			w.line++
		}
		w.out = utf8.AppendRune(w.out, r)
		used += size
	}
	return used
}
