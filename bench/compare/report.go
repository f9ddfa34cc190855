package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// spread is the median of some numbers and their range.
type spread struct{ median, min, max float64 }

func spreadOf(runs []run, of func(run) float64) spread {
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = of(r)
	}
	slices.Sort(all)
	mid := len(all) / 2
	median := all[mid]
	if len(all)%2 == 0 {
		median = (all[mid-1] + all[mid]) / 2
	}
	return spread{median, all[0], all[len(all)-1]}
}

func wall(r run) float64 { return r.wall.Seconds() }
func cpu(r run) float64  { return r.cpu.Seconds() }
func rss(r run) float64  { return float64(r.rss) / (1 << 20) }

// table is a flow's part of the report.
func (b *bench) table(r result) string {
	var t strings.Builder
	fmt.Fprintf(&t, "\n### %s: %s\n\n", strings.ToUpper(r.flow.Name), r.flow.About)
	fmt.Fprintf(&t, "%.1f MB in", float64(r.input)/1e6)
	if !b.unchecked {
		fmt.Fprintf(&t, ", %s rows out", grouped(r.rows))
	}
	if r.folds > 0 {
		fmt.Fprintf(&t, " in %d partitions", r.folds)
	}
	fastest, best := b.least(r, wall)
	thriftiest, leastCPU := b.least(r, cpu)
	fmt.Fprintf(&t, ". Ratios: wall time to that of the fastest peer%s, CPU time to that of the one that takes least%s.\n\n", fastest, thriftiest)
	t.WriteString("| | wall s | min–max | ratio | MB/s | CPU s | ratio | peak RSS MiB | out MB | files | output |\n")
	t.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n")
	for _, c := range b.all {
		runs := r.runs[c.name]
		w, c50 := spreadOf(runs, wall), spreadOf(runs, cpu).median
		last := runs[len(runs)-1]
		fmt.Fprintf(&t, "| %s | %.3f | %.3f–%.3f | %s | %.0f | %.2f | %s | %.0f | %.1f | %d | %s |\n", c.name, w.median, w.min, w.max, ratio(w.median, best),
			float64(r.input)/1e6/w.median, c50, ratio(c50, leastCPU), spreadOf(runs, rss).median, float64(last.out)/1e6, last.files, b.verdict(r, c.name))
	}
	a, z := spreadOf(r.runs["weir"], wall), spreadOf(r.runs[again], wall)
	fmt.Fprintf(&t, "\nA/A: the two medians of Weir differ by %.1f %%; its runs spread over %.1f %%. Other processes took %s of the processors.\n",
		100*math.Abs(a.median-z.median)/min(a.median, z.median), 100*(max(a.max, z.max)/min(a.min, z.min)-1), noise(r))
	return t.String()
}

// noise is the share of the processors that other processes had while contestants ran: the median and the worst of all runs.
func noise(r result) string {
	var all []run
	for _, runs := range r.runs {
		all = append(all, runs...)
	}
	s := spreadOf(all, func(r run) float64 {
		return max(0, 100*r.others.Seconds()/r.wall.Seconds()/float64(runtime.NumCPU()))
	})
	return fmt.Sprintf("%.0f %% (at worst %.0f %%)", s.median, s.max)
}

// least is the peer with the smallest median of something.
func (b *bench) least(r result, of func(run) float64) (name string, median float64) {
	for _, c := range b.all[2:] {
		if m := spreadOf(r.runs[c.name], of).median; median == 0 || m < median {
			name, median = " ("+c.name+")", m
		}
	}
	return name, median
}

func ratio(x, to float64) string {
	if to == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", x/to)
}

func (b *bench) verdict(r result, name string) string {
	if b.unchecked {
		return "not read"
	}
	if diff := r.disagrees[name]; len(diff) > 0 {
		slices.Sort(diff)
		return "**differs: " + strings.Join(diff, ", ") + "**"
	}
	if name == "weir" {
		return "reference"
	}
	return "the same"
}

