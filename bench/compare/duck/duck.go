// Package duck runs the benchmark's flows in DuckDB, and reads the outputs of all contestants to compare them. It is
// only ever used in child processes, so that its memory is not counted as somebody else's.
package duck

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver

	"weir.dev/weir/bench/compare/flows"
)

// Options are the settings of a run that a flow leaves open.
type Options struct {
	Threads  int
	AnyOrder bool // let rows change places, which saves DuckDB memory; Weir keeps them in order in a single file
}

func open(ctx context.Context, threads int) (*sql.DB, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, fmt.Sprintf("SET threads=%d", threads)); err != nil {
		db.Close()
		return nil, fmt.Errorf("opening duckdb: %w", err)
	}
	return db, nil
}

// Version is DuckDB's.
func Version(ctx context.Context) (string, error) {
	db, err := open(ctx, 1)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var v string
	err = db.QueryRowContext(ctx, "SELECT version()").Scan(&v)
	return v, err
}

// Run runs the flow over the files in the folder in and writes into the folder out.
func Run(ctx context.Context, f flows.Flow, in, out string, o Options) error {
	db, err := open(ctx, o.Threads)
	if err != nil {
		return err
	}
	defer db.Close()
	settings := fmt.Sprintf("SET preserve_insertion_order=%t", !o.AnyOrder)
	for _, q := range []string{settings, copySQL(f, in, out)} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("running %s in duckdb: %w", f.Name, err)
		}
	}
	return nil
}

func copySQL(f flows.Flow, in, out string) string {
	query := "SELECT * FROM " + source(f, in)
	if !f.MapAll {
		query = mapped + source(f, in) + kept
	}
	target, options := filepath.Join(out, "part."+f.Out), map[string]string{
		"parquet": "FORMAT parquet, COMPRESSION snappy", // Weir's codec too
		"json":    "FORMAT json",
		"csv":     "FORMAT csv, HEADER",
	}[f.Out]
	if f.Partition {
		// Weir's files hold the partition columns too.
		target, options = out, options+", PARTITION_BY (country, segment), WRITE_PARTITION_COLUMNS, OVERWRITE_OR_IGNORE"
	}
	return fmt.Sprintf("COPY (%s) TO %s (%s)", query, quote(target), options)
}

// source names the columns and their types, so that DuckDB neither sniffs nor infers: it is told what Weir finds out by
// itself. An unquoted empty cell is NULL by default.
func source(f flows.Flow, in string) string {
	files := quote(filepath.Join(in, f.In, "*."+f.In))
	if f.In == "jsonl" {
		return fmt.Sprintf(nested, files)
	}
	types := make([]string, len(flows.Inputs))
	for i, name := range flows.Inputs {
		types[i] = quote(name) + ": 'VARCHAR'"
		if typed := numbers[name]; typed != "" && !f.MapAll {
			types[i] = quote(name) + ": " + quote(typed)
		}
	}
	return fmt.Sprintf("read_csv(%s, columns={%s}, header=true, auto_detect=false, delim=',', quote='\"', escape='\"')", files, strings.Join(types, ", "))
}

// numbers are the types of the columns that are computed with. DECIMAL(9,2) × DECIMAL(9,6) is the narrowest pair that holds
// the data: the product fits 64 bits, where wider ones make DuckDB compute with 128. Weir is not told how large they are.
var numbers = map[string]string{"amount": "DECIMAL(9, 2)", "score": "DECIMAL(9, 6)"}

// nested gives the columns that the mapped flows need their names in CSV. DuckDB is told of no other members, and of the
// same types of numbers.
const nested = `(SELECT id, external_id, "name"."first" AS first_name, "name"."last" AS last_name, contact.email AS email,
  contact.phone AS phone, account.name AS company, title, address.country AS country, created_at,
  account.deal.amount AS amount, account.deal.score AS score
FROM read_json(%s, format='newline_delimited', columns={
  'id': 'VARCHAR', 'external_id': 'VARCHAR', 'name': 'STRUCT("first" VARCHAR, "last" VARCHAR)', 'title': 'VARCHAR',
  'contact': 'STRUCT(email VARCHAR, phone VARCHAR)', 'address': 'STRUCT(country VARCHAR)',
  'account': 'STRUCT("name" VARCHAR, deal STRUCT(amount DECIMAL(9, 2), score DECIMAL(9, 6)))',
  'created_at': 'VARCHAR'}))`

const (
	mapped = `SELECT id, external_id AS ref,
  coalesce(first_name, '') || ' ' || coalesce(last_name, '') AS name,
  repeat('*', length(email)) AS email,
  CASE WHEN length(phone) > 4 THEN left(phone, -4) || '****' ELSE repeat('*', length(phone)) END AS phone,
  left(company, 12) AS company, country, title AS segment, created_at,
  CAST(amount * score AS VARCHAR) AS weighted
FROM `
	kept = ` WHERE score > 0.4 AND email IS NOT NULL`
)

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
