package wire

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of objects and arrays in a body. The model itself needs 10.
const maxDepth = 64

// reader walks one JSON text from left to right. The first error sticks: every later step does nothing.
//
// It never looks behind a value it was not asked for, so the caller's calls are the schema. Generated code asks; the
// methods in decode.go answer.
type reader struct {
	src   string
	pos   int
	key   string // the member name read last
	err   *DecodeError
	trail trail
	slab  []string // strings to point to, allocated in blocks; see keep
	open  int      // objects and arrays entered and not left
}

// newReader copies data once; every string of the result is a piece of that copy where it needs no unescaping.
func newReader(data []byte) *reader {
	r := &reader{src: string(data), trail: make(trail, 0, 12)}
	if !utf8.ValidString(r.src) {
		for i, c := range r.src {
			if c == utf8.RuneError {
				if _, n := utf8.DecodeRuneInString(r.src[i:]); n == 1 {
					r.pos = i
					break
				}
			}
		}
		r.malformed("invalid UTF-8")
	}
	return r
}

// finish reports trailing text as an error and returns the first error of the walk.
func (r *reader) finish() error {
	if r.err == nil {
		if r.space(); r.pos < len(r.src) {
			r.malformed("text after the end of the value")
		}
	}
	if r.err != nil {
		return r.err
	}
	return nil
}

func (r *reader) malformed(problem string) {
	if r.err == nil {
		r.err = &DecodeError{Path: r.trail.String(), Offset: r.pos, Problem: problem}
	}
}

// mismatch records that the value at hand is not what the member wants.
func (r *reader) mismatch(expected string) {
	if r.err != nil {
		return
	}
	found := r.kind()
	if found == "" {
		r.malformed("a value is missing")
		return
	}
	r.err = &DecodeError{Path: r.trail.String(), Offset: r.pos, Expected: expected, Found: found}
}

