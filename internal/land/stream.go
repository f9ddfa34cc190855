package land

import "math"

// stream is the rows of one folder on their way into its current file. For the lander's goroutine.
type stream struct {
	l      *Lander
	folder string

	// The block being collected.
	pieces []piece
	rows   int
	text   int64
	mem    int64 // bytes held in memory
	limit  int64 // most text; 0 when no block has been started

	// The current file, nil before its first block.
	file    *file
	number  int64    // of the file
	isOpen  bool     // it has rows, collected or in the file
	size    int64    // encoded bytes of its blocks that have been waited for
	waited  int64    // bytes of text in those
	unknown []*block // blocks since then
	since   int64    // bytes of text in those
}

// mergeBytes is up to which size copied rows are moved together into one allocation.
const mergeBytes = 64 << 10

// add takes a piece. When it is not owned its memory is the caller's, and is copied.
func (s *stream) add(p piece, owned bool) error {
	whole := p.rows
	for {
		if !s.isOpen {
			s.begin()
		}
		if s.limit == 0 {
			s.limit = s.nextLimit()
		}
		room := s.l.opts.Encoder.BlockRows() - s.rows
		if p.rows <= room && s.fits(p.text) {
			s.keep(p, owned)
			if s.text < s.limit && p.rows < room {
				return nil
			}
			return s.blockFull(whole)
		}
		if s.rows > 0 && s.l.target == 0 {
			if err := s.submit(); err != nil {
				return s.refuse(&p, owned, err)
			}
			continue
		}
		if !owned {
			p.copy = clone(s.l.opts.Pool, p.copy)
			p.mem, owned = int64(cap(p.copy)), true
		}
		s.addPart(&p, room)
		if err := s.blockFull(whole - p.rows); err != nil {
			return s.refuse(&p, owned, err)
		}
		if p.rows == 0 {
			return nil
		}
	}
}

// fits reports whether so much more text goes into the block without a cut. Where no size is aimed at, blocks end between
// pieces, and a piece somewhat larger than a block is one: cutting costs a look at every cell.
func (s *stream) fits(text int64) bool {
	if s.l.target == 0 && s.rows == 0 {
		return text <= 4*s.limit
	}
	return s.text+text <= s.limit
}

// refuse drops a piece that could not be taken.
func (s *stream) refuse(p *piece, owned bool, err error) error {
	if owned {
		p.release(s.l.opts.Pool, s.l.spool)
	}
	return err
}

// addPart moves as much of the piece as fits into the block, but at least one row into an empty one.
func (s *stream) addPart(p *piece, room int) {
	pool := s.l.opts.Pool
	head, tail := p.cut(pool, room, s.limit-s.text)
	if head.rows == 0 && s.rows == 0 {
		head, tail = p.cut(pool, 1, math.MaxInt64)
	}
	*p = tail
	if head.rows > 0 {
		s.keep(head, true)
	}
}

// begin opens the next file.
func (s *stream) begin() {
	s.isOpen, s.number = true, s.l.mark.Next
	s.l.mark.Next++
	s.l.open = append(s.l.open, s)
	s.size, s.waited, s.since, s.unknown = 0, 0, 0, nil
}

// keep adds a piece to the block being collected.
func (s *stream) keep(p piece, owned bool) {
	s.rows += p.rows
	s.text += p.text
	if p.b == nil && s.merge(&p, owned) {
		return
	}
	if !owned {
		p.copy = clone(s.l.opts.Pool, p.copy)
		p.mem = int64(cap(p.copy))
	}
	s.pieces = append(s.pieces, p)
	s.hold(p.mem)
}

// merge moves copied rows behind those of the last piece when that is worth the copy.
func (s *stream) merge(p *piece, owned bool) bool {
	if len(s.pieces) == 0 {
		return false
	}
	last := &s.pieces[len(s.pieces)-1]
	if last.copy == nil || !last.isLike(p) {
		return false
	}
	need := len(last.copy) + len(p.copy)
	if need > cap(last.copy) {
		if need > mergeBytes {
			return false
		}
		grown := append(newChunk(s.l.opts.Pool, need), last.copy...)
		freeChunk(s.l.opts.Pool, last.copy)
		last.copy = grown
		s.hold(int64(cap(grown)) - last.mem)
		last.mem = int64(cap(grown))
	}
	last.copy = append(last.copy, p.copy...)
	last.rows += p.rows
	last.text += p.text
	if owned {
		freeChunk(s.l.opts.Pool, p.copy)
	}
	return true
}

