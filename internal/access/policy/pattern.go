package policy

import (
	"strings"
	"unicode/utf8"
)

// A pattern's text has its wildcards replaced by bytes that no UTF-8 text holds, so that a literal * can stand in it.
const (
	anyText = '\xff' // *
	anyRune = '\xfe' // ?
)

// pattern is text with wildcards, and perhaps with variables that a request fills in.
type pattern struct {
	text  string
	parts []part // instead of text, when there are variables
}

// part is a piece of a pattern: text, or a variable.
type part struct {
	text      string
	variable  *key // nil for text
	otherwise *string
}

// wildcards turns * and ? into the bytes that stand for them.
func wildcards(s string) string {
	s = strings.ReplaceAll(s, "*", string([]byte{anyText}))
	return strings.ReplaceAll(s, "?", string([]byte{anyRune}))
}

func matchesAny(list []pattern, s string, r *Request) truth {
	best := no
	for i := range list {
		if best = max(best, list[i].matches(s, r)); best == yes {
			break
		}
	}
	return best
}

// matches compares, case included. A variable without a value and a default matches nothing.
func (p *pattern) matches(s string, r *Request) truth {
	text, t := p.fill(r)
	if t != yes {
		return t
	}
	return truthOf(glob(text, s))
}

// fill is the pattern's text with the request's values for its variables. Values are taken literally: a * in a tag is no
// wildcard. It answers no when a value is missing, and unknown when it may be.
func (p *pattern) fill(r *Request) (string, truth) {
	if p.parts == nil {
		return p.text, yes
	}
	var b strings.Builder
	for _, part := range p.parts {
		if part.variable == nil {
			b.WriteString(part.text)
			continue
		}
		value, t := part.variable.text(r)
		switch {
		case t == yes:
			b.WriteString(strings.ToValidUTF8(value, "\uFFFD"))
		case t == no && part.otherwise != nil:
			b.WriteString(*part.otherwise)
		default:
			return "", t
		}
	}
	return b.String(), yes
}

// glob matches in time linear in the text for every star, and without memory: on a mismatch it goes back to the last star
// alone, which is enough.
func glob(pattern, s string) bool {
	p, i := 0, 0
	star, resume := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == anyText:
			star, resume = p, i
			p++
		case p < len(pattern) && pattern[p] == anyRune:
			_, size := utf8.DecodeRuneInString(s[i:])
			p++
			i += size
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			p, resume = star+1, resume+1
			if p < len(pattern) && pattern[p] < anyRune { // go where what follows the star can begin
				skip := strings.IndexByte(s[resume:], pattern[p])
				if skip < 0 {
					return false
				}
				resume += skip
			}
			i = resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anyText {
		p++
	}
	return p == len(pattern)
}
