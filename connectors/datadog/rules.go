package datadog

import (
	"slices"

	"weir.dev/weir/flow"
)

// sourceRules: a query is needed, and a time range, unless a schedule moves one along.
func sourceRules(d *flow.Definition) flow.Problems {
	has := func(op flow.Operator) bool {
		return slices.ContainsFunc(d.Tasks, func(t flow.Task) bool { return t.Type == flow.TaskFilter && t.Operator(flow.Datadog) == op })
	}
	var p flow.Problems
	if !has(flow.OpEqualTo) {
		p = append(p, flow.Problem{Path: "tasks", Text: "Task Validation Error: a flow from Datadog needs a Filter task with EQUAL_TO that gives the query"})
	}
	s := d.Trigger.Schedule()
	if moving := s != nil && s.PullMode != nil && *s.PullMode == flow.PullIncremental; !moving && !has(flow.OpBetween) {
		p = append(p, flow.Problem{Path: "tasks", Text: "Task Validation Error: a flow from Datadog needs a Filter task with BETWEEN that gives the time range"})
	}
	return p
}
