package flow

import "time"

// TriggerType says why executions start.
type TriggerType string

// Trigger types.
const (
	TriggerOnDemand  TriggerType = "OnDemand"
	TriggerScheduled TriggerType = "Scheduled"
	TriggerEvent     TriggerType = "Event"
)

// Trigger is a flow's trigger. Nil and empty Properties are kept apart, so that the shape the user sent is echoed: {},
// {"Scheduled":{…}} or nothing at all.
type Trigger struct {
	Type       TriggerType        `json:"type"`
	Properties *TriggerProperties `json:"properties,omitzero"`
}

// TriggerProperties holds the schedule of a scheduled trigger.
type TriggerProperties struct {
	Scheduled *Schedule `json:"scheduled,omitzero"`
}

// Schedule returns the schedule, or nil.
func (t Trigger) Schedule() *Schedule {
	if t.Properties == nil {
		return nil
	}
	return t.Properties.Scheduled
}

// Schedule is when a scheduled flow runs and how much it pulls
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ScheduledTriggerProperties.html).
type Schedule struct {
	Expression          string        `json:"expression"` // rate(5minutes), cron(…), at(…)
	PullMode            *DataPullMode `json:"pullMode,omitzero"`
	Start               *time.Time    `json:"start,omitzero"`
	End                 *time.Time    `json:"end,omitzero"`
	Timezone            *string       `json:"timezone,omitzero"`            // a label; it shifts nothing
	OffsetSeconds       *int64        `json:"offsetSeconds,omitzero"`       // 0 to 36000
	FirstExecutionFrom  *time.Time    `json:"firstExecutionFrom,omitzero"`  // lower bound of the first window
	DeactivateAfterRuns *int32        `json:"deactivateAfterRuns,omitzero"` // consecutive failures, 1 to 100
}

// DataPullMode says whether a scheduled execution takes everything or what changed.
type DataPullMode string

// Pull modes.
const (
	PullIncremental DataPullMode = "Incremental"
	PullComplete    DataPullMode = "Complete"
)
