// Command latency measures what small runs cost and how long they take: a flow of a thousand rows, CSV to Parquet, on the
// built-in engine of a `weir serve` of its own, over SQLite and over PostgreSQL.
//
//	go run ./bench/latency -weir bin/weir                 the whole table, some six minutes
//	go run ./bench/latency -weir bin/weir -short          a short form, about a minute
//	go run ./bench/latency -weir bin/weir -postgres URL   over a database that runs already
//
// Numbers mean something on a quiet machine only. A processor's seconds are the server's own; those of PostgreSQL and of
// this program, which share the machine, do not count.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"weir.dev/weir/test/pgtest"
)

type options struct {
	weir, stores, postgres string
	runs, flows            int
	idle                   time.Duration
	short                  bool
}

func main() {
	var o options
	flag.StringVar(&o.weir, "weir", "bin/weir", "the binary to measure")
	flag.StringVar(&o.stores, "stores", "sqlite,postgres", "stores to measure")
	flag.StringVar(&o.postgres, "postgres", "", "URL of an empty database (default: a private cluster, synced as by default)")
	flag.IntVar(&o.runs, "runs", 50, "runs one after the other")
	flag.IntVar(&o.flows, "flows", 1000, "flows that are due at the same moment")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long to watch a server that does nothing")
	flag.BoolVar(&o.short, "short", false, "20 runs, 200 flows, 10 s idle")
	flag.Parse()
	if o.short {
		o.runs, o.flows, o.idle = 20, 200, 10*time.Second
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	fmt.Printf("%s, %s/%s, %d processors, %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	var columns []*measures
	for name := range strings.SplitSeq(o.stores, ",") {
		m, err := measureStore(ctx, o, name)
		if err != nil {
			return fmt.Errorf("measuring over %s: %w", name, err)
		}
		columns = append(columns, m)
	}
	return show(o, columns)
}

// measureStore takes all measures of one store.
func measureStore(ctx context.Context, o options, name string) (m *measures, err error) {
	url := "sqlite"
	if name == "postgres" {
		if url = o.postgres; url == "" {
			var remove func()
			if url, remove, err = pgtest.Durable(); err != nil {
				return nil, err
			}
			defer remove()
		}
	}
	s, err := startServer(ctx, o, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	m = &measures{store: name}
	for _, measure := range []func(context.Context, *server, options) error{m.measureIdle, m.measureRuns, m.measureDue} {
		if err := measure(ctx, s, o); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// show prints the table, a column for each store.
func show(o options, columns []*measures) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(title, bar string, cell func(m *measures) string) {
		fmt.Fprintf(out, "%s\t", title)
		for _, m := range columns {
			fmt.Fprintf(out, "%s\t", cell(m))
		}
		fmt.Fprintf(out, "%s\t\n", bar)
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
	line("", "bar", func(m *measures) string { return m.store })
	line(fmt.Sprintf("StartFlow to Successful, p50 of %d", o.runs), "100 ms", func(m *measures) string { return ms(quantile(m.runs, .5)) })
	line("p99", "", func(m *measures) string { return ms(quantile(m.runs, .99)) })
	line(fmt.Sprintf("%d flows due together: the last one begun after", o.flows), "60 s", func(m *measures) string { return fmt.Sprintf("%.1f s", m.lastBegun.Seconds()) })
	line("the last one done after", "", func(m *measures) string { return fmt.Sprintf("%.1f s", m.lastDone.Seconds()) })
	line("executions begun a second", "", func(m *measures) string { return fmt.Sprintf("%.0f", float64(o.flows)/m.lastBegun.Seconds()) })
	line("processor time of the server a run", "", func(m *measures) string { return ms(m.cpuPerRun) })
	line("transactions a run", "", func(m *measures) string {
		if m.store != "postgres" {
			return "-"
		}
		return fmt.Sprintf("%.1f", m.commitsPerRun)
	})
	line("idle: of a processor", "0.5 %", func(m *measures) string { return fmt.Sprintf("%.2f %%", 100*m.idleCPU) })
	line("idle: transactions a second", "", func(m *measures) string {
		if m.store != "postgres" {
			return "-"
		}
		return fmt.Sprintf("%.1f", m.idleCommits)
	})
	line("idle: in memory, pages of the binary included", "60 MB", func(m *measures) string { return fmt.Sprintf("%.0f MB", float64(m.idleMemory[0])/1e6) })
	line("without them", "", func(m *measures) string { return fmt.Sprintf("%.0f MB", float64(m.idleMemory[1])/1e6) })
	line("after all runs, without them", "", func(m *measures) string { return fmt.Sprintf("%.0f MB", float64(m.memory[1])/1e6) })
	return out.Flush()
}
