package wire

import (
	"math"
	"strconv"
	"time"
)

// Timestamp is a moment in milliseconds since the Unix epoch, which is all the precision the API carries. On the wire it
// is a number of seconds with up to three decimals.
type Timestamp int64

// The years 1 to 9999; what lies outside is a mistake, and would not survive a calendar.
const (
	minTimestamp Timestamp = -62135596800_000
	maxTimestamp Timestamp = 253402300799_999
)

// TimestampOf is t, cut to milliseconds.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMilli()) }

// Time is the moment in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

func (t Timestamp) String() string { return t.Time().Format(time.RFC3339Nano) }

// parseTimestamp reads a JSON number of seconds in any of its notations, rounded to the nearest millisecond.
func parseTimestamp(number string) (Timestamp, bool) {
	seconds, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, false
	}
	millis := math.Round(seconds * 1000)
	if millis < float64(minTimestamp) || millis > float64(maxTimestamp) {
		return 0, false
	}
	return Timestamp(millis), true
}

// appendTimestamp writes seconds without trailing zeros behind the point.
func appendTimestamp(b []byte, t Timestamp) []byte {
	if t < 0 {
		b = append(b, '-')
		t = -t
	}
	b = strconv.AppendInt(b, int64(t/1000), 10)
	if millis := t % 1000; millis > 0 {
		digits := [4]byte{'.', byte('0' + millis/100), byte('0' + millis/10%10), byte('0' + millis%10)}
		n := 4
		for digits[n-1] == '0' {
			n--
		}
		b = append(b, digits[:n]...)
	}
	return b
}
