package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table(&out, []string{"NAME", "N"}, [][]string{{"naïve → ok", "1"}, {"a\nb\x1b[31m", "22"}, {"much too long for it", "3"}, {"", ""}}, 12)
	require.Equal(t, `NAME          N
naïve → ok    1
a b [31m      22
much too lo…  3

`, out.String())
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -999: "-999"} {
		require.Equal(t, want, count(n))
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 74_300_147: "74.3 MB", 1 << 62: "4.6 EB"} {
		require.Equal(t, want, size(n))
	}
	require.Equal(t, "1 record", records(1))
	require.Equal(t, "0 records", records(0))
	require.Equal(t, "2,000 splits", number(2000, "split"))
}

func TestEpoch(t *testing.T) {
	t.Parallel()
	require.True(t, epoch(0).time().IsZero())
	require.Equal(t, "-", clock(epoch(0).time()))
	require.Equal(t, time.UnixMilli(1717143300123), epoch(1717143300.123).time())
}

func TestProgress_StaysOnOneLineOfTheTerminal(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{1, 20, 40, 60, 80, 200} {
		var out bytes.Buffer
		p := &progress{w: &out, columns: func() int { return columns }, started: time.Now().Add(-3 * time.Second)}
		p.show(flow.Totals{Read: 1_234_567, BytesRead: 500_000_000}, 1_000_000_000)
		line := strings.TrimPrefix(out.String(), "\r\033[K")
		require.Less(t, utf8.RuneCountInString(line), max(columns, 2), line)
		p.show(flow.Totals{Read: 9}, 10)
		require.NotContains(t, out.String(), "9 records ", "not more often than people can see")
	}
	var out bytes.Buffer
	p := &progress{w: &out, columns: func() int { return 200 }, started: time.Now().Add(-10 * time.Second)}
	p.draw(flow.Totals{Read: 1000, BytesRead: 250}, p.started.Add(10*time.Second))
	require.Equal(t, "\r\033[K1,000 records · 100 records/s · 250 B · 25 B/s", out.String())
	out.Reset()
	p.total = 1000
	p.draw(flow.Totals{Read: 1000, BytesRead: 250}, p.started.Add(10*time.Second))
	require.Equal(t, "\r\033[K██████░░░░░░░░░░░░░░░░░░  25%  1,000 records · 30s left · 100 records/s · 250 B · 25 B/s", out.String())
	out.Reset()
	p.finish(flow.Totals{Read: 4000, BytesRead: 1001})
	require.Contains(t, out.String(), "████████████████████████ 100%  4,000 records")
	require.True(t, strings.HasSuffix(out.String(), "\n"))
}

func TestProgress_InALog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	p.show(flow.Totals{Read: 1}, 10)
	p.finish(flow.Totals{Read: 1})
	p.breakOff()
	require.Empty(t, out.String(), "short runs leave no trace")
	p.started = time.Now().Add(-logEvery)
	p.show(flow.Totals{Read: 1, BytesRead: 5}, 10)
	p.show(flow.Totals{Read: 2, BytesRead: 6}, 10)
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.NotContains(t, out.String(), "\033")
}
