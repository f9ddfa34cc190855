package custom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Outcome is how a check of [Certify] ended.
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

// Exam says what to certify. The connection is one for the connector in question.
type Exam struct {
	Registrar   Registrar
	ARN         string
	Connector   connector.Connector
	Config      connector.Config
	Entity      string // "" is the first that is listed
	Writes      bool   // whether records may be written: those that were read, once more
	WriteEntity string // "" is Entity
	Operation   string // of the write; INSERT when empty
	IDFields    []string
}

// examPages bounds what is read: a certificate is no transfer.
const examPages = 20

// Certify holds a connector against the protocol, as far as can be seen from outside, and returns what it found in order.
// It calls the connector as a flow would; it writes only when told to.
func Certify(ctx context.Context, x Exam) []Finding {
	e := &examiner{Exam: x}
	e.configuration(ctx)
	if e.said == nil {
		return e.findings
	}
	conn, err := x.Connector.Connect(ctx, x.Config)
	if !e.check("connection", err, "") {
		return e.findings
	}
	defer conn.Close()
	e.c = conn.(*connection)
	e.check("settings and credentials are accepted", e.c.Check(ctx), "")
	e.errors(ctx)
	e.entities(ctx)
	if e.entity == nil {
		return e.findings
	}
	if e.said.IsSource {
		e.query(ctx)
		e.filter(ctx)
		e.retrieve(ctx)
	}
	if e.said.IsDest {
		e.write(ctx)
	}
	return e.findings
}

type examiner struct {
	Exam
	c        *connection
	findings []Finding
	entity   *described
	records  []byte // of the first page: a JSON array
	count    int    // of all records that were read
	isAll    bool   // whether that is all there are
	said     *struct {
		IsSource bool     `json:"canUseAsSource"`
		IsDest   bool     `json:"canUseAsDestination"`
		Writes   []string `json:"supportedWriteOperations"`
	}
}

func (e *examiner) note(check string, o Outcome, format string, args ...any) {
	e.findings = append(e.findings, Finding{check, o, fmt.Sprintf(format, args...)})
}

func (e *examiner) check(check string, err error, detail string) bool {
	if err != nil {
		e.note(check, Failed, "%v", err)
		return false
	}
	e.note(check, Passed, "%s", detail)
	return true
}

// timed notes a call that AppFlow would not have waited for.
func (e *examiner) timed(what string, limit time.Duration, call func() error) error {
	began := time.Now()
	err := call()
	if took := time.Since(began); err == nil && took > limit {
		e.note(what+" within AppFlow's time", Noted, "took %.1f s; AppFlow waits %.0f s, Weir longer", took.Seconds(), limit.Seconds())
	}
	return err
}

// What AppFlow waits for.
const (
	appflowMetadata = 10 * time.Second
	appflowData     = 30 * time.Second
)

func (e *examiner) configuration(ctx context.Context) {
	var props flow.Properties
	err := e.timed("configuration", appflowMetadata, func() (err error) {
		props, err = e.Registrar.Configuration(ctx, e.Config.Label, e.ARN)
		return err
	})
	if err == nil {
		err = props.Decode(&e.said)
	}
	detail := ""
	if err == nil {
		detail = fmt.Sprintf("source: %t, destination: %t", e.said.IsSource, e.said.IsDest)
	}
	e.check("configuration is sound", err, detail)
}

// errors asks for what there cannot be. A connector must say so as the protocol does, not by an exception.
func (e *examiner) errors(ctx context.Context) {
	const check = "an unknown entity is refused with an error code"
	const entity = "weir-certify-no-such-entity"
	answer, err := e.c.call(ctx, "DescribeEntity", metadataTime, func(s *session) ([]byte, error) {
		return marshal(describeEntityRequest{Type: "DescribeEntityRequest", Entity: entity, Context: e.c.context(s, nil, nil)})
	})
	code := ""
	if answer != nil {
		code, _ = examine("DescribeEntity", answer)
	}
	switch {
	case code != "":
		e.note(check, Passed, "%s", clip(code))
	case err == nil:
		e.note(check, Noted, "the connector describes an entity that does not exist")
	default:
		e.note(check, Failed, "no errorDetails: %v", err)
	}
}

