package land

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"sync"

	"weir.dev/weir/batch"
)

// Prepared is one batch's rows, grouped by partition and measured: the part of a lander's work that any goroutine may do.
// Either [Lander.Add] or Release consumes it.
type Prepared struct {
	Object string // the source object the rows came from
	rows   int
	groups []group
	data   []byte // what the groups' copies are slices of; nil when there is one group, which owns its rows
	pool   *batch.Pool
}

// group is the rows of one partition.
type group struct {
	key []byte // see router.appendKey; nil without partitions
	piece
}

// Rows is the number of rows.
func (p *Prepared) Rows() int { return p.rows }

// Bytes is the memory it holds.
func (p *Prepared) Bytes() (n int64) {
	if p.data != nil {
		return int64(cap(p.data))
	}
	for i := range p.groups {
		n += p.groups[i].mem
	}
	return n
}

// Release drops the rows.
func (p *Prepared) Release() {
	if p.data != nil {
		freeChunk(p.pool, p.data)
	} else {
		for i := range p.groups {
			p.groups[i].release(p.pool, nil)
		}
	}
	p.groups, p.data = nil, nil
}

// prepare groups the batch's rows by the values of the partition columns, in order of each group's first row, and
// consumes the batch. Rows that do not make up a block of so much text are copied out of it unless nearly all that it pins
// is wanted.
func prepare(pool *batch.Pool, sh *shape, b *batch.Batch, partition []int, block int64) *Prepared {
	p := &Prepared{Object: b.Origin.Object, rows: b.Rows, pool: pool}
	c := openCells(b)
	r := routers.Get().(*router)
	defer routers.Put(r)
	if len(partition) > 0 {
		r.route(b, partition)
	}
	if len(partition) == 0 || len(r.ends) == 1 {
		g := group{piece: piece{rows: b.Rows, text: c.total(b.Rows), object: b.Origin.Object, shape: sh}}
		if len(partition) > 0 {
			g.key = bytes.Clone(r.key(0))
		}
		g.take(pool, b, c, block)
		p.groups = []group{g}
		return p
	}
	r.gather(p, sh, c)
	b.Release()
	return p
}

// take takes over the batch. It lets go of what the batch pins beyond its rows' needs (after a filter or a projection a
// few cells would else keep a whole chunk of the source), but not for rows that fill a block, because those wait for
// nothing. Few rows are copied one by one, to be joined with others.
func (g *group) take(pool *batch.Pool, b *batch.Batch, c *cells, block int64) {
	const small, few = 4 << 10, 256
	need := g.text + g.shape.viewBytes()*int64(b.Rows)
	pins := pinned(b)
	switch {
	case g.text >= block || pins <= 2*need+small:
		g.b, g.mem = b, pins
	case b.Rows >= few:
		g.b = batch.Compact(pool, b)
		g.mem = pinned(g.b)
	default:
		g.copy = copyRows(pool, c, 0, b.Rows)
		g.mem = int64(cap(g.copy))
		b.Release()
	}
}

// router groups the rows of one batch. It is kept and used again for its memory.
type router struct {
	forms []batch.Form
	ids   []int32 // of each row's group
	// The dictionary: group i has the key arena[ends[i-1]:ends[i]] and the hash hashes[i]. Slots is an open hash table of
	// group numbers plus one.
	arena  []byte
	ends   []int
	hashes []uint64
	slots  []int32
	// Per row, then per group.
	sums       []int64
	text, size []int64
	order      []int32
}

var (
	routers = sync.Pool{New: func() any { return new(router) }}
	seed    = maphash.MakeSeed() // decides nothing but places in hash tables
)

// route numbers the rows' groups in order of their first row.
func (r *router) route(b *batch.Batch, partition []int) {
	r.forms = r.forms[:0]
	for _, i := range partition {
		r.forms = append(r.forms, batch.OpenForm(b.Columns[i]))
	}
	r.ids = resize(r.ids, b.Rows)
	r.arena, r.ends, r.hashes = r.arena[:0], r.ends[:0], r.hashes[:0]
	clear(r.slots)
	if len(r.slots) == 0 {
		r.slots = make([]int32, 256)
	}
	last := int32(-1)
	for row := range r.ids {
		start := len(r.arena)
		r.arena = r.appendKey(r.arena, row)
		key := r.arena[start:]
		if last >= 0 && bytes.Equal(key, r.key(int(last))) {
			r.arena = r.arena[:start]
		} else {
			last = r.find(key, start)
		}
		r.ids[row] = last
	}
	clear(r.forms)
}

