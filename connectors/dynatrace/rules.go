package dynatrace

import (
	"fmt"
	"strconv"
	"time"

	"weir.dev/weir/flow"
)

// maxRange is the longest time that one flow may ask for.
const maxRange = 30 * 24 * time.Hour

// sourceRules: a time range is needed, unless a schedule moves one along, and may not be too long.
func sourceRules(d *flow.Definition) flow.Problems {
	ranged := false
	var p flow.Problems
	for i := range d.Tasks {
		t := &d.Tasks[i]
		if t.Type != flow.TaskFilter || t.Operator(flow.Dynatrace) != flow.OpBetween {
			continue
		}
		ranged = true
		from, err1 := strconv.ParseInt(t.Properties[flow.PropLowerBound], 10, 64)
		to, err2 := strconv.ParseInt(t.Properties[flow.PropUpperBound], 10, 64)
		isTime := flow.CompareAs(t.Properties[flow.PropDataType]) == flow.CompareInstant
		if isTime && err1 == nil && err2 == nil && to-from > maxRange.Milliseconds() {
			p = append(p, flow.Problem{
				Path: fmt.Sprintf("tasks.%d.member.taskProperties.UPPER_BOUND", i+1),
				Text: fmt.Sprintf("Task Validation Error: task %d (%s): Dynatrace gives at most 30 days; choose bounds that are closer", i+1, t.Label(flow.Dynatrace)),
			})
		}
	}
	if s := d.Trigger.Schedule(); ranged || s != nil && s.PullMode != nil && *s.PullMode == flow.PullIncremental {
		return p
	}
	return append(p, flow.Problem{Path: "tasks", Text: "Task Validation Error: a flow from Dynatrace needs a Filter task with BETWEEN on a time, of at most 30 days"})
}
