// Command api measures Weir's API over real HTTP: a server in a process of its own, keep-alive connections on the loopback,
// and requests that were signed beforehand, so that the generator costs little beside the server.
//
//	go run ./bench/api                       DescribeFlow with 1,000 flows: requests a second and core, latency at half load
//	go run ./bench/api -requests 1000000     the same until so many were answered, with memory before and after
//	go run ./bench/api -list 10000           pages of ListFlows, the first against the last
//
// A core's worth is told from the processor time that the server itself has used, so that the generator, which shares the
// machine, does not count.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"weir.dev/weir/internal/cli"
)

type options struct {
	flows, connections, requests, list int
	duration                           time.Duration
	rate                               float64
	policy                             string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" { // the process that is measured
		os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	var o options
	flag.IntVar(&o.flows, "flows", 1000, "flows that are stored")
	flag.IntVar(&o.connections, "connections", 16, "connections at the same time")
	flag.IntVar(&o.requests, "requests", 0, "answer so many requests at full load, instead of going on for the duration")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "of each measurement")
	flag.IntVar(&o.list, "list", 0, "measure pages of ListFlows over so many flows instead")
	flag.StringVar(&o.policy, "policy", "", "policy of the key that asks: a file or a predefined one")
	flag.Float64Var(&o.rate, "rate", 0, "requests a second whose latency is measured (default: half of a core's load)")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	s, err := startServer(max(o.flows, o.list), o.policy)
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Printf("%s, %s/%s, %d processors, %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	if o.list > 0 {
		return measureList(s, o)
	}
	return measureDescribe(s, o)
}

// measureDescribe finds the full load, then the latency at half of a core's.
func measureDescribe(s *server, o options) error {
	requests := make([][]byte, o.flows)
	sign := func() error {
		for i := range requests {
			var err error
			if requests[i], err = s.signed("/describe-flow", fmt.Sprintf(`{"flowName":"%s"}`, flowName(i))); err != nil {
				return err
			}
		}
		return nil
	}
	if err := sign(); err != nil {
		return err
	}
	if _, err := load(s, requests, o.connections, 0, time.Second, 0); err != nil { // warm
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	before, cpu := s.memory(), s.cpu()
	full, err := loadSigning(s, requests, sign, o.connections, o.duration, o.requests)
	if err != nil {
		return err
	}
	used := s.cpu() - cpu
	perCore := float64(full.answers) / used.Seconds()
	fmt.Printf("DescribeFlow, %d flows, %d connections: %d answers in %.1f s (%.0f/s); server %.1f µs of processor time each, %.0f/s and core\n",
		o.flows, o.connections, full.answers, full.took.Seconds(), float64(full.answers)/full.took.Seconds(), used.Seconds()/float64(full.answers)*1e6, perCore)
	fmt.Printf("memory of the server: %d KiB before, %d KiB after\n", before, s.memory())
	if err := sign(); err != nil {
		return err
	}
	rate := o.rate
	if rate == 0 {
		rate = perCore / 2
	}
	half, err := load(s, requests, o.connections, rate, o.duration, 0)
	if err != nil {
		return err
	}
	fmt.Printf("at %.0f/s: p50 %s, p99 %s, most %s\n", float64(half.answers)/half.took.Seconds(),
		half.quantile(.5), half.quantile(.99), half.quantile(1))
	return nil
}

// loadSigning loads in rounds, because a signature is good for five minutes.
func loadSigning(s *server, requests [][]byte, sign func() error, connections int, d time.Duration, count int) (*result, error) {
	if count == 0 {
		return load(s, requests, connections, 0, d, 0)
	}
	const round = 250_000
	total := &result{}
	for total.answers < count {
		if err := sign(); err != nil {
			return nil, err
		}
		r, err := load(s, requests, connections, 0, time.Hour, min(round, count-total.answers))
		if err != nil {
			return nil, err
		}
		total.answers, total.took = total.answers+r.answers, total.took+r.took
	}
	return total, nil
}

// measureList walks all pages and compares the ends.
func measureList(s *server, o options) error {
	for _, size := range []int{20, 100} {
		tokens := []string{""}
		for token := ""; ; {
			next, err := s.page(size, token)
			if err != nil {
				return err
			}
			if next == "" {
				break
			}
			token = next
			tokens = append(tokens, token)
		}
		for _, at := range []struct {
			name  string
			token string
		}{{"first", tokens[0]}, {"middle", tokens[len(tokens)/2]}, {"last", tokens[len(tokens)-1]}} {
			request, err := s.signed("/list-flows", listBody(size, at.token))
			if err != nil {
				return err
			}
			cpu := s.cpu()
			r, err := load(s, [][]byte{request}, 1, 0, o.duration, 0)
			if err != nil {
				return err
			}
			fmt.Printf("ListFlows, %d flows, %d a page, %s page: p50 %s, p99 %s, %.0f µs of processor time\n", o.list, size, at.name,
				r.quantile(.5), r.quantile(.99), (s.cpu()-cpu).Seconds()/float64(r.answers)*1e6)
		}
	}
	return nil
}
