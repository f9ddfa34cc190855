package engine

import (
	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
)

// follow checks that a page is the one that must come now: the next one that was fetched, with the records behind those of
// the page before, and after a resume with the very rows that are in files already.
func (m *mover) follow(p *page) error {
	if p.number != m.taken {
		return fault.New(fault.Internal, "split %d: page %d of this run comes where page %d should", m.t.Split.Index, p.number, m.taken)
	}
	m.taken++
	if p.records >= 0 && p.first > 0 {
		if at := m.expected; at.Object == p.object && at.Record > 0 && at.Record != p.first {
			return fault.New(fault.Internal, "split %d: a page of %q begins with record %d where record %d should come", m.t.Split.Index, p.object, p.first, at.Record)
		}
		p.next = Place{Object: p.object, Record: p.first + p.records}
	} else if p.records == 0 {
		p.next = m.expected
	}
	m.expected = p.next
	return m.metAgain(p)
}

// metAgain checks the page that a checkpoint stood in the middle of.
func (m *mover) metAgain(p *page) error {
	if m.mark == nil || m.mark.Skip == 0 {
		return nil
	}
	skip := m.mark.Skip
	m.mark.Skip = 0 // the lander has its own copy
	if len(p.res.hashes) < skip || batch.ContentOf(p.res.hashes[:skip]) != m.skipped {
		return fault.New(fault.Internal, "split %d: %q does not give the %d records again that were written before the run was resumed", m.t.Split.Index, p.object, skip)
	}
	return nil
}

// tampered is b, unless a test does harm to it.
func (m *mover) tampered(hop string, b *batch.Batch) *batch.Batch {
	if m.e.opts.tamper == nil || b == nil {
		return b
	}
	return m.e.opts.tamper(hop, b)
}
