package flow

import "time"

// ExecutionStatus is the state of one run.
type ExecutionStatus string

// Execution states. A run is InProgress from the moment StartFlow answered.
const (
	ExecutionInProgress    ExecutionStatus = "InProgress"
	ExecutionSuccessful    ExecutionStatus = "Successful"
	ExecutionError         ExecutionStatus = "Error"
	ExecutionCancelStarted ExecutionStatus = "CancelStarted"
	ExecutionCanceled      ExecutionStatus = "Canceled"
)

// Done reports whether the state is final.
func (s ExecutionStatus) Done() bool {
	return s == ExecutionSuccessful || s == ExecutionError || s == ExecutionCanceled
}

// Execution is one run of a flow. It keeps the definition it started with: a later update does not touch it.
type Execution struct {
	ID            string          `json:"id"` // UUID
	FlowName      string          `json:"flowName"`
	FlowVersion   int64           `json:"flowVersion"`
	SchemaVersion int64           `json:"schemaVersion"`
	Definition    Definition      `json:"definition"`
	Status        ExecutionStatus `json:"status"`
	StartedAt     time.Time       `json:"startedAt"`
	UpdatedAt     time.Time       `json:"updatedAt"` // the end, once done
	Window        *Window         `json:"window,omitzero"`
	IsBackfill    bool            `json:"isBackfill,omitzero"` // its window is of the past: it moves no watermark
	Totals        Totals          `json:"totals"`
	Message       string          `json:"message,omitzero"` // why it failed, or a short sentence of success
	Code          string          `json:"code,omitzero"`    // fault code of a failed run
	// Outcome is the final state an unfinished run is bound for, from the moment that is decided: Successful just before
	// its output begins to appear, Error or Canceled just before what it staged is thrown away. A run that is bound for
	// Successful can no longer be canceled; it still becomes an Error when its output cannot be published.
	Outcome ExecutionStatus `json:"outcome,omitzero"`
	// Failures counts how often the run has failed and was to go on; ResumeAt is when it does, while it waits for that.
	Failures int        `json:"failures,omitzero"`
	ResumeAt *time.Time `json:"resumeAt,omitzero"`
	// Events is the part of the flow's inbox that the run moves; nil for runs that read their source.
	Events *EventRange `json:"events,omitzero"`
	// Options are the flow's, for runs without a store. Nil means those of the stored flow's tags when the run is prepared.
	Options *Options `json:"options,omitzero"`
	// Catalog is what became of the run's tables in the metadata catalog, for a successful run of a flow that names one.
	Catalog []CatalogDetail `json:"catalog,omitzero"`
}

// EventRange is a part of a flow's inbox: the chunks with the sequences [From, To).
type EventRange struct {
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	Events int64 `json:"events"` // in them
}

// CatalogDetail is what became of one table of a metadata catalog (metadataCatalogDetails).
type CatalogDetail struct {
	Table      string          `json:"table"`
	Tables     CatalogOutcome  `json:"tables"`              // of registering the table itself
	Partitions *CatalogOutcome `json:"partitions,omitzero"` // of its partitions; nil for a table without
}

// Message says what went wrong; empty when nothing did.
func (d *CatalogDetail) Message() string {
	if d.Tables.Message == "" && d.Partitions != nil {
		return d.Partitions.Message
	}
	return d.Tables.Message
}

// CatalogOutcome is how a registration went. A failed one does not fail the run.
type CatalogOutcome struct {
	Status  ExecutionStatus `json:"status"` // Successful or Error
	Message string          `json:"message,omitzero"`
	Result  string          `json:"result"` // how many were registered, as a number
}

// NewExecution is a run of a flow as it is, from a moment on. It belongs into the ledger before anything else happens.
func NewExecution(id string, f *Flow, at time.Time) *Execution {
	return &Execution{
		ID: id, FlowName: f.Name, FlowVersion: f.Version, SchemaVersion: f.SchemaVersion, Definition: f.Definition,
		Status: ExecutionInProgress, StartedAt: at, UpdatedAt: at,
	}
}

// Window is the half-open span of change times [From, To) an incremental execution pulls.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Totals are the ledger's counts of an execution or of one split. The ledger closes when
// Read = Filtered + Rejected + Deduplicated + Written.
type Totals struct {
	Read         int64 `json:"read"`         // records read from the source
	Filtered     int64 `json:"filtered"`     // left out by a filter
	Rejected     int64 `json:"rejected"`     // left out by a validation, or refused by a task or the destination
	Deduplicated int64 `json:"deduplicated"` // recognised as written before
	Written      int64 `json:"written"`      // accepted by the destination
	PutFailures  int64 `json:"putFailures"`  // the part of Rejected that the destination or a failing task refused
	BytesRead    int64 `json:"bytesRead"`    // bytes of source data, as stored
	BytesWritten int64 `json:"bytesWritten"` // bytes of published output
	Parallelism  int64 `json:"parallelism"`  // splits that ran at the same time, at most
	// Nulled is values of written records that did not fit their type and were left out (drift policy quarantine-value).
	Nulled int64 `json:"nulled,omitzero"`
}

// Closes reports whether every record read is accounted for.
func (t Totals) Closes() bool {
	return t.Read == t.Filtered+t.Rejected+t.Deduplicated+t.Written
}

// Add adds the counts of o; Parallelism becomes the larger one.
func (t *Totals) Add(o Totals) {
	t.Read += o.Read
	t.Filtered += o.Filtered
	t.Rejected += o.Rejected
	t.Deduplicated += o.Deduplicated
	t.Written += o.Written
	t.PutFailures += o.PutFailures
	t.BytesRead += o.BytesRead
	t.BytesWritten += o.BytesWritten
	t.Nulled += o.Nulled
	t.Parallelism = max(t.Parallelism, o.Parallelism)
}

// Reject is a sample of a record that did not make it, for people: where it came from, which task refused it, and why.
// It never holds the value of a masked field.
type Reject struct {
	Split  int    `json:"split"`
	Object string `json:"object"` // the source object's name: a key in a bucket, a page of an API
	Record int64  `json:"record"` // 1-based number of the record in that object, the header not counted
	Task   string `json:"task"`   // for instance "Validate VALIDATE_NON_NULL rating"
	Reason string `json:"reason"`
	Action string `json:"action"` // dropped, refused; nulled for a value that was left out of a record that did
}

// Watermark is the end of the last window a flow has fully committed. The zero time means none: the next incremental run
// is the first.
type Watermark struct {
	FlowName    string         `json:"flowName"`
	To          time.Time      `json:"to"`
	ExecutionID string         `json:"executionId"`
	Edit        *WatermarkEdit `json:"edit,omitzero"` // when it was set by hand, and no run has moved it since
}

// WatermarkEdit is what a watermark was before somebody set it.
type WatermarkEdit struct {
	From time.Time `json:"from"`
	By   string    `json:"by"` // ARN of the caller
	At   time.Time `json:"at"`
}
