package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/schedule"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02T15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestNext_ListsDueTimes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		expr   string
		anchor string
		after  string
		want   []string
	}{
		{"rate(5minutes)", "2026-01-01T00:00", "2025-12-31T23:00", []string{"2026-01-01T00:00", "2026-01-01T00:05", "2026-01-01T00:10"}},
		{"rate(1 hour)", "2026-01-01T00:30", "2026-01-01T00:30", []string{"2026-01-01T01:30", "2026-01-01T02:30"}},
		{"rate(1weeks)", "2026-01-01T00:00", "2026-01-01T00:00", []string{"2026-01-08T00:00", "2026-01-15T00:00"}},
		{"rate(1months)", "2024-01-31T12:00", "2024-01-31T12:00", []string{"2024-02-29T12:00", "2024-03-31T12:00", "2024-04-30T12:00"}},
		{"at(2026-11-22T12:00:00)", "2026-01-01T00:00", "2026-01-01T00:00", []string{"2026-11-22T12:00"}},
		{"cron(0/15 * ? * * *)", "2026-01-01T00:00", "2026-01-01T00:01", []string{"2026-01-01T00:15", "2026-01-01T00:30", "2026-01-01T00:45", "2026-01-01T01:00"}},
		{"cron(0 12 ? * MON-FRI *)", "2026-01-01T00:00", "2026-01-02T12:00", []string{"2026-01-05T12:00", "2026-01-06T12:00"}},
		{"cron(0 10 L * ? *)", "2024-01-01T00:00", "2024-01-31T10:00", []string{"2024-02-29T10:00", "2024-03-31T10:00"}},
		{"cron(0 8 1W * ? *)", "2026-01-01T00:00", "2026-01-02T00:00", []string{"2026-02-02T08:00", "2026-03-02T08:00", "2026-04-01T08:00"}},
		{"cron(0 8 ? * 6#3 *)", "2026-01-01T00:00", "2026-01-01T00:00", []string{"2026-01-16T08:00", "2026-02-20T08:00"}},
		{"cron(0 8 ? * 2L *)", "2026-01-01T00:00", "2026-01-01T00:00", []string{"2026-01-26T08:00", "2026-02-23T08:00"}},
		{"cron(0 0 29 2 ? *)", "2026-01-01T00:00", "2026-01-01T00:00", []string{"2028-02-29T00:00", "2032-02-29T00:00"}},
		{"cron(30 6 1 1 ? 2027,2029)", "2026-01-01T00:00", "2026-01-01T00:00", []string{"2027-01-01T06:30", "2029-01-01T06:30"}},
	}
	for _, c := range cases {
		t.Run(c.expr, func(t *testing.T) {
			t.Parallel()
			e, err := schedule.Parse(c.expr)
			require.NoError(t, err)
			after := at(c.after)
			for _, want := range c.want {
				next, ok := e.Next(at(c.anchor), after)
				require.True(t, ok)
				require.Equal(t, at(want), next)
				after = next
			}
		})
	}
}

func TestNext_EndsWhenNothingIsDue(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{"at(2020-01-01T00:00:00)", "cron(0 0 1 1 ? 2020)", "cron(0 0 31 2 ? *)"} {
		e, err := schedule.Parse(expr)
		require.NoError(t, err)
		_, ok := e.Next(at("2026-01-01T00:00"), at("2026-01-01T00:00"))
		require.False(t, ok, expr)
	}
}

func TestParse_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"":                         "must be rate",
		"hourly":                   "must be rate",
		"every(1hours)":            "unknown schedule expression",
		"rate(0minutes)":           "positive whole number",
		"rate(-1minutes)":          "positive whole number",
		"rate(5fortnights)":        "knows minutes, hours",
		"rate()":                   "positive whole number",
		"cron(* * * * *)":          "six fields",
		"cron(0 0 1 * MON *)":      "exactly one",
		"cron(0 0 ? * ? *)":        "exactly one",
		"cron(60 0 1 * ? *)":       "not between 0 and 59",
		"cron(0 0 1 * ? 1900)":     "not between 1970",
		"cron(0 5-3 1 * ? *)":      "runs backwards",
		"cron(0/0 5 1 * ? *)":      "positive number",
		"at(tomorrow)":             "needs a time like",
		"at(2026-11-22T12:00:00":   "must be rate",
		"cron(0 0 ? * SUN-FUN *)":  "not between 1 and 7",
		"rate(99999999999minutes)": "positive whole number",
	} {
		_, err := schedule.Parse(expr)
		require.ErrorContains(t, err, want, expr)
	}
}

func TestMinInterval_IsTheSmallestGap(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]time.Duration{
		"rate(5minutes)":             5 * time.Minute,
		"cron(0 12 ? * * *)":         24 * time.Hour,
		"cron(0,50 * ? * * *)":       10 * time.Minute,
		"cron(55 23,0 ? * * *)":      time.Hour,
		"at(2026-11-22T12:00:00)":    0,
		"cron(* * * * ? *)":          time.Minute,
		"rate(1months)":              28 * 24 * time.Hour,
		"cron(0 6,18 ? * MON-FRI *)": 12 * time.Hour,
	} {
		e, err := schedule.Parse(expr)
		require.NoError(t, err)
		require.Equal(t, want, e.MinInterval(), expr)
	}
}

func FuzzParse_NeverPanicsAndNextMovesForward(f *testing.F) {
	for _, s := range []string{"rate(5minutes)", "cron(0 12 ? * MON-FRI *)", "cron(0 8 ? * 6#3 *)", "at(2026-11-22T12:00:00)", "cron(0 0 LW 2 ? 2024-2096/4)"} {
		f.Add(s)
	}
	start := at("2026-01-01T00:00")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := schedule.Parse(s)
		if err != nil {
			return
		}
		if next, ok := e.Next(start, start); ok && !next.After(start) {
			t.Fatalf("%s: %s is not after %s", s, next, start)
		}
	})
}
