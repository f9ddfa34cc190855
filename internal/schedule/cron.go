package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// cron is AWS's six-field expression (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html).
// One of the two day fields is a question mark.
type cron struct {
	minutes, hours, months uint64 // bit sets
	days                   dayRule
	years                  yearSet
}

// dayRule is the day-of-month or the day-of-week field, whichever is given.
type dayRule struct {
	monthDays   uint64 // bit set of 1..31
	last        bool   // L: the last day of the month
	nearest     int    // nW: the weekday nearest to day n; 0 when not used
	lastWeekday bool   // LW
	weekDays    uint64 // bit set of 0 (Sunday) to 6
	lastOf      int    // nL: the last such weekday of the month; -1 when not used
	nthDay, nth int    // d#n
	byWeek      bool
}

type yearSet struct {
	any  bool
	list map[int]bool
}

var (
	monthNames = []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"} // AWS counts from 1
)

func parseCron(s string) (*cron, error) {
	f := strings.Fields(s)
	if len(f) != 6 {
		return nil, fmt.Errorf("cron(…) needs six fields: minute hour day-of-month month day-of-week year; %d were given", len(f))
	}
	if (f[2] == "?") == (f[4] == "?") {
		return nil, errors.New("cron(…) needs a ? in exactly one of day-of-month and day-of-week")
	}
	c := &cron{}
	var err error
	if c.minutes, err = parseSet("minute", f[0], 0, 59, nil); err != nil {
		return nil, err
	}
	if c.hours, err = parseSet("hour", f[1], 0, 23, nil); err != nil {
		return nil, err
	}
	if c.months, err = parseSet("month", f[3], 1, 12, monthNames); err != nil {
		return nil, err
	}
	if f[4] == "?" {
		c.days, err = parseMonthDay(f[2])
	} else {
		c.days, err = parseWeekDay(f[4])
	}
	if err != nil {
		return nil, err
	}
	c.years, err = parseYears(f[5])
	return c, err
}

// parseSet reads lists, ranges and steps into a bit set.
func parseSet(field, s string, low, high int, names []string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(s, ",") {
		from, to, step, err := parseRange(field, part, low, high, names)
		if err != nil {
			return 0, err
		}
		for v := from; v <= to; v += step {
			set |= 1 << v
		}
	}
	return set, nil
}

func parseRange(field, part string, low, high int, names []string) (from, to, step int, err error) {
	body, stepText, stepped := strings.Cut(part, "/")
	step = 1
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
			return 0, 0, 0, fmt.Errorf("cron(…): the step in %s field %q must be a positive number", field, part)
		}
	}
	if body == "*" {
		return low, high, step, nil
	}
	first, second, ranged := strings.Cut(body, "-")
	if from, err = parseValue(field, first, low, high, names); err != nil {
		return 0, 0, 0, err
	}
	to = from
	if ranged {
		if to, err = parseValue(field, second, low, high, names); err != nil {
			return 0, 0, 0, err
		}
		if to < from {
			return 0, 0, 0, fmt.Errorf("cron(…): the range %q in the %s field runs backwards", body, field)
		}
	} else if stepped {
		to = high
	}
	return from, to, step, nil
}

