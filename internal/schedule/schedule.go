// Package schedule reads schedule expressions and says when they are due. It is pure: no clock, no store.
//
// Three forms are understood (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ScheduledTriggerProperties.html):
//
//	rate(5minutes)             every so often; singular and plural, with and without a space
//	cron(0 12 ? * MON-FRI *)   AWS's six fields: minute hour day-of-month month day-of-week year, in UTC
//	at(2026-11-22T12:00:00)    once, in UTC
package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Expr is a parsed expression. Comparable to nothing; immutable; safe for concurrent use.
type Expr struct {
	every  time.Duration // rate in units of fixed length
	months int           // rate in months
	at     time.Time
	cron   *cron
}

// Parse reads an expression. Its error says what is wrong and shows a right one.
func Parse(s string) (*Expr, error) {
	name, args, ok := strings.Cut(strings.TrimSpace(s), "(")
	if !ok || !strings.HasSuffix(args, ")") {
		return nil, errors.New("the schedule expression must be rate(…), cron(…) or at(…), for instance rate(1hours)")
	}
	args = strings.TrimSpace(strings.TrimSuffix(args, ")"))
	switch name {
	case "rate":
		return parseRate(args)
	case "cron":
		c, err := parseCron(args)
		if err != nil {
			return nil, err
		}
		return &Expr{cron: c}, nil
	case "at":
		t, err := time.Parse("2006-01-02T15:04:05", args)
		if err != nil {
			return nil, errors.New("at(…) needs a time like at(2026-11-22T12:00:00), in UTC")
		}
		return &Expr{at: t}, nil
	}
	return nil, fmt.Errorf("unknown schedule expression %q; use rate(…), cron(…) or at(…)", name)
}

var units = map[string]time.Duration{
	"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

func parseRate(s string) (*Expr, error) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(s[:digits])
	unit := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s[digits:])), "s")
	if err != nil || n < 1 || n > 100_000 {
		return nil, errors.New("rate(…) needs a positive whole number and a unit, for instance rate(5minutes)")
	}
	if unit == "month" {
		return &Expr{months: n}, nil
	}
	length, ok := units[unit]
	if !ok {
		return nil, fmt.Errorf("rate(…) knows minutes, hours, days, weeks and months, not %q", unit)
	}
	return &Expr{every: time.Duration(n) * length}, nil
}

// MinInterval is the shortest time between two runs; 0 when there is only one run.
func (e *Expr) MinInterval() time.Duration {
	switch {
	case e.every > 0:
		return e.every
	case e.months > 0:
		return time.Duration(e.months) * 28 * 24 * time.Hour
	case e.cron != nil:
		return e.cron.minInterval()
	}
	return 0
}

// Next returns the first time the schedule is due after the given one; false when it is never again. Rates count from
// the anchor: the schedule's start, or its activation when it has none.
func (e *Expr) Next(anchor, after time.Time) (time.Time, bool) {
	anchor, after = anchor.UTC(), after.UTC()
	switch {
	case e.every > 0:
		if after.Before(anchor) {
			return anchor, true
		}
		return anchor.Add((after.Sub(anchor)/e.every + 1) * e.every), true
	case e.months > 0:
		for n := 0; ; n += e.months {
			if t := addMonths(anchor, n); t.After(after) {
				return t, true
			}
		}
	case e.cron != nil:
		if after.Before(anchor) {
			after = anchor.Add(-time.Nanosecond)
		}
		return e.cron.next(after)
	}
	return e.at, e.at.After(after)
}

// addMonths keeps the day of the month where the month has it, else takes the month's last day.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}
