package trial

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// pages reads the first pages, and looks whether the fields are what they are said to be.
func (e *examiner) pages(ctx context.Context) bool {
	const check = "records are read, page by page"
	var err error
	e.seen, err = read(ctx, e.reader, e.request(), nil, e.Pages)
	if !e.check(check, err, "") {
		return false
	}
	more := ", and there are more"
	if e.seen.isWhole {
		more = ", which is all"
	}
	e.findings[len(e.findings)-1].Detail = fmt.Sprintf("%d records on %d pages%s", len(e.seen.rows), len(e.seen.sizes), more)
	if len(e.seen.rows) == 0 {
		e.note("records to look at", Skipped, "there are none: nothing more can be seen of this entity")
		e.refusal(ctx)
		return false
	}
	if odd := slices.Sorted(maps.Keys(e.seen.odd)); len(odd) > 0 {
		e.note("values are of their fields' types", Failed, "some are not, in %s: those stay as the vendor sent them; see type, form and at", strings.Join(odd, ", "))
	} else {
		e.note("values are of their fields' types", Passed, "")
	}
	var absent []string
	for i, name := range e.fields() {
		if !slices.ContainsFunc(e.seen.rows, func(row []string) bool { return row[i] != null }) {
			absent = append(absent, name)
		}
	}
	if len(absent) > 0 {
		e.note("fields have values", Noted, "no record had one in %s: are the names right?", strings.Join(absent, ", "))
	} else {
		e.note("fields have values", Passed, "each in one record at least")
	}
	if i := slices.IndexFunc(e.fields(), func(name string) bool { return e.schema.Fields[e.schema.Find(name)].IsPrimaryKey }); i >= 0 {
		keys := map[string]bool{}
		for _, row := range e.seen.rows {
			keys[row[i]] = true
		}
		if len(keys) < len(e.seen.rows) {
			e.note("keys tell records apart", Failed, "%d records have %d different values of %s: pages that overlap need dedup", len(e.seen.rows), len(keys), e.fields()[i])
		} else {
			e.note("keys tell records apart", Passed, "")
		}
	}
	return true
}

// resume goes on after the first page, as a run does that was interrupted there.
func (e *examiner) resume(ctx context.Context) {
	const check = "reading goes on after the first page"
	if len(e.seen.sizes) < 2 || e.seen.second == nil {
		e.note(check, Skipped, "there is one page only")
		return
	}
	again, err := read(ctx, e.reader, e.request(), e.seen.second, e.Pages-1)
	if err == nil && !slices.Equal(texts(e.seen.rows[e.seen.sizes[0]:]), texts(again.rows)) {
		err = fmt.Errorf("%d records came after the first page, and %d others when reading went on there: a run that resumes would not be whole", len(e.seen.rows)-e.seen.sizes[0], len(again.rows))
	}
	e.check(check, err, "")
}

// resize reads the same records with smaller pages.
func (e *examiner) resize(ctx context.Context) {
	const check = "other sizes of pages give the same records"
	size := slices.Max(e.seen.sizes) / 2
	if e.Resized == nil || size == 0 {
		e.note(check, Skipped, "the size of pages cannot be chosen")
		return
	}
	small := e.Resized(e.Entity, size)
	if small == nil {
		e.note(check, Skipped, "the entity's paging names no sizeParam")
		return
	}
	conn, err := small.Connect(ctx, e.Config)
	if !e.isFine(check, err) {
		return
	}
	defer conn.Close()
	reader, ok := conn.(connector.Reader)
	if !ok {
		return
	}
	got, err := read(ctx, reader, e.request(), nil, 3*e.Pages)
	if !e.isFine(check, err) {
		return
	}
	if len(got.sizes) > 0 && slices.Max(got.sizes) > size {
		e.note(check, Failed, "pages of %d records were asked for, and one has %d: is sizeParam right?", size, slices.Max(got.sizes))
		return
	}
	all := texts(e.seen.rows)
	for _, row := range texts(got.rows) {
		if _, found := slices.BinarySearch(all, row); !found && e.seen.isWhole {
			e.note(check, Failed, "pages of %d records give one that pages of %d do not", size, slices.Max(e.seen.sizes))
			return
		}
	}
	if e.seen.isWhole && got.isWhole && len(got.rows) != len(e.seen.rows) {
		e.note(check, Failed, "pages of %d records give %d in all, pages of %d give %d", size, len(got.rows), slices.Max(e.seen.sizes), len(e.seen.rows))
		return
	}
	e.note(check, Passed, "%d records on %d pages of up to %d", len(got.rows), len(got.sizes), size)
}

// isFine notes an error.
func (e *examiner) isFine(check string, err error) bool {
	if err != nil {
		e.note(check, Failed, "%v", err)
	}
	return err == nil
}

// window reads the changes of a span that divides the records which were read.
func (e *examiner) window(ctx context.Context) {
	const check = "an incremental window gives its records"
	f := e.first(func(f *flow.Field) bool { return f.IsTimestamp && f.IsRetrievable })
	if f == nil {
		e.note(check, Skipped, "no field is a timestamp: every scheduled run reads everything")
		return
	}
	at := slices.Index(e.fields(), f.Name)
	var times []time.Time
	for _, row := range e.seen.rows {
		if t, ok := moment(row[at]); ok {
			times = append(times, t)
		}
	}
	if len(times) == 0 {
		e.note(check, Skipped, "no record has a time in %s", f.Name)
		return
	}
	slices.SortFunc(times, time.Time.Compare)
	taken := flow.Window{From: times[len(times)/2], To: times[len(times)-1].Add(time.Second)}
	req := e.request()
	req.Window, req.WindowBy = &taken, f.Name
	inside := func(text string) bool {
		t, ok := moment(text)
		return ok && !t.Before(taken.From) && t.Before(taken.To)
	}
	got, err := read(ctx, e.reader, req, nil, 3*e.Pages)
	e.compare(check, got, err, at, inside, fmt.Sprintf("by %s", f.Name))
}

