// Package trial puts a connector to the test against a vendor's own endpoint, or a stand-in of it: the parts of the
// conformance suite that can be seen from outside, with somebody's account and its data. It reads, a few pages at a time,
// and writes nothing.
//
// It assumes nothing of the data but that it stays what it is for as long as the trial lasts. Its findings show names of
// fields and counts, and no value of any record.
package trial

import (
	"context"
	"errors"
	"fmt"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Outcome is how a check ended.
type Outcome string

// Outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Noted   Outcome = "noted"   // allowed, and worth knowing
	Skipped Outcome = "skipped" // it could not be checked; the finding says why
)

// Finding is one check's outcome.
type Finding struct {
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail,omitempty"`
}

// Exam says what to examine.
type Exam struct {
	Connector connector.Connector
	Config    connector.Config
	ObjectKey string // the source property that names the entity
	Entity    string // "" is the first one that can be read
	Pages     int    // that are read at most for each check; 5 when 0
	IsStandIn bool   // of a vendor: it takes any credentials

	// Resized is the connector with other pages of an entity, nil when it cannot tell its vendor how large they are to be.
	Resized func(entity string, records int) connector.Connector
	// Pushed are the conditions on an entity that the vendor is to apply; nil knows of none.
	Pushed func(entity string) []Condition
}

// Condition is a filter that a connector hands to its vendor.
type Condition struct {
	Field    string
	Operator flow.Operator
}

// Run runs the checks and returns what it found, in order. A check that needs what another did not find is left out.
func Run(ctx context.Context, x Exam) []Finding {
	if x.Pages <= 0 {
		x.Pages = 5
	}
	e := &examiner{Exam: x}
	conn, err := x.Connector.Connect(ctx, x.Config)
	if !e.check("the profile opens a connection", err, "") {
		return e.findings
	}
	defer conn.Close()
	e.conn = conn
	e.credentials(ctx)
	if !e.entities(ctx) || !e.describe(ctx) {
		return e.findings
	}
	if !e.pages(ctx) {
		return e.findings
	}
	e.resume(ctx)
	e.resize(ctx)
	e.window(ctx)
	e.filters(ctx)
	e.refusal(ctx)
	return e.findings
}

// examiner is one trial under way.
type examiner struct {
	Exam
	conn     connector.Connection
	reader   connector.Reader
	schema   flow.Schema
	props    flow.Properties
	seen     reading // the first one
	findings []Finding
}

func (e *examiner) note(check string, o Outcome, format string, args ...any) {
	e.findings = append(e.findings, Finding{check, o, fmt.Sprintf(format, args...)})
}

// check notes an error as a failure, and its absence as a success.
func (e *examiner) check(check string, err error, detail string) bool {
	if err != nil {
		e.note(check, Failed, "%v", err)
		return false
	}
	e.note(check, Passed, "%s", detail)
	return true
}

// credentials has the vendor judge the profile.
func (e *examiner) credentials(ctx context.Context) {
	const check = "the vendor accepts the profile"
	checker, ok := e.conn.(connector.Checker)
	if !ok {
		e.note(check, Skipped, "the connector has no way to ask; the first page will tell")
		return
	}
	e.check(check, checker.Check(ctx), "")
}

// entities lists what there is, and picks what is read.
func (e *examiner) entities(ctx context.Context) bool {
	const check = "entities are listed"
	lister, ok := e.conn.(connector.EntityLister)
	if !ok {
		e.note(check, Skipped, "the connector does not list any")
		return e.Entity != ""
	}
	list, err := lister.ListEntities(ctx, "")
	if !e.check(check, err, fmt.Sprintf("%d at the top", len(list))) {
		return false
	}
	if e.Entity != "" {
		return true
	}
	reader, _ := e.conn.(connector.Reader)
	for _, x := range list {
		if x.HasNested || reader == nil {
			continue
		}
		if _, err := reader.Describe(ctx, e.properties(x.Name)); err == nil {
			e.Entity = x.Name
			return true
		}
	}
	e.note("an entity to read", Skipped, "none of them can be read; name one with --entity")
	return false
}

// describe asks for the fields, and for those of an entity that there cannot be.
func (e *examiner) describe(ctx context.Context) bool {
	reader, ok := e.conn.(connector.Reader)
	if !ok {
		e.note("reading", Skipped, "the connector is a destination only; it is not examined further")
		return false
	}
	e.reader, e.props = reader, e.properties(e.Entity)
	if _, err := reader.Describe(ctx, e.properties("weir-no-such-entity")); err == nil {
		e.note("an unknown entity is refused", Failed, "the connector describes an entity that does not exist")
	} else if code := fault.CodeOf(err); code != fault.Validation && code != fault.NotFound {
		e.note("an unknown entity is refused", Noted, "with %s: %v", code, err)
	} else {
		e.note("an unknown entity is refused", Passed, "")
	}
	var err error
	e.schema, err = reader.Describe(ctx, e.props)
	if err == nil && len(e.schema.Fields) == 0 {
		err = errors.New("it has no fields")
	}
	if !e.check(fmt.Sprintf("entity %s is described", e.Entity), err, fmt.Sprintf("%d fields", len(e.schema.Fields))) {
		return false
	}
	if e.first(func(f *flow.Field) bool { return f.IsPrimaryKey }) == nil {
		e.note("a key", Noted, "no field is said to identify records")
	}
	return true
}

// first is the first field that suits, nil for none.
func (e *examiner) first(suits func(*flow.Field) bool) *flow.Field {
	for i := range e.schema.Fields {
		if suits(&e.schema.Fields[i]) {
			return &e.schema.Fields[i]
		}
	}
	return nil
}