func parseValue(field, s string, low, high int, names []string) (int, error) {
	for i, name := range names {
		if name != "" && strings.EqualFold(name, s) {
			return i, nil
		}
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < low || v > high {
		return 0, fmt.Errorf("cron(…): %q in the %s field is not between %d and %d", s, field, low, high)
	}
	return v, nil
}

func parseMonthDay(s string) (dayRule, error) {
	d := dayRule{lastOf: -1}
	switch {
	case s == "L":
		d.last = true
		return d, nil
	case s == "LW":
		d.lastWeekday = true
		return d, nil
	case strings.HasSuffix(s, "W"):
		v, err := parseValue("day-of-month", strings.TrimSuffix(s, "W"), 1, 31, nil)
		d.nearest = v
		return d, err
	}
	set, err := parseSet("day-of-month", s, 1, 31, nil)
	d.monthDays = set
	return d, err
}

func parseWeekDay(s string) (dayRule, error) {
	d := dayRule{byWeek: true, lastOf: -1}
	if day, nth, ok := strings.Cut(s, "#"); ok {
		v, err := parseValue("day-of-week", day, 1, 7, dayNames)
		if err != nil {
			return d, err
		}
		d.nthDay = v - 1
		d.nth, err = parseValue("day-of-week", nth, 1, 5, nil)
		return d, err
	}
	if day, ok := strings.CutSuffix(s, "L"); ok {
		if day == "" {
			d.weekDays = 1 << 6 // L alone is Saturday
			return d, nil
		}
		v, err := parseValue("day-of-week", day, 1, 7, dayNames)
		d.lastOf = v - 1
		return d, err
	}
	set, err := parseSet("day-of-week", s, 1, 7, dayNames)
	d.weekDays = set >> 1
	return d, err
}

const minYear, maxYear = 1970, 2199

func parseYears(s string) (yearSet, error) {
	if s == "*" {
		return yearSet{any: true}, nil
	}
	y := yearSet{list: map[int]bool{}}
	for part := range strings.SplitSeq(s, ",") {
		from, to, step, err := parseRange("year", part, minYear, maxYear, nil)
		if err != nil {
			return y, err
		}
		for v := from; v <= to; v += step {
			y.list[v] = true
		}
	}
	return y, nil
}

// next finds the first due minute after t, at most a leap-year cycle with a skipped century ahead.
func (c *cron) next(t time.Time) (time.Time, bool) {
	t = t.UTC().Truncate(time.Minute).Add(time.Minute)
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	from := t.Hour()*60 + t.Minute()
	for day.Year() <= maxYear {
		switch {
		case !c.years.any && !c.years.list[day.Year()]:
			day = time.Date(day.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
		case c.months&(1<<day.Month()) == 0:
			day = time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		default:
			if c.days.matches(day) {
				if m, ok := c.minuteFrom(from); ok {
					return day.Add(time.Duration(m) * time.Minute), true
				}
			}
			day = day.AddDate(0, 0, 1)
		}
		from = 0
	}
	return time.Time{}, false
}

// minuteFrom is the first due minute of a due day, not before the given one.
func (c *cron) minuteFrom(from int) (int, bool) {
	for h := from / 60; h < 24; h++ {
		if c.hours&(1<<h) == 0 {
			continue
		}
		least := 0
		if h == from/60 {
			least = from % 60
		}
		if rest := c.minutes >> least; rest != 0 {
			return h*60 + least + bits.TrailingZeros64(rest), true
		}
	}
	return 0, false
}

func (d dayRule) matches(t time.Time) bool {
	lastDay := time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	wd := int(t.Weekday())
	switch {
	case d.byWeek && d.nth > 0:
		return wd == d.nthDay && (t.Day()-1)/7+1 == d.nth
	case d.byWeek && d.lastOf >= 0:
		return wd == d.lastOf && t.Day()+7 > lastDay
	case d.byWeek:
		return d.weekDays&(1<<wd) != 0
	case d.last:
		return t.Day() == lastDay
	case d.lastWeekday:
		return t.Day() == nearestWeekday(t, lastDay, lastDay)
	case d.nearest > 0:
		return d.nearest <= lastDay && t.Day() == nearestWeekday(t, d.nearest, lastDay)
	}
	return d.monthDays&(1<<t.Day()) != 0
}

// nearestWeekday is the working day nearest to a day of t's month, never in another month.
func nearestWeekday(t time.Time, day, lastDay int) int {
	switch time.Date(t.Year(), t.Month(), day, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == lastDay {
			return day - 2
		}
		return day + 1
	}
	return day
}

// minInterval is the smallest gap between due minutes of a day, around midnight included.
func (c *cron) minInterval() time.Duration {
	least, first, last := 24*60, -1, -1
	for m := range 24 * 60 {
		if c.hours&(1<<(m/60)) == 0 || c.minutes&(1<<(m%60)) == 0 {
			continue
		}
		if first < 0 {
			first = m
		} else {
			least = min(least, m-last)
		}
		last = m
	}
	if first >= 0 && last > first {
		least = min(least, 24*60-last+first)
	}
	return time.Duration(least) * time.Minute
}
