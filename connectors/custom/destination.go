package custom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/format/jsonl"
)

// Bounds of one call that writes. A function takes 6 MB; the protocol names no number of records.
const (
	recordsPerWrite = 1000
	bytesPerWrite   = 3 << 20
)

// destinationProperties are a flow's.
type destinationProperties struct {
	Entity    string            `json:"entityName"`
	Operation string            `json:"writeOperationType"`
	IDFields  []string          `json:"idFieldNames"`
	Settings  map[string]string `json:"customProperties"`
	Errors    struct {
		FailOnFirst bool `json:"failOnFirstDestinationError"`
	} `json:"errorHandlingConfig"`
}

func readDestination(props flow.Properties) (destinationProperties, error) {
	var p destinationProperties
	if err := props.Decode(&p); err != nil {
		return p, fault.Wrap(fault.Validation, err, "reading the destination's properties")
	}
	if p.Operation == "" {
		p.Operation = "INSERT"
	}
	switch {
	case p.Entity == "":
		return p, fault.New(fault.Validation, "reading the destination's properties: entityName is missing")
	case !slices.Contains([]string{"INSERT", "UPDATE", "UPSERT", "DELETE"}, p.Operation):
		return p, fault.New(fault.Validation, "reading the destination's properties: writeOperationType %q is none", clip(p.Operation))
	}
	return p, nil
}

// OpenWriter implements [connector.Writer]. The connector judges the flow's settings and describes the entity first.
func (c *connection) OpenWriter(ctx context.Context, req connector.WriteRequest) (connector.RowWriter, error) {
	p, err := readDestination(req.Properties)
	if err != nil {
		return nil, err
	}
	if len(p.Settings) > 0 {
		if err := c.validateSettings(ctx, "DESTINATION", p.Settings); err != nil {
			return nil, err
		}
	}
	d, err := c.describe(ctx, p.Entity, p.Settings)
	if err != nil {
		return nil, err
	}
	return &writer{c: c, p: p, definition: d.raw, req: req}, nil
}

// writer writes one split's rows. A batch is cut into calls that a function can take.
type writer struct {
	c          *connection
	p          destinationProperties
	definition json.RawMessage
	req        connector.WriteRequest
	encoder    format.Encoder
	columns    []string // of the encoder
	closed     bool
}

// Write implements [connector.RowWriter]. A batch that is repeated carries the tokens that it carried before; whether
// records then are there twice is the connector's business, unless the operation is idempotent by itself.
func (w *writer) Write(ctx context.Context, sequence int64, b *batch.Batch) (connector.Receipt, []connector.Refusal, error) {
	none := connector.Receipt{}
	switch {
	case w.closed:
		return none, nil, fault.New(fault.Internal, "writing to entity %q: the writer is closed", w.p.Entity)
	case ctx.Err() != nil:
		return none, nil, fault.Wrap(fault.Canceled, context.Cause(ctx), "writing to entity %q", w.p.Entity)
	}
	block, err := w.encode(b)
	if err != nil {
		return none, nil, err
	}
	defer block.Release()
	receipt := connector.Receipt{Name: fmt.Sprintf("%s/%d/%d", w.req.ExecutionID, w.req.Split, sequence)}
	var refused []connector.Refusal
	lines := newLines(block)
	for part := 0; ; part++ {
		first, records, n := lines.take()
		if n == 0 {
			break
		}
		token := fmt.Sprintf("%s/%d", receipt.Name, part)
		some, err := w.send(ctx, token, records, first, n)
		if err != nil {
			return none, nil, fault.Wrap(fault.CodeOf(err), err, "writing to entity %q", w.p.Entity)
		}
		refused = append(refused, some...)
		receipt.Bytes += int64(len(records))
		if len(some) > 0 && w.p.Errors.FailOnFirst { // the run ends here: what is left is not sent, and counts as refused
			for row := first + n; row < b.Rows; row++ {
				refused = append(refused, connector.Refusal{Row: row, Reason: "not sent, because a record before it was refused"})
			}
			break
		}
	}
	receipt.Rows = int64(b.Rows - len(refused))
	return receipt, refused, nil
}

// Close implements [connector.RowWriter].
func (w *writer) Close(context.Context) error {
	w.closed = true
	return nil
}