// appendKey appends the row's partition values: for each a length plus one, zero for null, and the text form.
func (r *router) appendKey(dst []byte, row int) []byte {
	for i := range r.forms {
		if r.forms[i].IsNull(row) {
			dst = append(dst, 0)
			continue
		}
		start := len(dst)
		dst = r.forms[i].Append(append(dst, 0), row)
		n := len(dst) - start - 1
		if n < 0x7f {
			dst[start] = byte(n + 1)
			continue
		}
		var length [binary.MaxVarintLen64]byte
		used := binary.PutUvarint(length[:], uint64(n+1))
		dst = append(dst, length[:used-1]...) // for the room alone
		copy(dst[start+used:], dst[start+1:start+1+n])
		copy(dst[start:], length[:used])
	}
	return dst
}

// values reads a key back.
func values(key []byte) (vs []Value) {
	for len(key) > 0 {
		n, used := binary.Uvarint(key)
		key = key[used:]
		if n == 0 {
			vs = append(vs, Value{Null: true})
			continue
		}
		vs = append(vs, Value{Text: key[:n-1]})
		key = key[n-1:]
	}
	return vs
}

func (r *router) key(id int) []byte {
	start := 0
	if id > 0 {
		start = r.ends[id-1]
	}
	return r.arena[start:r.ends[id]]
}

// find returns the number of the key, which lies at the arena's end from start: a new group keeps it there, else it is
// taken away.
func (r *router) find(key []byte, start int) int32 {
	h := maphash.Bytes(seed, key)
	mask := uint64(len(r.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		id := r.slots[at] - 1
		if id < 0 {
			r.slots[at] = int32(len(r.ends)) + 1
			break
		}
		if r.hashes[id] == h && bytes.Equal(key, r.key(int(id))) {
			r.arena = r.arena[:start]
			return id
		}
	}
	r.ends = append(r.ends, len(r.arena))
	r.hashes = append(r.hashes, h)
	if 2*len(r.ends) > len(r.slots) {
		r.rehash()
	}
	return int32(len(r.ends) - 1)
}

func (r *router) rehash() {
	r.slots = make([]int32, 4*len(r.slots))
	mask := uint64(len(r.slots) - 1)
	for id, h := range r.hashes {
		at := h & mask
		for r.slots[at] != 0 {
			at = (at + 1) & mask
		}
		r.slots[at] = int32(id) + 1
	}
}

// gather copies the rows, group by group, into one piece of memory.
func (r *router) gather(p *Prepared, sh *shape, c *cells) {
	rows, n := len(r.ids), len(r.ends)
	r.sums = resize(r.sums, 2*rows)
	clear(r.sums)
	text, size := r.sums[:rows], r.sums[rows:]
	c.measure(0, text, size)

	r.text, r.size = resize(r.text, n), resize(r.size, n)
	clear(r.text)
	clear(r.size)
	p.groups = make([]group, n)
	for row, id := range r.ids {
		p.groups[id].rows++
		r.text[id] += text[row]
		r.size[id] += size[row]
	}
	r.sort(p.groups)

	keys := bytes.Clone(r.arena)
	var total int64
	for _, s := range r.size {
		total += s
	}
	p.data = newChunk(p.pool, int(total)+batch.Slack)
	data, next, at := p.data[:cap(p.data)], 0, 0
	for id := range p.groups {
		g := &p.groups[id]
		start := at
		for _, row := range r.order[next : next+g.rows] {
			at = c.writeRow(data, at, int(row))
		}
		next += g.rows
		g.copy, g.text, g.object, g.shape = data[start:at:at], r.text[id], p.Object, sh
		keyStart := 0
		if id > 0 {
			keyStart = r.ends[id-1]
		}
		g.key = keys[keyStart:r.ends[id]]
	}
}

// sort puts the rows' numbers in the order of their groups; within one they keep their order.
func (r *router) sort(groups []group) {
	r.order = resize(r.order, len(r.ids))
	at := make([]int32, len(groups))
	for i := 1; i < len(groups); i++ {
		at[i] = at[i-1] + int32(groups[i-1].rows)
	}
	for row, id := range r.ids {
		r.order[at[id]] = int32(row)
		at[id]++
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
