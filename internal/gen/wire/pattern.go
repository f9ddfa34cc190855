package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// matchesAll is the unanchored pattern that any text satisfies.
const matchesAll = ".*"

// pattern writes a pattern variable: in plain form where the expression has it, else around a compiled expression.
func (g *generator) pattern(p *printer, name, text string) error {
	p.line("var %s = pattern{", name)
	p.line("text: %s,", quoteRaw(text))
	plain, err := parsePlain(text)
	if err != nil {
		re, err := translate(text)
		if err != nil {
			return err
		}
		p.use("regexp")
		p.use("sync")
		p.line("re: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(%s) }),", quoteRaw(re))
		p.line("}")
		p.line("")
		return nil
	}
	if plain.not != "" {
		p.line("not: %q,", plain.not)
	}
	if plain.prefix != "" {
		p.line("prefix: %q,", plain.prefix)
	}
	if len(plain.head) > 0 {
		p.line("head: []class{")
		for _, c := range plain.head {
			p.line("%s,", strings.TrimPrefix(c.literal(), "class"))
		}
		p.line("},")
	}
	if plain.tail != nil {
		p.line("tail: &class%s,", strings.TrimPrefix(plain.tail.literal(), "class"))
		p.line("tailMin: %d,", plain.tailMin)
	}
	p.line("}")
	p.line("")
	return nil
}

