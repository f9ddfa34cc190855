package fake

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// appendJSON adds the value as the REST API writes it.
func (v value) appendJSON(dst []byte) []byte {
	switch v.k {
	case null:
		return append(dst, "null"...)
	case text:
		return appendQuoted(dst, v.s)
	case day, clock, moment:
		dst = append(dst, '"')
		dst = v.appendText(dst, true)
		return append(dst, '"')
	}
	return v.appendText(dst, true)
}

// appendCSV adds the value as the Bulk API writes it: always in quotes, null as nothing.
func (v value) appendCSV(dst []byte) []byte {
	dst = append(dst, '"')
	if v.k == text {
		for i := range len(v.s) {
			if v.s[i] == '"' {
				return append(appendDoubled(dst, v.s), '"')
			}
		}
	}
	return append(v.appendText(dst, false), '"')
}

func appendDoubled(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return dst
}

// appendText adds the bare value. The two interfaces write the zone of a dateTime differently.
func (v value) appendText(dst []byte, rest bool) []byte {
	switch v.k {
	case text:
		return append(dst, v.s...)
	case integer:
		return strconv.AppendInt(dst, v.n, 10)
	case double:
		return appendDouble(dst, v.float())
	case boolean:
		return strconv.AppendBool(dst, v.n == 1)
	case day:
		return appendDay(dst, v.n)
	case clock:
		return append(appendClock(dst, v.n), 'Z')
	case moment:
		d := floorDiv(v.n, dayMillis)
		dst = appendDay(dst, d)
		dst = append(dst, 'T')
		dst = appendClock(dst, v.n-d*dayMillis)
		if rest {
			return append(dst, "+0000"...)
		}
		return append(dst, 'Z')
	}
	return dst
}

// appendDouble writes a number as Java does: always with a fraction, and with an exponent from ten million on.
func appendDouble(dst []byte, f float64) []byte {
	if a := math.Abs(f); a != 0 && (a < 1e-3 || a >= 1e7) {
		at := len(dst)
		dst = strconv.AppendFloat(dst, f, 'E', -1, 64) // 1E+09, 1.5E-05
		mantissa, exponent := dst[at:], ""
		for i, c := range mantissa {
			if c == 'E' {
				n, _ := strconv.Atoi(string(mantissa[i+1:])) // what AppendFloat wrote
				exponent = strconv.Itoa(n)
				dst = dst[:at+i]
				break
			}
		}
		dst = appendFraction(dst, at)
		return append(append(dst, 'E'), exponent...)
	}
	at := len(dst)
	return appendFraction(strconv.AppendFloat(dst, f, 'f', -1, 64), at)
}

func appendFraction(dst []byte, at int) []byte {
	for _, c := range dst[at:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

func appendTwo(dst []byte, n int64) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendDay writes a day of the Gregorian calendar, counted in eras of 400 years from a first of March.
func appendDay(dst []byte, days int64) []byte {
	z := days + 719_468
	era := floorDiv(z, 146_097)
	doe := z - era*146_097
	yoe := (doe - doe/1460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d, m, y := doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if m > 12 {
		m -= 12
		y++
	}
	dst = appendTwo(appendTwo(dst, y/100), y%100)
	dst = appendTwo(append(dst, '-'), m)
	return appendTwo(append(dst, '-'), d)
}

func appendClock(dst []byte, ms int64) []byte {
	s := ms / 1000
	dst = appendTwo(dst, s/3600)
	dst = appendTwo(append(dst, ':'), s/60%60)
	dst = appendTwo(append(dst, ':'), s%60)
	dst = append(dst, '.', byte('0'+ms%1000/100))
	return appendTwo(dst, ms%100)
}

// appendQuoted adds s as a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if c >= utf8.RuneSelf {
				dst = append(dst, "\ufffd"...)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
			}
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
