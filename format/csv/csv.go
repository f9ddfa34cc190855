// Package csv reads and writes CSV files: a header line, then one record a line, quoted as RFC 4180 has it.
//
// # What a reader takes
//
// UTF-8, with or without a byte order mark, and UTF-16 with one. Lines end with LF or CRLF, the last one may lack it. A field that begins with
// a quote runs to the closing quote, delimiters and newlines included, with "" for a quote; its bytes are kept as they
// are, CRLF included. A quote inside a field that does not begin with one is data. NUL is data.
//
// CSV has no null: an empty field is null, quoted or not. An empty line is no record when the header has more than one
// column; with one column it is a record whose only cell is null. Empty lines before the header are skipped.
//
// Columns are found by their names in each file's own header, so files may order them differently. Every record must
// have as many fields as the header. A reader refuses, naming file, record and line: records that have not; text after a
// closing quote, and text that is not UTF-8, both in delivered columns only, since the others are not looked at; a quote
// that is never closed; a record longer than the limit; headers with empty or repeated names, or with NUL.
//
// # What an encoder writes
//
// The header, then records ended by LF, in the text forms of package batch. Nulls are empty. Fields are quoted only where
// they must be: when they hold a delimiter, a quote, CR or LF; and
// the empty cell of a one-column file, whose line would be taken for no record otherwise.
package csv

import (
	"context"

	"weir.dev/weir/format"
)

// Dialect is what can differ between files. The zero Dialect is what AppFlow reads and writes.
type Dialect struct {
	Delimiter byte // 0 means the comma. Not a quote, CR, LF, nor a byte outside ASCII
}

func (d Dialect) delimiter() byte {
	if d.Delimiter == 0 {
		return ','
	}
	return d.Delimiter
}

// NewReader is [Dialect.NewReader] of the zero Dialect.
func NewReader(ctx context.Context, in format.Input, opts format.ReadOptions) (format.Reader, error) {
	return Dialect{}.NewReader(ctx, in, opts)
}

// ReadHeader is [Dialect.ReadHeader] of the zero Dialect.
func ReadHeader(ctx context.Context, in format.Input) ([]string, error) {
	return Dialect{}.ReadHeader(ctx, in)
}

// NewEncoder is [Dialect.NewEncoder] of the zero Dialect.
func NewEncoder(columns []format.Column) (format.Encoder, error) {
	return Dialect{}.NewEncoder(columns)
}
