package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"weir.dev/weir/flow"
)

// progress draws one line that follows a run: a bar, records, bytes, rate and time left. On something that is not a
// terminal it writes a line now and then instead.
type progress struct {
	w       io.Writer
	columns func() int // of the terminal; nil when w is none
	started time.Time
	last    time.Time
	total   int64 // bytes of source data; 0 when unknown
	drawn   bool
}

const (
	redraw   = 100 * time.Millisecond
	logEvery = 5 * time.Second
	barWidth = 24
)

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, started: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.columns = func() int {
			columns, _, err := term.GetSize(int(f.Fd()))
			if err != nil || columns <= 0 {
				return 80
			}
			return columns
		}
	}
	return p
}

// show draws the counts, not more often than people can see.
func (p *progress) show(t flow.Totals, total int64) {
	now := time.Now()
	every := logEvery
	if p.columns != nil {
		every = redraw
	}
	p.total = total
	if p.drawn && now.Sub(p.last) < every || p.columns == nil && now.Sub(p.started) < logEvery {
		return
	}
	p.last, p.drawn = now, true
	p.draw(t, now)
}

// finish draws the last counts of a run that came to an end, and ends the line.
func (p *progress) finish(t flow.Totals) {
	if p.columns != nil {
		p.total = max(p.total, t.BytesRead)
		p.draw(t, time.Now())
		fmt.Fprintln(p.w)
	}
}

// breakOff ends the line, so that an error does not continue it.
func (p *progress) breakOff() {
	if p.columns != nil && p.drawn {
		fmt.Fprintln(p.w)
	}
}

func (p *progress) draw(t flow.Totals, now time.Time) {
	seconds := max(now.Sub(p.started).Seconds(), 0.001)
	parts := []string{
		records(t.Read),
		count(int64(float64(t.Read)/seconds)) + " records/s",
		size(t.BytesRead),
		size(int64(float64(t.BytesRead)/seconds)) + "/s",
	}
	bar := ""
	if p.total > 0 {
		share := min(float64(t.BytesRead)/float64(p.total), 1)
		full := int(share * barWidth)
		bar = fmt.Sprintf("%s%s %3.0f%%  ", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), share*100)
		if share > 0 && share < 1 {
			left := time.Duration(seconds / share * (1 - share) * float64(time.Second)).Round(time.Second)
			// Second, because the last parts go when the line is too short for everything.
			parts = slices.Insert(parts, 1, left.String()+" left")
		}
	}
	if p.columns != nil {
		fmt.Fprintf(p.w, "\r\033[K%s", fit(bar, parts, p.columns()-1))
		return
	}
	fmt.Fprintln(p.w, bar+strings.Join(parts, " · "))
}

// fit writes as many of the parts as have room. A line that is longer than the terminal is wide would be left behind at
// every redraw.
func fit(bar string, parts []string, columns int) string {
	for len(parts) > 1 && utf8.RuneCountInString(bar+strings.Join(parts, " · ")) > columns {
		parts = parts[:len(parts)-1]
	}
	return shorten(bar+strings.Join(parts, " · "), max(columns, 1))
}
