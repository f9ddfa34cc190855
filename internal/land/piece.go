package land

import (
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// piece is rows of one partition on their way into a block, in one of three forms: a slice of a batch, which pins all the
// batch's buffers; copied rows in memory, see [cells]; or copied rows in the spool. For one goroutine at a time.
type piece struct {
	rows   int
	text   int64  // see cells.measure; the same in every form
	mem    int64  // bytes of memory it is charged with
	object string // the source object of copied rows
	shape  *shape // of copied rows; set in the first form, too

	b    *batch.Batch // first form: rows [from, from+rows) of a batch that it holds a reference to
	from int
	// alone says that the rows were a batch of their own before they were copied. They become one again, because encoders
	// may end pages with a batch, and a spill must not show in a file.
	alone bool
	copy  []byte // second form: from the pool; its capacity is what the pool gave
	at    span   // third form, when b and copy are nil
}

// release drops the rows.
func (p *piece) release(mem memory.Allocator, s *spool) {
	switch {
	case p.b != nil:
		p.b.Release()
	case p.copy != nil:
		freeChunk(mem, p.copy)
	case p.at.size > 0:
		s.free(p.at)
	}
	*p = piece{}
}

// cut splits the piece: the first part has at most rows rows and text bytes of text, and is empty when even the first row
// has more. Only pieces in memory are cut.
func (p *piece) cut(mem memory.Allocator, rows int, text int64) (head, tail piece) {
	if p.b != nil {
		return p.cutBatch(rows, text)
	}
	n, at, sum := 0, 0, int64(0)
	for n < min(p.rows, rows) {
		next, t := p.shape.skipRow(p.copy, at)
		if sum+t > text {
			break
		}
		n, at, sum = n+1, next, sum+t
	}
	switch n {
	case 0:
		return piece{}, *p
	case p.rows:
		return *p, piece{}
	}
	head = piece{rows: n, text: sum, object: p.object, shape: p.shape, copy: clone(mem, p.copy[:at])}
	tail = piece{rows: p.rows - n, text: p.text - sum, object: p.object, shape: p.shape, copy: clone(mem, p.copy[at:])}
	head.mem, tail.mem = int64(cap(head.copy)), int64(cap(tail.copy))
	freeChunk(mem, p.copy)
	return head, tail
}

// minChunk is the smallest allocation the pool tells apart.
const minChunk = 1 << 10

// newChunk is memory for n bytes or more of copied rows, of length 0. Capacities are powers of two, as the pool's are.
func newChunk(mem memory.Allocator, n int) []byte {
	return mem.Allocate(1 << bits.Len(uint(max(n, minChunk)-1)))[:0]
}

func freeChunk(mem memory.Allocator, b []byte) { mem.Free(b[:cap(b)]) }

func clone(mem memory.Allocator, b []byte) []byte { return append(newChunk(mem, len(b)), b...) }

func (p *piece) cutBatch(rows int, text int64) (head, tail piece) {
	sums := make([]int64, p.rows)
	openCells(p.b).measure(p.from, sums, nil)
	n, sum := 0, int64(0)
	for n < min(p.rows, rows) && sum+sums[n] <= text {
		sum += sums[n]
		n++
	}
	switch n {
	case 0:
		return piece{}, *p
	case p.rows:
		return *p, piece{}
	}
	p.b.Retain()
	head, tail = *p, *p
	head.rows, tail.rows = n, p.rows-n
	head.text, tail.text = sum, p.text-sum
	head.mem = p.mem * int64(n) / int64(p.rows)
	tail.mem = p.mem - head.mem
	tail.from += n
	return head, tail
}

// spill moves the rows to the spool.
func (p *piece) spill(mem *batch.Pool, s *spool) error {
	switch {
	case p.copy != nil:
		at, err := s.write(p.copy)
		if err != nil {
			return err
		}
		freeChunk(mem, p.copy)
		p.copy, p.at = nil, at
	case p.b != nil:
		c := openCells(p.b)
		data := copyRows(mem, c, p.from, p.rows)
		at, err := s.write(data)
		freeChunk(mem, data)
		if err != nil {
			return err
		}
		p.object = p.b.Origin.Object
		p.b.Release()
		p.b, p.at, p.alone = nil, at, true
	}
	p.mem = 0
	return nil
}

// copyRows copies rows into memory from the pool.
func copyRows(mem memory.Allocator, c *cells, first, rows int) []byte {
	both := make([]int64, 2*rows)
	c.measure(first, both[:rows], both[rows:])
	var size int64
	for _, n := range both[rows:] {
		size += n
	}
	data := newChunk(mem, int(size)+batch.Slack)
	at := 0
	for r := first; r < first+rows; r++ {
		at = c.writeRow(data[:cap(data)], at, r)
	}
	return data[:at]
}

// load turns pieces into batches for an encoder, and consumes them. Neighbouring copies from one source object become one
// batch. The caller releases the batches, also after an error.
func load(mem *batch.Pool, s *spool, pieces []piece) (batches []*batch.Batch, err error) {
	for len(pieces) > 0 {
		if pieces[0].b != nil {
			batches = append(batches, pieces[0].slice())
			pieces[0].release(mem, s)
			pieces = pieces[1:]
			continue
		}
		n, size := 1, pieces[0].bytes()
		for n < len(pieces) && pieces[n].b == nil && pieces[n].isLike(&pieces[0]) && size < maxLoad {
			size += pieces[n].bytes()
			n++
		}
		b, err := loadCopies(mem, s, pieces[:n], size)
		if err != nil {
			return batches, err
		}
		batches = append(batches, b)
		pieces = pieces[n:]
	}
	return batches, nil
}

// isLike reports whether copied rows of both may stand in one batch.
func (p *piece) isLike(o *piece) bool {
	return p.object == o.object && p.shape == o.shape && !p.alone && !o.alone
}

// maxLoad bounds a batch made of copies, because text is addressed with 31 bits.
const maxLoad = 512 << 20

// bytes is the size of copied rows.
func (p *piece) bytes() int64 {
	if p.copy != nil {
		return int64(len(p.copy))
	}
	return p.at.size
}

func loadCopies(mem *batch.Pool, s *spool, pieces []piece, size int64) (*batch.Batch, error) {
	data := mem.Buffer(int(size) + batch.Slack)
	defer data.Release()
	at, rows, object, sh := int64(0), 0, pieces[0].object, pieces[0].shape
	for i := range pieces {
		p := &pieces[i]
		n := p.bytes()
		if p.copy != nil {
			copy(data.Bytes()[at:], p.copy)
		} else if err := s.read(data.Bytes()[at:at+n], p.at); err != nil {
			return nil, err
		}
		at += n
		rows += p.rows
		p.release(mem, s)
	}
	return sh.decodeRows(mem, data, int(size), rows, object)
}

// slice is the piece's rows as a batch with a reference of its own.
func (p *piece) slice() *batch.Batch {
	if p.from == 0 && p.rows == p.b.Rows {
		p.b.Retain()
		return p.b
	}
	cols := slices.Clone(p.b.Columns)
	for i := range cols {
		cols[i].Data = array.NewSlice(cols[i].Data, int64(p.from), int64(p.from+p.rows))
	}
	origin := p.b.Origin
	if origin.Index != nil {
		origin.Index = origin.Index[p.from:]
	} else {
		origin.First += int64(p.from)
	}
	return batch.New(cols, p.rows, origin)
}

// pinned is the bytes of memory that a batch keeps from being used again.
func pinned(b *batch.Batch) (n int64) {
	var seen []*memory.Buffer
	for i := range b.Columns {
		for _, buf := range b.Columns[i].Data.Data().Buffers() {
			if buf != nil && !slices.Contains(seen, buf) {
				seen = append(seen, buf)
				n += int64(cap(buf.Buf()))
			}
		}
	}
	return n
}
