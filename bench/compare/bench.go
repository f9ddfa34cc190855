package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"weir.dev/weir/bench/compare/duck"
	"weir.dev/weir/bench/compare/flows"
)

// bench is one comparison on one table of input.
type bench struct {
	settings
	data string // inputs in in/csv and in/jsonl, outputs in out/<contestant>
	in   string
	all  []contestant
}

// result is what came out for one flow.
type result struct {
	flow  flows.Flow
	input int64 // bytes
	rows  int64 // written by Weir
	folds int64 // partitions
	runs  map[string][]run
	// disagrees says where a contestant's output differs from Weir's.
	disagrees map[string][]string
}

func compare(ctx context.Context) error {
	s, err := parse()
	if err != nil {
		return err
	}
	all, err := contestants(ctx, s)
	if err != nil {
		return err
	}
	var sizes []sized
	var wrong []error
	for _, s.rows = range s.sizes {
		b := &bench{settings: s, all: all, data: filepath.Join(s.repo, "build", "compare", fmt.Sprintf("%dx%d", s.rows, s.files))}
		b.in = filepath.Join(b.data, "in")
		one := sized{rows: s.rows}
		for _, f := range s.flows {
			r, err := b.flow(ctx, f)
			if err != nil {
				return err
			}
			one.results = append(one.results, r)
			fmt.Print(b.table(r))
		}
		sizes = append(sizes, one)
		wrong = append(wrong, b.report(ctx, one.results, growth(sizes)))
	}
	return errors.Join(wrong...)
}

// sized is what came out with so many rows.
type sized struct {
	rows    int
	results []result
}

// flow warms up, checks the outputs and measures. Every round runs all contestants once, and each round starts with
// another of them, so that none is always after the same neighbour.
func (b *bench) flow(ctx context.Context, f flows.Flow) (result, error) {
	r := result{flow: f, runs: map[string][]run{}, disagrees: map[string][]string{}}
	if err := b.generate(ctx, f.In); err != nil {
		return r, err
	}
	var err error
	if r.input, _, err = size(filepath.Join(b.in, f.In)); err != nil {
		return r, err
	}
	if b.unchecked { // the input still has to be in the page cache
		if _, err := b.once(ctx, b.all[0], f); err != nil {
			return r, err
		}
	} else if err := b.check(ctx, &r); err != nil {
		return r, err
	}
	for round := range b.rounds {
		for i := range b.all {
			c := b.order(round, i)
			one, err := b.once(ctx, c, f)
			if err != nil {
				return r, err
			}
			r.runs[c.name] = append(r.runs[c.name], one)
		}
	}
	return r, os.RemoveAll(filepath.Join(b.data, "out"))
}

// order is the i-th contestant of a round. Weir's two runs are kept apart by the peers, where there are any.
func (b *bench) order(round, i int) contestant {
	seats := make([]contestant, 0, len(b.all))
	seats = append(seats, b.all[0])
	peers := b.all[2:]
	seats = append(seats, peers[:(len(peers)+1)/2]...)
	seats = append(seats, b.all[1])
	seats = append(seats, peers[(len(peers)+1)/2:]...)
	return seats[(round+i)%len(seats)]
}

// check is the round that warms up: it compares what is written and counts no time.
func (b *bench) check(ctx context.Context, r *result) error {
	var weir duck.Checksum
	for i, c := range b.all {
		if _, err := b.once(ctx, c, r.flow); err != nil {
			return err
		}
		sum, err := b.checksum(ctx, c, r.flow)
		if err != nil {
			return err
		}
		if i == 0 {
			weir, r.rows, r.folds = sum, sum.Rows, sum.Folders
		} else if diff := weir.Differences(sum); len(diff) > 0 {
			r.disagrees[c.name] = diff
		}
	}
	return nil
}

// generate writes the input unless it is there.
func (b *bench) generate(ctx context.Context, kind string) error {
	dir := filepath.Join(b.in, kind)
	found, err := filepath.Glob(filepath.Join(dir, "*."+kind))
	if err != nil || len(found) == b.files {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./bench/gen", "-format", kind, "-dir", dir,
		"-rows", strconv.Itoa(b.rows), "-files", strconv.Itoa(b.files))
	cmd.Dir = b.repo
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("generating %s: %w\n%s", kind, err, strings.TrimSpace(string(said)))
	}
	return nil
}
