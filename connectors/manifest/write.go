package manifest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// operations are the kinds of write, as writeOperationType spells them.
var operations = []string{"INSERT", "UPDATE", "UPSERT", "DELETE"}

// operation is how a kind of write is done; nil when it cannot be.
func (w *Write) operation(name string) *Operation {
	switch name {
	case "INSERT":
		return w.Insert
	case "UPDATE":
		return w.Update
	case "UPSERT":
		return w.Upsert
	case "DELETE":
		return w.Delete
	}
	return nil
}

// aim is what the properties of a destination come to.
type aim struct {
	into      *Entity
	name      string // INSERT, …
	operation *Operation
	id        string // the field that finds records; "" for INSERT
}

// aim reads the properties of a destination. Its errors are Validation.
func (c *Connector) aim(props flow.Properties) (aim, error) {
	e, err := c.entity(props)
	if err != nil {
		return aim{}, err
	}
	var p struct {
		Operation string   `json:"writeOperationType"`
		IDs       []string `json:"idFieldNames"`
	}
	if err := props.Decode(&p); err != nil {
		return aim{}, fault.Wrap(fault.Validation, err, "reading the properties")
	}
	if p.Operation == "" {
		p.Operation = "INSERT"
	}
	a := aim{into: e, name: p.Operation}
	if e.Write != nil {
		a.operation = e.Write.operation(p.Operation)
	}
	switch {
	case a.operation == nil:
		return aim{}, fault.New(fault.Validation, "%s: %q cannot be written by %s%s", c.spec.Name, e.Name, p.Operation, e.offers())
	case p.Operation == "INSERT" || len(a.operation.IDs) == 0:
		return a, nil
	case len(p.IDs) > 1:
		return aim{}, fault.New(fault.Validation, "%s finds records by one field; idFieldNames has %d", c.spec.Name, len(p.IDs))
	case len(p.IDs) == 0:
		a.id = a.operation.IDs[0]
		return a, nil
	case !slices.Contains(a.operation.IDs, p.IDs[0]):
		return aim{}, fault.New(fault.Validation, "%s: %s of %q cannot go by %q; idFieldNames can be %s", c.spec.Name, p.Operation, e.Name, p.IDs[0], strings.Join(a.operation.IDs, ", "))
	}
	a.id = p.IDs[0]
	return a, nil
}