func (e *examiner) entities(ctx context.Context) {
	var list []flow.Entity
	err := e.timed("entities", appflowMetadata, func() (err error) {
		list, err = e.c.ListEntities(ctx, "")
		return err
	})
	if !e.check("entities are listed", err, fmt.Sprintf("%d at the top", len(list))) {
		return
	}
	name := e.Entity
	for depth := 0; name == "" && depth < 5; depth++ {
		i := slices.IndexFunc(list, func(x flow.Entity) bool { return !x.HasNested })
		switch {
		case i >= 0:
			name = list[i].Name
		case len(list) == 0:
			e.note("an entity to look at", Skipped, "there is none; name one with --entity")
			return
		default:
			parent := list[0].Name
			list, err = e.c.ListEntities(ctx, parent)
			if !e.check("entities below another are listed", err, clip(parent)) {
				return
			}
		}
	}
	err = e.timed("description", appflowMetadata, func() (err error) {
		e.entity, err = e.c.describe(ctx, name, nil)
		return err
	})
	if !e.check(fmt.Sprintf("entity %s is described", clip(name)), err, "") {
		return
	}
	fields := e.entity.schema.Fields
	e.findings[len(e.findings)-1].Detail = fmt.Sprintf("%d fields", len(fields))
	if !slices.ContainsFunc(fields, func(f flow.Field) bool { return f.IsTimestamp }) {
		e.note("a field for incremental runs", Noted, "no field has isTimestampFieldForIncrementalQueries: every scheduled run reads everything")
	}
	for i := range fields {
		if !isName(fields[i].Name) {
			e.note("names of fields", Noted, "%q is no name in filter expressions: Weir filters it by itself", clip(fields[i].Name))
			break
		}
	}
}

// request is a reading of the retrievable fields.
func (e *examiner) request(filters ...connector.Filter) (connector.ReadRequest, error) {
	props, err := marshal(map[string]string{"entityName": e.entity.schema.Entity})
	req := connector.ReadRequest{Properties: props, Schema: e.entity.schema, Filters: filters}
	for i := range e.entity.schema.Fields {
		if f := &e.entity.schema.Fields[i]; f.IsRetrievable {
			req.Fields = append(req.Fields, f.Name)
		}
	}
	return req, err
}

// read reads pages, and hands each over before it is decoded.
func (e *examiner) read(ctx context.Context, req connector.ReadRequest, from connector.Cursor, each func(*page, *batch.Batch) error) error {
	data, err := marshal(slice{Definition: e.entity.raw, NotNull: e.entity.notNull})
	if err != nil {
		return err
	}
	pages, err := e.c.Read(ctx, req, connector.Split{Data: data}, from)
	if err != nil {
		return err
	}
	defer pages.Close()
	for range examPages {
		p, err := pages.Next(ctx)
		if errors.Is(err, io.EOF) {
			e.isAll = true
			return nil
		}
		if err != nil {
			return err
		}
		g := p.(*page)
		if e.records == nil {
			e.records = g.answer.records
		}
		b, err := g.Decode()
		if err != nil {
			return err
		}
		err = each(g, b)
		b.Release()
		if err != nil {
			return err
		}
	}
	e.isAll = false
	return nil
}

func (e *examiner) query(ctx context.Context) {
	req, err := e.request()
	if !e.check("fields can be read", err, fmt.Sprintf("%d of them", len(req.Fields))) {
		return
	}
	var second connector.Cursor
	pages, largest, after := 0, 0, 0
	err = e.timed("query", appflowData, func() error {
		return e.read(ctx, req, nil, func(g *page, b *batch.Batch) error {
			if pages++; pages == 1 && !g.end.IsEnd {
				second = g.Cursor()
			} else if pages > 1 {
				after += b.Rows
			}
			e.count += b.Rows
			largest = max(largest, b.Rows)
			return nil
		})
	})
	if !e.check("records are read, page by page", err, fmt.Sprintf("%d records on %d pages", e.count, pages)) {
		return
	}
	if largest > recordsPerPage {
		e.note("pages keep to maxResults", Noted, "a page has %d records; %d were asked for", largest, recordsPerPage)
	}
	if second == nil {
		e.note("a nextToken can be used again", Skipped, "there is one page only")
		return
	}
	again, wasAll := 0, e.isAll
	err = e.read(ctx, req, second, func(_ *page, b *batch.Batch) error { again += b.Rows; return nil })
	if err == nil && wasAll && e.isAll && again != after {
		err = fmt.Errorf("%d records came after the first page, and %d when its nextToken was used again: a run that resumes would not be whole", after, again)
	}
	e.check("a nextToken can be used again", err, "")
}

// filter reads the records that are equal to the first one in some field, and looks whether others come.
func (e *examiner) filter(ctx context.Context) {
	const check = "a filter is obeyed"
	field, value := e.sample(func(f *flow.Field, v string) bool {
		return f.Type == flow.TypeString && f.IsQueryable && slices.Contains(f.FilterOperators, flow.OpEqualTo) && isName(f.Name) && quoted(v) != ""
	})
	if field == "" {
		e.note(check, Skipped, "no text field of the first record can be filtered by equality")
		return
	}
	req, err := e.request(connector.Filter{Field: field, Operator: flow.OpEqualTo, DataType: "string", Values: []string{value}})
	if err != nil {
		return
	}
	at := slices.Index(req.Fields, field)
	hits, others := 0, 0
	err = e.read(ctx, req, nil, func(_ *page, b *batch.Batch) error {
		form := batch.OpenForm(b.Columns[at])
		for row := range b.Rows {
			if !form.IsNull(row) && strings.EqualFold(string(form.Append(nil, row)), value) {
				hits++
			} else {
				others++
			}
		}
		return nil
	})
	switch {
	case err != nil:
		e.check(check, err, "")
	case hits == 0:
		e.note(check, Failed, "%s = … finds no record, though one was read that has the value", field)
	case others > 0:
		e.note(check, Failed, "%s = … lets %d records through that have another value: incremental runs would read everything, every time", field, others)
	default:
		e.note(check, Passed, "%s = … gives %d of %d records", field, hits, e.count)
	}
}

