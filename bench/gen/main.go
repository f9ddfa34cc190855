// Command gen writes the benchmark's table of contacts: 20 columns, about 250 bytes a row as CSV, the same for the same
// seed and number of rows.
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
	kind := flag.String("format", "csv", "csv or json")
	dir := flag.String("dir", "", "folder to write into")
	flag.Parse()
	if err := write(*dir, *kind, *rows); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(dir, kind string, rows int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, "contacts."+kind)
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	table := formattest.CRM{Seed: 1, Rows: rows}
	out := map[string]func(io.Writer) error{"csv": table.WriteCSV, "json": table.WriteJSON}[kind]
	if out == nil {
		return fmt.Errorf("unknown format %q", kind)
	}
	if err := out(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}
