package salesforce

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// progress is how far one write has got: what a repetition of it finds out before it sends anything again. It is the
// writer's note to the next attempt, and is remembered in this process besides. One writer uses it at a time.
type progress struct {
	Sequence int64  `json:"sequence"`
	Rows     int    `json:"rows"` // of the write
	Steps    []step `json:"steps"`

	begun bool // in this process
}

// step is one call or one job.
type step struct {
	Sum  string `json:"sum"`           // of what was sent
	Job  string `json:"job,omitzero"`  // its id; empty for a call
	Made int    `json:"made,omitzero"` // how many jobs have been made of it
	Done bool   `json:"done,omitzero"`
	// What has become of the rows, when it is done: those refused, those to be sent once more. The rest is written.
	Refused []connector.Refusal `json:"refused,omitzero"`
	Again   []int               `json:"again,omitzero"`
}

func sumOf(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// at is the step with a number, if what it sent is what is to be sent now. Steps that sent something else are of other
// rows and are forgotten.
func (p *progress) at(number int, sum string) *step {
	if number < len(p.Steps) && p.Steps[number].Sum == sum {
		return &p.Steps[number]
	}
	p.Steps = p.Steps[:min(number, len(p.Steps))]
	return nil
}

// writes remembers the progress of the writes of late. Safe for concurrent use; the zero value is ready.
type writes struct {
	mu    sync.Mutex // guards both
	known map[string]*progress
	order []string
}

// maxWrites is far more than the writes that are under way at one time.
const maxWrites = 256

func (w *writes) of(name string) *progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.known[name]; p != nil {
		return p
	}
	if w.known == nil {
		w.known = map[string]*progress{}
	}
	if len(w.order) == maxWrites {
		delete(w.known, w.order[0])
		w.order = w.order[1:]
	}
	p := &progress{}
	w.known[name], w.order = p, append(w.order, name)
	return p
}

// forget drops a write that nobody will repeat.
func (w *writes) forget(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known[name] != nil {
		delete(w.known, name)
		w.order = slices.DeleteFunc(w.order, func(s string) bool { return s == name })
	}
}

// Resume implements [connector.Resumer].
func (w *writer) Resume(note json.RawMessage, keep func(json.RawMessage) error) error {
	w.keep = keep
	if len(note) == 0 || string(note) == "null" {
		return nil
	}
	w.note = &progress{}
	return fault.Wrap(fault.Internal, json.Unmarshal(note, w.note), "reading the note of a write to object %q", w.aim.object.Name)
}

// begin finds how far the write has got, before and elsewhere.
func (w *writer) begin(sequence int64, rows int) *progress {
	w.conn.connector.writes.forget(w.name(sequence - 1)) // it has a checkpoint behind it
	p := w.conn.connector.writes.of(w.name(sequence))
	w.inDoubt = p.begun
	if n := w.note; n != nil {
		if w.note = nil; n.Sequence == sequence {
			p.Steps, w.inDoubt = n.Steps, true
		}
	}
	p.Sequence, p.Rows, p.begun = sequence, rows, true
	return p
}

// save keeps the progress for the next attempt. Where nobody takes notes, this process remembers it all the same.
func (w *writer) save(p *progress) error {
	if w.keep == nil {
		return nil
	}
	note, err := json.Marshal(p.brief())
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing a note")
	}
	return w.keep(note)
}

// Notes are kept with every checkpoint. Where most records are refused, the next attempt is told the beginning of each
// reason: more would be read by nobody.
const (
	fullReasons = 500
	briefReason = 100
)

// brief is the progress as a note has it.
func (p *progress) brief() *progress {
	n := 0
	for i := range p.Steps {
		n += len(p.Steps[i].Refused)
	}
	if n <= fullReasons {
		return p
	}
	short := *p
	short.Steps = slices.Clone(p.Steps)
	for i := range short.Steps {
		s := &short.Steps[i]
		s.Refused = slices.Clone(s.Refused)
		for k := range s.Refused {
			s.Refused[k].Reason = rest.Plain(s.Refused[k].Reason, briefReason)
		}
	}
	return &short
}
