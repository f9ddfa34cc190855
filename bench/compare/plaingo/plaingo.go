// Package plaingo runs the benchmark's flows as a Go programmer would write them by hand: encoding/csv or encoding/json
// in, parquet-go, encoding/json or encoding/csv out, rows as structs, one goroutine that reads and decodes and one that
// transforms and writes, with batches of rows between them. No tricks: no reflection of its own, no parser of its own,
// no unsafe.
package plaingo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"weir.dev/weir/bench/compare/flows"
)

// batchRows is how many rows go from one goroutine to the other at a time, and queued how many batches may wait.
const (
	batchRows = 1024
	queued    = 4
)

// Run runs the flow over the files in the folder in and writes into the folder out.
func Run(ctx context.Context, f flows.Flow, in, out string) error {
	files, err := filepath.Glob(filepath.Join(in, f.In, "*."+f.In))
	if err != nil {
		return err
	}
	read := readCSV
	if f.In == "jsonl" {
		read = readJSON
	}
	if f.MapAll {
		w, err := createContacts(out)
		if err != nil {
			return err
		}
		return pipe(ctx, files, read, w)
	}
	var w sink[lead]
	if f.Partition {
		w = &partitioned{dir: out, open: map[partition]sink[lead]{}}
	} else if w, err = createLeads(out, f.Out); err != nil {
		return err
	}
	return pipe(ctx, files, read, &transformed{out: w})
}

// sink takes rows. It does not keep the slice.
type sink[T any] interface {
	write(rows []T) error
	close() error
}

// reader decodes the file and hands its rows to emit, in batches that belong to whoever gets them.
type reader func(r io.Reader, fresh func() []contact, emit func([]contact) error) error

// pipe reads the files one after the other in a goroutine of its own and writes the rows in the caller's.
func pipe(ctx context.Context, files []string, read reader, w sink[contact]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches, spent := make(chan []contact, queued), make(chan []contact, queued+2)
	result := make(chan error, 1)
	go func() {
		defer close(batches)
		result <- readAll(ctx, files, read, batches, spent)
	}()
	var failed error
	for rows := range batches {
		if failed == nil {
			if failed = w.write(rows); failed != nil {
				cancel()
			}
		}
		select {
		case spent <- rows[:0]:
		default:
		}
	}
	return errors.Join(failed, <-result, w.close())
}

func readAll(ctx context.Context, files []string, read reader, batches chan<- []contact, spent <-chan []contact) error {
	fresh := func() []contact {
		select {
		case rows := <-spent:
			return rows
		default:
			return make([]contact, 0, batchRows)
		}
	}
	emit := func(rows []contact) error {
		select {
		case batches <- rows:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = read(f, fresh, emit)
		f.Close()
		if err != nil {
			return fmt.Errorf("reading %s: %w", path, err)
		}
	}
	return nil
}
