package sqlite

import (
	"sync"

	"weir.dev/weir/flow"
)

const defaultCacheBytes = 32 << 20

// cache keeps decoded flows. It is exact, not fresh within some time, which only the one process that writes can have:
//
//   - generation rises when a commit that touches flows begins and when it has ended; its flows are not in the cache
//     meanwhile, so that nobody is served what is being replaced;
//   - a flow is added only by a transaction that began in the present generation: nothing was committed since;
//   - a transaction is served only flows added up to the generation it began in: what it reads from the file agrees.
//
// Flows are copied in and out, because callers change what they get.
type cache struct {
	maxBytes int

	mu           sync.RWMutex // guards all below
	generation   uint64
	isCommitting bool
	flows        map[string]cached
	bytes        int
}

type cached struct {
	flow  *flow.Flow // never changed
	size  int        // of its JSON
	since uint64     // generation
}

func newCache(maxBytes int) *cache {
	if maxBytes == 0 {
		maxBytes = defaultCacheBytes
	}
	return &cache{maxBytes: maxBytes, flows: map[string]cached{}}
}

// view is the cache as one transaction may see it. Used by one goroutine.
type view struct {
	cache      *cache // nil: nothing is there, nothing is kept
	generation uint64
	served     map[string]uint64   // the since of each flow served, by name
	touched    map[string]struct{} // flows the transaction has written
}

func (c *cache) view() *view {
	v := &view{cache: c}
	v.beforeSnapshot()
	return v
}

func noView() *view { return &view{} }

// get returns a copy of a flow, or nil.
func (v *view) get(name string) *flow.Flow {
	if v.cache == nil {
		return nil
	}
	if _, ok := v.touched[name]; ok {
		return nil
	}
	v.cache.mu.RLock()
	kept, ok := v.cache.flows[name]
	v.cache.mu.RUnlock()
	if !ok || kept.since > v.generation {
		return nil
	}
	if v.served == nil {
		v.served = make(map[string]uint64, 1)
	}
	v.served[name] = kept.since
	return clone(kept.flow)
}

// put adds a copy of a flow that the transaction has read from the file.
func (v *view) put(name string, f *flow.Flow, size int) {
	if _, ok := v.touched[name]; ok || v.cache == nil || size > v.cache.maxBytes {
		return
	}
	kept := cached{clone(f), size, v.generation}
	c := v.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isCommitting || c.generation != v.generation {
		return
	}
	c.remove(name)
	for other := range c.flows { // in map order, which is random enough
		if c.bytes+size <= c.maxBytes {
			break
		}
		c.remove(other)
	}
	c.flows[name] = kept
	c.bytes += size
}

// touch keeps a flow that the transaction writes out of its own view.
func (v *view) touch(name string) {
	if v.touched == nil {
		v.touched = map[string]struct{}{}
	}
	v.touched[name] = struct{}{}
}

// beforeSnapshot is called before a transaction's first query: what is in the cache now will be in its snapshot, or
// leaves the cache first.
func (v *view) beforeSnapshot() {
	if v.cache == nil {
		return
	}
	v.cache.mu.RLock()
	v.generation = v.cache.generation
	v.cache.mu.RUnlock()
}

func (v *view) hasServed() bool { return len(v.served) > 0 }

// isServedStill reports whether all flows served so far are still the latest.
func (v *view) isServedStill() bool {
	v.cache.mu.RLock()
	defer v.cache.mu.RUnlock()
	for name, since := range v.served {
		if kept, ok := v.cache.flows[name]; !ok || kept.since != since {
			return false
		}
	}
	return true
}

// beginCommit is called before COMMIT; what it returns is called after, whether that failed or not.
func (v *view) beginCommit() (settle func()) {
	c := v.cache
	if len(v.touched) == 0 {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.isCommitting = true
	for name := range v.touched {
		c.remove(name)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.generation++
		c.isCommitting = false
	}
}

// remove needs mu held for writing.
func (c *cache) remove(name string) {
	c.bytes -= c.flows[name].size
	delete(c.flows, name)
}
