package wire

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// pattern is one of the model's regular expressions. Nearly all have the plain form
//
//	^ not-prefix prefix class … class tail-class{tailMin,} $
//
// and match by walking over the text once. The others carry a compiled expression instead, built when first needed.
type pattern struct {
	text    string // as the model writes it
	not     string // the text must not begin so (negative lookahead); "" when there is none
	prefix  string // the text must begin so
	head    []class
	tail    *class // nil when the head is all
	tailMin int
	re      func() *regexp.Regexp // nil for the plain form
}

// class is a set of characters.
type class struct {
	ascii [2]uint64 // one bit per character below 0x80
	wide  []span    // the others, in order
}

// span is a range of characters, both ends included.
type span struct{ from, to rune }

func (p *pattern) match(s string) bool {
	if p.re != nil {
		return p.re().MatchString(s)
	}
	if p.not != "" && strings.HasPrefix(s, p.not) {
		return false
	}
	s, ok := strings.CutPrefix(s, p.prefix)
	if !ok {
		return false
	}
	for i := range p.head {
		n := p.head[i].leading(s)
		if n == 0 {
			return false
		}
		s = s[n:]
	}
	if p.tail == nil {
		return s == ""
	}
	return p.tail.covers(s, p.tailMin)
}

// covers reports whether s consists of at least atLeast characters of the class and nothing else.
func (c *class) covers(s string, atLeast int) bool {
	count := 0
	for s != "" {
		n := c.leading(s)
		if n == 0 {
			return false
		}
		s = s[n:]
		count++
	}
	return count >= atLeast
}

// leading is the length in bytes of the character that s begins with, 0 when it is not in the class.
func (c *class) leading(s string) int {
	if s == "" {
		return 0
	}
	if b := s[0]; b < utf8.RuneSelf {
		return int(c.ascii[b>>6] >> (b & 63) & 1)
	}
	char, n := utf8.DecodeRuneInString(s)
	for _, w := range c.wide {
		if w.from <= char && char <= w.to {
			return n
		}
	}
	return 0
}