// offers lists what an entity can be written by, for a message.
func (e *Entity) offers() string {
	var list []string
	for _, name := range operations {
		if e.Write != nil && e.Write.operation(name) != nil {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return "; it can only be read"
	}
	return "; it can by " + strings.Join(list, ", ")
}

// writable is a connection to a vendor that can be written to.
type writable struct{ *connection }

// OpenWriter starts to write.
func (c *writable) OpenWriter(ctx context.Context, req connector.WriteRequest) (connector.RowWriter, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	conn, err := c.as(c.connector.family.pinned(req.ExecutionID, c.connector))
	if err != nil {
		return nil, err
	}
	a, err := conn.connector.aim(req.Properties)
	if err != nil {
		return nil, err
	}
	out := &writer{connection: conn, aim: a, key: fmt.Sprintf("%s/%d", req.ExecutionID, req.Split)}
	if a.into.Keyed != nil {
		list, err := conn.discover(ctx, a.into)
		if err != nil {
			return nil, err
		}
		out.own = make(map[string]found, len(list))
		for _, f := range list {
			out.own[f.Name] = f
		}
	}
	return out, nil
}

// writer writes one split. For one goroutine.
type writer struct {
	*connection
	aim
	key    string
	closed bool
	own    map[string]found // the account's own fields that go into a list

	// Of records that were looked for: the ids of those that are there, as JSON, by row, and the member they go into.
	found   map[int]string
	foundBy string
}

func (w *writer) doing() string { return fmt.Sprintf("writing to entity %q", w.into.Name) }

// Write sends the batch in requests of as many records as one takes.
//
// What a request has done is remembered in this process: when a later one of the same batch fails and the batch comes
// again, it goes on there. Where the vendor has keys a repetition after the process itself has died is harmless, too.
func (w *writer) Write(ctx context.Context, sequence int64, b *batch.Batch) (connector.Receipt, []connector.Refusal, error) {
	name := fmt.Sprintf("%s/%d", w.key, sequence)
	if w.closed {
		return connector.Receipt{}, nil, fault.New(fault.Internal, "%s: the writer is closed", w.doing())
	}
	if w.id != "" && b.Find(w.id) < 0 {
		return connector.Receipt{}, nil, fault.New(fault.Validation, "%s: no task maps to %q, by which records are found", w.doing(), w.id)
	}
	if w.into.Keyed != nil && b.Find(w.into.Keyed.At) >= 0 && len(w.own) > 0 && slices.ContainsFunc(b.Columns, func(c batch.Column) bool { _, ok := w.own[c.Name]; return ok }) {
		return connector.Receipt{}, nil, fault.New(fault.Validation, "%s: tasks map to %q and to fields in it; one of the two has to go", w.doing(), w.into.Keyed.At)
	}
	enc := newEncoder(w, b)
	done := w.connector.done.of(w.account + "\x00" + name)
	receipt := connector.Receipt{Name: name}
	var refused []connector.Refusal
	if w.operation.Lookup != nil {
		bytes, no, err := w.byLookup(ctx, enc, b, enc.sendable(&refused))
		if err != nil {
			return connector.Receipt{}, nil, err
		}
		refused = append(refused, no...)
		return finished(receipt, bytes, b, refused)
	}
	for part, rest := 0, enc.sendable(&refused); len(rest) > 0; part++ {
		rows := enc.together(rest, w.operation.Batch)
		rest = rest[len(rows):]
		r := enc.request(rows)
		receipt.Bytes += int64(len(r.Body))
		sum := sha256.Sum256(append([]byte(r.Path), r.Body...))
		if part >= len(done.parts) || done.parts[part].sum != sum {
			done.parts = done.parts[:min(part, len(done.parts))]
			if err := alive(ctx); err != nil {
				return connector.Receipt{}, nil, err
			}
			no, err := w.send(ctx, r, b, rows)
			if err != nil {
				return connector.Receipt{}, nil, err
			}
			done.parts = append(done.parts, answered{sum, no})
		}
		refused = append(refused, done.parts[part].refused...)
	}
	return finished(receipt, receipt.Bytes, b, refused)
}

// finished completes a receipt.
func finished(receipt connector.Receipt, bytes int64, b *batch.Batch, refused []connector.Refusal) (connector.Receipt, []connector.Refusal, error) {
	slices.SortFunc(refused, func(x, y connector.Refusal) int { return x.Row - y.Row })
	receipt.Bytes, receipt.Rows = bytes, int64(b.Rows-len(refused))
	return receipt, refused, nil
}

func (w *writer) Close(context.Context) error {
	w.closed = true
	return nil
}

// send sends one request and returns the rows that were refused.
func (w *writer) send(ctx context.Context, r *rest.Request, b *batch.Batch, rows []int) ([]connector.Refusal, error) {
	var e *rest.Envelope
	op := w.operation
	if op.Job != "" || op.Results != nil {
		r.Accept = func(a *rest.Answer) (err error) {
			e, err = rest.ParseEnvelope(a.Body)
			return err
		}
	}
	_, err := w.client.Do(ctx, r)
	if err != nil {
		if no, ok := w.refusal(err, rows); ok {
			return no, nil
		}
		return nil, err
	}
	if op.Job != "" {
		if e, err = w.await(ctx, w.connector.manifest.job(op.Job), e); err != nil {
			return nil, err
		}
	}
	if op.Results == nil {
		return nil, nil
	}
	return w.results(e, b, rows)
}

// refusal takes an error that is about a request of one record for that record's. Everything else is about the run.
func (w *writer) refusal(err error, rows []int) ([]connector.Refusal, bool) {
	class, _ := fault.RetryOf(err)
	code := fault.CodeOf(err)
	if len(rows) != 1 || class != fault.Never || code != fault.ConnectorServer && code != fault.NotFound {
		return nil, false
	}
	return []connector.Refusal{{Row: rows[0], Reason: rest.Plain(strings.TrimPrefix(err.Error(), w.doing()+": "), maxReason)}}, true
}

const maxReason = 400

// results maps what the answer says of each record to its row. Every row has to be spoken of: silence is no success.
func (w *writer) results(e *rest.Envelope, b *batch.Batch, rows []int) ([]connector.Refusal, error) {
	how := w.operation.Results
	items := e.Items(how.At)
	find := w.finder(how, b, rows)
	seen := make(map[int]bool, len(rows))
	var refused []connector.Refusal
	for i, item := range items {
		row, ok := find(i, item)
		if !ok || seen[row] {
			return nil, fault.New(fault.ConnectorServer, "%s: the vendor's result %d is about no record that was sent, or about one twice", w.doing(), i+1)
		}
		seen[row] = true
		if reason, bad := how.why(item); bad {
			refused = append(refused, connector.Refusal{Row: row, Reason: w.client.Hide(reason)})
		}
	}
	if len(seen) != len(rows) {
		return nil, fault.New(fault.ConnectorServer, "%s: of %d records the vendor says what became of %d", w.doing(), len(rows), len(seen))
	}
	return refused, nil
}

// finder finds the row that a result is about: by number, by id, or by its place.
func (w *writer) finder(how *Results, b *batch.Batch, rows []int) func(int, *rest.Envelope) (int, bool) {
	at := func(n int64) (int, bool) {
		if n < 0 || n >= int64(len(rows)) {
			return 0, false
		}
		return rows[n], true
	}
	if len(how.Match) == 0 {
		return func(i int, item *rest.Envelope) (int, bool) {
			if how.Index == "" {
				return at(int64(i))
			}
			n, ok := item.Number(how.Index)
			if !ok {
				return 0, false
			}
			return at(n)
		}
	}
	byID := map[string]int{}
	for _, field := range how.Match {
		if i := b.Find(field); i >= 0 {
			form := batch.OpenForm(b.Columns[i])
			for _, row := range rows {
				if !form.IsNull(row) {
					byID[field+"\x00"+string(form.Append(nil, row))] = row
				}
			}
		}
		if field == w.foundBy {
			for _, row := range rows {
				byID[field+"\x00"+strings.Trim(w.found[row], `"`)] = row
			}
		}
	}
	return func(_ int, item *rest.Envelope) (int, bool) {
		for _, field := range how.Match {
			if row, ok := byID[field+"\x00"+item.Text(field)]; ok {
				return row, true
			}
		}
		return 0, false
	}
}

// why is why a record was refused; bad is false when it was not.
func (r *Results) why(item *rest.Envelope) (reason string, bad bool) {
	var words []string
	for _, at := range r.Error {
		if text := item.Text(at); text != "" {
			words = append(words, text)
		}
	}
	ok, said := true, false
	if r.OK != "" {
		ok, said = item.Flag(r.OK)
	}
	if said && ok || !said && len(words) == 0 {
		return "", false
	}
	if len(words) == 0 {
		words = []string{"the vendor refused it without a reason"}
	}
	return strings.Join(words, ": "), true
}

// method is the operation's.
func (o *Operation) method() string {
	if o.Method == "" {
		return http.MethodPost
	}
	return o.Method
}

// pathEscape makes a value one segment of a path; ok is false for one that would lead elsewhere.
func pathEscape(value string) (string, bool) {
	return url.PathEscape(value), strings.Trim(value, ".") != ""
}

// acknowledged remembers, for the batches written last, which of their requests have been answered.
type acknowledged struct {
	mu    sync.Mutex // guards both
	known map[string]*parts
	order []string
}

// parts is what became of a batch's requests. Only the one writer of the batch uses it.
type parts struct{ parts []answered }

// answered is a request, and the rows of it that were refused.
type answered struct {
	sum     [sha256.Size]byte // of the request
	refused []connector.Refusal
}

// maxAcknowledged is far more than the batches that are under way at one time.
const maxAcknowledged = 4096

func (a *acknowledged) of(name string) *parts {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.known[name]; p != nil {
		return p
	}
	if a.known == nil {
		a.known = map[string]*parts{}
	}
	if len(a.order) == maxAcknowledged {
		delete(a.known, a.order[0])
		a.order = a.order[1:]
	}
	p := &parts{}
	a.known[name], a.order = p, append(a.order, name)
	return p
}
