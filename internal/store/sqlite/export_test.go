package sqlite

import (
	"context"
	"errors"
	"maps"
	"slices"

	"weir.dev/weir/internal/store"
)

// PragmaOfWriter reads a setting of the connection that writes.
func PragmaOfWriter(ctx context.Context, s store.Store, name string) (string, error) {
	writer := s.(*Store).writer
	c := <-writer
	defer func() { writer <- c }()
	var value string
	_, err := c.Row(ctx, "PRAGMA "+name, nil, &value)
	return value, err
}

// QueryPlans explains every query of the package.
func QueryPlans(ctx context.Context, s store.Store) (map[string][]string, error) {
	o := s.(*Store)
	c := <-o.writer
	defer func() { o.writer <- c }()
	plans := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(o.queries)) {
		rows, err := c.raw.QueryContext(ctx, "EXPLAIN QUERY PLAN "+o.queries[name], 1, 1, 1, 1, 1, 1, 1)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				return nil, err
			}
			plans[name] = append(plans[name], detail)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // in a loop
			return nil, err
		}
	}
	return plans, nil
}

// Clone is clone.
var Clone = clone

// CacheSize is how many flows the cache holds, and how many bytes they count as.
func CacheSize(s store.Store) (flows, bytes int) {
	c := s.(*Store).cache
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.flows), c.bytes
}
