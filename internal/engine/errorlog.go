package engine

import (
	"context"
	"sort"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/land"
)

// savedErrors is how much of the error log checkpoints hold.
type savedErrors struct {
	files int
	lines int64
}

// openErrors opens the error log where the plan has error files.
func (m *mover) openErrors() error {
	if m.t.Plan.Dest.ErrorFiles == nil {
		return nil
	}
	if m.t.Errors == nil {
		return fault.New(fault.Internal, "transferring split %d: the plan has error files, but no bucket for them was opened", m.t.Split.Index)
	}
	var from land.ErrorMark
	if m.t.From != nil {
		from = m.t.From.Errors
	}
	m.errors = land.OpenErrorLog(m.t.Plan, m.t.Split.Index, m.t.Errors, m.share, from)
	m.liner = newLiner(m.t.Plan)
	return nil
}

// log adds lines to the error log. Lines are only made where there is one.
func (m *mover) log(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	return m.errors.Add(m.ctx, lines)
}

// errorState is the error log's state for a checkpoint.
func (m *mover) errorState(last bool) (land.ErrorState, error) {
	if m.errors == nil {
		return land.ErrorState{}, nil
	}
	return m.errors.State(m.ctx, last)
}

// lastWordsTime bounds what a failed transfer may still say.
const lastWordsTime = 30 * time.Second

// lastWords hands out the lines that no checkpoint holds, when the transfer has failed: if nobody tries it again, they are
// what tells why. It runs when the sink has been closed.
func (m *mover) lastWords(err error) {
	if m.errors == nil {
		return
	}
	defer m.errors.Close()
	if err == nil || fault.Is(err, fault.Fenced) || fault.Is(err, fault.Canceled) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), lastWordsTime)
	defer cancel()
	s := m.errors.LastState(ctx)
	if s.Lines == m.saved.lines {
		return
	}
	_ = m.hooks.Failed(ctx, LastErrors{Files: s.Files[m.saved.files:], Tail: s.Mark().Tail}) // the transfer has failed already, and says why
}

// row finds the record with the number. Numbers ascend.
func (r *record) row(number int64) int {
	return sort.Search(r.in.Rows, func(i int) bool { return r.in.Origin.Record(i) >= number })
}
