package flow

import "time"

// Timetable is where an active scheduled flow stands: when it runs next, and what became of the times that have passed.
type Timetable struct {
	FlowName string     `json:"flowName"`
	Anchor   time.Time  `json:"anchor"`        // what a rate counts from: the schedule's start, or the activation
	Next     *time.Time `json:"next,omitzero"` // nil when the schedule is over
	Last     *time.Time `json:"last,omitzero"` // the time of the schedule that the last run was started for
	// Skipped and Missed count times without a run of their own: because a run was still going, and because no server ran.
	Skipped int64        `json:"skipped,omitzero"`
	Missed  int64        `json:"missed,omitzero"`
	Passed  []PassedTime `json:"passed,omitzero"` // the latest of them, the newest last
}

// PassedTime is a time of a schedule at which no run was started.
type PassedTime struct {
	At     time.Time `json:"at"`
	Count  int64     `json:"count"` // times in a row, of which At is the last
	Reason string    `json:"reason"`
}
