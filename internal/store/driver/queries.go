package driver

import (
	"fmt"
	"io/fs"
	"strings"

	"weir.dev/weir/fault"
)

// Queries is a database's SQL by name.
type Queries map[string]string

const nameMark = "-- name: "

// ReadQueries reads every .sql file of a folder. A line "-- name: FlowGet" begins a query, which ends where the next one
// begins; other comments belong to the query they follow.
func ReadQueries(folder fs.FS) (Queries, error) {
	files, err := fs.Glob(folder, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("listing queries: %w", err)
	}
	queries := Queries{}
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, fmt.Errorf("reading queries: %w", err)
		}
		sections := strings.Split("\n"+string(text), "\n"+nameMark)
		for _, section := range sections[1:] {
			name, query, _ := strings.Cut(section, "\n")
			name = strings.TrimSpace(name)
			if queries[name] != "" {
				return nil, fmt.Errorf("reading queries %q: %s is there twice", file, name)
			}
			queries[name] = strings.TrimRight(strings.TrimSpace(query), ";")
		}
	}
	return queries, nil
}

func (q Queries) find(name string) (string, error) {
	query, ok := q[name]
	if !ok {
		return "", fault.New(fault.Internal, "no query is named %s", name)
	}
	return query, nil
}
