package land

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

// Value is a partition key's value in one folder.
type Value struct {
	Text []byte
	Null bool
}

// nullName is the folder of rows without a value, as AppFlow names it. As with Hive's default partition, an empty text
// goes there too, because most readers take "key=" for a missing value anyway.
const nullName = "null"

// hashDigits is the length of the hash that replaces the end of a value too long for a folder's name.
const hashDigits = 16

const upperHex = "0123456789ABCDEF"

// appendValue appends the value, escaped, in at most limit bytes. A longer one is cut and ends in "~" and a hash of the
// whole, so that two long values never share a folder by their beginning.
func appendValue(dst []byte, v Value, limit int) []byte {
	if v.Null || len(v.Text) == 0 {
		return append(dst, nullName...)
	}
	start, cut := len(dst), len(dst)
	room := limit - hashDigits - 1
	for text := v.Text; len(text) > 0; {
		n := 0
		dst, n = appendRune(dst, text)
		text = text[n:]
		if len(dst)-start <= room {
			cut = len(dst)
		}
		if len(dst)-start > limit {
			sum := sha256.Sum256(v.Text)
			dst = append(dst[:cut], '~')
			return hex.AppendEncode(dst, sum[:hashDigits/2])
		}
	}
	return dst
}

// escapeName escapes a partition key's name. A leading dot would make a hidden folder.
func escapeName(name string) string {
	b := make([]byte, 0, len(name))
	text := []byte(name)
	if len(text) > 0 && text[0] == '.' {
		b = appendPercent(b, '.')
		text = text[1:]
	}
	for len(text) > 0 {
		n := 0
		b, n = appendRune(b, text)
		text = text[n:]
	}
	return string(b)
}

// appendRune appends the first character of text, escaped if it must be, and returns its length in text. Bytes that are
// not UTF-8 are escaped one by one: a key must be UTF-8.
func appendRune(dst, text []byte) ([]byte, int) {
	c := text[0]
	if c < utf8.RuneSelf {
		if unsafeInKey(c) {
			return appendPercent(dst, c), 1
		}
		return append(dst, c), 1
	}
	r, n := utf8.DecodeRune(text)
	if r == utf8.RuneError && n == 1 {
		return appendPercent(dst, c), 1
	}
	return append(dst, text[:n]...), n
}

func appendPercent(dst []byte, c byte) []byte {
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// unsafeInKey is Hive's set of characters that partition folders escape: what ends a folder's name, what has a meaning
// in URLs or shells, and control characters. Readers that know Hive's layout decode them.
func unsafeInKey(c byte) bool {
	switch c {
	case '"', '#', '%', '\'', '*', '/', ':', '=', '?', '\\', '{', '[', ']', '^', 0x7f:
		return true
	}
	return c < 0x20
}
