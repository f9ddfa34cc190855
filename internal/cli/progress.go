package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"weir.dev/weir/flow"
)

// progress draws one line that follows a run: a bar, records, bytes, rate and time left. On something that is not a
// terminal it writes a line now and then instead.
type progress struct {
	w        io.Writer
	terminal bool
	started  time.Time
	last     time.Time
	total    int64 // bytes of source data; 0 when unknown
	drawn    bool
}

const (
	redraw   = 100 * time.Millisecond
	logEvery = 5 * time.Second
	barWidth = 24
)

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), started: time.Now()}
}

// show draws the counts, not more often than people can see.
func (p *progress) show(t flow.Totals, total int64) {
	now := time.Now()
	every := logEvery
	if p.terminal {
		every = redraw
	}
	p.total = total
	if p.drawn && now.Sub(p.last) < every || !p.terminal && now.Sub(p.started) < logEvery {
		return
	}
	p.last, p.drawn = now, true
	p.draw(t, now)
}

// finish draws the last counts and ends the line.
func (p *progress) finish(t flow.Totals) {
	if p.terminal {
		p.total = max(p.total, t.BytesRead)
		p.draw(t, time.Now())
		fmt.Fprintln(p.w)
	}
}

func (p *progress) draw(t flow.Totals, now time.Time) {
	seconds := max(now.Sub(p.started).Seconds(), 0.001)
	parts := []string{
		count(t.Read) + " records",
		size(t.BytesRead),
		count(int64(float64(t.Read)/seconds)) + " records/s",
		size(int64(float64(t.BytesRead)/seconds)) + "/s",
	}
	bar := ""
	if p.total > 0 {
		share := min(float64(t.BytesRead)/float64(p.total), 1)
		full := int(share * barWidth)
		bar = fmt.Sprintf("%s%s %3.0f%%  ", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), share*100)
		if share > 0 && share < 1 {
			left := time.Duration(seconds / share * (1 - share) * float64(time.Second)).Round(time.Second)
			parts = append(parts, left.String()+" left")
		}
	}
	line := bar + strings.Join(parts, " · ")
	if p.terminal {
		fmt.Fprintf(p.w, "\r\033[K%s", line)
		return
	}
	fmt.Fprintln(p.w, line)
}