// summary says at the report's beginning what everybody looks for.
func (b *bench) summary(results []result) string {
	if len(b.all) < 3 {
		return ""
	}
	var t strings.Builder
	t.WriteString("\nWeir's throughput, in times that of the fastest peer by wall time and of the thriftiest by CPU time:\n\n| | wall | CPU |\n|---|---:|---:|\n")
	for _, r := range results {
		times := func(of func(run) float64) string {
			name, least := b.least(r, of)
			return fmt.Sprintf("%.2f%s", least/spreadOf(slices.Concat(r.runs["weir"], r.runs[again]), of).median, name)
		}
		fmt.Fprintf(&t, "| %s | %s | %s |\n", strings.ToUpper(r.flow.Name), times(wall), times(cpu))
	}
	return t.String()
}

// growth compares the time that a row takes Weir in the last comparison with what it took in the first: 1.00 is linear.
func growth(sizes []sized) string {
	first, last := sizes[0], sizes[len(sizes)-1]
	if first.rows == last.rows {
		return ""
	}
	var t strings.Builder
	fmt.Fprintf(&t, "\nTime a row takes Weir with %s rows, in times what it takes with %s:\n\n| | wall | CPU |\n|---|---:|---:|\n",
		grouped(int64(last.rows)), grouped(int64(first.rows)))
	for i, r := range last.results {
		times := func(of func(run) float64) float64 {
			perRow := func(s sized) float64 {
				runs := s.results[i].runs
				return spreadOf(slices.Concat(runs["weir"], runs[again]), of).median / float64(s.rows)
			}
			return perRow(last) / perRow(first)
		}
		fmt.Fprintf(&t, "| %s | %.2f | %.2f |\n", strings.ToUpper(r.flow.Name), times(wall), times(cpu))
	}
	return t.String()
}

// report writes the Markdown file, and fails when outputs disagree: times of unequal work say nothing.
func (b *bench) report(ctx context.Context, results []result, growth string) error {
	least, err := floor(ctx)
	if err != nil {
		return err
	}
	var t strings.Builder
	fmt.Fprintf(&t, "# Comparison: %s rows in %d file(s)\n\n", grouped(int64(b.rows)), b.files)
	fmt.Fprintf(&t, "Made by `bench/compare`, whose README says what is measured and why it is fair.\n\n")
	fmt.Fprintf(&t, "- date: %s\n- machine: %s\n", time.Now().UTC().Format("2006-01-02 15:04 MST"), machine(ctx))
	warm := " after one to warm up"
	if b.unchecked {
		warm = "; outputs were not compared"
	}
	fmt.Fprintf(&t, "- %d threads each, %d rounds in rotation%s; Weir with --memory %s, the others without a limit\n", b.threads, b.rounds, warm, b.memory)
	fmt.Fprintf(&t, "- medians; MB/s is input bytes by wall time; peak RSS is known down to %.0f MiB\n", float64(least)/(1<<20))
	for _, c := range b.all {
		if c.name != again {
			fmt.Fprintf(&t, "- %s: %s\n", c.name, c.version)
		}
	}
	summary := b.summary(results) + growth
	fmt.Print(summary)
	t.WriteString(summary)
	var differ []string
	for _, r := range results {
		t.WriteString(b.table(r))
		if len(r.disagrees) > 0 {
			differ = append(differ, r.flow.Name)
		}
	}
	if b.out != "-" {
		path := cmp.Or(b.out, b.defaultOut())
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(t.String()), 0o644); err != nil {
			return err
		}
		fmt.Println("\nwritten to", path)
	}
	if len(differ) > 0 {
		return fmt.Errorf("outputs disagree in %s", strings.Join(differ, ", "))
	}
	return nil
}

func (b *bench) defaultOut() string {
	name := fmt.Sprintf("compare-%d.md", b.rows)
	if b.files > 1 {
		name = fmt.Sprintf("compare-%d-in-%d-files.md", b.rows, b.files)
	}
	return filepath.Join(b.repo, "bench", "results", name)
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
