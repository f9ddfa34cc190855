package batch

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// A JSON cell is one valid JSON value as it stood in the source. The functions here assume that validity: the reader
// that made the cell has checked it.

// StringToken returns what stands between the quotes of a JSON string, and whether that is its text as it is, without
// escapes. For every other value ok is false.
func StringToken(token []byte) (inner []byte, plain, ok bool) {
	if len(token) < 2 || token[0] != '"' {
		return nil, false, false
	}
	inner = token[1 : len(token)-1]
	return inner, bytes.IndexByte(inner, '\\') < 0, true
}

// AppendToken appends the text form of a JSON value: the text of a string, the token itself for anything else.
func AppendToken(dst, token []byte) []byte {
	inner, plain, ok := StringToken(token)
	switch {
	case !ok:
		return append(dst, token...)
	case plain:
		return append(dst, inner...)
	}
	return AppendUnescaped(dst, inner)
}

// AppendUnescaped appends the text of a JSON string, given what stands between its quotes. Half of a surrogate pair
// alone, which no text can hold, becomes U+FFFD.
func AppendUnescaped(dst, inner []byte) []byte {
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 || i+1 >= len(inner) {
			return append(dst, inner...)
		}
		dst = append(dst, inner[:i]...)
		c := inner[i+1]
		inner = inner[i+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			var r rune
			r, inner = unescapeRune(inner)
			dst = utf8.AppendRune(dst, r)
		default: // the quote, the backslash, the slash
			dst = append(dst, c)
		}
	}
}

// unescapeRune reads the four hexadecimal digits after \u, and the second half of a pair when the first one asks for it.
func unescapeRune(s []byte) (rune, []byte) {
	r, s := hex4(s)
	if !utf16.IsSurrogate(r) {
		return r, s
	}
	if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
		low, rest := hex4(s[2:])
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, rest
		}
	}
	return utf8.RuneError, s
}

func hex4(s []byte) (rune, []byte) {
	if len(s) < 4 {
		return utf8.RuneError, nil
	}
	var r rune
	for _, c := range s[:4] {
		digit := c&15 + c>>6*9 // letters have bit 6 set and begin at 1
		r = r<<4 | rune(digit)
	}
	return r, s[4:]
}

// AppendQuoted appends text as a JSON string. Only what JSON demands is escaped; text that is not UTF-8 stays as it is.
func AppendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		n := plainPrefix(text)
		dst = append(dst, text[:n]...)
		if n == len(text) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, text[n])
		text = text[n+1:]
	}
}

func appendEscape(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// plainPrefix is how many bytes of text can stand in a JSON string as they are.
func plainPrefix(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		if m := MustEscape(binary.LittleEndian.Uint64(text[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// MustEscape looks at 8 bytes of text at once. The top bit of each byte of the result is set where the byte must be
// escaped in a JSON string: the quote, the backslash, and control characters.
func MustEscape(w uint64) uint64 {
	const ones, lows, tops = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	quote, slash, low := w^('"'*ones), w^('\\'*ones), w&lows
	// Adding 0x7f carries into the top bit unless the low seven bits are zero; no carry leaves its byte. Adding 0x60 to the
	// low seven bits does so unless they are below 0x20. A byte with its own top bit set is never one of those.
	return ^((quote&lows+lows)&(slash&lows+lows)&(low+0x60*ones) | w) & tops
}
