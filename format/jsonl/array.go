package jsonl

import (
	"bytes"
	"errors"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/internal/cut"
)

// DecodeArray parses one JSON array of objects that is all there in memory, such as the records of an API's answer. The
// name is the batch's Origin.Object and stands in messages; first is the number of the first record in it. What a record
// may be is the same as in files; opts.ChunkBytes and opts.From do not matter. It borrows text; the caller owns the batch.
func DecodeArray(name string, text []byte, first int64, opts format.ReadOptions) (*batch.Batch, error) {
	opts = cut.Options(opts)
	f := &file{name: name, layout: array, maxRecord: opts.MaxRecord, pool: opts.Pool}
	if err := f.want(opts.Columns); err != nil {
		return nil, err
	}
	if len(text) > maxArray {
		return nil, fault.New(fault.ConnectorServer, "reading %q: an array of %d bytes is more than can be read at once", name, len(text))
	}
	records, err := CountArray(name, text, first)
	if err != nil {
		return nil, err
	}
	c := &chunk{file: f, n: len(text), start: format.Position{Record: first - 1}, records: records}
	c.buf = opts.Pool.Buffer(len(text) + cut.Pad)
	copy(c.buf.Bytes(), text)
	return c.Decode()
}

// CountArray counts the objects of an array that is all there in memory. It checks what lies between them, and follows
// them to their ends only; the arguments and errors are those of [DecodeArray].
func CountArray(name string, text []byte, first int64) (int, error) {
	records, err := countArray(text)
	if flawed := (*flaw)(nil); errors.As(err, &flawed) {
		line := 1 + bytes.Count(text[:flawed.at], []byte("\n"))
		return 0, refuse(name, "record %d at line %d %w", first+int64(flawed.records), line, flawed.reason)
	}
	return records, err
}

// maxArray is as much as offsets inside one buffer can tell apart, with room for the padding.
const maxArray = 1<<30 - cut.Pad

// countArray checks what lies between the objects of an array and counts them. Its error is a *flaw, whose offset is in
// text and which counts the records before it.
func countArray(text []byte) (int, error) {
	if at := skipSpace(text, 0); at == len(text) || text[at] != '[' {
		return 0, &flaw{at: at, reason: errors.New("is not in an array")}
	}
	finder := objectFinder{array: true}
	for at, records := 0, 0; ; {
		n, err := finder.Find(text[at:], true)
		if flawed := (*flaw)(nil); errors.As(err, &flawed) {
			return 0, &flaw{at: at + flawed.at, reason: flawed.reason, records: max(records, flawed.records)}
		}
		records += finder.records
		if err != nil || n == 0 || at+n == len(text) {
			return records, err
		}
		at += n // the finder hands out good records before it tells of a flaw: it is found again behind them
		finder.taken()
	}
}
