package engine

import "sync"

// workers runs jobs on a bounded number of goroutines. Urgent jobs go first: those that encode give memory back, those
// that decode take some. A goroutine lives only while there is work, so there is nothing to close and nothing to leak.
// Jobs never wait for one another, nor for memory.
type workers struct {
	mu     sync.Mutex // guards all below
	free   int
	urgent []func()
	other  []func()
}

func newWorkers(n int) *workers { return &workers{free: n} }

// run queues a job. It never blocks: callers bound what they queue.
func (w *workers) run(urgent bool, job func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.free > 0 {
		w.free--
		go w.work(job)
		return
	}
	if urgent {
		w.urgent = append(w.urgent, job)
	} else {
		w.other = append(w.other, job)
	}
}

func (w *workers) work(job func()) {
	for job != nil {
		job()
		job = w.next()
	}
}

// next takes the oldest urgent job, else the oldest other one; nil gives the goroutine back.
func (w *workers) next() (job func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := &w.urgent
	if len(*queue) == 0 {
		queue = &w.other
	}
	if len(*queue) == 0 {
		w.free++
		return nil
	}
	job = (*queue)[0]
	(*queue)[0] = nil
	*queue = (*queue)[1:]
	return job
}
