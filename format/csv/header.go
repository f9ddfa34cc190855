package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/compress"
	"weir.dev/weir/format/internal/cut"
)

// headBytes is how much of a file is read at first, for its header.
const headBytes = 64 << 10

// maxHeader is the longest header.
const maxHeader = 16 << 20

var byteOrderMark = []byte("\xef\xbb\xbf")

// ReadHeader returns the names of the columns, in order. An empty file has no header: it gives no names and no error.
func (d Dialect) ReadHeader(ctx context.Context, in format.Input) ([]string, error) {
	stream, err := compress.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	head, err := readHead(stream, in.Name(), d.delimiter())
	return head.names, err
}

// head is the beginning of a file.
type head struct {
	names []string
	end   format.Position // behind the header
	rest  []byte          // what has been read behind it
}

// readHead reads up to the end of the header, and a little more. A file of nothing but empty lines has no names.
func readHead(stream io.Reader, name string, delim byte) (head, error) {
	cutter := cut.New(stream, batch.DefaultPool, headBytes, maxHeader)
	defer cutter.Close()
	first := headFinder{delim: delim}
	buf, n, err := cutter.Next(&first)
	switch {
	case errors.Is(err, io.EOF):
		return head{end: format.Position{Offset: int64(first.skipped), Line: int64(first.lines)}}, nil
	case errors.Is(err, cut.ErrTooLong):
		return head{}, refuse(name, "the header is longer than %d bytes", maxHeader)
	case errors.Is(err, errUnclosed):
		return head{}, refuse(name, "a quote in the header is never closed")
	case err != nil:
		return head{}, err
	}
	defer buf.Release()
	names, err := splitHeader(buf.Bytes()[first.skipped:n], delim)
	if err != nil {
		return head{}, refuse(name, "%w", err)
	}
	end := format.Position{Offset: int64(n), Line: int64(first.lines)}
	return head{names: names, end: end, rest: bytes.Clone(cutter.Pending())}, nil
}

var errUnclosed = errors.New("quote never closed")

// headFinder ends a chunk behind the first line that is not empty.
type headFinder struct {
	delim   byte
	skipped int // the byte order mark and empty lines before the header
	lines   int // up to the end of the header
}

func (f *headFinder) Find(data []byte, atEnd bool) (int, error) {
	at, lines := 0, 0
	if bytes.HasPrefix(data, byteOrderMark) {
		at = len(byteOrderMark)
	}
	for blank := blankLine(data[at:]); blank > 0; blank = blankLine(data[at:]) {
		at += blank
		lines++
	}
	f.skipped, f.lines = at, lines
	if at == len(data) {
		return 0, nil
	}
	n := recordLength(data[at:], f.delim)
	switch {
	case n > 0:
	case !atEnd:
		return 0, nil
	case lastOpening(data[at:], f.delim) >= 0:
		return 0, errUnclosed
	default:
		n = len(data) - at
	}
	f.lines = lines + bytes.Count(data[at:at+n], []byte("\n"))
	return at + n, nil
}

// blankLine is the length of the empty line that data begins with, or 0.
func blankLine(data []byte) int {
	switch {
	case len(data) > 0 && data[0] == '\n':
		return 1
	case len(data) > 1 && data[0] == '\r' && data[1] == '\n':
		return 2
	}
	return 0
}

// splitHeader cuts the header into names.
func splitHeader(line []byte, delim byte) ([]string, error) {
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	var names []string
	seen := map[string]int{}
	for {
		n := fieldLength(line, delim)
		name, ok := unquote(line[:n])
		at := len(names) + 1
		switch {
		case !ok:
			return nil, fmt.Errorf("column %d of the header has text after its closing quote", at)
		case len(bytes.TrimSpace(name)) == 0:
			return nil, fmt.Errorf("column %d of the header has no name", at)
		case bytes.IndexByte(name, 0) >= 0:
			return nil, fmt.Errorf("column %d of the header holds a NUL byte: the file is no text, or UTF-16 without a byte order mark", at)
		case !utf8.Valid(name):
			return nil, fmt.Errorf("the name of column %d of the header is not UTF-8", at)
		case line[0] != quote && bytes.IndexByte(name, '\r') >= 0:
			return nil, fmt.Errorf("column %d of the header holds a carriage return: lines must end with LF or CRLF", at)
		case seen[string(name)] > 0:
			return nil, fmt.Errorf("columns %d and %d of the header have the same name, %q", seen[string(name)], at, name)
		}
		names = append(names, string(name))
		seen[string(name)] = at
		if n == len(line) {
			return names, nil
		}
		line = line[n+1:]
	}
}

// unquote returns the text of a field, in place; false when text follows a closing quote.
func unquote(field []byte) ([]byte, bool) {
	if len(field) == 0 || field[0] != quote {
		return field, true
	}
	n, ok := unquoteInPlace(field)
	return field[1 : 1+n], ok
}

func refuse(name, format string, args ...any) error {
	return fault.Wrap(fault.ConnectorServer, fmt.Errorf(format, args...), "reading %q", name)
}
