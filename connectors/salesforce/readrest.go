package salesforce

import (
	"bytes"
	"strings"

	"weir.dev/weir/batch"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/jsonl"
)

// rest fetches the next page by REST and hands it out.
func (p *pages) rest() error {
	at, fresh := p.at, p.at.Next == ""
	f := &page{of: p, first: at.Records + 1}
	var end place
	accept := func(body []byte) (err error) {
		end, err = p.readAnswer(body, f)
		return err
	}
	soql := ""
	switch {
	case fresh && p.q.by != "":
		soql = p.q.byTime(at.Span, at.At)
	case fresh:
		soql = p.q.byID(at.Span)
	}
	err := p.c.query(p.ctx, "reading \""+p.slice.Object+"\"", soql, p.q.all, at.Next, accept)
	switch {
	case err == nil:
	case !fresh && fault.Is(err, fault.NotFound) && (p.q.isKeyed || at.Records == 0):
		// Salesforce forgets where its answers go on after two days, or when the user has too many of them open. What is
		// left can be asked for anew.
		p.at.Next = ""
		return nil
	case fault.Is(err, fault.NotFound): // neither object nor place is a resource of AppFlow's
		return fault.Wrap(fault.ConnectorServer, err, "the answers to a query of %q do not go on", p.slice.Object)
	case fresh && at.Records == 0 && p.isFree && isTooMuch(err):
		p.at.API = apiBulk
		return nil
	default:
		return err
	}
	p.at = end
	return p.hand([]*page{f})
}

// readAnswer takes an answer apart, and says where reading stands behind it.
func (p *pages) readAnswer(body []byte, f *page) (place, error) {
	e, records, err := rest.Split(body, "records")
	if err != nil {
		return place{}, err
	}
	isDone, ok := e.Flag("done")
	next := e.Text("nextRecordsUrl")
	if !ok || !isDone && next == "" {
		return place{}, fault.Temporary(fault.ConnectorServer, nil, "the answer does not say where its records go on")
	}
	end := p.at
	end.Next, end.IsDone = "", isDone
	if !isDone {
		if end.Next, err = p.c.client.Follow(next); err != nil {
			return place{}, err
		}
		end.Next = strings.TrimPrefix(end.Next, p.c.base)
	}
	f.records, f.bytes = withoutNUL(records), int64(len(body))
	if err := p.last(f, &end); err != nil {
		return place{}, err
	}
	if f.count == 0 && !isDone && end.Next == p.at.Next {
		return place{}, fault.New(fault.ConnectorServer, "the answer leads back to itself")
	}
	end.Records += int64(f.count)
	f.end = end
	return end, nil
}

// last counts the records of a page and notes the last one. Its errors are worth another try: a page that cannot be
// counted was torn on its way.
func (p *pages) last(f *page, end *place) error {
	if !p.q.isKeyed {
		n, err := p.plan.Count(f.records, f.first)
		f.count = n
		return err
	}
	columns := []format.ReadColumn{{Name: "Id"}}
	if p.q.by != "" {
		columns = append(columns, format.ReadColumn{Name: p.q.by})
	}
	b, err := jsonl.DecodeArray(p.slice.Object, f.records, f.first, format.ReadOptions{Columns: columns, Pool: p.c.pool})
	if err != nil {
		return fault.Temporary(fault.ConnectorServer, err, "looking at the records of the answer")
	}
	defer b.Release()
	if f.count = b.Rows; f.count == 0 {
		return nil
	}
	text := func(column int) string {
		t := batch.OpenText(b.Columns[column])
		if t.IsNull(b.Rows - 1) {
			return ""
		}
		return strings.Trim(string(t.Bytes(b.Rows-1)), `"`)
	}
	if end.Span.After = text(0); !idText.MatchString(end.Span.After) {
		return fault.New(fault.ConnectorServer, "the last record of the answer has no id")
	}
	if p.q.by != "" {
		if end.At, err = literalOf(text(1)); err != nil {
			return err
		}
	}
	return nil
}

// literalOf turns a time as answers write it into one as queries do.
func literalOf(text string) (string, error) {
	t, ok := strings.CutSuffix(text, "+0000")
	if !ok {
		t = strings.TrimSuffix(text, "Z")
	}
	if len(t) < 19 || strings.Trim(t, "0123456789-:.T") != "" {
		return "", fault.New(fault.ConnectorServer, "the last record of the answer has no time")
	}
	return t + "Z", nil
}

// withoutNUL takes the escaped NUL characters out of JSON, as they are taken out of the Bulk API's text: no destination of
// text takes them.
func withoutNUL(b []byte) []byte {
	nul := []byte(`\u0000`)
	if !bytes.Contains(b, nul) {
		return b
	}
	out := make([]byte, 0, len(b))
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 || i+1 >= len(b) {
			return append(out, b...)
		}
		out = append(out, b[:i]...)
		if bytes.HasPrefix(b[i:], nul) {
			b = b[i+len(nul):]
			continue
		}
		out, b = append(out, b[i], b[i+1]), b[i+2:]
	}
}
