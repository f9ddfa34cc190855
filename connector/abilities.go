package connector

import (
	"context"
	"encoding/json"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/flow"
)

// Checker reaches the vendor and proves that the connection works: ConnectorAuth when the credentials are refused,
// ConnectorServer when the vendor cannot be reached.
type Checker interface {
	Check(ctx context.Context) error
}

// EntityLister lists what the vendor has. Path is empty at the top, else the name of a parent entity.
type EntityLister interface {
	ListEntities(ctx context.Context, path string) ([]flow.Entity, error)
}

// EntityDescriber describes one entity's fields.
type EntityDescriber interface {
	DescribeEntity(ctx context.Context, name string) (flow.Schema, error)
}

// MetadataTimer is implemented by connections whose vendor says how long its answers about entities hold. One connection
// is asked one thing, then this: the time for that answer, or 0 when the vendor has not said.
type MetadataTimer interface {
	MetadataTTL() time.Duration
}

// Reader is the ability to be a source.
//
//	prepare    Describe once, Splits once; both answers are frozen into the plan
//	transfer   Read per split, from the start or from a cursor
type Reader interface {
	// Describe returns the fields of what the properties name, in the vendor's order: the schema the plan is made with.
	// An empty source (no file yet) has no fields and is no error.
	Describe(ctx context.Context, props flow.Properties) (flow.Schema, error)
	// Splits cuts the work into slices that can run alone, in any order, in any process. No work gives no splits. With
	// want 1 it gives at most one.
	Splits(ctx context.Context, req ReadRequest, want int) ([]Split, error)
	// Read opens a split. With a nil cursor it starts at the beginning; else it goes on after the page that gave the
	// cursor, and delivers exactly what is left.
	Read(ctx context.Context, req ReadRequest, split Split, from Cursor) (Pages, error)
}

// ReadRequest is what to read. Plain data, frozen in the plan.
type ReadRequest struct {
	Properties flow.Properties `json:"properties"`
	Schema     flow.Schema     `json:"schema"`
	Fields     []string        `json:"fields"` // to deliver, in this order: the projection
	Filters    []Filter        `json:"filters,omitzero"`
	Window     *flow.Window    `json:"window,omitzero"`
	WindowBy   string          `json:"windowBy,omitzero"` // the field the window is about
	// ChunkBytes is how much input one page should hold. It is part of the plan because the bytes of the output depend
	// on it. 0 means the connector's default.
	ChunkBytes int `json:"chunkBytes,omitzero"`
	// MissingIsNull says that a field which an object of the source lacks is null in its records; else it is an error.
	MissingIsNull bool `json:"missingIsNull,omitzero"`
	// OwnTypes says that values are to be delivered in the type that their object holds them in, even if Schema says
	// another.
	OwnTypes bool `json:"ownTypes,omitzero"`
	// Objects, when not nil, are all that is to be read, for sources of objects: the others are left alone, and so is one of
	// these that is gone, or that is another version by now.
	Objects []Object `json:"objects,omitzero"`
}

// Object names one version of an object of a source.
type Object struct {
	Key  string `json:"key"`
	ETag string `json:"etag,omitzero"` // "" for whatever version there is
}

// Settler is implemented by a [Reader] that knows how far its vendor's records have settled. A window that reaches
// further is cut there, and the next run goes on from the cut: changes that cannot be seen yet are not lost, whatever our
// own clock says.
type Settler interface {
	// Settled returns a time such that every change with an earlier stamp can be seen by queries from now on: the vendor's
	// clock, less the time that its changes may take to show.
	Settled(ctx context.Context) (time.Time, error)
}

// Surveyor is implemented by a [Reader] whose source is many objects with a schema each: files.
type Surveyor interface {
	// Survey looks at every object that the request is about and returns the schemas that differ, in the order of the
	// objects, each with the name of the first object that has it as its Entity. It fails with Quota when there are too
	// many objects to look at.
	Survey(ctx context.Context, req ReadRequest) ([]flow.Schema, error)
}

// ObjectDescriber is implemented by a [Reader] of objects that can say what fields some of them have.
type ObjectDescriber interface {
	// DescribeObjects is Describe for these objects alone. When none is left there are no fields.
	DescribeObjects(ctx context.Context, props flow.Properties, objects []Object) (flow.Schema, error)
}

// Filter is a condition that the source may apply by itself. Every filter is applied again on the rows, so a connector
// may ignore any of them, and must not drop a row that satisfies them all.
type Filter struct {
	Field    string        `json:"field"`
	Operator flow.Operator `json:"operator"`
	DataType string        `json:"dataType"`
	Values   []string      `json:"values"` // one or more, ORed; for BETWEEN the two bounds
}

// Split is a slice of source work that can run alone. Plain data.
type Split struct {
	Index int             `json:"index"` // 0-based, dense
	Label string          `json:"label"` // for people: a key, a range of ids
	Bytes int64           `json:"bytes"` // estimate for progress; 0 when unknown
	Data  json.RawMessage `json:"data"`  // the connector's own
}

