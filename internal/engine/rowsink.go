package engine

import (
	"context"
	"encoding/json"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// rowSink writes batches to a vendor, one after the other, with a checkpoint after each that it has acknowledged: after
// a crash one write, at most, is repeated.
type rowSink struct {
	m       *mover
	w       connector.RowWriter
	next    int64 // sequence of the next write
	rejects []flow.Reject
	note    json.RawMessage // of the writer, about the next write
	saved   bool            // nothing has been counted since the last checkpoint
	closed  bool

	gathered gathered
}

func newRowSink(m *mover) (*rowSink, error) {
	req := connector.WriteRequest{Properties: m.t.Plan.Dest.Properties}
	if w := m.t.Plan.Dest.Write; w != nil {
		req = *w
	}
	req.ExecutionID, req.Split = m.t.Plan.ExecutionID, m.t.Split.Index
	w, err := m.t.Writer.OpenWriter(m.ctx, req)
	if err != nil {
		return nil, err
	}
	s := &rowSink{m: m, w: w, next: m.sequence, gathered: newGathered(m, w)}
	if r, ok := w.(connector.Resumer); ok {
		if m.t.From != nil {
			s.note = m.t.From.Write
		}
		if err := r.Resume(s.note, s.keepNote); err != nil {
			s.close(false)
			return nil, err
		}
	}
	return s, nil
}

// keepNote makes a checkpoint that differs from the last one in nothing but the note.
func (s *rowSink) keepNote(note json.RawMessage) error {
	s.note = note
	return s.checkpoint(false)
}

func (s *rowSink) prepare(*result) {}

func (s *rowSink) take(p *page) error {
	s.saved = false
	if p.res.out == nil && len(s.gathered.pages) == 0 {
		return s.count(p)
	}
	if p.res.out != nil && batch.ContentOf(batch.HashRows(nil, p.res.out, s.m.sample)) != p.res.content {
		return fault.New(fault.Internal, "writing batch %d: it does not hold the records that left the program", s.next)
	}
	s.gathered.add(p)
	if !s.gathered.isEnough() {
		return nil
	}
	return s.write()
}

// write writes what has been gathered, and counts it.
func (s *rowSink) write() error {
	defer s.gathered.drop()
	receipt, refusals, err := s.gathered.write(s.m.ctx, s.next)
	if err != nil {
		return err
	}
	if want := s.gathered.rows - int64(len(refusals)); receipt.Rows != want {
		return fault.New(fault.ConnectorServer, "writing batch %d: the destination acknowledged %d records and refused %d of %d",
			s.next, receipt.Rows, len(refusals), s.gathered.rows)
	}
	if refusals, err = s.gathered.sort(refusals); err != nil {
		return fault.Wrap(fault.Internal, err, "writing batch %d", s.next)
	}
	var first error
	rest := refusals
	for i := range s.gathered.pages {
		p := &s.gathered.pages[i]
		n := countBelow(rest, p.res.rows)
		if err := s.acknowledged(p, rest[:n]); err != nil {
			return err
		}
		if n > 0 && first == nil && s.m.t.Plan.Dest.FailOnFirstError {
			first = fault.New(fault.ConnectorServer, "record %d of %q was refused by the destination: %s", p.res.out.Origin.Record(rest[0].Row), p.object, rest[0].Reason)
		}
		rest = shift(rest[n:], p.res.rows)
	}
	s.m.totals.BytesWritten += receipt.Bytes
	s.next++
	s.note = nil
	if err := s.checkpoint(false, receipt); err != nil {
		return err
	}
	return first
}

// acknowledged counts a page that has been written but for some rows.
func (s *rowSink) acknowledged(p *page, refusals []connector.Refusal) error {
	if err := s.count(p); err != nil {
		return err
	}
	s.m.content.Add(p.res.content)
	s.m.totals.Written += p.res.rows - int64(len(refusals))
	return s.refuse(p, refusals)
}

func (s *rowSink) count(p *page) error {
	samples, err := s.m.count(p)
	s.rejects = append(s.rejects, samples...)
	return err
}

// refuse counts the rows that the destination refused.
func (s *rowSink) refuse(p *page, refusals []connector.Refusal) error {
	var lines errorLines
	var from *record
	if p.in != nil && len(refusals) > 0 {
		from = openRecords(p.in)
	}
	for _, r := range refusals {
		number := p.res.out.Origin.Record(r.Row)
		t := &s.m.totals
		if t.Rejected < maxRejects {
			s.rejects = append(s.rejects, flow.Reject{Split: s.m.t.Split.Index, Object: p.object, Record: number, Task: "Write", Reason: r.Reason, Action: actionRefused})
		}
		t.Rejected++
		t.PutFailures++
		if from != nil {
			s.m.liner.refusal(&lines, from, from.row(number), r.Reason)
		}
	}
	return s.m.log(lines.text)
}

func (s *rowSink) checkpoint(last bool, receipts ...connector.Receipt) error {
	errs, err := s.m.errorState(last)
	if err != nil {
		return err
	}
	c := Checkpoint{
		Cursor: s.m.cursor, Totals: s.m.totals, Sequence: s.next, Content: s.m.content, Place: s.m.place, Write: s.note,
		Errors: errs.Mark(), ErrorFiles: errs.Files[s.m.saved.files:],
	}
	if err := s.m.hooks.Checkpoint(s.m.ctx, c, receipts, s.rejects); err != nil {
		return err
	}
	s.rejects, s.saved = nil, true
	s.m.saved = savedErrors{files: len(errs.Files), lines: errs.Lines}
	return nil
}

// salvage writes what has been gathered, so that a source that fails again and again still gets on. Everything else that
// was acknowledged is in a checkpoint.
func (s *rowSink) salvage() {
	if len(s.gathered.pages) > 0 {
		_ = s.write() // the run has failed already, and a retry finds these rows again
	}
}

func (s *rowSink) finish() error {
	if len(s.gathered.pages) > 0 {
		if err := s.write(); err != nil {
			return err
		}
	}
	s.closed = true
	if err := s.w.Close(s.m.ctx); err != nil {
		return err
	}
	if s.saved {
		return nil
	}
	return s.checkpoint(true)
}

// closeTime bounds the closing of a writer after the run's context has ended.
const closeTime = 30 * time.Second

func (s *rowSink) close(bool) {
	s.gathered.drop()
	if s.closed {
		return
	}
	s.closed = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.m.ctx), closeTime)
	defer cancel()
	_ = s.w.Close(ctx) // the run has failed already, and says why
}
