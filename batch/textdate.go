package batch

import "strconv"

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 86_400 * microsPerSecond
)

// AppendDate appends days since 1970-01-01 as 2006-01-02, in the Gregorian calendar without end in either direction.
// Years before 0 carry a minus sign, those after 9999 more digits.
func AppendDate(dst []byte, days int64) []byte {
	year, month, day := civil(days)
	if year < 0 {
		dst = append(dst, '-')
		year = -year
	}
	if year > 9999 {
		dst = strconv.AppendInt(dst, year, 10)
	} else {
		dst = appendTwo(appendTwo(dst, year/100), year%100)
	}
	dst = appendTwo(append(dst, '-'), month)
	return appendTwo(append(dst, '-'), day)
}

// AppendTime appends microseconds since midnight as 15:04:05.000, with six decimals where the last three are not zero.
func AppendTime(dst []byte, micros int64) []byte {
	seconds, fraction := micros/microsPerSecond, micros%microsPerSecond
	dst = appendTwo(dst, seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	dst = append(dst, '.', byte('0'+fraction/100_000))
	dst = appendTwo(dst, fraction/1000%100)
	if fraction %= 1000; fraction != 0 {
		dst = append(dst, byte('0'+fraction/100))
		dst = appendTwo(dst, fraction%100)
	}
	return dst
}

// AppendTimestamp appends microseconds since 1970-01-01T00:00Z as 2006-01-02T15:04:05.000Z, with six decimals where the
// last three are not zero.
func AppendTimestamp(dst []byte, micros int64) []byte {
	days := micros / microsPerDay
	if micros%microsPerDay < 0 {
		days--
	}
	dst = AppendDate(dst, days)
	dst = AppendTime(append(dst, 'T'), micros-days*microsPerDay)
	return append(dst, 'Z')
}

func appendTwo(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// civil is the calendar date of a day. It counts in eras of 400 years that begin on the first of March of year 0, so that
// the leap day is the last of its year and month lengths follow one formula.
func civil(days int64) (year, month, day int64) {
	const daysPerEra = 146_097
	days += 719_468 // from 0000-03-01 to 1970-01-01
	era := days / daysPerEra
	if days%daysPerEra < 0 {
		era--
	}
	of := days - era*daysPerEra                          // day of the era
	yoe := (of - of/1460 + of/36_524 - of/146_096) / 365 // year of the era: leap days taken out
	yday := of - (365*yoe + yoe/4 - yoe/100)             // day of the year, 0 on the first of March
	shifted := (5*yday + 2) / 153                        // month, 0 in March: five months have 153 days
	day = yday - (153*shifted+2)/5 + 1                   // of the month
	month = (shifted+2)%12 + 1                           // 1 in January
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}