func quoteRaw(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

// translate rewrites an expression of Java's dialect into Go's. Only \s differs among what the model uses (Java counts
// the vertical tab as space).
func translate(text string) (string, error) {
	if strings.Contains(text, `\S`) || strings.Contains(text, `\u`) || strings.Contains(text, "(?!") {
		return "", errors.New("no translation")
	}
	re := strings.ReplaceAll(text, `\s`, `\t\n\x0B\f\r `)
	_, err := regexp.Compile(re)
	return re, err
}

// plain is the form that most patterns have: ^ (?!not) (prefix) class … class tail{min,} $.
type plain struct {
	not, prefix string
	head        []*charClass
	tail        *charClass
	tailMin     int
}

// parsePlain reads an expression in plain form; the error says where it leaves it.
func parsePlain(text string) (*plain, error) {
	s, anchored := strings.CutPrefix(text, "^")
	s, ended := strings.CutSuffix(s, "$")
	if !anchored || !ended {
		return nil, errors.New("not anchored")
	}
	var p plain
	var err error
	if p.not, s, err = parenthesised(s, "(?!"); err != nil {
		return nil, err
	}
	if p.prefix, s, err = parenthesised(s, "("); err != nil {
		return nil, err
	}
	for s != "" {
		c := newCharClass()
		if s, err = parseClass(s, c); err != nil {
			return nil, err
		}
		if s == "+" || s == "*" {
			p.tail = c
			if s == "+" {
				p.tailMin = 1
			}
			return &p, nil
		}
		count := 1
		if rest, ok := strings.CutPrefix(s, "{"); ok {
			digits, after, _ := strings.Cut(rest, "}")
			if count, err = strconv.Atoi(digits); err != nil {
				return nil, err
			}
			s = after
		}
		for range count {
			p.head = append(p.head, c)
		}
	}
	return &p, nil
}

// parenthesised takes a literal in a group off the front of s, if there is one.
func parenthesised(s, open string) (literal, rest string, err error) {
	rest, ok := strings.CutPrefix(s, open)
	if !ok {
		return "", s, nil
	}
	literal, rest, ok = strings.Cut(rest, ")")
	if !ok || strings.ContainsAny(literal, `\[](){}*+?.|^$`) || strings.HasPrefix(rest, "?") {
		return "", "", errors.New("a group that is not a literal")
	}
	return literal, rest, nil
}

// charClass is a set of characters. Members above ASCII are kept as ranges in order.
type charClass struct {
	ascii [utf8.RuneSelf]bool
	wide  [][2]rune
}

func newCharClass() *charClass { return &charClass{} }

func (c *charClass) add(from, to rune) {
	for r := from; r <= to && r < utf8.RuneSelf; r++ {
		c.ascii[r] = true
	}
	if to >= utf8.RuneSelf {
		c.wide = append(c.wide, [2]rune{max(from, utf8.RuneSelf), to})
	}
}

func (c *charClass) literal() string {
	var bits [2]uint64
	for r, in := range c.ascii {
		if in {
			bits[r>>6] |= 1 << (r & 63)
		}
	}
	text := fmt.Sprintf("class{ascii: [2]uint64{%#x, %#x}", bits[0], bits[1])
	if len(c.wide) > 0 {
		text += ", wide: []span{"
		for i, w := range c.wide {
			if i > 0 {
				text += ", "
			}
			text += fmt.Sprintf("{%#x, %#x}", w[0], w[1])
		}
		text += "}"
	}
	return text + "}"
}

// parseClass reads one of: a set in brackets, a class escape, the dot.
func parseClass(s string, c *charClass) (rest string, err error) {
	switch {
	case strings.HasPrefix(s, "["):
		return parseSet(s[1:], c)
	case strings.HasPrefix(s, `\S`):
		space := newCharClass()
		space.addEscape('s')
		for r := range rune(utf8.RuneSelf) {
			if !space.ascii[r] {
				c.add(r, r)
			}
		}
		c.add(utf8.RuneSelf, utf8.MaxRune)
		return s[2:], nil
	case len(s) > 1 && s[0] == '\\' && c.addEscape(s[1]):
		return s[2:], nil
	case strings.HasPrefix(s, "."):
		// Everything but Java's line terminators.
		c.add(0, '\n'-1)
		c.add('\n'+1, '\r'-1)
		c.add('\r'+1, 0x84)
		c.add(0x86, 0x2027)
		c.add(0x202a, utf8.MaxRune)
		return s[1:], nil
	}
	return "", fmt.Errorf("not a class at %q", s)
}

// addEscape adds the class that a letter behind a backslash means, and is false when it means none.
func (c *charClass) addEscape(letter byte) bool {
	switch letter {
	case 'd':
		c.add('0', '9')
	case 'w':
		c.add('0', '9')
		c.add('A', 'Z')
		c.add('_', '_')
		c.add('a', 'z')
	case 's':
		c.add('\t', '\r')
		c.add(' ', ' ')
	default:
		return false
	}
	return true
}

// parseSet reads the inside of brackets up to and with the closing one.
func parseSet(s string, c *charClass) (rest string, err error) {
	if strings.HasPrefix(s, "^") {
		return "", errors.New("a negated set")
	}
	for {
		if s == "" || s[0] == '[' || strings.HasPrefix(s, "&&") {
			return "", errors.New("an unsupported set")
		}
		if s[0] == ']' {
			return s[1:], nil
		}
		if len(s) > 1 && s[0] == '\\' && c.addEscape(s[1]) {
			s = s[2:]
			continue
		}
		var from, to rune
		if from, s, err = setChar(s); err != nil {
			return "", err
		}
		to = from
		if len(s) > 1 && s[0] == '-' && s[1] != ']' {
			if to, s, err = setChar(s[1:]); err != nil {
				return "", err
			}
			if to < from {
				return "", errors.New("a range in reverse")
			}
		}
		c.add(from, to)
	}
}

// setChar reads one character of a set, escaped or not.
func setChar(s string) (char rune, rest string, err error) {
	if s[0] != '\\' {
		char, n := utf8.DecodeRuneInString(s)
		return char, s[n:], nil
	}
	switch c := s[1]; {
	case c == 'u':
		return unicodeEscape(s)
	case c == 't':
		return '\t', s[2:], nil
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
		return 0, "", fmt.Errorf("escape %q", s[:2])
	default:
		return rune(c), s[2:], nil
	}
}

// unicodeEscape reads \uXXXX, or two of them that make a surrogate pair.
func unicodeEscape(s string) (char rune, rest string, err error) {
	units := []rune{}
	for len(units) < 2 && len(s) >= 6 && strings.HasPrefix(s, `\u`) {
		v, err := strconv.ParseUint(s[2:6], 16, 16)
		if err != nil {
			return 0, "", err
		}
		units = append(units, rune(v))
		s = s[6:]
		if v < 0xD800 || v >= 0xDC00 {
			break
		}
	}
	switch {
	case len(units) == 1 && (units[0] < 0xD800 || units[0] > 0xDFFF):
		return units[0], s, nil
	case len(units) == 2 && units[1] >= 0xDC00 && units[1] <= 0xDFFF:
		return (units[0]-0xD800)<<10 + units[1] - 0xDC00 + 0x10000, s, nil
	}
	return 0, "", errors.New("half of a surrogate pair")
}
