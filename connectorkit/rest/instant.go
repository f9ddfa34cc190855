package rest

import (
	"time"

	"weir.dev/weir/batch"
)

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 86_400 * microsPerSecond
)

// instant reads a JSON value as microseconds from 1970.
func instant(token []byte, form Form) (int64, bool) {
	switch form {
	case EpochSecond, EpochMilli:
		if inner, plain, ok := batch.StringToken(token); ok && plain {
			token = inner
		}
		n, ok := whole(token)
		scale := int64(microsPerSecond)
		if form == EpochMilli {
			scale = 1000
		}
		const most = 1 << 33 // of seconds: some centuries either way
		if !ok || n/(microsPerSecond/scale) > most || n/(microsPerSecond/scale) < -most {
			return 0, false
		}
		return n * scale, true
	}
	inner, plain, ok := batch.StringToken(token)
	if !ok || !plain {
		return 0, false
	}
	return parseInstant(inner)
}

// parseInstant reads 2006-01-02T15:04:05Z with a fraction of any length and any offset, and a date alone as its midnight
// in UTC. Digits beyond microseconds are cut off.
func parseInstant(b []byte) (int64, bool) {
	days, ok := parseDate(b)
	if !ok {
		return 0, false
	}
	if len(b) == 10 {
		return days * microsPerDay, true
	}
	if len(b) < 20 || b[10] != 'T' && b[10] != 't' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	h, m, s := two(b[11:]), two(b[14:]), two(b[17:])
	if h > 23 || m > 59 || s > 60 || h < 0 || m < 0 || s < 0 {
		return 0, false
	}
	at := days*microsPerDay + int64(h*3600+m*60+s)*microsPerSecond
	b = b[19:]
	if b[0] == '.' {
		scale, n := int64(microsPerSecond), 1
		for ; n < len(b) && b[n]-'0' <= 9; n++ {
			scale /= 10
			at += int64(b[n]-'0') * scale
		}
		if n == 1 {
			return 0, false
		}
		b = b[n:]
	}
	offset, ok := parseOffset(b)
	return at - offset, ok
}

// parseOffset reads Z, +01:00, +0100 or +01.
func parseOffset(b []byte) (int64, bool) {
	if len(b) == 1 && (b[0] == 'Z' || b[0] == 'z') {
		return 0, true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, m := two(b[1:]), 0
	switch rest := b[3:]; {
	case len(rest) == 0:
	case len(rest) == 3 && rest[0] == ':':
		m = two(rest[1:])
	case len(rest) == 2:
		m = two(rest)
	default:
		return 0, false
	}
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, false
	}
	offset := int64(h*3600+m*60) * microsPerSecond
	if b[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// date reads a JSON value as days from 1970: a date, or an instant at midnight in UTC.
func date(token []byte) (int32, bool) {
	inner, plain, ok := batch.StringToken(token)
	if !ok || !plain {
		return 0, false
	}
	at, ok := parseInstant(inner)
	return int32(at / microsPerDay), ok && at%microsPerDay == 0
}

// parseDate reads the date that a text begins with.
func parseDate(b []byte) (int64, bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	hi, lo, month, day := two(b), two(b[2:]), two(b[5:]), two(b[8:])
	if hi < 0 || lo < 0 || month < 1 || month > 12 || day < 1 {
		return 0, false
	}
	t := time.Date(hi*100+lo, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t.Unix() / 86_400, t.Day() == day && (t.Unix() >= 0 || t.Unix()%86_400 == 0)
}

// two reads two digits, or -1.
func two(b []byte) int {
	if b[0]-'0' > 9 || b[1]-'0' > 9 {
		return -1
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}
