package fake

import "strings"

// A record's id has 15 characters, of which case tells apart: the object's prefix, the instance, a zero and nine digits to
// the base 62. The form with 18 characters adds which of the 15 are capitals, so that it survives systems that fold case.
const (
	idDigits  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idSuffix  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	idPod     = "5g0"
	shortID   = 15
	longID    = 18
	prefixLen = 3
)

// appendID adds the id of 18 characters of an object's record to dst; sequence counts from 1.
func appendID(dst []byte, prefix string, sequence int) []byte {
	at := len(dst)
	dst = append(dst, prefix...)
	dst = append(dst, idPod...)
	dst = append(dst, "000000000"...)
	for i := at + shortID - 1; sequence > 0 && i >= at+prefixLen+len(idPod); i-- {
		dst[i] = idDigits[sequence%62]
		sequence /= 62
	}
	return appendSuffix(dst, dst[at:at+shortID])
}

func appendSuffix(dst, id []byte) []byte {
	for group := range 3 {
		bits := 0
		for i, c := range id[group*5 : group*5+5] {
			if 'A' <= c && c <= 'Z' {
				bits |= 1 << i
			}
		}
		dst = append(dst, idSuffix[bits])
	}
	return dst
}

func makeID(prefix string, sequence int) string {
	return string(appendID(make([]byte, 0, longID), prefix, sequence))
}

// fullID brings an id to its form of 18 characters; ok is false for what cannot be an id. In the long form case does not
// matter: the suffix tells it.
func fullID(id string) (full string, ok bool) {
	for i := range len(id) {
		if strings.IndexByte(idDigits, id[i]) < 0 {
			return "", false
		}
	}
	switch len(id) {
	case shortID:
		return string(appendSuffix([]byte(id), []byte(id))), true
	case longID:
		short := []byte(id[:shortID])
		suffix := strings.ToUpper(id[shortID:])
		for i := range short {
			bits := strings.IndexByte(idSuffix, suffix[i/5])
			if bits < 0 {
				return "", false
			}
			fold := strings.ToLower
			if bits>>(i%5)&1 == 1 {
				fold = strings.ToUpper
			}
			short[i] = fold(string(short[i]))[0]
		}
		full := string(appendSuffix(short, short))
		return full, full[shortID:] == suffix
	}
	return "", false
}

// sequenceOf is what a full id counts, from 1; 0 for an id of another instance.
func sequenceOf(full string) int {
	if full[prefixLen:prefixLen+len(idPod)] != idPod {
		return 0
	}
	n := 0
	for _, c := range []byte(full[prefixLen+len(idPod) : shortID]) {
		d := strings.IndexByte(idDigits, c)
		if n > (1<<40)/62 {
			return 0
		}
		n = n*62 + d
	}
	return n
}
