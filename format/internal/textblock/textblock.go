// Package textblock holds what the encoders of text formats share: growing a block's bytes, copying cells into it eight
// bytes at a time, and files that are nothing but a head and blocks.
package textblock

import (
	"encoding/binary"
	"io"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// BlockBytes is how much text should go into one block: enough to make what is done once a block cheap, little enough to
// stay in a processor's cache until it is written.
const BlockBytes = 256 << 10

// Room is how much more than a cell's own size must be free when it is copied in words.
const Room = 16

// New returns an empty block with room for size bytes.
func New(size int) []byte { return batch.DefaultPool.Allocate(max(size, 4<<10))[:0] }

// Free drops a block's bytes.
func Free(dst []byte) { batch.DefaultPool.Free(dst) }

// Grow makes sure that n bytes can be appended.
func Grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	return grow(dst, n)
}

//go:noinline
func grow(dst []byte, n int) []byte {
	return batch.DefaultPool.Reallocate(max(2*cap(dst), len(dst)+n), dst)[:len(dst)]
}

// Block ends a block.
func Block(dst []byte, rows int) *format.Block {
	b := &format.Block{Rows: rows, Parts: [][]byte{dst}}
	b.OnRelease(func() { Free(dst) })
	return b
}

// Estimate is about how many bytes the batches will need as text, with perCell bytes around every cell.
func Estimate(batches []*batch.Batch, perCell int) int {
	n := 0
	for _, b := range batches {
		for _, col := range b.Columns {
			n += b.Rows * perCell
			if !col.Kind.IsText() {
				n += b.Rows * 8
				continue
			}
			view := batch.OpenText(col)
			for i := range view.Views {
				n += view.Views[i].Len()
			}
		}
	}
	return n + n/16
}

// Short is the text of a header that holds its text itself, as two words: 8 bytes and 4, padded with zeros.
func Short(v *arrow.ViewHeader) (first uint64, rest uint32) {
	p := unsafe.Pointer(v)
	return *(*uint64)(unsafe.Add(p, 4)), *(*uint32)(unsafe.Add(p, 12))
}

// PutShort appends n bytes of such a text. Room must be free.
func PutShort(dst []byte, first uint64, rest uint32, n int) []byte {
	at := len(dst)
	p := unsafe.Pointer(unsafe.SliceData(dst[:at+Room])) // checks the room
	*(*uint64)(unsafe.Add(p, at)) = first
	*(*uint32)(unsafe.Add(p, at+8)) = rest
	return dst[:at+n]
}

// Padding makes the zeros behind a short text of n bytes spaces, for the two words of [Short]: or it to them.
func Padding(n int) (first uint64, rest uint64) {
	p := &padding[n]
	return p[0], p[1]
}

var padding = func() (p [batch.InlineText + 1][2]uint64) {
	for n := range p {
		var spaces [16]byte
		for i := n; i < len(spaces); i++ {
			spaces[i] = ' '
		}
		p[n] = [2]uint64{binary.NativeEndian.Uint64(spaces[:]), uint64(binary.NativeEndian.Uint32(spaces[8:])) | 0x20202020<<32}
	}
	return p
}()

// Ones has the value 1 in each byte.
const Ones = 0x0101010101010101

const tops = 0x80 * Ones

// HasZero is not zero when a byte of w is zero. Only that is exact: other bits may be set then as well. The caller may
// combine several before comparing.
func HasZero(w uint64) uint64 { return (w - Ones) & ^w & tops }

// HasBelow20 is not zero when a byte of w is below 0x20, in the manner of [HasZero].
func HasBelow20(w uint64) uint64 { return (w - 0x20*Ones) & ^w & tops }

// NewFile starts a file that begins with head.
func NewFile(head []byte) format.File { return &file{head: head} }

type file struct {
	head    []byte
	started bool
	size    int64
}

func (f *file) Append(w io.Writer, b *format.Block) error {
	if err := f.start(w); err != nil {
		return err
	}
	for _, part := range b.Parts {
		if err := f.write(w, part); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) Finish(w io.Writer) error { return f.start(w) }

func (f *file) Size() int64 { return f.size }

func (f *file) start(w io.Writer) error {
	if f.started {
		return nil
	}
	f.started = true
	return f.write(w, f.head)
}

func (f *file) write(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	f.size += int64(n)
	return err
}
