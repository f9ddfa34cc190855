package durable

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Stage is where an execution is on its walk.
type Stage string

// Stages.
const (
	StageQueued     Stage = "queued" // waits for its turn, or for the lease of a process that died
	StagePrepare    Stage = "preparing"
	StageTransfer   Stage = "transferring"
	StageCommit     Stage = "committing"
	StageDiscard    Stage = "discarding"
	StageConclude   Stage = "concluding"
	waitsForSource        = "a page of the source"
	waitsForDest          = "the destination to take data"
	waitsForBackoff       = "the next attempt"
)

// expected is how long a stage, or a wait inside a transfer, may show no movement before it is called slow.
var expected = map[string]time.Duration{
	string(StagePrepare):  2 * time.Minute,
	string(StageCommit):   10 * time.Minute,
	string(StageDiscard):  2 * time.Minute,
	string(StageConclude): time.Minute,
	waitsForSource:        5 * time.Minute,
	waitsForDest:          5 * time.Minute,
}

// Progress is a picture of a running execution, for people who watch it.
type Progress struct {
	ExecutionID string      `json:"executionId"`
	Stage       Stage       `json:"stage"`
	Since       time.Time   `json:"since"`      // when the stage began
	At          time.Time   `json:"at"`         // when the picture was taken
	Totals      flow.Totals `json:"totals"`     // so far, ahead of the ledger; estimated for running splits
	BytesTotal  int64       `json:"bytesTotal"` // of the source; 0 when unknown
	Splits      int         `json:"splits"`
	SplitsDone  int         `json:"splitsDone"`
	MovedAt     time.Time   `json:"movedAt"` // when a count changed last
	Waits       []WaitsFor  `json:"waits,omitzero"`
}

// WaitsFor is something that a part of an execution waits for.
type WaitsFor struct {
	Split int       `json:"split"` // -1 for the execution as a whole
	Label string    `json:"label,omitzero"`
	For   string    `json:"for"`
	Since time.Time `json:"since"`
	Slow  bool      `json:"slow,omitzero"` // longer than such a thing should take
}

func (w WaitsFor) String() string {
	who := ""
	if w.Split >= 0 {
		who = fmt.Sprintf("split %d (%s) ", w.Split, w.Label)
	}
	return fmt.Sprintf("%swaits for %s since %s", who, w.For, w.Since.UTC().Format(time.RFC3339))
}

// Board keeps the progress of the executions that run in this process. Nothing on it is durable. Safe for concurrent
// use; a nil board shows nothing.
type Board struct {
	now  func() time.Time
	mu   sync.Mutex // guards all below, and the cards and lines on it
	runs map[string]*card
}

// NewBoard makes a board with a clock; nil means time.Now.
func NewBoard(now func() time.Time) *Board {
	if now == nil {
		now = time.Now
	}
	return &Board{now: now, runs: map[string]*card{}}
}

// card is one execution.
type card struct {
	stage   Stage
	since   time.Time
	movedAt time.Time
	lines   map[int]*line
	running int
	most    int64 // splits that ran at the same time, at most
}

// line is one split. All methods may be called on nil.
type line struct {
	board  *Board
	card   *card
	split  int
	label  string
	bytes  int64
	totals flow.Totals
	isDone bool
	waits  map[string]waiting
}

type waiting struct {
	since time.Time
	count int
}

// Enter shows that the execution has come to a stage.
func (b *Board) Enter(executionID string, stage Stage) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.card(executionID)
	c.stage, c.since, c.movedAt = stage, b.now(), b.now()
}

// Forget takes the execution off the board.
func (b *Board) Forget(executionID string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.runs, executionID)
}

// card finds or makes the execution's card. The caller holds mu.
func (b *Board) card(executionID string) *card {
	c := b.runs[executionID]
	if c == nil {
		c = &card{stage: StageQueued, since: b.now(), movedAt: b.now(), lines: map[int]*line{}}
		b.runs[executionID] = c
	}
	return c
}

