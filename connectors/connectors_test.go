package connectors_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors"
	"weir.dev/weir/flow"
)

func TestSpecs_PassTheSuite(t *testing.T) {
	t.Parallel()
	specs := connectors.All().Specs()
	require.Len(t, specs, 24, "AppFlow has 24 connector types")
	for _, s := range specs {
		t.Run(string(s.Type), func(t *testing.T) {
			t.Parallel()
			connectortest.CheckSpec(t, s)
		})
	}
}

// Definitions are checked against flow.Traits, which knows no connector; the two must say the same.
func TestSpecs_AgreeWithTheTraitsOfFlows(t *testing.T) {
	t.Parallel()
	for _, s := range connectors.All().Specs() {
		facts := flow.TraitsOf(s.Type)
		require.Equal(t, s.CanBeSource, facts.IsSource, s.Type)
		require.Equal(t, s.CanBeDest, facts.IsDest, s.Type)
		require.Equal(t, s.NeedsProfile, facts.NeedsProfile, s.Type)
		require.Equal(t, s.Triggers, facts.Triggers, s.Type)
		require.Equal(t, s.MinInterval, facts.MinInterval, s.Type)
		require.Equal(t, s.CanBeSource, len(flow.OperatorsOf(s.Type)) > 0, "operators are a source's")
	}
}

// Where a source goes has to be a destination.
func TestSpecs_NameDestinationsThatAreSome(t *testing.T) {
	t.Parallel()
	all := connectors.All()
	for _, s := range all.Specs() {
		for _, d := range s.Destinations {
			require.NotNil(t, all.Spec(d), "%s → %s", s.Type, d)
			require.True(t, all.Spec(d).CanBeDest, "%s → %s", s.Type, d)
		}
	}
}
