package jsonl

import (
	"bytes"
	"errors"
)

// lineFinder cuts a file of lines. It implements cut.Finder.
type lineFinder struct {
	records int // in the chunk: lines that are not empty
	lines   int // newlines in the chunk
}

// Find implements cut.Finder. A newline ends a line wherever it stands: strings cannot hold one.
func (f *lineFinder) Find(data []byte, atEnd bool) (int, error) {
	end := len(data)
	if !atEnd {
		end = bytes.LastIndexByte(data, '\n') + 1
	}
	f.records, f.lines = 0, 0
	for rest := data[:end]; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest)
		} else {
			f.lines++
		}
		if rest[0] > ' ' || len(bytes.TrimLeft(rest[:n], " \t\r")) > 0 {
			f.records++
		}
		rest = rest[min(n+1, len(rest)):]
	}
	return end, nil
}

// objectFinder cuts an array or a stream of objects behind one of them. What lies between objects is checked here;
// the objects themselves are only followed to their ends. It implements cut.Finder.
type objectFinder struct {
	array bool
	begun bool // the array's opening bracket lies before the data
	any   bool // so does a record

	records int // in the chunk
	lines   int // newlines in the chunk
	opened  bool
}

// flaw is why a file has to be refused, and where in the data.
type flaw struct {
	at      int
	reason  error
	records int // before it, in the data
}

func (f *flaw) Error() string { return f.reason.Error() }
func (f *flaw) Unwrap() error { return f.reason }

var (
	errNotObject  = errors.New("is not a JSON object")
	errIncomplete = errors.New("is not complete when the file ends")
)

// Find implements cut.Finder.
func (f *objectFinder) Find(data []byte, atEnd bool) (int, error) {
	at, end, records := 0, 0, 0
	opened, closed, comma := f.begun || !f.array, false, false
	finish := func() int {
		f.records, f.lines = records, bytes.Count(data[:end], []byte("\n"))
		f.opened = opened
		return end
	}
	refuse := func(reason error) (int, error) {
		if end > 0 { // the records before are good: they go first, and the flaw is found again
			return finish(), nil
		}
		return 0, &flaw{at: at, reason: reason}
	}
	for {
		at = skipSpace(data, at)
		if at == len(data) {
			break
		}
		switch c, any := data[at], f.any || records > 0; {
		case closed:
			return refuse(errors.New("follows the end of the array"))
		case c == '[' && !opened:
			opened = true
			at++
		case !opened:
			return refuse(errNotObject)
		case c == ']' && f.array && !comma:
			closed = true
			at++
		case c == ',' && f.array && any && !comma:
			comma = true
			at++
		case c != '{':
			return refuse(errNotObject)
		case f.array && any && !comma:
			return refuse(errors.New("follows another without a comma"))
		default:
			next := objectEnd(data, at)
			if next == 0 && atEnd {
				return refuse(errIncomplete)
			}
			if next == 0 {
				return finish(), nil
			}
			at, end, comma = next, next, false
			records++
		}
	}
	if !atEnd {
		return finish(), nil
	}
	if f.array && !closed && (opened || f.any) {
		// At once: with all records handed out, nothing would be left in which to find the flaw again.
		return 0, &flaw{at: at, reason: errors.New("is missing: the array has no end"), records: records}
	}
	if end > 0 {
		end = len(data) // what closes the array belongs to the last record's chunk
	}
	return finish(), nil
}

// taken moves the finder behind the chunk it has found last.
func (f *objectFinder) taken() {
	f.begun = f.begun || f.opened
	f.any = f.any || f.records > 0
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\r' || data[at] == '\t') {
		at++
	}
	return at
}

// objectEnd is where the object or array that begins at data[at] ends, going by brackets outside strings; 0 when it does
// not end in data.
func objectEnd(data []byte, at int) int {
	depth := 0
	for ; at < len(data); at++ {
		switch data[at] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		case '"':
			if at = stringEnd(data, at+1); at == 0 {
				return 0
			}
		}
	}
	return 0
}

// stringEnd is the offset of the quote that ends the string whose text begins at data[at], or 0.
func stringEnd(data []byte, at int) int {
	for {
		n := bytes.IndexByte(data[at:], '"')
		if n < 0 {
			return 0
		}
		slashes := 0
		for slashes < n && data[at+n-1-slashes] == '\\' {
			slashes++
		}
		if at += n; slashes%2 == 0 {
			return at
		}
		at++
	}
}
