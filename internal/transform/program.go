package transform

import (
	"slices"
	"sync"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform/kernel"
)

// Result is what a program made of one batch.
type Result struct {
	// Out holds the rows kept, with the outputs as columns in plan order and the origin of each row. Nil when no row was
	// kept. The caller releases it.
	Out *batch.Batch
	// Partition gives, for programs with partition keys, the columns of Out they are, in order.
	Partition []int
	Read      int64 // rows in
	Filtered  int64 // rows a filter left out
	Rejects   []Reject
	// Nulled is values that did not fit their type and were left out; their rows go on.
	Nulled []Reject
}

// Reject is a row left out by a validation or refused by a task that could not be done (a division by zero, a value
// that does not fit its type).
type Reject struct {
	Row     int    // in the input batch; rejects ascend by it
	Record  int64  // in the source object
	Task    string // "Validate VALIDATE_NON_NULL rating"
	Index   int    // of the task in the flow
	Field   string // that the task failed on: a source field or a derived one
	Reason  string // without the value
	Refused bool   // a failed task rather than a validation that dropped the row
}

// EndError is the error of a validation that ends the run, with the record that failed it.
type EndError struct {
	Reject
	err error
}

func (e *EndError) Error() string { return e.err.Error() }

func (e *EndError) Unwrap() error { return e.err }

// Options are what a program needs besides its plan.
type Options struct {
	Pool *batch.Pool // memory of the columns made; nil means batch.DefaultPool
}

// Program is a compiled program. Safe for concurrent use.
type Program struct {
	pool        *batch.Pool
	inputs      []plan.Column
	fields      []field // inputs, then derived fields
	filters     []filter
	validations []validation
	checks      []check
	derived     []derived // those that are used, each after what it is made of
	outputs     []output
	partition   []int
	runs        sync.Pool // *run
}

// field is a name that tasks use: a source field, or a derived one.
type field struct {
	name  string
	edits []edit // to apply before the field is copied to outputs
}

type filter struct {
	field int
	test  test
}

type validation struct {
	field       int
	rule        kernel.Rule
	dropDataset bool
	task        string
	index       int
	operator    string
	reasons     [kernel.Reasons]string
}

// check is a type that a source field's values must fit.
type check struct {
	field   int
	kind    batch.Kind
	isNull  bool // what does not fit becomes null, and its row stays
	task    string
	index   int
	reasons [kernel.Reasons]string
}

type derived struct {
	field      int // that it makes
	from       []int
	arithmetic bool
	op         kernel.ArithmeticOp
	pieces     []piece
	task       string
	index      int
	reasons    [kernel.Reasons]string
}

// piece is a literal, or a field when field is not negative.
type piece struct {
	literal string
	field   int
}

type edit struct {
	truncate int // characters; 0 for a mask
	part     kernel.MaskPart
	length   int
	with     string
	task     string
	index    int
	reasons  [kernel.Reasons]string
}

type output struct {
	name    string
	field   int
	kind    batch.Kind // to cast to; zero keeps the kind
	task    string
	index   int
	reasons [kernel.Reasons]string
}

// Run applies the program to a batch, which it takes over and releases. The batch has the plan's input columns, in order;
// their kinds may differ from batch to batch. The one error a batch can cause is that a validation ends the run: it has
// the code Validation and names task, object and record.
func (p *Program) Run(in *batch.Batch) (Result, error) {
	defer in.Release()
	if err := p.check(in); err != nil {
		return Result{}, err
	}
	r := p.runs.Get().(*run)
	defer p.runs.Put(r)
	defer r.reset()
	r.program, r.in = p, in
	return r.run()
}

// check guards against a batch of another split's shape, which would mix up fields without a sign.
func (p *Program) check(in *batch.Batch) error {
	same := slices.EqualFunc(in.Columns, p.inputs, func(c batch.Column, want plan.Column) bool { return c.Name == want.Name })
	if !same {
		return fault.New(fault.Internal, "transforming a batch of %q: it does not have the plan's columns", in.Origin.Object)
	}
	return nil
}
