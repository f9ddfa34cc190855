package connectortest

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Timed is how the suite reads what has changed.
type Timed struct {
	// Load makes an entity with one record for each time, in whole seconds and in order, whose id is the text of its
	// place. The times are not later than an hour ago.
	Load func(t *testing.T, times []time.Time) Loaded
	ID   string // the field that holds the place
	By   string // the field that holds the time
}

// RunTimed checks one more entity.
func RunTimed(t *testing.T, c connector.Connector, s Timed) {
	testTimed(t, Harness{Connector: c, Source: &Source{Timed: &s}})
}

func testTimed(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"Window_HoldsItsBeginningAndNotItsEnd", testWindowEdges},
		{"Window_NextOnesLeaveNoGap", testWindowsMeet},
		{"Filter_HandedOnLosesNothing", testFilter},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h.waive(t, c.name)
			c.test(t, h)
		})
	}
}

// manyTimes are times a second apart, with three in each; the first is the second of the hour two hours ago.
func manyTimes() []time.Time {
	begin := time.Now().UTC().Add(-2 * time.Hour).Truncate(time.Hour)
	times := make([]time.Time, 600)
	for i := range times {
		times[i] = begin.Add(time.Duration(i/3) * time.Second)
	}
	return times
}

// timed reads the places of the records that a request gives.
func timed(t *testing.T, h Harness, times []time.Time, change func(*connector.ReadRequest)) map[int]bool {
	t.Helper()
	s := h.Source.Timed
	o := open(t, h, s.Load(t, times), Data{Fields: []string{s.ID}})
	req := o.request()
	change(&req)
	splits, err := o.reader.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	got := map[int]bool{}
	for _, split := range splits {
		rows, _ := o.read(t, req, split, nil)
		for _, row := range rows {
			place, err := strconv.Atoi(row[0])
			require.NoError(t, err)
			require.False(t, got[place], "record %d comes twice", place)
			got[place] = true
		}
	}
	return got
}

func (s *Timed) window(from, to time.Time) func(*connector.ReadRequest) {
	return func(r *connector.ReadRequest) {
		r.Window, r.WindowBy = &flow.Window{From: from, To: to}, s.By
	}
}

func testWindowEdges(t *testing.T, h Harness) {
	times := manyTimes()
	for _, fraction := range []time.Duration{0, time.Millisecond, 999 * time.Millisecond} {
		from, to := times[90].Add(fraction), times[300].Add(fraction)
		got := timed(t, h, times, h.Source.Timed.window(from, to))
		for i, at := range times {
			require.Equal(t, !at.Before(from) && at.Before(to), got[i], "record %d of %s in [%s, %s)", i, at, from, to)
		}
	}
}

func testWindowsMeet(t *testing.T, h Harness) {
	times := manyTimes()
	seen := map[int]int{}
	cuts := []time.Time{times[0].Add(-time.Hour), times[17], times[18].Add(time.Nanosecond), times[400].Add(time.Microsecond), times[599].Add(time.Second)}
	for i := range cuts[1:] {
		for place := range timed(t, h, times, h.Source.Timed.window(cuts[i], cuts[i+1])) {
			seen[place]++
		}
	}
	for i := range times {
		require.Equal(t, 1, seen[i], "record %d", i)
	}
}

// testFilter hands filters on. All rows that satisfy them must come; that others come too is the source's business.
func testFilter(t *testing.T, h Harness) {
	times := manyTimes()
	for _, at := range []time.Time{times[0].Add(-time.Hour), times[30], times[30].Add(500 * time.Millisecond), times[599], times[599].Add(time.Hour)} {
		filter := connector.Filter{Field: h.Source.Timed.By, Operator: flow.OpGreaterThan, DataType: "datetime", Values: []string{fmt.Sprint(at.UnixMilli())}}
		got := timed(t, h, times, func(r *connector.ReadRequest) { r.Filters = []connector.Filter{filter} })
		for i := range times {
			if times[i].After(at) {
				require.True(t, got[i], "record %d of %s is after %s", i, times[i], at)
			}
		}
	}
}