// Cursor is a connector's position inside a split; opaque to everyone else. Nil means the beginning.
type Cursor json.RawMessage

// MarshalJSON keeps the cursor as it is.
func (c Cursor) MarshalJSON() ([]byte, error) { return json.RawMessage(c).MarshalJSON() }

// UnmarshalJSON keeps the cursor as it is; null is no cursor.
func (c *Cursor) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*c = nil
		return nil
	}
	*c = append((*c)[:0], b...)
	return nil
}

// Pages delivers a split's data in order. For one goroutine. A source is pulled: a slow destination slows it by itself.
type Pages interface {
	// Next returns the next page, or io.EOF after the last.
	Next(ctx context.Context) (Page, error)
	Close() error
}

// Page is one unit of source data. Fetching keeps order and is cheap for the processor; decoding is the costly half and
// may run on any goroutine.
type Page interface {
	// Decode turns the page into one batch with the request's fields as columns, in that order. At most once; it consumes
	// the page, also on error.
	Decode() (*batch.Batch, error)
	// Release drops the page without decoding it. A no-op after Decode.
	Release()
	// Cursor is where reading goes on after this page.
	Cursor() Cursor
	// Bytes is how much source data the page covers, as stored.
	Bytes() int64
	// Object names the source object the page came from, for file-per-input output and messages.
	Object() string
}

// CountedPage is implemented by a [Page] whose source counts records while it cuts pages, before any is decoded: Decode
// must then give as many rows, numbered without a gap from page to page of one object.
type CountedPage interface {
	Records() int64
}

// FileTarget is the ability to be a destination of files.
type FileTarget interface {
	// Target says which bucket and prefix the properties name and how files are laid out there.
	Target(ctx context.Context, props flow.Properties) (Target, error)
}

// Target is where and how a file destination keeps its files.
type Target struct {
	Bucket blob.Bucket
	Name   string // the bucket's name, as the flow has it
	Output flow.FileOutput
}

// Writer is the ability to be a destination of rows: a vendor's records.
type Writer interface {
	// OpenWriter starts writing one split's rows.
	OpenWriter(ctx context.Context, req WriteRequest) (RowWriter, error)
}

// WriteRequest is what to write. Plain data, frozen in the plan.
type WriteRequest struct {
	Properties  flow.Properties `json:"properties"`
	ExecutionID string          `json:"executionId"`
	Split       int             `json:"split"`
}

// RowWriter writes batches to a vendor. For one goroutine.
type RowWriter interface {
	// Write sends the batch and returns one receipt when the vendor has acknowledged all of it, with the rows it refused.
	// It borrows the batch. Sequence numbers the batches of a split from 0 and repeats after a resume: where the vendor
	// has keys for it, a repeated sequence must not write twice.
	Write(ctx context.Context, sequence int64, b *batch.Batch) (Receipt, []Refusal, error)
	Close(ctx context.Context) error
}

// Gatherer is implemented by a [RowWriter] to whom small writes are dear, such as one that has its vendor make a job of
// each.
type Gatherer interface {
	RowWriter
	// PreferredRows is how many rows the next write should have, if there are as many; 0 for as many as a batch has. It is
	// asked while rows are gathered. Memory may make a write smaller.
	PreferredRows() int
	// WriteAll is Write for batches that follow each other; the Row of a Refusal counts on through them.
	WriteAll(ctx context.Context, sequence int64, batches []*batch.Batch) (Receipt, []Refusal, error)
}

// Resumer is implemented by a [RowWriter] that can find out, after a crash, what has become of the write that was under
// way: by a note that it had kept.
type Resumer interface {
	// Resume is called once, before the first write, with the note that the attempt before has left, or nil; and with what
	// keeps a note: when keep returns nil, the next attempt will be given it. A note is about the write under way, and is
	// forgotten when that has been acknowledged. A writer keeps one only where it has got further than any attempt before
	// it: whoever runs it takes notes for progress.
	Resume(note json.RawMessage, keep func(note json.RawMessage) error) error
}

// Refusal is a row the destination refused.
type Refusal struct {
	Row    int // in the batch
	Reason string
}

// Receipt is proof of one staged file or one accepted write.
type Receipt struct {
	Name  string `json:"name"` // the key or the vendor's name for the write
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
	Hash  string `json:"hash,omitzero"`
	// Content is the sum of the rows as they were encoded; zero for writes to a vendor.
	Content batch.Content `json:"content,omitzero"`
	Staged  *blob.Staged  `json:"staged,omitzero"` // for files
}

// PropertyChecker is implemented by a [Connector] that can check its properties without a connection, when a flow is
// created or updated. Errors are Validation and name the property and the fix.
type PropertyChecker interface {
	CheckSource(props flow.Properties) error
	CheckDestination(props flow.Properties) error
}
