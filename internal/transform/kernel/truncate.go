package kernel

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// Truncate keeps the first length characters of each text, as a dense column that shares the text: only headers are
// made. A character is a Unicode code point; a byte that is not UTF-8 counts as one. Null stays null. The lane's column
// must be of kind Text or String; see [TextForm].
func Truncate(mem memory.Allocator, lane Lane, length int) batch.Column {
	view := batch.OpenText(lane.Col)
	out := batch.NewRawTextBuilder(mem, len(lane.Rows))
	out.Share(lane.Col)
	for at, row := range lane.Rows {
		v := &out.Views[at]
		*v = view.Views[row]
		if n := v.Len(); n > length { // as many characters as bytes, or fewer
			text := view.Bytes(int(row))
			if cut := prefix(text, length); cut < n {
				shorten(v, text, cut)
			}
		}
	}
	copyNulls(out, &view, lane.Rows)
	return out.Build(lane.Col.Name, lane.Col.Kind.Type)
}

// shorten makes v, the header of text, the header of its first n bytes.
func shorten(v *arrow.ViewHeader, text []byte, n int) {
	if n > inlineMax {
		setLen(v, n)
		return
	}
	var short arrow.ViewHeader // whose unused bytes are zeros
	short.SetBytes(text[:n])
	*v = short
}

// setLen changes a header's length and nothing else. The text must stay out of line.
func setLen(v *arrow.ViewHeader, n int) { *(*int32)(unsafe.Pointer(v)) = int32(n) }

// copyNulls makes null what is null in the source.
func copyNulls(out *batch.TextBuilder, from *batch.TextView, rows []int32) {
	if from.Valid == nil {
		return
	}
	for at, row := range rows {
		if from.IsNull(int(row)) {
			out.SetNull(at)
		}
	}
}

// prefix is how many bytes the first n characters of text take.
func prefix(text []byte, n int) int {
	if n >= len(text) || isASCII(text[:n]) {
		return min(n, len(text))
	}
	i := 0
	for ; n > 0 && i < len(text); n-- {
		_, size := utf8.DecodeRune(text[i:])
		i += size
	}
	return i
}

// suffix is where the last n characters of text begin.
func suffix(text []byte, n int) int {
	if n >= len(text) {
		return 0
	}
	i := len(text) - n
	if isASCII(text[i:]) {
		return i
	}
	for i = len(text); n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRune(text[:i])
		i -= size
	}
	return i
}

func isASCII(b []byte) bool {
	var all uint64
	switch n := len(b); {
	case n >= 8:
		all = binary.NativeEndian.Uint64(b[n-8:]) // the last ones, whatever the loop leaves
		for ; len(b) > 8; b = b[8:] {
			all |= binary.NativeEndian.Uint64(b)
		}
	case n >= 4:
		all = uint64(binary.NativeEndian.Uint32(b) | binary.NativeEndian.Uint32(b[n-4:]))
	default:
		for _, c := range b {
			all |= uint64(c)
		}
	}
	return all&tops == 0
}
