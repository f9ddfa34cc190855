package engine

import (
	"weir.dev/weir/batch"
	"weir.dev/weir/internal/land"
)

// fileSink gathers rows into staged files, with a checkpoint where the lander stands between files.
type fileSink struct {
	m      *mover
	lander *land.Lander
	keeper *keeper
	taking *page // by take, for boundaries in its middle
}

func newFileSink(m *mover) (*fileSink, error) {
	enc, err := encoderOf(m.t.Plan, m.e.opts.Pool)
	if err != nil {
		return nil, err
	}
	s := &fileSink{m: m, keeper: newKeeper(m)}
	if m.e.opts.encoder != nil {
		enc = m.e.opts.encoder(enc)
	}
	s.lander, err = land.NewLander(m.ctx, land.Options{
		Plan: m.t.Plan, Split: m.t.Split.Index, Target: *m.t.Target, Encoder: enc,
		Pool: m.e.opts.Pool, TempDir: m.e.opts.TempDir, Share: m.share,
		Run:      func(job func()) { m.e.workers.run(true, job) },
		Done:     s.keeper.staged,
		Failed:   m.cancel,
		Boundary: s.boundary,
		From:     m.mark,
	})
	if err != nil {
		return nil, err
	}
	s.keeper.start()
	return s, nil
}

func (s *fileSink) prepare(r *result) {
	r.prepared = s.lander.Prepare(r.out, r.partition)
	r.out = nil
}

func (s *fileSink) take(p *page) error {
	if err := s.lander.Turn(p.object); err != nil {
		return err
	}
	if err := s.between(); err != nil {
		return err
	}
	if rows := p.res.prepared; rows != nil {
		p.res.prepared = nil
		p.land() // counted as held rows and blocks from here on
		s.taking = p
		err := s.lander.Add(rows)
		s.taking = nil
		if err != nil {
			return err
		}
	}
	s.m.totals.Written += p.res.rows
	s.m.content.Add(p.res.content)
	samples, err := s.m.count(p)
	if err != nil {
		return err
	}
	s.keeper.reject(samples)
	return s.between()
}

// between offers a checkpoint after the last page that was counted, when nothing of it is left in the lander.
func (s *fileSink) between() error {
	if !s.lander.Idle() {
		return nil
	}
	return s.offer(candidate{mark: s.lander.Mark(), totals: s.m.totals, content: s.m.content})
}

// boundary offers a checkpoint in the middle of the page being taken. The cursor stays before the page, and the mark says
// how many of its rows are in files; they count as read and written, so that the counts close here, too.
func (s *fileSink) boundary(rows int) {
	if int64(rows) == s.taking.res.rows {
		return // after the page is as good, and plainer
	}
	mark, t := s.lander.Mark(), s.m.totals
	mark.Skip = rows
	t.Read += int64(rows)
	t.Written += int64(rows)
	c := candidate{mark: mark, totals: t, content: s.m.content, skipped: batch.ContentOf(s.taking.res.hashes[:rows])}
	c.content.Add(c.skipped)
	_ = s.offer(c) // what it met, the next one will meet, too
}

func (s *fileSink) offer(c candidate) (err error) {
	c.cursor, c.place = s.m.cursor, s.m.place
	if c.errors, err = s.m.errorState(c.final); err == nil {
		s.keeper.offer(c)
	}
	return err
}

// salvage waits for the files that have ended and keeps them, so that a source that fails again and again still gets on.
func (s *fileSink) salvage() {
	if s.lander.Settle() == nil {
		_ = s.keeper.finish()
	}
}

func (s *fileSink) finish() error {
	if err := s.lander.Finish(); err != nil {
		return err
	}
	if err := s.offer(candidate{mark: s.lander.Mark(), totals: s.m.totals, content: s.m.content, final: true}); err != nil {
		return err
	}
	if err := s.keeper.finish(); err != nil {
		return err
	}
	s.m.totals.BytesWritten = s.keeper.bytesWritten()
	return nil
}

func (s *fileSink) close(leave bool) {
	s.lander.Close(leave)
	s.keeper.stop()
}