func (e *examiner) retrieve(ctx context.Context) {
	const check = "a record is found by its key"
	field, value := e.sample(func(f *flow.Field, _ string) bool { return f.IsPrimaryKey })
	if field == "" {
		e.note(check, Skipped, "no field with a value is a primary key")
		return
	}
	a, err := e.c.retrieve(ctx, e.entity, []string{field}, field, []string{value})
	if err == nil && a.count != 1 {
		err = fmt.Errorf("RetrieveData by %s gives %d records", field, a.count)
	}
	if fault.Is(err, fault.ConnectorServer) { // AppFlow's flows do without
		e.note(check, Noted, "%v", err)
		return
	}
	e.check(check, err, "")
}

// sample finds a field of the first record that suits, and its value.
func (e *examiner) sample(suits func(*flow.Field, string) bool) (name, value string) {
	if e.count == 0 {
		return "", ""
	}
	req, err := e.request()
	if err != nil {
		return "", ""
	}
	plan, err := rest.NewPlan(req.Schema, rest.PlanOptions{Fields: req.Fields})
	if err != nil {
		return "", ""
	}
	b, err := plan.Decode(e.records, 1, nil)
	if err != nil || b.Rows == 0 {
		return "", ""
	}
	defer b.Release()
	for i, col := range b.Columns {
		form := batch.OpenForm(col)
		if form.IsNull(0) {
			continue
		}
		v := string(form.Append(nil, 0))
		if f := &req.Schema.Fields[req.Schema.Find(req.Fields[i])]; v != "" && suits(f, v) {
			return f.Name, v
		}
	}
	return "", ""
}

func (e *examiner) write(ctx context.Context) {
	const check = "records are written"
	op := e.Operation
	if op == "" {
		op = "INSERT"
	}
	switch {
	case !e.Writes:
		e.note(check, Skipped, "writing was not asked for; see --write")
		return
	case !slices.Contains(e.said.Writes, op):
		e.note(check, Skipped, "the connector does not declare %s", clip(op))
		return
	case e.count == 0:
		e.note(check, Skipped, "no record was read that could be written")
		return
	}
	entity := e.WriteEntity
	if entity == "" {
		entity = e.entity.schema.Entity
	}
	props, err := json.Marshal(map[string]any{"entityName": entity, "writeOperationType": op, "idFieldNames": list(e.IDFields)})
	if err != nil {
		return
	}
	w, err := e.c.OpenWriter(ctx, connector.WriteRequest{Properties: props, ExecutionID: fmt.Sprintf("certify-%d", time.Now().UnixNano())})
	if err != nil {
		e.check(check, err, "")
		return
	}
	defer w.Close(ctx)
	b, err := e.writable()
	if err != nil {
		e.check(check, err, "")
		return
	}
	defer b.Release()
	var refused []connector.Refusal
	err = e.timed("writing", appflowData, func() (err error) {
		_, refused, err = w.Write(ctx, 0, b)
		return err
	})
	if err == nil && len(refused) > 0 {
		e.note("refusals can be matched to records", Passed, "%d of %d were refused, the first because: %s", len(refused), b.Rows, refused[0].Reason)
	}
	e.check(check, err, fmt.Sprintf("%d records with %s", b.Rows-len(refused), op))
}

// writable is the first page's records, in the fields that may be written; all of them where the connector says nothing.
func (e *examiner) writable() (*batch.Batch, error) {
	schema := e.entity.schema
	var fields []string
	for i := range schema.Fields {
		f := &schema.Fields[i]
		if f.IsRetrievable && (f.IsCreatable || f.IsUpdatable || f.IsUpsertable || slices.Contains(e.IDFields, f.Name)) {
			fields = append(fields, f.Name)
		}
	}
	if len(fields) == 0 {
		req, err := e.request()
		if err != nil {
			return nil, err
		}
		fields = req.Fields
	}
	plan, err := rest.NewPlan(schema, rest.PlanOptions{Fields: fields})
	if err != nil {
		return nil, err
	}
	return plan.Decode(e.records, 1, nil)
}
