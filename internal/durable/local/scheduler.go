package local

import (
	"context"
	"fmt"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

const (
	// lookEvery is how often the scheduler asks the store what is due. An indexed query that finds nothing costs some ten
	// microseconds.
	lookEvery = 500 * time.Millisecond
	// dueAtOnce is how many flows one look takes on. What is left is taken on by the next one, at once.
	dueAtOnce = 200
)

// Schedule starts the executions of scheduled flows as they fall due, until the engine drains or stops. Call it once,
// after [Engine.Resume]; it returns at once.
func (e *Engine) Schedule() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return
	}
	e.running.Add(1)
	go func() {
		defer e.running.Done()
		e.watchTheClock()
	}()
}

func (e *Engine) watchTheClock() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	failing := false
	for {
		more, err := e.fireDue(e.calm)
		switch {
		case err == nil:
			failing = false
		case e.calm.Err() != nil:
			return
		case !failing: // once for each time that it begins to fail
			e.steps.Logger().Warn("schedules are held up", "error", err)
			failing = true
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ticker.C:
		case <-e.calm.Done():
			return
		}
	}
}

// fireDue fires every timetable that is due, the most overdue first, and reports whether there may be more.
func (e *Engine) fireDue(ctx context.Context) (more bool, err error) {
	var due []string
	err = e.steps.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		due, err = tx.TimetableDue(ctx, e.steps.Now(), dueAtOnce)
		return err
	})
	if err != nil {
		return false, err
	}
	var held error
	for _, name := range due {
		id, err := e.steps.Fire(ctx, name)
		if fault.Is(err, fault.Quota) {
			return false, nil // it stays due
		}
		if err != nil {
			held = fmt.Errorf("firing flow %q: %w", name, err) // the others are not to wait for it
		}
		if id != "" {
			e.take(id)
		}
	}
	return len(due) == dueAtOnce && held == nil, held
}
