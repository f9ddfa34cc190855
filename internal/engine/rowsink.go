package engine

import (
	"context"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// rowSink writes batches to a vendor, one after the other, with a checkpoint after each that it has acknowledged: after
// a crash one batch, at most, is written again.
type rowSink struct {
	m       *mover
	w       connector.RowWriter
	next    int64 // sequence of the next write
	rejects []flow.Reject
	saved   bool // nothing has been counted since the last checkpoint
	closed  bool
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
	return &rowSink{m: m, w: w, next: m.sequence}, nil
}

func (s *rowSink) prepare(*result) {}

func (s *rowSink) take(p *page) error {
	s.saved = false
	if p.res.out == nil {
		return s.count(p)
	}
	if batch.ContentOf(batch.HashRows(nil, p.res.out, s.m.sample)) != p.res.content {
		return fault.New(fault.Internal, "writing batch %d: it does not hold the records that left the program", s.next)
	}
	receipt, refusals, err := s.w.Write(s.m.ctx, s.next, p.res.out)
	if err != nil {
		return err
	}
	if err := s.count(p); err != nil {
		return err
	}
	s.m.content.Add(p.res.content)
	if err := s.refuse(p, refusals); err != nil {
		return err
	}
	t := &s.m.totals
	written := p.res.rows - int64(len(refusals))
	if receipt.Rows != written {
		return fault.New(fault.ConnectorServer, "writing batch %d: the destination acknowledged %d records and refused %d of %d",
			s.next, receipt.Rows, len(refusals), p.res.rows)
	}
	t.Written += written
	t.BytesWritten += receipt.Bytes
	s.next++
	if err := s.checkpoint(false, receipt); err != nil {
		return err
	}
	if len(refusals) > 0 && s.m.t.Plan.Dest.FailOnFirstError {
		r := refusals[0]
		return fault.New(fault.ConnectorServer, "record %d of %q was refused by the destination: %s", p.res.out.Origin.Record(r.Row), p.object, r.Reason)
	}
	return nil
}

func (s *rowSink) count(p *page) error {
	samples, err := s.m.count(p)
	s.rejects = append(s.rejects, samples...)
	return err
}

// refuse counts the rows that the destination refused. Each may be named once.
func (s *rowSink) refuse(p *page, refusals []connector.Refusal) error {
	seen := make(map[int]bool, len(refusals))
	var lines errorLines
	var from *record
	if p.in != nil && len(refusals) > 0 {
		from = openRecords(p.in)
	}
	for _, r := range refusals {
		if r.Row < 0 || int64(r.Row) >= p.res.rows || seen[r.Row] {
			return fault.New(fault.Internal, "writing batch %d: the destination refused row %d of %d, which is none or was refused before", s.next, r.Row, p.res.rows)
		}
		seen[r.Row] = true
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
		Cursor: s.m.cursor, Totals: s.m.totals, Sequence: s.next, Content: s.m.content, Place: s.m.place,
		Errors: errs.Mark(), ErrorFiles: errs.Files[s.m.saved.files:],
	}
	if err := s.m.hooks.Checkpoint(s.m.ctx, c, receipts, s.rejects); err != nil {
		return err
	}
	s.rejects, s.saved = nil, true
	s.m.saved = savedErrors{files: len(errs.Files), lines: errs.Lines}
	return nil
}

// salvage has nothing to do: everything acknowledged is in a checkpoint.
func (s *rowSink) salvage() {}

func (s *rowSink) finish() error {
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
	if s.closed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.m.ctx), closeTime)
	defer cancel()
	_ = s.w.Close(ctx) // the run has failed already, and says why
}
