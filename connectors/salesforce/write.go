package salesforce

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

const (
	// writeBulkFrom is from how many records on AUTOMATIC takes the Bulk API.
	writeBulkFrom = 1000
	// writeBulkRows is how many rows a job should have: ten of the pieces that Salesforce cuts jobs into, and counts by the day.
	writeBulkRows = 100_000
)

var (
	_ connector.Writer   = (*connection)(nil)
	_ connector.Gatherer = (*writer)(nil)
	_ connector.Resumer  = (*writer)(nil)
)

// OpenWriter implements [connector.Writer].
func (c *connection) OpenWriter(ctx context.Context, req connector.WriteRequest) (connector.RowWriter, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	a, err := c.aim(ctx, req.Properties)
	if err != nil {
		return nil, err
	}
	return &writer{conn: c, aim: a, req: req}, nil
}

// writer writes one split's rows, by calls of the REST API or by jobs of the Bulk API. For one goroutine.
//
// The rows of one write go out in steps: calls of up to 200 records, jobs of up to some 90 MB. What each has come to is
// kept as [progress], so that a repetition of the write goes on where it stopped:
//
//	a call that was answered     is not sent again
//	a call without an answer     is sent again; UPDATE, UPSERT and DELETE mind it not, INSERT may write its records twice
//	a job that was started       is found again by its id, and waited for
//	a job that was not           is aborted, or runs out; nothing of it was written
type writer struct {
	conn *connection
	aim  *aim
	req  connector.WriteRequest

	columns []string // that slots were found for
	encoder *encoder
	note    *progress // of the attempt before, until the first write
	keep    func(json.RawMessage) error
	inDoubt bool   // the first step that is sent may have been sent by the attempt before
	open    string // the job that was made and not started
	noBulk  bool   // the Bulk API does not take the object or its columns, which AUTOMATIC has found out
	closed  bool
}

func (w *writer) doing() string { return fmt.Sprintf("writing to object %q", w.aim.object.Name) }

func (w *writer) name(sequence int64) string {
	return fmt.Sprintf("%s\x00%s\x00%s/%d/%d", w.conn.cfg.ProfileName, w.conn.base, w.req.ExecutionID, w.req.Split, sequence)
}

// PreferredRows implements [connector.Gatherer].
func (w *writer) PreferredRows() int {
	switch {
	case w.note != nil: // a write that is repeated has the rows that it had
		return w.note.Rows
	case w.aim.api == apiREST || w.noBulk:
		return writeBulkFrom
	}
	return writeBulkRows
}

// byBulk decides how a write goes. AUTOMATIC takes the Bulk API for writes of many records. Rows are gathered before they
// are written: a write of few is the whole of a split that has no more, or the end of one. Both APIs write the same.
func (w *writer) byBulk(rows int) bool {
	return w.aim.api == apiBulk || w.aim.api == apiAutomatic && !w.noBulk && rows >= writeBulkFrom
}

// Write implements [connector.RowWriter].
func (w *writer) Write(ctx context.Context, sequence int64, b *batch.Batch) (connector.Receipt, []connector.Refusal, error) {
	return w.WriteAll(ctx, sequence, []*batch.Batch{b})
}

