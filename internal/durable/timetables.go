package durable

import (
	"context"
	"fmt"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

const (
	// lookEvery is how often the clock is compared with the store. An indexed query that finds nothing costs some ten
	// microseconds.
	lookEvery = 500 * time.Millisecond
	// dueAtOnce is how many flows one look takes on. What is left is taken on by the next one, at once.
	dueAtOnce = 200
)

// KeepTimetables fires scheduled flows as they fall due until ctx ends, and hands each execution that this begins to
// start. Any number of processes may keep the timetables of one store: [Steps.Fire] gives each due time one execution at
// most. An execution whose start is never called, because the process died in between, is found among the unfinished ones.
func (s *Steps) KeepTimetables(ctx context.Context, start func(executionID string)) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	failing := false
	for {
		more, err := s.fireDue(ctx, start)
		switch {
		case err == nil:
			failing = false
		case ctx.Err() != nil:
			return
		case !failing: // once for each time that it begins to fail
			s.Logger().Warn("schedules are held up", "error", err)
			failing = true
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// fireDue fires every timetable that is due, the most overdue first, and reports whether there may be more.
func (s *Steps) fireDue(ctx context.Context, start func(executionID string)) (more bool, err error) {
	var due []string
	err = s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		due, err = tx.TimetableDue(ctx, s.Now(), dueAtOnce)
		return err
	})
	if err != nil {
		return false, err
	}
	var held error
	for _, name := range due {
		id, err := s.Fire(ctx, name)
		if fault.Is(err, fault.Quota) {
			return false, nil // it stays due
		}
		if err != nil {
			held = fmt.Errorf("firing flow %q: %w", name, err) // the others are not to wait for it
		}
		if id != "" {
			start(id)
		}
	}
	return len(due) == dueAtOnce && held == nil, held
}
