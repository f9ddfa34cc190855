package jsonl

import (
	"bytes"
	"io"

	"weir.dev/weir/format"
)

// layout is how a file lays out its records.
type layout int

const (
	lines  layout = iota // one a line
	array                // elements of one array
	stream               // one after the other
)

// headBytes is how much of a file is read at first, to see its layout.
const headBytes = 64 << 10

// head is the beginning of a file.
type head struct {
	layout layout
	start  format.Position // behind the byte order mark
	rest   []byte          // what has been read from there on
	read   int64           // bytes read from the file
}

// maxHead bounds that. A first line that is longer is taken for a record.
const maxHead = 1 << 20

// readHead reads until the layout is clear: up to the end of the first line, as a rule.
func readHead(r io.Reader) (head, error) {
	var h head
	data := make([]byte, 0, headBytes)
	for eof := false; !eof; {
		n, err := io.ReadFull(r, data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			eof = true
		} else if err != nil {
			return h, err
		}
		text := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		clear := false
		h.layout, clear = layoutOf(text)
		h.start = format.Position{Offset: int64(len(data) - len(text))}
		h.rest, h.read = text, int64(len(data))
		if clear || len(data) >= maxHead {
			break
		}
		data = append(make([]byte, 0, 2*cap(data)), data...)
	}
	return h, nil
}

// layoutOf says how the records are laid out in a file that begins with text; clear is false when more of it could give
// another answer.
func layoutOf(text []byte) (_ layout, clear bool) {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 {
		return lines, false
	}
	switch text[0] {
	case '[':
		return array, true
	case '{':
	default:
		return lines, true // where it is refused, by line
	}
	end := objectEnd(text, 0)
	line := bytes.IndexByte(text, '\n')
	if line >= 0 && (end == 0 || end > line) { // an object may have line breaks nowhere but between its parts
		return stream, true
	}
	if end == 0 {
		return lines, false
	}
	behind := bytes.TrimLeft(text[end:], " \t\r")
	if len(behind) > 0 && behind[0] != '\n' {
		return stream, true
	}
	return lines, len(behind) > 0
}
