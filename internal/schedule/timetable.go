package schedule

import (
	"time"

	"weir.dev/weir/flow"
)

const (
	// maxPassed is how many notes of times without a run a timetable keeps.
	maxPassed = 20
	// maxCounted bounds the counting of times that have passed; a minute's schedule reaches it after four weeks.
	maxCounted = 40_000
	// firstPull is how far back a first incremental pull reaches when the schedule does not say
	// (https://docs.aws.amazon.com/appflow/latest/userguide/flow-triggers.html).
	firstPull = 30 * 24 * time.Hour
)

// Activate begins the timetable of a flow's schedule at a moment. Without a start time a rate is due at once, and a cron
// expression at its own next time. A start time in the past gives the next time that the schedule would have reached by
// then. Earlier counts are kept.
func Activate(before flow.Timetable, s *flow.Schedule, now time.Time) (flow.Timetable, error) {
	expr, err := Parse(s.Expression)
	if err != nil {
		return before, err
	}
	t := before
	t.Anchor, t.Next = now.UTC(), nil
	if s.Start != nil {
		t.Anchor = s.Start.UTC()
	}
	if next, ok := expr.Next(t.Anchor, now.Add(-time.Nanosecond)); ok {
		t.Next = within(s, next)
	}
	return t, nil
}

// Advance moves a timetable past a moment. It returns the time that a run is to be started for, or nil when none is.
//
// Of several times that have passed since, the last one gets the run, at once: an incremental run takes everything since
// the last success anyway, and a complete one would only repeat itself. The earlier ones count as missed. While a run of
// the flow is going, the times that come up are skipped, not queued.
func Advance(t flow.Timetable, s *flow.Schedule, now time.Time, isRunning bool) (*time.Time, flow.Timetable, error) {
	if t.Next == nil || t.Next.After(now) {
		return nil, t, nil
	}
	expr, err := Parse(s.Expression)
	if err != nil {
		return nil, t, err
	}
	due, count := *t.Next, int64(1)
	var next *time.Time
	for {
		following, ok := expr.Next(t.Anchor, due)
		if next = nil; ok {
			next = within(s, following)
		}
		if next == nil || next.After(now) {
			break
		}
		if count++; count > maxCounted {
			due, next = latest(expr, t.Anchor, s, now)
			break
		}
		due = *next
	}
	t.Next = next
	if isRunning {
		t.Skipped += count
		pass(&t, flow.PassedTime{At: due, Count: count, Reason: "the run before was still going"})
		return nil, t, nil
	}
	if missed := count - 1; missed > 0 {
		t.Missed += missed
		pass(&t, flow.PassedTime{At: due, Count: missed, Reason: "no server was running; one run makes up for all"})
	}
	t.Last = &due
	return &due, t, nil
}

// latest returns the last time that is due up to now, and the first after it, by looking back in growing steps.
func latest(expr *Expr, anchor time.Time, s *flow.Schedule, now time.Time) (time.Time, *time.Time) {
	end := now
	if s.End != nil && s.End.Before(now) {
		end = *s.End
	}
	for back := time.Minute; ; back *= 2 {
		due, ok := expr.Next(anchor, end.Add(-back))
		if !ok || due.After(end) {
			continue
		}
		for {
			next, ok := expr.Next(anchor, due)
			if !ok || next.After(end) {
				if !ok {
					return due, nil
				}
				return due, within(s, next)
			}
			due = next
		}
	}
}

// within drops a time that lies behind the schedule's end: no run starts after it.
func within(s *flow.Schedule, due time.Time) *time.Time {
	if s.End != nil && due.After(*s.End) {
		return nil
	}
	return &due
}

func pass(t *flow.Timetable, p flow.PassedTime) {
	t.Passed = append(append([]flow.PassedTime(nil), t.Passed...), p)
	if over := len(t.Passed) - maxPassed; over > 0 {
		t.Passed = t.Passed[over:]
	}
}

// Upcoming lists the next times of a timetable, at most so many.
func Upcoming(t flow.Timetable, s *flow.Schedule, most int) []time.Time {
	expr, err := Parse(s.Expression)
	if err != nil {
		return nil
	}
	var list []time.Time
	for next := t.Next; next != nil && len(list) < most; {
		list = append(list, *next)
		following, ok := expr.Next(t.Anchor, *next)
		if !ok {
			break
		}
		next = within(s, following)
	}
	return list
}

// IsIncremental reports whether a flow's scheduled runs take what changed, not everything. When the schedule does not
// say, naming an incremental field does.
func IsIncremental(d *flow.Definition) bool {
	s := d.Trigger.Schedule()
	if s == nil || d.Trigger.Type != flow.TriggerScheduled {
		return false
	}
	if s.PullMode != nil {
		return *s.PullMode == flow.PullIncremental
	}
	return d.Source.Incremental != nil && d.Source.Incremental.DatetimeField != nil
}

// Window is the span of change times that the run of a due time takes: from the end of the last window that was fully
// committed to the due time less the schedule's offset. Without one before, it begins where the schedule says, else 30
// days before. It is never negative. mark is nil before the first success.
func Window(s *flow.Schedule, due time.Time, mark *flow.Watermark) flow.Window {
	to := due
	if s.OffsetSeconds != nil {
		to = to.Add(-time.Duration(*s.OffsetSeconds) * time.Second)
	}
	from := due.Add(-firstPull)
	switch {
	case mark != nil && !mark.To.IsZero():
		from = mark.To
	case s.FirstExecutionFrom != nil:
		from = s.FirstExecutionFrom.UTC()
	}
	if from.After(to) {
		from = to
	}
	return flow.Window{From: from, To: to}
}
