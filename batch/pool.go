package batch

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Pool hands out byte buffers by size class and takes them back, so that a steady stream of batches makes no garbage.
// It is an Arrow allocator: buffers made with it return when their last reference is released. A buffer that is lost
// without a release is garbage like any other; nothing breaks. Safe for concurrent use.
type Pool struct {
	classes [(maxClass+1)*steps + 1]sync.Pool
	inUse   atomic.Int64 // bytes of the buffers handed out and not yet back, rounded up to their classes
}

const (
	minClass = 10 // 1 KiB; anything smaller is rounded up
	maxClass = 30 // 1 GiB; anything larger is not pooled
	// steps is how many classes there are from one power of two to the next: with four, at most a quarter is wasted.
	steps = 4
)

// DefaultPool serves everything that has no pool of its own.
var DefaultPool = &Pool{}

var _ memory.Allocator = (*Pool)(nil)

// Allocate returns size bytes of undefined content, 64-byte aligned for every size in a class.
func (p *Pool) Allocate(size int) []byte {
	if size == 0 {
		return nil
	}
	class, full := classOf(size)
	if full > 1<<maxClass {
		p.inUse.Add(int64(size))
		return make([]byte, size)
	}
	p.inUse.Add(int64(full))
	if b, ok := p.classes[class].Get().(*byte); ok {
		return unsafe.Slice(b, full)[:size:full]
	}
	return make([]byte, full)[:size:full]
}

// Reallocate grows or shrinks b, in place where its class has room.
func (p *Pool) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) {
		return b[:size]
	}
	n := p.Allocate(size)
	copy(n, b)
	p.Free(b)
	return n
}

// Free takes b back, whatever its length is by now. The caller must not use it afterwards.
func (p *Pool) Free(b []byte) {
	c := cap(b)
	if c == 0 {
		return
	}
	p.inUse.Add(-int64(c))
	class, full := classOf(c)
	if full > 1<<maxClass || c != full {
		return
	}
	p.classes[class].Put(unsafe.SliceData(b))
}

// InUse is the memory of the buffers handed out and not yet back, as large as it really is: rounded up to size classes.
// Tests use it to find leaks.
func (p *Pool) InUse() int64 { return p.inUse.Load() }

// Buffer returns an Arrow buffer of size bytes of undefined content that belongs to the pool.
func (p *Pool) Buffer(size int) *memory.Buffer {
	b := memory.NewResizableBuffer(p)
	b.Resize(size)
	return b
}

// classOf is the number of the class for buffers of size bytes, and what those of the class hold.
func classOf(size int) (class, full int) {
	power := max(minClass, bits.Len(uint(size-1))-1) // the class lies above 1<<power, but for the smallest
	if size <= 1<<minClass {
		return minClass * steps, 1 << minClass
	}
	step := 1 << power / steps
	n := (size - 1<<power + step - 1) / step // 1 … steps
	return power*steps + n, 1<<power + n*step
}
