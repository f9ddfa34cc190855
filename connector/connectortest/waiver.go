package connectortest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Waiver lets a connector go without one check, for a reason and until a day. What cannot be mended belongs into the
// spec's limits, where users read it; a waiver is a debt.
type Waiver struct {
	Test   string // the check's name: "Write_RepeatedSequenceIsHarmless"
	Reason string
	Until  string // 2027-06-30; on that day the check has to pass, or the waiver be renewed
}

// checkWaivers refuses waivers that nobody would miss.
func (h Harness) checkWaivers(t *testing.T) {
	t.Helper()
	for _, w := range h.Waivers {
		require.NotEmpty(t, w.Test)
		require.NotEmpty(t, w.Reason, "the waiver of %s has a reason", w.Test)
		until, err := time.Parse(time.DateOnly, w.Until)
		require.NoError(t, err, "the waiver of %s has a last day", w.Test)
		require.True(t, time.Now().Before(until), "the waiver of %s has expired on %s; it was: %s", w.Test, w.Until, w.Reason)
	}
}

// waive ends a check that has a waiver.
func (h Harness) waive(t *testing.T, name string) {
	t.Helper()
	for _, w := range h.Waivers {
		if w.Test == name {
			t.Skipf("waived until %s: %s", w.Until, w.Reason)
		}
	}
}
