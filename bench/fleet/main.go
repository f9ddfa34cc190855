// Command fleet simulates a day of scheduled flows on a fleet and prints how long runs wait for a worker: the table of
// docs/sizing.md. It moves no row and opens no socket; what a run costs comes in as flags, from measurements.
//
//	go run ./bench/fleet -month 10000000 -workers 10,20,40,100
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	var s scenario
	month := flag.Float64("month", 10e6, "runs in 30 days")
	workers := flag.String("workers", "10,20,40,60,80,100", "numbers of workers to try")
	flag.IntVar(&s.slots, "slots", 16, "runs that a worker has open at the same time")
	flag.Float64Var(&s.cores, "cores", 2, "processors of a worker")
	flag.Float64Var(&s.fires, "fires", 116, "executions that the servers begin in a second, all together")
	flag.Float64Var(&s.cpu, "cpu", 0.05, "processor seconds of a median run")
	flag.Float64Var(&s.wait, "wait", 4, "seconds that a median run waits for its source and destination")
	flag.Float64Var(&s.spread, "spread", 1.2, "sigma of the logarithm of both: 1.2 makes the hundredth run 16 times as long")
	seed := flag.Uint64("seed", 1, "of the lengths of runs")
	flag.Parse()

	due := day(*month)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%d runs in the day, %d of them at its busiest second\n\n", len(due), busiest(due))
	fmt.Fprintln(out, "workers\tslots in use\tprocessors in use\tstart p50\tp99\tlast\tdelay at :00 of an hour\t")
	for field := range strings.SplitSeq(*workers, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "fleet: -workers: %q is no number of workers\n", field)
			os.Exit(2)
		}
		r := s.run(due, n, rand.New(rand.NewPCG(*seed, 0)))
		fmt.Fprintf(out, "%d\t%.0f %%\t%.0f %%\t%s\t%s\t%s\t%s\t\n", n, 100*r.slots, 100*r.cpu, r.p50, r.p99, r.last, r.hour)
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// class is a share of a month's runs whose flows have one period.
type class struct {
	period time.Duration
	share  float64
}

// classes is a mix in which many flows fire together: all of a class at the same second, as cron expressions do.
var classes = []class{{time.Minute, 0.20}, {5 * time.Minute, 0.40}, {time.Hour, 0.35}, {24 * time.Hour, 0.05}}

// day lists the times, in seconds of a day, at which runs are due, in order.
func day(month float64) []float64 {
	var due []float64
	for _, c := range classes {
		times := int(24 * time.Hour / c.period)
		flows := int(month / 30 * c.share / float64(times))
		for i := range times {
			for range flows {
				due = append(due, float64(i)*c.period.Seconds())
			}
		}
	}
	slices.Sort(due)
	return due
}

func busiest(due []float64) (most int) {
	for i := 0; i < len(due); {
		j := i
		for j < len(due) && due[j] == due[i] {
			j++
		}
		most, i = max(most, j-i), j
	}
	return most
}

// scenario is what a run costs, and what a worker has.
type scenario struct {
	slots             int
	cores, fires      float64
	cpu, wait, spread float64
}

// result is what a day came to.
type result struct {
	slots, cpu           float64 // shares in use over the day
	p50, p99, last, hour time.Duration
}

// run goes through a day: the servers begin executions in the order they are due, at a bounded rate; each takes the slot
// that is free first. Processor time stretches when more is wanted than there is, by the average of the busy slots.
func (s scenario) run(due []float64, workers int, random *rand.Rand) result {
	free := newHeap(workers * s.slots)
	// All slots busy want cpu/(cpu+wait) of a processor each; beyond the cores of a worker, the share of cpu stretches.
	wanted := float64(s.slots) * s.cpu / (s.cpu + s.wait)
	stretch := max(1, wanted/s.cores)
	begun, busy, worked := 0.0, 0.0, 0.0
	delays := make([]float64, 0, len(due))
	hour := 0.0
	for _, at := range due {
		begun = max(at, begun+1/s.fires)
		start := max(begun, free.first())
		factor := lognormal(random, s.spread)
		takes := factor * (s.cpu*stretch + s.wait)
		free.replace(start + takes)
		busy += takes
		worked += factor * s.cpu
		delays = append(delays, start-at)
		if h := int(at) % 3600; h == 0 && at > 0 {
			hour = max(hour, start-at)
		}
	}
	slices.Sort(delays)
	const seconds = 24 * 3600
	return result{
		slots: busy / seconds / float64(workers*s.slots), cpu: worked / seconds / (float64(workers) * s.cores),
		p50: round(delays[len(delays)/2]), p99: round(delays[len(delays)*99/100]), last: round(delays[len(delays)-1]), hour: round(hour),
	}
}

func round(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(10 * time.Millisecond)
}