func (s *stream) hold(n int64) {
	s.mem += n
	s.l.opts.Share.Hold(n)
}

// spill moves the collected rows to disk.
func (s *stream) spill() error {
	for i := range s.pieces {
		mem := s.pieces[i].mem
		if err := s.pieces[i].spill(s.l.opts.Pool, s.l.spool); err != nil {
			return err
		}
		s.hold(-mem)
	}
	return nil
}

// drop forgets the collected rows.
func (s *stream) drop() {
	for i := range s.pieces {
		s.pieces[i].release(s.l.opts.Pool, s.l.spool)
	}
	s.hold(-s.mem)
	s.pieces, s.rows, s.text, s.limit = nil, 0, 0, 0
}

// blockFull submits the block, and ends the file when it has reached the target. Taken is how many rows of the batch that
// Add is taking are in blocks now.
func (s *stream) blockFull(taken int) error {
	if err := s.submit(); err != nil {
		return err
	}
	if s.l.target == 0 {
		return nil
	}
	s.limit = s.nextLimit()
	if s.limit > 0 {
		return s.l.failure()
	}
	if err := s.end(); err != nil {
		return err
	}
	l := s.l
	for i, o := range l.open {
		if o == s {
			l.open = append(l.open[:i], l.open[i+1:]...)
			break
		}
	}
	if len(l.open) == 0 && len(l.opts.Plan.Program.PartitionBy) == 0 && l.opts.Boundary != nil {
		l.opts.Boundary(l.dropped + taken)
	}
	return nil
}

// end submits what is left and ends the file.
func (s *stream) end() error {
	if s.rows > 0 {
		if err := s.submit(); err != nil {
			return err
		}
	}
	if s.l.target > 0 {
		s.wait() // so that the next file knows the ratio, whatever the timing
	}
	f := s.file
	s.file, s.isOpen, s.limit, s.unknown = nil, false, 0, nil
	if f == nil {
		return nil
	}
	return s.l.endFile(f)
}

// submit hands the collected block to the workers.
func (s *stream) submit() error {
	l := s.l
	b, err := l.encode(s)
	if err != nil {
		return err
	}
	if s.file == nil {
		s.file = l.newFile(s)
	}
	if l.target > 0 {
		s.unknown = append(s.unknown, b)
		s.since += b.text
	}
	s.file.append(op{block: b})
	return nil
}

// nextLimit decides how much text the next block may hold; 0 ends the file. It is a function of the rows alone: sizes of
// encoded blocks count only where they have been waited for, and where that is depends on text, not on time.
func (s *stream) nextLimit() int64 {
	l := s.l
	if l.target == 0 {
		return l.block
	}
	if l.mark.Ratio == 0 && s.waited == 0 && s.since == 0 {
		// Nothing is known yet: probe with a little.
		return min(l.block, max(1, l.target/16))
	}
	if l.mark.Ratio > 0 {
		// Comfortably far from the end, go on without waiting.
		estimate := s.size + int64(l.mark.Ratio*float64(s.since))
		if l.target-estimate > int64(1.25*l.mark.Ratio*float64(l.block)) {
			return l.block
		}
	}
	if s.since > 0 {
		s.wait()
	}
	left := l.target - s.size
	if left <= l.target/20 {
		return 0
	}
	if l.mark.Ratio == 0 {
		return l.block // blocks of no bytes: nothing to go by
	}
	return min(l.block, max(1, int64(float64(left)/l.mark.Ratio)))
}

// wait learns the sizes of all blocks of the file.
func (s *stream) wait() {
	for _, b := range s.unknown {
		<-b.encoded
		s.size += b.size
		s.waited += b.text
	}
	s.unknown, s.since = s.unknown[:0], 0
	if s.waited > 0 && s.size > 0 {
		s.l.mark.Ratio = float64(s.size) / float64(s.waited)
	}
}
