package simulation

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/internal/durable/durabletest"
)

// horizon is how long a history lasts before everything heals.
const horizon = 12 * time.Hour

// world is what outlives processes.
type world struct {
	seed   uint64
	began  time.Time
	store  *durabletest.Ledger
	bucket *memblob.Store
	vendor *vendor
	atOnce int // executions that a process runs at the same time

	mu     sync.Mutex // guards all below
	counts map[string]uint64
	calm   bool // nothing goes wrong any more
	log    []string
}

func newWorld(seed uint64) *world {
	w := &world{seed: seed, began: time.Now().UTC(), store: durabletest.NewLedger(), bucket: memblob.NewStore("out", nil), counts: map[string]uint64{}}
	w.vendor = newVendor(w)
	w.atOnce = 1 + 3*int(2*w.draw("at once"))
	return w
}

// draw gives a number in [0, 1) that depends on the seed, on what it is about, and on how often that was drawn for.
func (w *world) draw(about ...any) float64 {
	text := fmt.Sprintln(about...)
	w.mu.Lock()
	n := w.counts[text]
	w.counts[text]++
	w.mu.Unlock()
	return hash(w.seed, n, text)
}

func hash(seed, n uint64, text string) float64 {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	h.Write(binary.LittleEndian.AppendUint64(nil, n))
	h.Write([]byte(text))
	x := h.Sum64() // FNV mixes its last bytes badly; splitmix's finisher makes up for it
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

// newID names an execution.
func (w *world) newID(about string) string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", int64(1e12*w.draw("id", about)))
}

// between draws a time span.
func (w *world) between(low, high time.Duration, about ...any) time.Duration {
	return low + time.Duration(w.draw(about...)*float64(high-low))
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.NewTimer(d).C }

// note adds a line to the history.
func (w *world) note(format string, args ...any) {
	at := time.Since(w.began)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf("%12s  %s", at.Round(time.Millisecond), fmt.Sprintf(format, args...)))
}

func (w *world) isCalm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

// heal ends everything that goes wrong.
func (w *world) heal() {
	w.note("all heals")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calm = true
}