// encode writes the batch as one JSON object a line.
func (w *writer) encode(b *batch.Batch) (*format.Block, error) {
	isSame := w.encoder != nil && len(w.columns) == len(b.Columns)
	for i := 0; isSame && i < len(w.columns); i++ {
		isSame = w.columns[i] == b.Columns[i].Name
	}
	if !isSame {
		columns := make([]format.Column, len(b.Columns))
		w.columns = w.columns[:0]
		for i, col := range b.Columns {
			columns[i] = format.Column{Name: col.Name, Out: col.Kind}
			w.columns = append(w.columns, col.Name)
		}
		var err error
		if w.encoder, err = jsonl.NewEncoder(columns); err != nil {
			return nil, err
		}
	}
	return w.encoder.Encode([]*batch.Batch{b})
}

// lines hands out a block's lines as JSON arrays of texts.
type lines struct {
	parts [][]byte
	row   int
}

func newLines(block *format.Block) *lines { return &lines{parts: slices.Clone(block.Parts)} }

// take returns the number of the next row, and an array of as many rows as one call takes; n is 0 at the end. A row alone
// may be larger.
func (l *lines) take() (first int, array []byte, n int) {
	first = l.row
	for len(l.parts) > 0 && n < recordsPerWrite {
		part := l.parts[0]
		end := bytes.IndexByte(part, '\n')
		if end < 0 { // nothing is left; every line has an end
			l.parts = l.parts[1:]
			continue
		}
		line := part[:end]
		if n > 0 && len(array)+len(line)+len(line)/8 > bytesPerWrite {
			break
		}
		if n == 0 {
			array = append(make([]byte, 0, min(len(part)+len(part)/4, bytesPerWrite)+8), '[')
		} else {
			array = append(array, ',')
		}
		array = batch.AppendQuoted(array, line)
		l.parts[0] = part[end+1:]
		n++
	}
	l.row += n
	if n == 0 {
		return first, nil, 0
	}
	return first, append(array, ']'), n
}

// send makes one call, and returns which of its rows were refused.
func (w *writer) send(ctx context.Context, token string, records []byte, first, n int) ([]connector.Refusal, error) {
	const operation = "WriteData"
	answer, err := w.c.call(ctx, operation, dataTime, func(s *session) ([]byte, error) {
		entity := w.c.context(s, w.p.Settings, w.definition)
		entity.ExecutionID = optional(w.req.ExecutionID)
		head, err := marshal(writeDataRequest{
			Type: operation + "Request", Entity: w.p.Entity, Operation: w.p.Operation, IDFields: list(w.p.IDFields), AllOrNone: w.p.Errors.FailOnFirst,
			Context: entity, IdempotencyToken: token,
		})
		if err != nil {
			return nil, err
		}
		body := append(make([]byte, 0, len(head)+len(records)+16), head[:len(head)-1]...)
		return append(append(append(body, `,"records":`...), records...), '}'), nil
	})
	if err != nil && answer == nil {
		return nil, err
	}
	return readResults(answer, err, first, n, w.c.hidden())
}

// list is a list of names, never null.
func list(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// readResults tells from an answer which of n rows were refused. Failed is the error that the answer stands for. An
// answer of success without results means that all were written.
func readResults(answer []byte, failed error, first, n int, hide []string) ([]connector.Refusal, error) {
	const operation = "WriteData"
	code, _ := examine(operation, answer)
	if failed != nil && code != partialWriteFailure {
		return nil, failed
	}
	var said writeDataAnswer
	if err := decode(operation, answer, &said); err != nil {
		return nil, err
	}
	if len(said.Results) == 0 && failed == nil {
		return nil, nil
	}
	if len(said.Results) != n {
		return nil, fault.New(fault.ConnectorServer, "the connector answers with %d results to %d records: which of them were written cannot be told", len(said.Results), n)
	}
	var refused []connector.Refusal
	for i, r := range said.Results {
		if r.IsSuccess {
			continue
		}
		reason := hideIn(clip(text(r.Message)), hide)
		if reason == "" {
			reason = "the connector refused it, and does not say why"
		}
		refused = append(refused, connector.Refusal{Row: first + i, Reason: reason})
	}
	if failed != nil && len(refused) == 0 {
		return nil, failed // it says that some failed, and that none did
	}
	return refused, nil
}
