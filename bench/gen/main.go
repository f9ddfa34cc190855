// Command gen writes the benchmark's table of contacts: 20 columns, about 250 bytes a row as CSV, the same for the same
// seed and number of rows, in one file or spread over several. CSV is flat, JSON lines are nested.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"weir.dev/weir/format/formattest"
)

func main() {
	rows := flag.Int("rows", 1_000_000, "rows in all")
	kind := flag.String("format", "csv", "csv or jsonl")
	dir := flag.String("dir", "", "folder to write into")
	files := flag.Int("files", 1, "files to spread the rows over")
	flag.Parse()
	if err := write(*dir, *kind, *rows, *files); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(dir, kind string, rows, files int) error {
	table := formattest.CRM{Seed: 1, Rows: rows}
	out := map[string]func(io.Writer) error{"csv": table.WriteCSV, "jsonl": table.WriteNestedJSON}[kind]
	if out == nil {
		return fmt.Errorf("unknown format %q", kind)
	}
	if files < 1 || files > rows {
		return fmt.Errorf("%d rows do not fill %d files", rows, files)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if files == 1 {
		f, err := create(filepath.Join(dir, "contacts."+kind))
		if err != nil {
			return err
		}
		defer f.f.Close()
		if err := out(f); err != nil {
			return err
		}
		return f.finish()
	}
	s := &split{each: rows / files, files: files, csv: kind == "csv", open: func(i int) (*file, error) {
		return create(filepath.Join(dir, fmt.Sprintf("contacts-%03d.%s", i, kind)))
	}}
	if err := out(s); err != nil {
		return err
	}
	return s.finish()
}

// file appears under its name when it is finished.
type file struct {
	*bufio.Writer
	f    *os.File
	path string
}

func create(path string) (*file, error) {
	f, err := os.Create(path + ".part")
	if err != nil {
		return nil, err
	}
	return &file{bufio.NewWriterSize(f, 1<<20), f, path}, nil
}

func (f *file) finish() error {
	if err := f.Flush(); err != nil {
		return err
	}
	if err := f.f.Close(); err != nil {
		return err
	}
	return os.Rename(f.path+".part", f.path)
}
