package listen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/jsonl"
	"weir.dev/weir/internal/store"
)

// Bounds of what is kept together.
const (
	chunkBytes = 1 << 20 // of a chunk, unless one event is larger
	// rememberIDs is how long the name of an event is remembered. Senders give up long before.
	rememberIDs = 7 * 24 * time.Hour
)

// forever is until when ids are remembered that are forgotten otherwise.
var forever = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// event is one event with the name by which it is recognised; "" for none.
type event struct {
	record json.RawMessage
	id     string
}

// arrival is what came in together: it is kept wholly or not at all.
type arrival struct {
	flow   string
	fence  *store.Fence // of the flow's listener; nil for what is sent, which any server takes
	events []event
	// id names all events together: when it is known, so are they.
	id       string
	until    time.Time        // ids are remembered; zero means rememberIDs from now
	position connector.Cursor // behind the events; nil leaves it
	gap      string
	ignored  int64
	notice   string // what somebody has to do; "" leaves it
	isPushed bool   // it may be refused: when there is no room, or the flow is not active
}

// taken says what became of an arrival.
type taken struct{ events, repeated int }

// put takes an arrival in, in one transaction with all that belongs to it. Errors: Fenced when another manager serves the
// flow by now, Conflict when it is not active, Throttling when there is no room, NotFound when the flow is gone.
func (b *Inbox) put(ctx context.Context, a *arrival) (taken, error) {
	now := b.now()
	if a.until.IsZero() {
		a.until = now.Add(rememberIDs)
	}
	for {
		fresh, err := b.fresh(ctx, a)
		if err != nil {
			return taken{}, err
		}
		chunks, err := b.seal(ctx, a.flow, now, fresh)
		if err != nil {
			return taken{}, err
		}
		j := &job{arrival: a, fresh: fresh, chunks: chunks, now: now, out: taken{events: len(fresh), repeated: len(a.events) - len(fresh)}}
		if err := b.commit(ctx, j); !errors.Is(err, errRepeated) {
			return j.out, err
		}
	}
}

// errRepeated says that an event has come in by another way since it was looked for.
var errRepeated = errors.New("an event has come in meanwhile")

// fresh are the events that were not taken in before.
func (b *Inbox) fresh(ctx context.Context, a *arrival) (fresh []event, err error) {
	err = b.o.Store.Read(ctx, func(tx store.ReadTx) error {
		fresh = fresh[:0]
		if known, err := has(ctx, tx, a.flow, a.id); known || err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, e := range a.events {
			known, err := has(ctx, tx, a.flow, e.id)
			if err != nil {
				return err
			}
			if !known && !seen[e.id] {
				fresh = append(fresh, e)
				seen[e.id] = e.id != ""
			}
		}
		return nil
	})
	return fresh, err
}

func has(ctx context.Context, tx store.ReadTx, flowName, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	return tx.EventIDHas(ctx, flowName, id)
}

// write takes a job in. What refuses the job, and nothing else, comes first: then nothing of it has been written, and the
// transaction may go on with others. An error fails the transaction. Sums are the bytes that wait of each flow, as far as
// this transaction has asked: a long inbox takes a while to add up.
func (b *Inbox) write(ctx context.Context, tx store.Tx, j *job, sums map[string]int64) (refused, err error) {
	if j.fence != nil {
		if err := tx.FenceCheck(ctx, *j.fence); err != nil {
			return nil, err
		}
	}
	l, err := tx.ListenerGet(ctx, j.flow)
	if fault.Is(err, fault.NotFound) {
		return absent(ctx, tx, j.flow)
	}
	if err != nil {
		return nil, err
	}
	if !l.IsActive {
		return inactive(j.flow), nil
	}
	ids, err := j.ids(ctx, tx)
	if errors.Is(err, errRepeated) {
		return err, nil
	}
	if err != nil {
		return nil, err
	}
	size := sizeOf(j.chunks)
	if refused, err = b.room(ctx, tx, j, size, sums); refused != nil || err != nil {
		return refused, err
	}
	l.Next = max(l.Next, 1)
	for _, c := range j.chunks {
		c.Sequence = l.Next
		l.Next++
	}
	j.note(l, &j.out, size, j.now)
	if err := tx.EventIDPut(ctx, ids); err != nil {
		return nil, err
	}
	if err := tx.ListenerPut(ctx, l); err != nil {
		return nil, err
	}
	return nil, tx.InboxAppend(ctx, j.chunks)
}

// room refuses what was sent to a flow whose inbox is full.
func (b *Inbox) room(ctx context.Context, tx store.ReadTx, j *job, size int64, sums map[string]int64) (refused, err error) {
	if !j.isPushed || size == 0 {
		return nil, nil
	}
	bytes, known := sums[j.flow]
	if !known {
		waiting, err := tx.InboxGet(ctx, j.flow)
		if err != nil {
			return nil, err
		}
		bytes = waiting.Bytes
		sums[j.flow] = bytes
	}
	if bytes > 0 && bytes+size > b.o.Buffer {
		return b.full(j.flow), nil
	}
	sums[j.flow] = bytes + size
	return nil, nil
}

