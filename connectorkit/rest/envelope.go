package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"weir.dev/weir/fault"
)

// Envelope is an answer without its records: cursors, flags and counts, which are few and small.
type Envelope struct {
	root any
}

// Split cuts a JSON answer into its envelope and its records. At is the dotted path of the array that holds them, "" for
// an answer that is the array itself; one object in its place is one record, and null is none. The records are bytes of
// the body, not yet checked; everything around them is.
//
// Its errors are ConnectorServer. An answer that ends too early is worth another try; one without the array is not:
// taking it for empty would let a run succeed that moved nothing.
func Split(body []byte, at string) (*Envelope, []byte, error) {
	s := scanner{data: body}
	begin, end, err := s.find(pathOf(at))
	switch {
	case err != nil:
		return nil, nil, err
	case begin < 0:
		return nil, nil, fault.New(fault.ConnectorServer, "the answer has no %q, where its records should be", at)
	}
	records := body[begin:end]
	switch {
	case records[0] == '[':
	case records[0] == '{':
		records = append(append(append(make([]byte, 0, len(records)+2), '['), records...), ']')
	case string(records) == "null":
		records = []byte("[]")
	default:
		return nil, nil, fault.New(fault.ConnectorServer, "%q in the answer holds no records", at)
	}
	rest := append(append(append(make([]byte, 0, len(body)-(end-begin)+4), body[:begin]...), "null"...), body[end:]...)
	e, err := ParseEnvelope(rest)
	return e, records, err
}

// ParseEnvelope reads a JSON answer without records.
func ParseEnvelope(body []byte) (*Envelope, error) {
	e := &Envelope{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // ids do not fit into doubles
	if err := d.Decode(&e.root); err != nil {
		return nil, torn(body, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.New(fault.ConnectorServer, "the answer is more than one JSON value")
	}
	return e, nil
}

// torn is the error of an answer that is no JSON.
func torn(body []byte, err error) error {
	text := bytes.TrimLeft(body, " \t\r\n\xef\xbb\xbf")
	if len(text) > 0 && text[0] == '<' {
		return fault.Temporary(fault.ConnectorServer, nil, "the answer is a web page, not JSON; is the address right?")
	}
	return fault.Temporary(fault.ConnectorServer, err, "the answer is not whole JSON")
}

// Has reports whether there is something other than null at a path.
func (e *Envelope) Has(at string) bool { return member(e.root, at) != nil }

// Text is the text or number at a path, "" when there is none.
func (e *Envelope) Text(at string) string { return textOf(member(e.root, at)) }

// Flag is the truth value at a path; ok is false when there is none.
func (e *Envelope) Flag(at string) (value, ok bool) {
	switch v := member(e.root, at).(type) {
	case bool:
		return v, true
	case string:
		b, err := strconv.ParseBool(v)
		return b, err == nil
	}
	return false, false
}

// Number is the whole number at a path; ok is false when there is none.
func (e *Envelope) Number(at string) (int64, bool) {
	n, err := strconv.ParseInt(textOf(member(e.root, at)), 10, 64)
	return n, err == nil
}

// Items are the members of the array at a path; nil when there is none. For lists of metadata, not for records.
func (e *Envelope) Items(at string) []*Envelope {
	list, ok := member(e.root, at).([]any)
	if !ok {
		return nil
	}
	out := make([]*Envelope, len(list))
	for i := range list {
		out[i] = &Envelope{list[i]}
	}
	return out
}

func pathOf(at string) []string {
	if at == "" {
		return nil
	}
	return strings.Split(at, ".")
}

// member walks a dotted path through objects and, by number, arrays. Nil when it leads nowhere.
func member(v any, at string) any {
	for _, name := range pathOf(at) {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// textOf is a text or a number as text; "" for everything else.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// scanner finds a value in JSON by going over brackets and strings. What it passes it does not check.
type scanner struct {
	data []byte
	at   int
}

// find is where the value of a path lies; begin is -1 when there is none. Of members of one name the first counts.
func (s *scanner) find(path []string) (begin, end int, err error) {
	s.space()
	if len(path) == 0 {
		begin = s.at
		err = s.skip()
		return begin, s.at, err
	}
	if s.peek() != '{' {
		if s.at == len(s.data) {
			return 0, 0, torn(s.data, io.ErrUnexpectedEOF)
		}
		return -1, 0, nonObject(s.data)
	}
	for s.at++; ; s.at++ {
		s.space()
		if s.peek() == '}' {
			return -1, 0, nil
		}
		name, err := s.name()
		if err != nil {
			return 0, 0, err
		}
		if name == path[0] {
			return s.find(path[1:])
		}
		s.space()
		if err := s.skip(); err != nil {
			return 0, 0, err
		}
		s.space()
		if c := s.peek(); c == '}' {
			return -1, 0, nil
		} else if c != ',' {
			return 0, 0, torn(s.data, io.ErrUnexpectedEOF)
		}
	}
}

// nonObject is the error of an answer that is no object where one is needed; nil leaves it to the caller.
func nonObject(data []byte) error {
	if text := bytes.TrimLeft(data, " \t\r\n\xef\xbb\xbf"); len(text) > 0 && text[0] == '<' {
		return torn(data, nil)
	}
	return nil
}

func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.data) && (s.data[s.at] == ' ' || s.data[s.at] == '\n' || s.data[s.at] == '\r' || s.data[s.at] == '\t') {
		s.at++
	}
}

// name reads a member's name and the colon behind it.
func (s *scanner) name() (string, error) {
	begin := s.at
	if s.peek() != '"' || !s.text() {
		return "", torn(s.data, io.ErrUnexpectedEOF)
	}
	raw := s.data[begin:s.at]
	name := string(raw[1 : len(raw)-1])
	if strings.Contains(name, `\`) && json.Unmarshal(raw, &name) != nil {
		return "", torn(s.data, io.ErrUnexpectedEOF)
	}
	s.space()
	if s.peek() != ':' {
		return "", torn(s.data, io.ErrUnexpectedEOF)
	}
	s.at++
	return name, nil
}

// text goes behind the string that begins here.
func (s *scanner) text() bool {
	for at := s.at + 1; ; {
		n := bytes.IndexByte(s.data[at:], '"')
		if n < 0 {
			return false
		}
		slashes := 0
		for slashes < n && s.data[at+n-1-slashes] == '\\' {
			slashes++
		}
		if at += n + 1; slashes%2 == 0 {
			s.at = at
			return true
		}
	}
}

// skip goes behind the value that begins here.
func (s *scanner) skip() error {
	for depth := 0; ; {
		switch c := s.peek(); c {
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case '"':
			if !s.text() {
				return torn(s.data, io.ErrUnexpectedEOF)
			}
		case 0:
			return torn(s.data, io.ErrUnexpectedEOF)
		default:
			begin := s.at
			for s.at < len(s.data) && !isEnd(s.data[s.at]) {
				s.at++
			}
			if s.at == begin { // a comma, a colon or space between parts
				s.at++
				if depth == 0 {
					return torn(s.data, io.ErrUnexpectedEOF)
				}
				continue
			}
		}
		if depth <= 0 {
			return nil
		}
	}
}

func isEnd(c byte) bool {
	switch c {
	case ',', ':', '{', '}', '[', ']', '"', ' ', '\n', '\r', '\t', 0:
		return true
	}
	return false
}