// kind names the JSON type that starts at the position, "" when none does.
func (r *reader) kind() string {
	switch c := r.peek(); {
	case c == '{':
		return "object"
	case c == '[':
		return "list"
	case c == '"':
		return "string"
	case c == '-' || isDigit(c):
		return "number"
	case strings.HasPrefix(r.src[r.pos:], "null"):
		return "null"
	case strings.HasPrefix(r.src[r.pos:], "true") || strings.HasPrefix(r.src[r.pos:], "false"):
		return "boolean"
	}
	return ""
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func (r *reader) space() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek is the next byte behind white space, 0 at the end and after an error.
func (r *reader) peek() byte {
	if r.err != nil {
		return 0
	}
	r.space()
	if r.pos == len(r.src) {
		return 0
	}
	return r.src[r.pos]
}

// null consumes a null and reports whether there was one.
func (r *reader) null() bool {
	if r.peek() == 'n' && strings.HasPrefix(r.src[r.pos:], "null") {
		r.pos += 4
		return true
	}
	return false
}

func (r *reader) enter() bool {
	if r.open == maxDepth {
		r.malformed("nested deeper than " + strconv.Itoa(maxDepth) + " levels")
		return false
	}
	r.open++
	r.pos++
	return true
}

func (r *reader) leave() {
	r.open--
	r.pos++
}

// object enters an object and reads its first member name into r.key. It is false for an empty object and on error.
func (r *reader) object() bool {
	if r.peek() != '{' {
		r.mismatch("object")
		return false
	}
	if !r.enter() {
		return false
	}
	if r.peek() == '}' {
		r.leave()
		return false
	}
	return r.memberName()
}

// next goes on to the next member after a value was read. It is false at the end of the object and on error.
func (r *reader) next() bool {
	switch r.peek() {
	case ',':
		r.pos++
		return r.memberName()
	case '}':
		r.leave()
		return false
	}
	r.malformed("expected ',' or '}'")
	return false
}

func (r *reader) memberName() bool {
	if r.peek() != '"' {
		r.malformed("expected a member name")
		return false
	}
	key, ok := r.text()
	if !ok {
		return false
	}
	if r.peek() != ':' {
		r.malformed("expected ':'")
		return false
	}
	r.pos++
	r.key = key
	return true
}

// list enters an array; it is false when the array is empty and on error.
func (r *reader) list() bool {
	if r.peek() != '[' {
		r.mismatch("list")
		return false
	}
	if !r.enter() {
		return false
	}
	if r.peek() == ']' {
		r.leave()
		return false
	}
	return r.err == nil
}

// nextItem goes on to the next item after one was read. It is false at the end of the array and on error.
func (r *reader) nextItem() bool {
	switch r.peek() {
	case ',':
		r.pos++
		return true
	case ']':
		r.leave()
		return false
	}
	r.malformed("expected ',' or ']'")
	return false
}

// text reads a string at the position, which is at its opening quote.
func (r *reader) text() (string, bool) {
	start := r.pos + 1
	for i := start; i < len(r.src); i++ {
		switch c := r.src[i]; {
		case c == '"':
			r.pos = i + 1
			return r.src[start:i], true
		case c == '\\':
			return r.escapedText(start, i)
		case c < ' ':
			r.pos = i
			r.malformed("control character in a string")
			return "", false
		}
	}
	r.pos = len(r.src)
	r.malformed("unterminated string")
	return "", false
}

// escapedText reads on at the first backslash of a string that began at start.
func (r *reader) escapedText(start, i int) (string, bool) {
	buf := append(make([]byte, 0, i-start+32), r.src[start:i]...)
	for i < len(r.src) {
		c := r.src[i]
		switch {
		case c == '"':
			r.pos = i + 1
			return string(buf), true
		case c < ' ':
			r.pos = i
			r.malformed("control character in a string")
			return "", false
		case c != '\\':
			buf = append(buf, c)
			i++
			continue
		}
		char, n := unescape(r.src[i:])
		if n == 0 {
			r.pos = i
			r.malformed("invalid escape in a string")
			return "", false
		}
		buf = utf8.AppendRune(buf, char)
		i += n
	}
	r.pos = len(r.src)
	r.malformed("unterminated string")
	return "", false
}

// unescape reads the escape sequence that s begins with and returns its length, 0 when it is none. Half of a surrogate
// pair is none.
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	high, ok := hexEscape(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(high) {
		return high, 6
	}
	if low, ok := hexEscape(s[6:]); ok {
		if c := utf16.DecodeRune(high, low); c != utf8.RuneError {
			return c, 12
		}
	}
	return 0, 0
}

// hexEscape reads \uXXXX.
func hexEscape(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var v rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case isDigit(c):
			v = v<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			v = v<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

// number reads a number's text at the position, where a '-' or a digit stands.
func (r *reader) number() (text string, ok bool) {
	start, i := r.pos, r.pos
	if r.src[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(r.src) && isDigit(r.src[i]) {
			i++
		}
		return i > from
	}
	if i < len(r.src) && r.src[i] == '0' {
		i++
		ok = true
	} else {
		ok = digits()
	}
	if ok && i < len(r.src) && r.src[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(r.src) && r.src[i]|0x20 == 'e' {
		i++
		if i < len(r.src) && (r.src[i] == '+' || r.src[i] == '-') {
			i++
		}
		ok = digits()
	}
	r.pos = i
	if !ok {
		r.malformed("invalid number")
	}
	return r.src[start:i], ok
}

// literal consumes one of the words null, true and false.
func (r *reader) literal() bool {
	for _, word := range [...]string{"null", "true", "false"} {
		if strings.HasPrefix(r.src[r.pos:], word) {
			r.pos += len(word)
			return true
		}
	}
	r.malformed("expected a value")
	return false
}

// skip reads over one value of any kind, checking its syntax. It keeps its own stack of one bit per level, so that
// hostile nesting costs no memory.
func (r *reader) skip() {
	base := r.open
	var inObject uint64 // bit n: level base+n+1 is an object
	for {
		entered := false
		switch c := r.peek(); {
		case c == '{':
			level := uint64(1) << (r.open - base)
			if entered = r.object(); entered {
				inObject |= level
			}
		case c == '[':
			level := uint64(1) << (r.open - base)
			if entered = r.list(); entered {
				inObject &^= level
			}
		case c == '"':
			r.text()
		case c == '-' || isDigit(c):
			r.number()
		case r.err == nil:
			r.literal()
		}
		if r.err != nil {
			return
		}
		for !entered {
			if r.open == base {
				return
			}
			if inObject>>(r.open-base-1)&1 == 1 {
				entered = r.next()
			} else {
				entered = r.nextItem()
			}
			if r.err != nil {
				return
			}
		}
	}
}