// split shows a split with what the ledger says of it.
func (b *Board) split(executionID string, sp connector.Split, totals flow.Totals, isDone bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.card(executionID)
	c.lines[sp.Index] = &line{board: b, card: c, split: sp.Index, label: sp.Label, bytes: sp.Bytes, totals: totals, isDone: isDone, waits: map[string]waiting{}}
}

// begin shows that a split is being transferred, until the line's end.
func (b *Board) begin(executionID string, split int, totals flow.Totals) *line {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.card(executionID)
	l := c.lines[split]
	if l == nil {
		l = &line{board: b, card: c, split: split}
		c.lines[split] = l
	}
	l.totals, l.waits = totals, map[string]waiting{}
	c.running++
	c.most = max(c.most, int64(c.running))
	return l
}

func (l *line) end() {
	l.change(func() {
		l.card.running--
		clear(l.waits)
	})
}

func (l *line) change(fn func()) {
	if l == nil {
		return
	}
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	fn()
}

func (l *line) progress(t flow.Totals) {
	l.change(func() {
		if t != l.totals {
			l.totals, l.card.movedAt = t, l.board.now()
		}
	})
}

func (l *line) done(t flow.Totals) {
	l.progress(t)
	l.change(func() { l.isDone = true })
}

// parallelism is how many splits of the execution ran at the same time so far.
func (l *line) parallelism() (n int64) {
	l.change(func() { n = l.card.most })
	return max(n, 1)
}

// enter and leave enclose a wait. Waits for the same thing may overlap.
func (l *line) enter(what string) {
	l.change(func() {
		w := l.waits[what]
		if w.count++; w.count == 1 {
			w.since = l.board.now()
		}
		l.waits[what] = w
	})
}

func (l *line) leave(what string) {
	l.change(func() {
		w := l.waits[what]
		if w.count--; w.count <= 0 {
			delete(l.waits, what)
			return
		}
		w.since = l.board.now() // one of several got its answer
		l.waits[what] = w
	})
}

// Backoff shows that a split waits for its next attempt, until the returned function is called.
func (b *Board) Backoff(executionID string, split int) (end func()) {
	if b == nil {
		return func() {}
	}
	b.mu.Lock()
	l := b.card(executionID).lines[split]
	b.mu.Unlock()
	l.enter(waitsForBackoff)
	return func() { l.leave(waitsForBackoff) }
}

// Progress is the picture of one execution; false when it does not run here.
func (b *Board) Progress(executionID string) (Progress, bool) {
	if b == nil {
		return Progress{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.runs[executionID]
	if c == nil {
		return Progress{}, false
	}
	p := Progress{ExecutionID: executionID, Stage: c.stage, Since: c.since, At: b.now(), MovedAt: c.movedAt, Splits: len(c.lines)}
	unknown := false
	for _, l := range c.lines {
		p.Totals.Add(l.totals)
		p.BytesTotal += l.bytes
		unknown = unknown || l.bytes == 0
		if l.isDone {
			p.SplitsDone++
		}
		for what, w := range l.waits {
			p.Waits = append(p.Waits, b.wait(l.split, l.label, what, w.since))
		}
	}
	if unknown {
		p.BytesTotal = 0
	}
	p.Totals.Parallelism = c.most
	if _, ok := expected[string(c.stage)]; ok {
		p.Waits = append(p.Waits, b.wait(-1, "", string(c.stage), c.since))
	}
	slices.SortFunc(p.Waits, func(x, y WaitsFor) int { return x.Since.Compare(y.Since) })
	return p, true
}

// wait makes a wait for the picture. The caller holds mu.
func (b *Board) wait(split int, label, what string, since time.Time) WaitsFor {
	most, known := expected[what]
	return WaitsFor{Split: split, Label: label, For: what, Since: since, Slow: known && b.now().Sub(since) > most}
}
