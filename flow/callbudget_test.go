package flow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

func TestCallBudgetOf_ReadsAProfilesTags(t *testing.T) {
	t.Parallel()
	b, problems := flow.CallBudgetOf(map[string]string{
		"weir:concurrent-calls": "4", "weir:calls-per-minute": "60", "weir:calls-per-day": "10000", "team": "data",
	})
	require.Empty(t, problems)
	require.Equal(t, flow.CallBudget{Concurrent: 4, PerMinute: 60, PerDay: 10_000}, b)
	for tag, value := range map[string]string{
		"weir:calls-per-day": "0", "weir:calls-per-minute": "many", "weir:concurrent-calls": "-1", "weir:drift": "fail",
	} {
		_, problems := flow.CallBudgetOf(map[string]string{tag: value})
		require.Len(t, problems, 1, tag)
		require.Equal(t, "tags."+tag, problems[0].Path)
	}
}
