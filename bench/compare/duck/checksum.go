package duck

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"weir.dev/weir/bench/compare/flows"
)

// Checksum says what an output holds, whatever the order of its rows: two outputs with equal checksums hold the same
// rows, but for collisions of a 64-bit hash.
type Checksum struct {
	Rows    int64
	Row     string            // of whole rows: values of one row stand together
	Columns map[string]string // of each column, to say where two outputs differ
	Folders int64             // partitions; 0 without
	Strays  int64             // rows in a folder that does not name their values
}

// Differences names what differs, for a person to read. It is empty when the outputs agree.
func (c Checksum) Differences(other Checksum) []string {
	var diff []string
	if c.Rows != other.Rows {
		diff = append(diff, fmt.Sprintf("%d and %d rows", c.Rows, other.Rows))
	}
	for name, sum := range c.Columns {
		if other.Columns[name] != sum {
			diff = append(diff, "column "+name)
		}
	}
	if c.Row != other.Row {
		diff = append(diff, "rows as wholes")
	}
	if c.Folders != other.Folders {
		diff = append(diff, fmt.Sprintf("%d and %d partitions", c.Folders, other.Folders))
	}
	if c.Strays+other.Strays > 0 {
		diff = append(diff, fmt.Sprintf("%d and %d rows in the wrong partition", c.Strays, other.Strays))
	}
	return diff
}

// Sum reads all files under the folder dir, which hold the output of f.
func Sum(ctx context.Context, f flows.Flow, dir string) (Checksum, error) {
	sum := Checksum{Columns: map[string]string{}}
	db, err := open(ctx, 2)
	if err != nil {
		return sum, err
	}
	defer db.Close()
	columns := f.Outputs()
	row := make([]string, len(columns))
	fields := []string{"count(*)", "", "count(DISTINCT folder)", "count(*) FILTER (stray)"}
	for i, name := range columns {
		row[i] = normal(name)
		fields = append(fields, hashSum(row[i]))
	}
	fields[1] = hashSum(strings.Join(row, ", "))
	from, err := output(f, dir)
	if err != nil {
		return sum, err
	}
	sums := make([]string, len(columns))
	into := []any{&sum.Rows, &sum.Row, &sum.Folders, &sum.Strays}
	for i := range sums {
		into = append(into, &sums[i])
	}
	query := "SELECT " + strings.Join(fields, ", ") + " FROM (" + from + ")"
	if err := db.QueryRowContext(ctx, query).Scan(into...); err != nil {
		return sum, fmt.Errorf("reading the output of %s: %w", f.Name, err)
	}
	for i, name := range columns {
		sum.Columns[name] = sums[i]
	}
	return sum, nil
}

func hashSum(values string) string {
	return "coalesce(sum(hash(" + values + ")), 0)::VARCHAR"
}

// normal is the column as far as it has to be the same.
func normal(column string) string {
	if column == "weighted" {
		// Weir trims zeros at the end of a decimal, DuckDB and Polars write as many digits as the type has. The number is
		// what has to be the same, and exactly: eight digits after the point are all there can be.
		return "CAST(weighted AS DECIMAL(18, 8))"
	}
	return column
}

// output gives the query that reads the files under dir: the columns of f as text, the folder of a partition and
// whether the row does not belong there.
func output(f flows.Flow, dir string) (string, error) {
	var files []string
	for _, pattern := range []string{"*", "*/*", "*/*/*", "*/*/*/*"} { // Weir puts a folder with the flow's name on top
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		for _, path := range found {
			if isFile(path) {
				files = append(files, quote(path))
			}
		}
	}
	if len(files) == 0 {
		return "", fmt.Errorf("reading the output of %s: %s is empty", f.Name, dir)
	}
	list, columns := "["+strings.Join(files, ", ")+"]", f.Outputs()
	types := "{'" + strings.Join(columns, "': 'VARCHAR', '") + "': 'VARCHAR'}"
	none := ", NULL AS folder, false AS stray FROM "
	switch {
	case f.Out == "json":
		// A key that is missing and a key that is null are both NULL here.
		return "SELECT *" + none + "read_json(" + list + ", columns=" + types + ", format='newline_delimited')", nil
	case f.Out == "csv":
		// CSV has no null: a cell without quotes and one with nothing between them are the same to every reader of ours.
		return "SELECT * REPLACE (nullif(segment, '') AS segment, nullif(phone, '') AS phone)" + none +
			"read_csv(" + list + ", columns=" + types + ", header=true, auto_detect=false, delim=',', quote='\"', escape='\"')", nil
	case !f.Partition:
		return "SELECT *" + none + "read_parquet(" + list + ", hive_partitioning=false)", nil
	}
	// Names of folders differ: Weir calls the partition of nulls "null", Hive's readers "__HIVE_DEFAULT_PARTITION__"; some
	// escape spaces and commas as in URLs. The values in the files say which folder a row should be in.
	folder := `regexp_extract(filename, '(country=[^/]*/segment=[^/]*)/', 1)`
	folder = `regexp_replace(url_decode(` + folder + `), '=(null|__HIVE_DEFAULT_PARTITION__)$', '=null')`
	return `SELECT *, folder != 'country=' || country || '/segment=' || coalesce(segment, 'null') AS stray
		FROM (SELECT * EXCLUDE (filename), ` + folder + ` AS folder
		FROM read_parquet(` + list + `, hive_partitioning=false, filename=true))`, nil
}