func inactive(flowName string) error {
	return fault.New(fault.Conflict, "flow %s is not active: start it with StartFlow", flowName)
}

// absent tells a flow that was never started from one that is gone.
func absent(ctx context.Context, tx store.ReadTx, flowName string) (refused, err error) {
	_, err = tx.FlowGet(ctx, flowName)
	switch {
	case fault.Is(err, fault.NotFound):
		return err, nil
	case err != nil:
		return nil, err
	}
	return inactive(flowName), nil
}

// ids are the names to remember; errRepeated when one is known by now.
func (j *job) ids(ctx context.Context, tx store.ReadTx) (ids []store.EventID, err error) {
	names := make([]string, 0, len(j.fresh)+1)
	if len(j.fresh) > 0 {
		names = append(names, j.id)
	}
	for _, e := range j.fresh {
		names = append(names, e.id)
	}
	for _, name := range names {
		known, err := has(ctx, tx, j.flow, name)
		switch {
		case err != nil:
			return nil, err
		case known:
			return nil, errRepeated
		case name != "":
			ids = append(ids, store.EventID{FlowName: j.flow, ID: name, Until: j.until})
		}
	}
	return ids, nil
}

// note writes into the listener what came in.
func (a *arrival) note(l *store.Listener, out *taken, bytes int64, now time.Time) {
	l.Counts.Received += int64(out.events)
	l.Counts.Bytes += bytes
	l.Counts.Repeated += int64(out.repeated)
	l.Counts.Ignored += a.ignored
	if out.events > 0 {
		l.LastAt, l.Message = now, ""
	}
	if a.position != nil {
		l.Position = json.RawMessage(a.position)
	}
	if a.gap != "" {
		l.Gap, l.GapAt = clip(a.gap), now
		l.Counts.Gaps++
	}
	if a.notice != "" {
		l.Notice = clip(a.notice)
	}
}

// retryFull is when a sender whose events had no room should come back.
const retryFull = 5 * time.Second

func (b *Inbox) full(flowName string) error {
	return &fault.Error{
		Code: fault.Throttling, Retry: fault.Throttled, RetryAfter: retryFull,
		Message: "The inbox of flow " + flowName + " is full: events of it wait to be moved. Send this again later.",
	}
}

func sizeOf(chunks []*store.EventChunk) (n int64) {
	for _, c := range chunks {
		n += c.Bytes
	}
	return n
}

// seal packs events into chunks: lines of JSON, sealed. The chunks have no numbers yet.
func (b *Inbox) seal(ctx context.Context, flowName string, now time.Time, events []event) ([]*store.EventChunk, error) {
	var chunks []*store.EventChunk
	for len(events) > 0 {
		var lines []byte
		n := 0
		for n < len(events) && (n == 0 || len(lines)+len(events[n].record) < chunkBytes) {
			lines = append(append(lines, events[n].record...), '\n')
			n++
		}
		sealed, err := b.o.Sealer.Seal(ctx, Purpose, flowName, lines)
		if err != nil {
			return nil, fault.Wrap(fault.CodeOf(err), err, "sealing events of flow %q", flowName)
		}
		chunks = append(chunks, &store.EventChunk{FlowName: flowName, At: now, Events: int64(n), Bytes: int64(len(lines)), Sealed: sealed})
		events = events[n:]
	}
	return chunks, nil
}

// plain is an event as it is kept: an object without spaces between its parts, so that a line holds it. It is checked as
// strictly as it will be read, so that nothing waits in the inbox that no execution could move.
func plain(record json.RawMessage) (json.RawMessage, error) {
	var line bytes.Buffer
	if !utf8.Valid(record) || json.Compact(&line, record) != nil {
		return nil, fault.New(fault.Validation, "an event is no JSON")
	}
	text := line.Bytes()
	if len(text) == 0 || text[0] != '{' {
		return nil, fault.New(fault.Validation, "an event is no JSON object")
	}
	batch, err := jsonl.DecodeArray("event", array(text), 1, format.ReadOptions{})
	if err != nil {
		return nil, fault.New(fault.Validation, "an event is nested too deeply, or no JSON object")
	}
	batch.Release()
	return text, nil
}

// array makes an array of lines of JSON, the last of which may end without a line break.
func array(lines []byte) []byte {
	lines = bytes.TrimSuffix(lines, []byte("\n"))
	text := make([]byte, 0, len(lines)+2)
	text = append(text, '[')
	text = append(text, lines...)
	for i, c := range text {
		if c == '\n' { // in compact JSON only between records
			text[i] = ','
		}
	}
	return append(text, ']')
}
