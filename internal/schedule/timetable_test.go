package schedule_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/schedule"
)

func ptr[T any](v T) *T { return &v }

func TestActivate_SaysWhenTheFirstRunIs(t *testing.T) {
	t.Parallel()
	now := at("2026-03-10T10:07")
	cases := []struct {
		name     string
		schedule flow.Schedule
		want     string // "" means never
	}{
		{"a rate without a start runs at once", flow.Schedule{Expression: "rate(1hours)"}, "2026-03-10T10:07"},
		{"a rate waits for its start", flow.Schedule{Expression: "rate(1hours)", Start: ptr(at("2026-03-10T12:30"))}, "2026-03-10T12:30"},
		{"a start in the past gives the phase", flow.Schedule{Expression: "rate(1hours)", Start: ptr(at("2020-01-01T00:30"))}, "2026-03-10T10:30"},
		{"a start right now is due", flow.Schedule{Expression: "rate(5minutes)", Start: ptr(now)}, "2026-03-10T10:07"},
		{"cron follows its own calendar", flow.Schedule{Expression: "cron(0 12 * * ? *)"}, "2026-03-10T12:00"},
		{"cron waits for the start", flow.Schedule{Expression: "cron(0 12 * * ? *)", Start: ptr(at("2026-03-20T00:00"))}, "2026-03-20T12:00"},
		{"once", flow.Schedule{Expression: "at(2026-04-01T00:00:00)"}, "2026-04-01T00:00"},
		{"once, too late", flow.Schedule{Expression: "at(2026-03-01T00:00:00)"}, ""},
		{"an end before the first time", flow.Schedule{Expression: "cron(0 12 * * ? *)", End: ptr(at("2026-03-10T11:00"))}, ""},
		{"an end at the first time", flow.Schedule{Expression: "cron(0 12 * * ? *)", End: ptr(at("2026-03-10T12:00"))}, "2026-03-10T12:00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := schedule.Activate(flow.Timetable{Missed: 3}, &c.schedule, now)
			require.NoError(t, err)
			require.EqualValues(t, 3, got.Missed)
			if c.want == "" {
				require.Nil(t, got.Next)
				return
			}
			require.Equal(t, at(c.want), *got.Next)
		})
	}
}

func TestAdvance_OneRunMakesUpForWhatWasMissed(t *testing.T) {
	t.Parallel()
	s := &flow.Schedule{Expression: "rate(1hours)"}
	tt, err := schedule.Activate(flow.Timetable{}, s, at("2026-01-01T00:00"))
	require.NoError(t, err)

	due, tt, err := schedule.Advance(tt, s, at("2026-01-01T00:00"), false)
	require.NoError(t, err)
	require.Equal(t, at("2026-01-01T00:00"), *due)
	require.Equal(t, at("2026-01-01T01:00"), *tt.Next)

	due, tt, err = schedule.Advance(tt, s, at("2026-01-01T00:59"), false)
	require.NoError(t, err)
	require.Nil(t, due)

	due, tt, err = schedule.Advance(tt, s, at("2026-01-01T06:20"), false)
	require.NoError(t, err)
	require.Equal(t, at("2026-01-01T06:00"), *due)
	require.Equal(t, at("2026-01-01T07:00"), *tt.Next)
	require.EqualValues(t, 5, tt.Missed)
	require.Len(t, tt.Passed, 1)

	due, tt, err = schedule.Advance(tt, s, at("2026-01-01T08:00"), true)
	require.NoError(t, err)
	require.Nil(t, due, "a run is still going")
	require.EqualValues(t, 2, tt.Skipped)
	require.Equal(t, at("2026-01-01T09:00"), *tt.Next)
}

