package local

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
		e.steps.KeepTimetables(e.calm, e.take)
	}()
}
