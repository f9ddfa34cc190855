package kernel

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// arena is where the texts of a new column are written. Text that turns out to fit its header takes no room.
type arena struct {
	mem   memory.Allocator
	b     *batch.TextBuilder
	buf   *memory.Buffer // the builder holds it too
	data  []byte
	used  int
	index int32
	hint  int // how much the first buffer should hold
}

const (
	// maxText bounds one text. Headers keep 31-bit offsets, so a buffer is kept below that too.
	maxText    = 1 << 30
	arenaBytes = 64 << 10
)

// room returns n bytes to write to, followed by enough readable ones for batch.PutView. N is at most maxText.
func (a *arena) room(n int) []byte {
	if need := n + batch.Slack; a.used+need > len(a.data) {
		a.grow(need)
	}
	return a.data[a.used : a.used+n : a.used+n]
}

func (a *arena) grow(need int) {
	a.close()
	size := max(need, min(a.hint+batch.Slack, maxText), arenaBytes)
	a.hint = min(2*size, 4<<20)
	a.buf = memory.NewResizableBuffer(a.mem)
	a.buf.Resize(size)
	a.index = a.b.Buffer(a.buf)
	a.data, a.used = a.buf.Bytes(), 0
}

// put makes v the first n bytes of the room last given.
func (a *arena) put(v *arrow.ViewHeader, n int) {
	batch.PutView(v, unsafe.SliceData(a.data[a.used:]), n, batch.At(a.index, a.used))
	if n > inlineMax {
		a.used += n
	}
}

// close lets go of the buffer; the builder keeps it.
func (a *arena) close() {
	if a.buf != nil {
		a.buf.Release()
		a.buf, a.data, a.used = nil, nil, 0
	}
}
