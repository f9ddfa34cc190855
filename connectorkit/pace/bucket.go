package pace

import "time"

// Bucket is the state of a budget's rate and day: plain data, so that it can be a row of a table. The zero value is full.
type Bucket struct {
	// Start is the first call of the current period and Count its calls. A period begins with a call and not by the clock:
	// whoever calls as fast as he may makes his calls in bunches a whole period apart, and wherever the vendor's own
	// periods begin, no two bunches fall into one.
	Start   time.Time `json:"start"`
	Count   int       `json:"count"`
	Day     int64     `json:"day"`  // of Used, counted from 1970
	Used    int       `json:"used"` // calls of that day
	Stopped time.Time `json:"stopped"`
}

// Spend takes n calls at a moment, or says how long to wait and takes none. What is the bound that was met.
func (b Bucket) Spend(l Limits, n int, now time.Time) (after Bucket, wait time.Duration, what string) {
	l = l.defaults()
	if d := b.Stopped.Sub(now); d > 0 {
		return b, d, "for now: the vendor asks to wait"
	}
	day := now.Unix() / 86_400
	if l.Daily > 0 {
		if b.Day != day {
			b.Day, b.Used = day, 0
		}
		if b.Used+n > l.Daily && b.Used > 0 {
			return b, time.Unix((day+1)*86_400, 0).Sub(now), "for today"
		}
	}
	if l.Calls > 0 {
		if !now.Before(b.Start.Add(l.Every)) {
			b.Start, b.Count = now, 0
		}
		if b.Count+n > l.Calls && b.Count > 0 {
			return b, b.Start.Add(l.Every).Sub(now), "for now"
		}
		b.Count += n
	}
	if l.Daily > 0 {
		b.Used += n
	}
	return b, 0, ""
}

// Learn brings the bucket in line with what the vendor counts. It only ever slows down: other software of the account
// uses the same quota, and its calls are seen in no other way.
func (b Bucket) Learn(l Limits, h Hint, now time.Time) Bucket {
	l = l.defaults()
	stop := h.Wait
	if h.Refused && stop == 0 {
		stop = min(max(h.Reset, time.Second), l.Every)
	}
	if h.Remaining == 0 && stop == 0 {
		stop = min(h.Reset, l.Every)
	}
	if until := now.Add(stop); stop > 0 && until.After(b.Stopped) {
		b.Stopped = until
	}
	if l.Calls > 0 && h.Remaining >= 0 && h.Remaining < l.Calls {
		end := b.Start.Add(l.Every)
		if h.Reset > 0 {
			end = now.Add(min(h.Reset, l.Every))
		}
		if end.After(now) {
			b.Start, b.Count = end.Add(-l.Every), max(b.Count, l.Calls-h.Remaining)
		}
	}
	return b
}
