package fake

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// soqlError is a refusal of a query, with the place that Salesforce points to.
type soqlError struct {
	code, message string
	at            int // byte of the query; -1 for none
}

func (e *soqlError) Error() string { return e.code + ": " + e.message }

// text is the message as the API gives it: the part of the line before and after the place, a mark below, row and column.
func (e *soqlError) text(query string) string {
	if e.at < 0 {
		return e.message
	}
	at := min(e.at, len(query))
	row := strings.Count(query[:at], "\n") + 1
	start := strings.LastIndexByte(query[:at], '\n') + 1
	end := len(query)
	if i := strings.IndexByte(query[at:], '\n'); i >= 0 {
		end = at + i
	}
	from := start
	if at-from > 40 { // begin at a word
		from = at - 40
		if i := strings.IndexByte(query[from:at], ' '); i >= 0 {
			from += i + 1
		}
	}
	return fmt.Sprintf("\n%s\n%s^\nERROR at Row:%d:Column:%d\n%s", query[from:min(end, at+60)], strings.Repeat(" ", at-from), row, at-start+1, e.message)
}

type tokenKind int

const (
	endToken tokenKind = iota
	wordToken
	textToken   // 'quoted', text holds what it stands for
	numberToken // also dates: everything that begins with a digit or a sign
	signToken   // operators and punctuation
)

type token struct {
	kind tokenKind
	text string
	at   int
}

func (t token) shown() string {
	if t.kind == endToken {
		return "<EOF>"
	}
	return t.text
}

func isWord(c byte) bool {
	return c == '_' || c == '.' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// lex takes a query apart.
func lex(query string) ([]token, *soqlError) {
	var out []token
	for i := 0; i < len(query); {
		c := query[i]
		from := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '\'':
			s, n, bad := unquote(query, i)
			if bad != nil {
				return nil, bad
			}
			out = append(out, token{textToken, s, from})
			i += n
		case '0' <= c && c <= '9' || c == '-' || c == '+':
			for i++; i < len(query) && (isWord(query[i]) || query[i] == ':' || query[i] == '-' || query[i] == '+'); i++ {
			}
			out = append(out, token{numberToken, query[from:i], from})
		case isWord(c):
			for i++; i < len(query) && (isWord(query[i]) || query[i] == ':'); i++ {
			}
			out = append(out, token{wordToken, query[from:i], from})
		case strings.IndexByte("=!<>", c) >= 0:
			for i++; i < len(query) && strings.IndexByte("=>", query[i]) >= 0 && i-from < 2; i++ {
			}
			out = append(out, token{signToken, query[from:i], from})
		case strings.IndexByte("(),", c) >= 0:
			out = append(out, token{signToken, string(c), from})
			i++
		default:
			r, _ := utf8.DecodeRuneInString(query[i:])
			return nil, &soqlError{"MALFORMED_QUERY", fmt.Sprintf("line 1:%d no viable alternative at character '%c'", i, r), i}
		}
	}
	return append(out, token{endToken, "", len(query)}), nil
}

// unquote reads a text between quotes; n is its length with them. \% and \_ stay as they are: LIKE reads them.
func unquote(query string, at int) (s string, n int, bad *soqlError) {
	var b strings.Builder
	for i := at + 1; i < len(query); i++ {
		c := query[i]
		switch {
		case c == '\'':
			return b.String(), i + 1 - at, nil
		case c != '\\':
			b.WriteByte(c)
			continue
		case i+1 == len(query):
			return "", 0, &soqlError{"MALFORMED_QUERY", fmt.Sprintf("line 1:%d mismatched character '<EOF>' expecting '''", i), i}
		}
		i++
		switch query[i] {
		case 'n', 'N':
			b.WriteByte('\n')
		case 'r', 'R':
			b.WriteByte('\r')
		case 't', 'T':
			b.WriteByte('\t')
		case 'b', 'B':
			b.WriteByte('\b')
		case 'f', 'F':
			b.WriteByte('\f')
		case '\'', '"', '\\':
			b.WriteByte(query[i])
		case '%', '_':
			b.WriteByte('\\')
			b.WriteByte(query[i])
		case 'u', 'U':
			var r rune
			if i+5 > len(query) {
				return "", 0, illegal(query, i)
			}
			if _, err := fmt.Sscanf(query[i+1:i+5], "%04x", &r); err != nil {
				return "", 0, illegal(query, i)
			}
			b.WriteRune(r)
			i += 4
		default:
			return "", 0, illegal(query, i)
		}
	}
	return "", 0, &soqlError{"MALFORMED_QUERY", fmt.Sprintf("line 1:%d mismatched character '<EOF>' expecting '''", len(query)), len(query)}
}

func illegal(query string, at int) *soqlError {
	return &soqlError{"MALFORMED_QUERY", "Invalid string literal '" + query[max(at-1, 0):at+1] + "'. Illegal character sequence '" + query[max(at-1, 0):at+1] + "' in string literal", at}
}
