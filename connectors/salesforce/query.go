package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

const (
	// maxQueryURL is as long as a request's address may get. Salesforce takes 16,384 bytes with the headers, of which the
	// token is the longest.
	maxQueryURL = 12_000
	// maxQuery is how long a query may be at all.
	maxQuery = 100_000
	// pageRecords is how many records an answer by REST is asked to hold; Salesforce gives fewer where they are wide.
	pageRecords = 2_000
)

// query asks a query, or goes on with the page that a link leads to. Accept looks at the answer, in which the records
// have their place; it may be called several times.
func (c *connection) query(ctx context.Context, doing, soql string, all bool, link string, accept func(body []byte) error) error {
	r := &rest.Request{Doing: doing, Path: link, Header: http.Header{"Sforce-Query-Options": {"batchSize=" + strconv.Itoa(pageRecords)}}}
	r.Accept = func(a *rest.Answer) error { return accept(a.Body) }
	if link == "" {
		resource := "/query"
		if all {
			resource = "/queryAll"
		}
		search := url.Values{"q": {soql}}.Encode()
		switch {
		case len(soql) > maxQuery:
			return fault.New(fault.Validation, "%s: the query is longer than the %d characters that %s takes; map fewer fields", doing, maxQuery, vendor)
		case len(search) > maxQueryURL:
			return c.wrapped(ctx, r, resource+"?"+search, accept)
		}
		r.Path = dataPath + resource + "?" + search
	}
	_, err := c.client.Do(ctx, r)
	return err
}

// wrapped asks in the body of a composite request what is too long for an address.
func (c *connection) wrapped(ctx context.Context, r *rest.Request, resource string, accept func(body []byte) error) error {
	type sub struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	body, err := json.Marshal(map[string][]sub{"batchRequests": {{Method: http.MethodGet, URL: apiVersion + resource}}})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "%s: writing the query", r.Doing)
	}
	r.Method, r.Path, r.Body = http.MethodPost, dataPath+"/composite/batch", body
	r.Accept = func(a *rest.Answer) error {
		inner, err := unwrapped(a.Body)
		if err != nil {
			return err
		}
		return accept(inner)
	}
	_, err = c.client.Do(ctx, r)
	return err
}

// unwrapped is the one answer inside a composite's.
func unwrapped(body []byte) ([]byte, error) {
	_, results, err := rest.Split(body, "results")
	if err != nil {
		return nil, err
	}
	one := bytes.TrimSpace(results[1 : len(results)-1])
	if len(one) == 0 {
		return nil, fault.Temporary(fault.ConnectorServer, nil, "the composite answer is empty")
	}
	e, inner, err := rest.Split(one, "result")
	if err != nil {
		return nil, err
	}
	if status, ok := e.Number("statusCode"); !ok || status >= http.StatusMultipleChoices {
		said, err := rest.ParseEnvelope(inner)
		if err != nil {
			return nil, err
		}
		refused := fault.New(fault.ConnectorServer, "%s refused the query with status %d: %s: %s", vendor, status,
			rest.Plain(said.Text("0.errorCode"), 80), rest.Plain(said.Text("0.message"), 300))
		if status >= http.StatusInternalServerError {
			refused.Retry = fault.Transient
		}
		return nil, refused
	}
	inner = bytes.TrimSpace(inner)
	return inner[1 : len(inner)-1], nil // the answer is one object, shown as an array of one
}

// count counts the records that a question is about in a range of ids. Unknown is -1: the count took too long.
func (c *connection) count(ctx context.Context, q *question, s span) (int64, error) {
	n := int64(-1)
	err := c.query(ctx, "counting the records of \""+q.object+"\"", q.count(s), q.all, "", func(body []byte) error {
		e, err := rest.ParseEnvelope(body)
		if err != nil {
			return err
		}
		var ok bool
		if n, ok = e.Number("totalSize"); !ok || n < 0 {
			return fault.Temporary(fault.ConnectorServer, nil, "the answer has no totalSize")
		}
		return nil
	})
	if isTooMuch(err) {
		return -1, nil
	}
	return n, err
}

// edge is the first or the last id of a range; "" when it is empty.
func (c *connection) edge(ctx context.Context, q *question, s span, last bool) (string, error) {
	id := ""
	err := c.query(ctx, "looking for the ids of \""+q.object+"\"", q.edge(s, last), q.all, "", func(body []byte) error {
		e, err := rest.ParseEnvelope(body)
		if err != nil {
			return err
		}
		if id = e.Text("records.0.Id"); id != "" && !idText.MatchString(id) {
			return fault.New(fault.ConnectorServer, "the answer's id is none")
		}
		return nil
	})
	return id, err
}

// isTooMuch reports whether an error says that a query took too long or found too much for one answer.
func isTooMuch(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "QUERY_TIMEOUT") || strings.Contains(err.Error(), "OPERATION_TOO_LARGE"))
}
