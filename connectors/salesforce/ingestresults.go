package salesforce

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"slices"
	"strings"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// outcome is what has become of the rows of a job. All others are written.
type outcome struct {
	refused []connector.Refusal
	locked  []connector.Refusal // refused, because somebody else was writing at the moment
	left    []int               // that the job did not come to
}

// outcome asks for as much as it needs to know: nothing when the counts say that all is well.
func (s *sending) outcome(ctx context.Context, p *part, id string, j job) (*outcome, error) {
	o := &outcome{}
	if j.state == "JobComplete" && j.failed == 0 && j.processed == int64(len(p.rows)) {
		return o, nil
	}
	if j.state == "Failed" && j.processed == 0 {
		return nil, fault.New(fault.ConnectorServer, "%s: job %s failed%s", s.doing(), id, s.said(j))
	}
	m, err := newMatcher(p)
	if err != nil {
		return nil, err
	}
	err = s.results(ctx, id, "failedResults", j.failed, m, func(row int, said string) {
		code, message, fields := splitError(said)
		r := connector.Refusal{Row: row, Reason: s.conn.reason(code, message, fields)}
		if isLocked(code) {
			o.locked = append(o.locked, r)
		} else {
			o.refused = append(o.refused, r)
		}
	})
	if err != nil {
		return nil, err
	}
	if j.state == "JobComplete" && j.processed == int64(len(p.rows)) {
		return o, nil
	}
	// Records that the job did not come to may be in no list at all. So the ones that it has written are taken out, too.
	if err := s.results(ctx, id, "successfulResults", j.processed-j.failed, m, func(int, string) {}); err != nil {
		return nil, err
	}
	o.left = m.rest()
	return o, nil
}

// results reads one of a job's lists of results, and tells which rows it is about. Count is how many there should be.
func (s *sending) results(ctx context.Context, id, list string, count int64, m *matcher, each func(row int, said string)) error {
	var records [][]string
	_, err := s.conn.client.Do(ctx, &rest.Request{
		Doing: s.doing(), Path: jobsPath + "/" + id + "/" + list + "/", Header: http.Header{"Accept": {"text/csv"}},
		Accept: func(a *rest.Answer) (err error) {
			records, err = csv.NewReader(bytes.NewReader(bytes.TrimPrefix(a.Body, []byte("\xef\xbb\xbf")))).ReadAll()
			if n := int64(max(len(records)-1, 0)); err != nil || n != count { // an error of the reader's may quote a record
				return fault.Temporary(fault.ConnectorServer, nil, "the %s of job %s, which should hold %d records, are torn or hold others", list, id, count)
			}
			return nil
		},
	})
	if err != nil || len(records) == 0 {
		return err
	}
	if err := m.fit(records[0]); err != nil {
		return fault.Wrap(fault.ConnectorServer, err, "%s: reading the %s of job %s", s.doing(), list, id)
	}
	said := slices.IndexFunc(records[0], func(name string) bool { return strings.EqualFold(name, "sf__Error") })
	for _, record := range records[1:] {
		row, ok := m.take(record)
		if !ok {
			return fault.New(fault.ConnectorServer, "%s: a result of job %s is about no record that was sent, or about one twice", s.doing(), id)
		}
		reason := ""
		if said >= 0 {
			reason = record[said]
		}
		each(row, reason)
	}
	return nil
}

// matcher finds the rows that results are about. Results are in no order, and hold the columns that were sent: a row is
// known by all of its cells. Which of several rows alike one result is about makes no difference.
type matcher struct {
	part  *part
	names []string
	at    []int            // of our columns in a result; -1 for one that results leave out
	rows  map[string][]int // that no result was about, by their cells
	taken map[int]bool
	key   []byte
}

// newMatcher reads back what was sent.
func newMatcher(p *part) (*matcher, error) {
	m := &matcher{part: p, taken: map[int]bool{}}
	head, err := csv.NewReader(bytes.NewReader(p.csv)).Read()
	if err != nil {
		return nil, errReadBack
	}
	m.names = head
	return m, m.fit(head)
}

var errReadBack = fault.New(fault.Internal, "reading back what was sent to Salesforce")

// fit finds our columns in a list of results. One that Salesforce leaves out tells no rows apart.
func (m *matcher) fit(head []string) error {
	at := make([]int, len(m.names))
	for i, name := range m.names {
		at[i] = slices.IndexFunc(head, func(h string) bool { return strings.EqualFold(h, name) })
	}
	if !slices.ContainsFunc(at, func(n int) bool { return n >= 0 }) {
		return fault.New(fault.ConnectorServer, "none of the columns that were sent is there")
	}
	same := m.at != nil
	for i := range m.at {
		same = same && (m.at[i] < 0) == (at[i] < 0)
	}
	if !same {
		if err := m.index(at); err != nil {
			return err
		}
	}
	m.at = at
	return nil
}

// index finds the rows by those of their cells that results have.
func (m *matcher) index(at []int) error {
	m.at = make([]int, len(at))
	for i := range at {
		m.at[i] = i
		if at[i] < 0 {
			m.at[i] = -1
		}
	}
	m.rows = make(map[string][]int, len(m.part.rows))
	r := csv.NewReader(bytes.NewReader(m.part.csv))
	r.ReuseRecord = true
	if _, err := r.Read(); err != nil {
		return errReadBack
	}
	for _, row := range m.part.rows {
		record, err := r.Read()
		if err != nil {
			return errReadBack
		}
		if !m.taken[row] {
			key := m.keyOf(record)
			m.rows[key] = append(m.rows[key], row)
		}
	}
	return nil
}

// keyOf is a record's cells, without what may get lost on the way: line breaks have another form, and NUL is none.
func (m *matcher) keyOf(record []string) string {
	m.key = m.key[:0]
	for _, at := range m.at {
		if at >= 0 && at < len(record) {
			for _, b := range []byte(strings.TrimSpace(record[at])) {
				if b != '\r' && b != 0 {
					m.key = append(m.key, b)
				}
			}
		}
		m.key = append(m.key, 0)
	}
	return string(m.key)
}

// take finds the row that a result is about, and does not find it again.
func (m *matcher) take(record []string) (row int, ok bool) {
	key := m.keyOf(record)
	rows := m.rows[key]
	if len(rows) == 0 {
		return 0, false
	}
	if len(rows) == 1 {
		delete(m.rows, key)
	} else {
		m.rows[key] = rows[1:]
	}
	m.taken[rows[0]] = true
	return rows[0], true
}

// rest is the rows that no result was about, in order.
func (m *matcher) rest() []int {
	rows := make([]int, 0, len(m.part.rows)-len(m.taken))
	for _, some := range m.rows {
		rows = append(rows, some...)
	}
	slices.Sort(rows)
	return rows
}

// splitError takes apart what a job says of a record: "CODE:message:Field,Field --".
func splitError(said string) (code, message string, fields []string) {
	said = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(said), "--"))
	code, rest, ok := strings.Cut(said, ":")
	if !ok || strings.ToUpper(code) != code || strings.Contains(code, " ") {
		return "", said, nil
	}
	if at := strings.LastIndexByte(rest, ':'); at >= 0 {
		names := strings.TrimSpace(rest[at+1:])
		isList := true
		for name := range strings.SplitSeq(names, ",") {
			isList = isList && (names == "" || isAPIName(strings.TrimSpace(name)))
		}
		if isList {
			rest = rest[:at]
			if names != "" {
				fields = strings.Split(strings.ReplaceAll(names, " ", ""), ",")
			}
		}
	}
	return code, strings.TrimSpace(rest), fields
}