// compare holds a narrower reading against what the first one had.
func (e *examiner) compare(check string, got reading, err error, at int, satisfies func(string) bool, how string) {
	if !e.isFine(check, err) {
		return
	}
	if others := len(got.rows) - len(where(got.rows, at, satisfies)); others > 0 && strings.HasPrefix(how, "by ") {
		e.note(check, Failed, "%s: %d of %d records are outside of it", how, others, len(got.rows))
		return
	}
	want := where(e.seen.rows, at, satisfies)
	have := texts(got.rows)
	missing := 0
	for _, row := range texts(want) {
		if _, found := slices.BinarySearch(have, row); !found {
			missing++
		}
	}
	if missing > 0 && got.isWhole {
		e.note(check, Failed, "%s: %d of %d records that were read before are missing", how, missing, len(want))
		return
	}
	e.note(check, Passed, "%s: %d records, of %d that were read before", how, len(got.rows), len(e.seen.rows))
}

// filters reads with each condition that the vendor is to apply, and compares with applying it here.
func (e *examiner) filters(ctx context.Context) {
	const check = "a filter that is handed on loses no record"
	var list []Condition
	if e.Pushed != nil {
		list = e.Pushed(e.Entity)
	}
	if len(list) == 0 {
		e.note(check, Skipped, "no condition is handed on: all filters are applied here")
	}
	for _, c := range list {
		f, satisfies := e.sample(c)
		if satisfies == nil {
			e.note(check, Skipped, "%s %s: no record has a value to compare with", c.Field, c.Operator)
			continue
		}
		req := e.request()
		req.Filters = []connector.Filter{f}
		got, err := read(ctx, e.reader, req, nil, 3*e.Pages)
		at := slices.Index(req.Fields, c.Field)
		e.compare(check, got, err, at, satisfies, c.Field+" "+string(c.Operator))
		if others := len(got.rows) - len(where(got.rows, at, satisfies)); err == nil && others > 0 {
			e.note("a filter that is handed on saves work", Noted, "%s %s lets %d of %d records through that do not satisfy it", c.Field, c.Operator, others, len(got.rows))
		}
	}
}

// sample makes a filter of a condition with a value that some record has; no function when it cannot be judged here.
func (e *examiner) sample(c Condition) (connector.Filter, func(string) bool) {
	i, at := e.schema.Find(c.Field), slices.Index(e.fields(), c.Field)
	if i < 0 || at < 0 {
		return connector.Filter{}, nil
	}
	f := &e.schema.Fields[i]
	rows := where(e.seen.rows, at, func(text string) bool { return text != "" })
	if len(rows) == 0 {
		return connector.Filter{}, nil
	}
	value := rows[len(rows)/2][at]
	filter := connector.Filter{Field: c.Field, Operator: c.Operator, DataType: string(f.Type), Values: []string{value}}
	t, isTime := moment(value)
	if isTime = isTime && (f.Type == flow.TypeDatetime || f.Type == flow.TypeDate); isTime {
		filter.Values = []string{strconv.FormatInt(t.UnixMilli(), 10)} // how filters write times
	}
	switch {
	case c.Operator == flow.OpEqualTo && !isTime:
		return filter, func(text string) bool { return text == value }
	case (c.Operator == flow.OpGreaterThan || c.Operator == flow.OpGreaterThanOrEqualTo) && isTime:
		return filter, func(text string) bool {
			u, ok := moment(text)
			return ok && (u.After(t) || c.Operator == flow.OpGreaterThanOrEqualTo && u.Equal(t))
		}
	}
	return connector.Filter{}, nil
}

// refusal comes with credentials that nobody has.
func (e *examiner) refusal(ctx context.Context) {
	const check = "wrong credentials are refused"
	cfg := e.Config
	wrong, ok := spoiled(cfg.ProfileCredentials)
	if cfg.Tokens == nil && !ok {
		e.note(check, Skipped, "the profile has no credentials")
		return
	}
	if e.IsStandIn {
		e.note(check, Skipped, "a stand-in takes any")
		return
	}
	cfg.ProfileCredentials = wrong
	if cfg.Tokens != nil {
		cfg.Tokens = wrongToken{}
	}
	conn, err := e.Connector.Connect(ctx, cfg)
	if err == nil {
		defer conn.Close()
		err = e.ask(ctx, conn)
	}
	switch code := fault.CodeOf(err); {
	case err == nil:
		e.note(check, Failed, "they are accepted: does the vendor take requests of nobody? See check.expect")
	case strings.Contains(err.Error(), wrongSecret):
		e.note(check, Failed, "the error shows the credentials")
	case code != fault.ConnectorAuth:
		e.note(check, Failed, "with %s, and not as what they are: %v", code, err)
	default:
		e.note(check, Passed, "")
	}
}

// ask has the vendor judge a connection, by its own check or by a first page.
func (e *examiner) ask(ctx context.Context, conn connector.Connection) error {
	if checker, ok := conn.(connector.Checker); ok {
		if err := checker.Check(ctx); err != nil {
			return err
		}
	}
	reader, ok := conn.(connector.Reader)
	if !ok {
		return nil
	}
	_, err := read(ctx, reader, e.request(), nil, 1)
	return err
}