func TestAdvance_YearsLaterFindsTheLastTime(t *testing.T) {
	t.Parallel()
	s := &flow.Schedule{Expression: "cron(* * * * ? *)", End: ptr(at("2026-01-01T00:00"))}
	tt, err := schedule.Activate(flow.Timetable{}, s, at("2020-01-01T00:00"))
	require.NoError(t, err)
	due, tt, err := schedule.Advance(tt, s, at("2029-06-01T12:00"), false)
	require.NoError(t, err)
	require.Equal(t, at("2026-01-01T00:00"), *due)
	require.Nil(t, tt.Next)
}

// Leap days, ends of months and nights without and with an hour twice: the times are UTC, so a local calendar shifts
// nothing, and every way of waking up meets every time once.
func TestAdvance_MeetsEveryTimeOnceOverYears(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{
		"rate(7hours)", "rate(1months)", "cron(30 2 * * ? *)", "cron(0 0 29 2 ? *)", "cron(0 0 L * ? *)", "cron(15 10 ? * 6L *)", "rate(1days)",
	} {
		t.Run(expr, func(t *testing.T) {
			t.Parallel()
			s := &flow.Schedule{Expression: expr, Start: ptr(at("2023-12-31T22:30")), Timezone: ptr("Europe/Oslo")}
			random := rand.New(rand.NewPCG(7, 11))
			now, end := at("2023-12-01T00:00"), at("2033-01-01T00:00")
			tt, err := schedule.Activate(flow.Timetable{}, s, now)
			require.NoError(t, err)
			e, err := schedule.Parse(expr)
			require.NoError(t, err)
			want := 0
			for next, ok := e.Next(*s.Start, now); ok && !next.After(end); next, ok = e.Next(*s.Start, next) {
				want++
			}
			runs := 0
			for now.Before(end) {
				if now = now.Add(time.Duration(random.Int64N(int64(30 * time.Hour)))); now.After(end) {
					now = end
				}
				var due *time.Time
				before := tt
				due, tt, err = schedule.Advance(tt, s, now, random.IntN(4) == 0)
				require.NoError(t, err)
				if due != nil {
					runs++
					require.False(t, due.After(now))
					require.False(t, before.Next.After(*due))
				}
				if tt.Next != nil {
					require.True(t, tt.Next.After(now))
				}
			}
			require.EqualValues(t, want, int64(runs)+tt.Missed+tt.Skipped)
			require.Positive(t, want)
		})
	}
}

func TestWindow_BeginsWhereTheLastOneEnded(t *testing.T) {
	t.Parallel()
	due := at("2026-03-31T00:00")
	first := schedule.Window(&flow.Schedule{}, due, nil)
	require.Equal(t, flow.Window{From: at("2026-03-01T00:00"), To: due}, first)

	s := &flow.Schedule{FirstExecutionFrom: ptr(at("2020-01-01T00:00")), OffsetSeconds: ptr(int64(600))}
	require.Equal(t, flow.Window{From: at("2020-01-01T00:00"), To: at("2026-03-30T23:50")}, schedule.Window(s, due, nil))
	require.Equal(t, flow.Window{From: at("2026-03-30T00:00"), To: at("2026-03-30T23:50")},
		schedule.Window(s, due, &flow.Watermark{To: at("2026-03-30T00:00")}))
	require.Equal(t, flow.Window{From: at("2026-03-30T23:50"), To: at("2026-03-30T23:50")},
		schedule.Window(s, due, &flow.Watermark{To: at("2026-04-30T00:00")}), "never negative")
}

func TestUpcoming_StopsAtTheEnd(t *testing.T) {
	t.Parallel()
	s := &flow.Schedule{Expression: "rate(1days)", End: ptr(at("2026-01-03T00:00"))}
	tt, err := schedule.Activate(flow.Timetable{}, s, at("2026-01-01T00:00"))
	require.NoError(t, err)
	require.Equal(t, []time.Time{at("2026-01-01T00:00"), at("2026-01-02T00:00"), at("2026-01-03T00:00")}, schedule.Upcoming(tt, s, 10))
}
