package kernel

import "weir.dev/weir/batch"

const (
	microsPerSecond = 1_000_000
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
	microsPerDay    = 24 * microsPerHour

	// maxMillis is the largest count of milliseconds taken for an instant: the last one of the year 9999. Counts in
	// microseconds, which are larger, would silently mean another time.
	maxMillis = 253_402_300_799_999
	minMillis = -62_167_219_200_000 // year 0

	// maxDays is the last day whose microseconds fit 64 bits.
	maxDays = 1<<63/microsPerDay - 1
)

// instants brings a block of rows into s.ints, as microseconds since 1970, and s.state.
func (r *reader) instants(s *Scratch, rows []int32) {
	xs, state := s.ints[:len(rows)], s.state[:len(rows)]
	switch r.kind {
	case batch.Text, batch.String, batch.JSON:
		r.texts(s, rows)
		for i, text := range s.texts[:len(rows)] {
			if state[i] != isGood {
				continue
			}
			x, ok := parseInstant(text)
			if xs[i] = x; !ok {
				state[i] = isBad
			}
		}
		return
	case batch.Timestamp:
		for i, row := range rows {
			xs[i], state[i] = r.i64[row], isGood
		}
	case batch.Date:
		for i, row := range rows {
			days := int64(r.i32[row])
			xs[i], state[i] = days*microsPerDay, isGood
			if days > maxDays || days < -maxDays {
				state[i] = isBad
			}
		}
	case batch.Int32:
		for i, row := range rows {
			xs[i], state[i] = int64(r.i32[row])*1000, isGood
		}
	case batch.Int64:
		for i, row := range rows {
			ms := r.i64[row]
			xs[i], state[i] = ms*1000, isGood
			if ms > maxMillis || ms < minMillis {
				state[i] = isBad
			}
		}
	default:
		r.noneOf(s, rows)
	}
	if r.nulls != nil {
		for i, row := range rows {
			if r.nulls.IsNull(int(row)) {
				state[i] = isNull
			}
		}
	}
}

// parseInstant reads a date (midnight UTC), a date and time, or digits alone: milliseconds since 1970, also negative.
// Forms of ISO 8601 are read:
//
//	2024-05-31   2024-05-31T08:15   2024-05-31 08:15:30.123456   …Z   …+02:00   …+0200   …+02   … UTC
//
// A time without an offset is UTC, because nothing says otherwise. Digits behind the microseconds are cut off.
func parseInstant(b []byte) (int64, bool) {
	b = trim(b)
	if len(b) < 10 || b[4] != '-' {
		return parseMillis(b)
	}
	days, ok := parseDate(b[:10])
	if !ok {
		return 0, false
	}
	micros := days * microsPerDay
	if len(b) == 10 {
		return micros, true
	}
	if b[10] != 'T' && b[10] != 't' && b[10] != ' ' {
		return 0, false
	}
	time, rest, ok := parseClock(b[11:])
	if !ok {
		return 0, false
	}
	offset, ok := parseOffset(rest)
	return micros + time - offset, ok
}

func parseMillis(b []byte) (int64, bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 15 || digits(b) != len(b) {
		return 0, false
	}
	var ms int64
	for _, c := range b {
		ms = ms*10 + int64(c-'0')
	}
	if neg {
		ms = -ms
	}
	return ms * 1000, ms >= minMillis && ms <= maxMillis
}

// parseDate reads 2006-01-02, exactly, as days since 1970-01-01, in the years 0000 to 9999.
func parseDate(b []byte) (days int64, ok bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	hi, ok1 := twoDigits(b)
	lo, ok2 := twoDigits(b[2:])
	month, ok3 := twoDigits(b[5:])
	day, ok4 := twoDigits(b[8:])
	year := hi*100 + lo
	if !ok1 || !ok2 || !ok3 || !ok4 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return daysSince1970(year, month, day), true
}

// parseClock reads hh:mm, hh:mm:ss or hh:mm:ss.fraction and returns what follows.
func parseClock(b []byte) (micros int64, rest []byte, ok bool) {
	if len(b) < 5 || b[2] != ':' {
		return 0, nil, false
	}
	hour, ok1 := twoDigits(b)
	minute, ok2 := twoDigits(b[3:])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, nil, false
	}
	micros = hour*microsPerHour + minute*microsPerMinute
	if b = b[5:]; len(b) == 0 || b[0] != ':' {
		return micros, b, true
	}
	if len(b) < 3 {
		return 0, nil, false
	}
	second, ok := twoDigits(b[1:])
	if !ok || second > 59 {
		return 0, nil, false
	}
	fraction, rest, ok := parseFraction(b[3:])
	return micros + second*microsPerSecond + fraction, rest, ok
}

// parseFraction reads what may follow the seconds: a point or comma with digits.
func parseFraction(b []byte) (micros int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' && b[0] != ',' {
		return 0, b, true
	}
	n := digits(b[1:])
	unit := int64(microsPerSecond / 10)
	for _, c := range b[1 : 1+n] {
		micros += int64(c-'0') * unit
		unit /= 10
	}
	return micros, b[1+n:], n > 0
}

// parseOffset reads what may follow a time: nothing, Z, UTC, or a distance from UTC, one space before it allowed.
func parseOffset(b []byte) (micros int64, ok bool) {
	if len(b) > 1 && b[0] == ' ' {
		b = b[1:]
	}
	switch {
	case len(b) == 0, len(b) == 1 && b[0]|0x20 == 'z', string(b) == "UTC":
		return 0, true
	case len(b) < 3 || b[0] != '+' && b[0] != '-':
		return 0, false
	}
	hour, ok := twoDigits(b[1:])
	var minute int64
	if rest := b[3:]; ok && len(rest) > 0 {
		if rest[0] == ':' {
			rest = rest[1:]
		}
		if len(rest) != 2 {
			return 0, false
		}
		minute, ok = twoDigits(rest)
	}
	if !ok || hour > 23 || minute > 59 {
		return 0, false
	}
	micros = hour*microsPerHour + minute*microsPerMinute
	if b[0] == '-' {
		micros = -micros
	}
	return micros, true
}

// parseTime reads a time of day, hh:mm[:ss[.fraction]], with an optional Z that says nothing.
func parseTime(b []byte) (micros int64, ok bool) {
	micros, rest, ok := parseClock(trim(b))
	return micros, ok && (len(rest) == 0 || len(rest) == 1 && rest[0]|0x20 == 'z')
}

func twoDigits(b []byte) (int64, bool) {
	hi, lo := b[0]-'0', b[1]-'0'
	return int64(hi)*10 + int64(lo), hi <= 9 && lo <= 9
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts in years that begin in March, so that the leap day is the last of its year.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	// 153 days pass in five months from March on. The year 0 is the first that can occur; 400 more keep it positive.
	const shift = 400
	year += shift
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1
	return days - 719_468 - (365*shift + shift/4 - shift/100 + shift/400)
}
