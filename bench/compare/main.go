// Command compare runs the benchmark's flows in Weir, DuckDB, Polars and a plain Go pipeline, on the same files, and says
// how long each takes, what it uses, and whether the outputs agree. README.md says what is measured and what is not.
//
// It is a module of its own, so that the product depends neither on cgo nor on what it is compared with. Contestants are
// child processes: the operating system counts their time and memory.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"weir.dev/weir/bench/compare/duck"
	"weir.dev/weir/bench/compare/flows"
	"weir.dev/weir/bench/compare/plaingo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := compare
	if len(os.Args) > 1 {
		if child := children[os.Args[1]]; child != nil {
			run = func(ctx context.Context) error { return child(ctx, os.Args[2:]) }
		}
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		stop()
		os.Exit(1)
	}
}

// settings are what the person asked for.
type settings struct {
	repo    string // absolute
	sizes   []int  // rows of input, one comparison each
	rows    int    // of the comparison at work
	files   int
	rounds  int
	threads int
	memory  string
	flows   []flows.Flow
	peers   []string
	out     string
	// unchecked leaves out the round that warms up and compares outputs, for sizes where that takes longer than the rest.
	unchecked bool
}

func parse() (settings, error) {
	var s settings
	var names, peers, sizes string
	flag.StringVar(&sizes, "rows", "1000000", "rows of input; several numbers make several comparisons, and show how Weir's time grows")
	flag.IntVar(&s.files, "files", 1, "input files to spread them over")
	flag.IntVar(&s.rounds, "rounds", 5, "measured rounds, after one that warms up and is checked")
	flag.IntVar(&s.threads, "threads", 2, "threads for each contestant")
	flag.StringVar(&s.memory, "memory", "256MiB", "Weir's --memory; the others take what they want")
	flag.StringVar(&names, "flows", "f1,f2,f3,f4,f5,f6", "flows to run")
	flag.StringVar(&peers, "peers", "duckdb,duckdb-anyorder,polars,go", "whom to compare Weir with: duckdb, duckdb-anyorder, polars, go")
	flag.StringVar(&s.out, "out", "", "Markdown file to write (default: bench/results/compare-ROWS[-in-N-files].md in the repository; - for none)")
	flag.BoolVar(&s.unchecked, "unchecked", false, "do not compare outputs, which takes longer than all else with many rows")
	flag.Parse()
	if flag.NArg() > 0 || s.files < 1 || s.rounds < 1 || s.threads < 1 {
		return s, fmt.Errorf("there are arguments %q, or a number below one", flag.Args())
	}
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return s, fmt.Errorf("%q is no number of rows", text)
		}
		s.sizes = append(s.sizes, n)
	}
	if len(s.sizes) > 1 && s.out != "" && s.out != "-" {
		return s, fmt.Errorf("several sizes make several reports, and cannot all be written to %s", s.out)
	}
	for name := range strings.SplitSeq(names, ",") {
		f, err := flows.Named(name)
		if err != nil {
			return s, err
		}
		s.flows = append(s.flows, f)
	}
	var err error
	if s.repo, err = repository(); err != nil {
		return s, err
	}
	s.peers = strings.FieldsFunc(peers, func(r rune) bool { return r == ',' })
	return s, nil
}

// repository is the nearest folder above the current one that holds the flows.
func repository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "bench", "flows", "f1.json")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in the repository", start)
		}
	}
}

// children are what the program does when it starts itself: run a flow as a peer, or read an output.
var children = map[string]func(ctx context.Context, args []string) error{
	"peer": func(ctx context.Context, args []string) error {
		f, threads, err := task(args)
		if err != nil {
			return err
		}
		runtime.GOMAXPROCS(threads)
		peer, in, out := args[2], args[3], args[4]
		if peer == "go" {
			return plaingo.Run(ctx, f, in, out)
		}
		return duck.Run(ctx, f, in, out, duck.Options{Threads: threads, AnyOrder: peer == "duckdb-anyorder"})
	},
	"checksum": func(ctx context.Context, args []string) error {
		f, _, err := task(args)
		if err != nil {
			return err
		}
		sum, err := duck.Sum(ctx, f, args[2])
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(sum)
	},
	"duckdb-version": func(ctx context.Context, _ []string) error {
		v, err := duck.Version(ctx)
		fmt.Println(v)
		return err
	},
}

// task reads the first two arguments of a child: the flow's name and the number of threads.
func task(args []string) (f flows.Flow, threads int, err error) {
	if f, err = flows.Named(args[0]); err == nil {
		_, err = fmt.Sscan(args[1], &threads)
	}
	return f, threads, err
}
