package lookoutmetrics

import (
	"strings"

	"weir.dev/weir/flow"
)

// destRules: the detector looks at these intervals and no others.
func destRules(d *flow.Definition) flow.Problems {
	s := d.Trigger.Schedule()
	if s == nil {
		return nil
	}
	switch strings.ToLower(strings.Join(strings.Fields(s.Expression), "")) {
	case "rate(5minutes)", "rate(10minutes)", "rate(1hours)", "rate(1hour)", "rate(60minutes)", "rate(1days)", "rate(1day)", "rate(24hours)":
		return nil
	}
	return flow.Problems{{
		Path: "triggerConfig.triggerProperties.Scheduled.scheduleExpression",
		Text: "Lookout for Metrics takes data every 5 or 10 minutes, every hour or every day; write for instance rate(5minutes)",
	}}
}