// WriteAll implements [connector.Gatherer].
func (w *writer) WriteAll(ctx context.Context, sequence int64, batches []*batch.Batch) (connector.Receipt, []connector.Refusal, error) {
	none := connector.Receipt{}
	if w.closed {
		return none, nil, fault.New(fault.Internal, "%s: the writer is closed", w.doing())
	}
	if err := alive(ctx); err != nil {
		return none, nil, err
	}
	rows := 0
	for _, b := range batches {
		if err := w.fit(ctx, b); err != nil {
			return none, nil, err
		}
		rows += b.Rows
	}
	s := &sending{writer: w, progress: w.begin(sequence, rows), batches: batches, settled: make([]bool, rows)}
	var err error
	if w.byBulk(rows) {
		err = s.byJobs(ctx)
		if isNoBulk(err) && w.aim.api == apiAutomatic {
			w.noBulk = true
			s = &sending{writer: w, progress: s.progress, batches: batches, settled: make([]bool, rows)}
			err = s.byCalls(ctx)
		}
	} else {
		err = s.byCalls(ctx)
	}
	if err != nil {
		return none, nil, err
	}
	slices.SortFunc(s.refused, func(x, y connector.Refusal) int { return cmp.Compare(x.Row, y.Row) })
	receipt := connector.Receipt{
		Name: fmt.Sprintf("%s/%d/%d", w.req.ExecutionID, w.req.Split, sequence), Rows: int64(rows - len(s.refused)), Bytes: s.bytes,
	}
	return receipt, s.refused, nil
}

// fit finds the fields of a batch's columns, once for all batches that have the same.
func (w *writer) fit(ctx context.Context, b *batch.Batch) error {
	if w.encoder != nil && slices.EqualFunc(w.columns, b.Columns, func(name string, c batch.Column) bool { return name == c.Name }) {
		return nil
	}
	if w.encoder != nil {
		return fault.New(fault.Internal, "%s: the columns have changed", w.doing())
	}
	slots, err := w.conn.slots(ctx, w.aim, b.Columns)
	if err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "%s", w.doing())
	}
	for i := range b.Columns {
		w.columns = append(w.columns, b.Columns[i].Name)
	}
	w.encoder = newEncoder(w.aim, slots)
	return nil
}

// Close implements [connector.RowWriter]. A job that was not started is aborted.
func (w *writer) Close(ctx context.Context) error {
	w.closed = true
	if w.open != "" {
		w.abort(ctx, w.open)
	}
	return nil
}

// sending is one write on its way.
type sending struct {
	*writer
	progress *progress
	batches  []*batch.Batch
	number   int    // of the next step
	settled  []bool // by row: written or refused
	scratch  []byte
	refused  []connector.Refusal
	bytes    int64
}

// refuse counts a row as refused.
func (s *sending) refuse(row int, reason string) {
	s.settled[row] = true
	s.refused = append(s.refused, connector.Refusal{Row: row, Reason: reason})
}

// settle counts the rows of a step that is done. Those that it leaves to be sent again are not settled.
func (s *sending) settle(rows []int, done *step) {
	for _, row := range rows {
		s.settled[row] = true
	}
	for _, row := range done.Again {
		s.settled[row] = false
	}
	s.refused = append(s.refused, done.Refused...)
}

// each gives the rows of the write in order, or those of only, which ascend. Row is the number in its batch, to which the
// encoder is turned, and at the one in the write.
func (s *sending) each(only []int, all bool, do func(row, at int) error) error {
	first := 0
	for _, b := range s.batches {
		s.encoder.open(b)
		n := b.Rows
		if !all {
			n, _ = slices.BinarySearch(only, first+b.Rows)
		}
		for i := range n {
			at := first + i
			if !all {
				at = only[i]
			}
			if err := do(at-first, at); err != nil {
				return err
			}
		}
		if !all {
			only = only[n:]
		}
		first += b.Rows
	}
	return nil
}

// keyOf is the value that finds the row's record. That it is missing is a problem, but for UPSERT by Id, which takes the row
// for a new record.
func (s *sending) keyOf(row int) (key []byte, problem string) {
	key, problem = s.encoder.key(row)
	if problem == "" && len(key) == 0 && s.aim.key != nil && !(s.aim.operation == opUpsert && s.aim.byID()) {
		problem = strconv.Quote(s.aim.key.Name) + ", by which records are found, is empty"
	}
	return key, problem
}

// isLocked reports whether a code is of records that somebody else is writing at the moment.
func isLocked(code string) bool { return code == "UNABLE_TO_LOCK_ROW" || code == "SERVER_UNAVAILABLE" }

// maxReason bounds what is said of one record.
const maxReason = 400
