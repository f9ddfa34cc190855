package salesforce_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// reader is a connection to a double, with what it was asked.
type reader struct {
	t      *testing.T
	conn   connector.Reader
	double *connectortest.Double
	pool   *batch.Pool
}

func readerOf(t *testing.T, h http.Handler, o salesforce.Options) *reader {
	t.Helper()
	if o.Poll == 0 {
		o.Poll = time.Millisecond
	}
	return readerBy(t, h, salesforce.New(o))
}

func readerBy(t *testing.T, h http.Handler, c *salesforce.Connector) *reader {
	t.Helper()
	double := connectortest.NewDouble(h, nil)
	cfg := into(double)
	conn, err := c.Connect(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.Zero(t, cfg.Pool.InUse(), "bytes of the pool are still in use") })
	return &reader{t: t, conn: conn.(connector.Reader), double: double, pool: cfg.Pool}
}

// request asks for fields of an object; all that can be read when none are named.
func (r *reader) request(props string, fields ...string) connector.ReadRequest {
	r.t.Helper()
	schema, err := r.conn.Describe(r.t.Context(), flow.Properties(props))
	require.NoError(r.t, err)
	if len(fields) == 0 {
		for _, f := range schema.Fields {
			fields = append(fields, f.Name)
		}
	}
	return connector.ReadRequest{Properties: flow.Properties(props), Schema: schema, Fields: fields}
}

// table is what a read gave: rows as text, and the kinds of their columns.
type table struct {
	rows  [][]string
	kinds []batch.Kind
}

// split reads a split from a cursor on, up to a number of pages, all when it is negative.
func (r *reader) split(req connector.ReadRequest, s connector.Split, from connector.Cursor, pages int) (table, connector.Cursor, error) {
	r.t.Helper()
	var out table
	whole := from == nil
	list, err := r.conn.Read(r.t.Context(), req, s, from)
	if err != nil {
		return out, from, err
	}
	defer list.Close()
	for n := 0; n != pages; n++ {
		p, err := list.Next(r.t.Context())
		if errors.Is(err, io.EOF) {
			return out, from, nil
		}
		if err != nil {
			return out, from, err
		}
		from = p.Cursor()
		count := p.(connector.CountedPage).Records()
		b, err := p.Decode()
		require.NoError(r.t, err)
		require.EqualValues(r.t, count, b.Rows)
		if whole {
			require.EqualValues(r.t, len(out.rows)+1, b.Origin.First)
		}
		out.rows = append(out.rows, connectortest.Text(r.t, b, req.Fields)...)
		out.kinds = out.kinds[:0]
		for _, c := range b.Columns {
			out.kinds = append(out.kinds, c.Kind)
		}
		b.Release()
	}
	return out, from, nil
}

func (r *reader) all(req connector.ReadRequest) table {
	r.t.Helper()
	splits, err := r.conn.Splits(r.t.Context(), req, 1)
	require.NoError(r.t, err)
	out, _, err := r.split(req, splits[0], nil, -1)
	require.NoError(r.t, err)
	return out
}

// oddOrg has samples, and records whose values the two APIs write differently.
func oddOrg() *fake.Org {
	o := fake.New(fake.Options{Token: connectortest.Token, Accounts: 300, Seed: 4, JobAsks: 1})
	amounts := []any{1e9, 1.5e7, 0.01, 0.0, 100.0, 123456789.25, nil}
	for i, text := range []any{"N/A", "NULL", "nan", nil, "#N/A", "a\x00b", "quote \" in it", "line\nbreak", "a\r\nb", "comma, here", " blank ends ", "\\back", "日本 🙂", "tab\there"} {
		o.Put("Invoice__c", fake.Record{
			"Note__c": text, "Ext__c": fmt.Sprint("odd-", i), "Amount__c": amounts[i%len(amounts)], "Weight__c": []any{2e7, 0.001, nil}[i%3], "Paid__c": i%2 == 0,
			"Due__c": []any{"1969-12-31", "2024-02-29", nil}[i%3], "Sent__c": time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC).Add(time.Duration(i) * time.Hour),
			"Cutoff__c": []any{"00:00:00.000Z", "23:59:59.500Z", nil}[i%3],
		})
	}
	return o
}

// The same records are the same rows, whichever API brings them: values, types, order and nulls.
func TestRead_BothAPIsGiveTheSameRows(t *testing.T) {
	t.Parallel()
	o := oddOrg()
	r := readerOf(t, narrow(o, 200), salesforce.Options{})
	for _, object := range []string{"Account", "Contact", "Opportunity", "Lead", "Invoice__c", "User"} {
		bulk := r.request(`{"object":"` + object + `","dataTransferApi":"BULKV2"}`)
		byREST := r.request(`{"object":"`+object+`","dataTransferApi":"REST_SYNC"}`, bulk.Fields...)
		want, got := r.all(byREST), r.all(bulk)
		require.NotEmpty(t, want.rows, object)
		require.Equal(t, want.rows, got.rows, object)
		require.Equal(t, want.kinds, got.kinds, object)
		require.Empty(t, jobsOf(t, o), "jobs are deleted when they have been read")
	}
	odd := r.request(`{"object":"Invoice__c"}`, "Ext__c", "Note__c", "Amount__c", "Weight__c", "Due__c", "Sent__c", "Cutoff__c")
	require.Contains(t, r.all(odd).rows, []string{"odd-5", "ab", "123456789.25", "<null>", "<null>", "1970-01-01T04:59:59.000Z", "<null>"})
	require.Contains(t, r.all(odd).rows, []string{"odd-0", "N/A", "1000000000", "20000000", "1969-12-31", "1969-12-31T23:59:59.000Z", "00:00:00.000"})
}

// calling makes a call of its own to an org.
func calling(t *testing.T, o http.Handler, method, path, body string) string {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "https://acme.my.salesforce.com/services/data/v58.0"+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+connectortest.Token)
	rec := httptest.NewRecorder()
	o.ServeHTTP(rec, req)
	require.Less(t, rec.Code, 300, rec.Body.String())
	return rec.Body.String()
}

// jobsOf are the ids and states of an org's query jobs.
func jobsOf(t *testing.T, o http.Handler) map[string]string {
	t.Helper()
	list := map[string]string{}
	text := calling(t, o, http.MethodGet, "/jobs/query", "")
	for _, part := range strings.Split(text, `"id":"`)[1:] {
		_, state, _ := strings.Cut(part, `"state":"`)
		list[part[:18]], _, _ = strings.Cut(state, `"`)
	}
	return list
}

// Compound fields come by REST alone, as objects, beside the fields that they are made of.
func TestRead_CompoundFields(t *testing.T) {
	t.Parallel()
	r := readerOf(t, oddOrg(), salesforce.Options{})
	req := r.request(`{"object":"Account"}`, "BillingCity", "BillingAddress")
	row := r.all(req).rows[0]
	require.Contains(t, row[1], `"city":"`+row[0]+`"`)
	require.NotContains(t, row[1], "attributes")

	_, err := r.conn.Splits(t.Context(), r.request(`{"object":"Account","dataTransferApi":"REST_SYNC"}`, "BillingAddress"), 8)
	require.NoError(t, err)
	bulk := r.request(`{"object":"Account","dataTransferApi":"BULKV2"}`)
	require.Negative(t, bulk.Schema.Find("BillingAddress"), "the API does not carry it")
	bulk.Schema, bulk.Fields = req.Schema, []string{"BillingAddress"}
	_, err = r.conn.Splits(t.Context(), bulk, 1)
	require.Equal(t, fault.Validation, fault.CodeOf(err))
	require.ErrorContains(t, err, "BillingAddress")
}

func TestRead_PathsLeadToOtherObjects(t *testing.T) {
	t.Parallel()
	o := oddOrg()
	r := readerOf(t, o, salesforce.Options{})
	var tables []table
	for _, api := range []string{"REST_SYNC", "BULKV2"} {
		req := r.request(`{"object":"Opportunity","dataTransferApi":"`+api+`"}`, "Id", "Account.Name", "account.OWNER.username", "Account.CreatedDate")
		require.True(t, req.Schema.Paths)
		tables = append(tables, r.all(req))
	}
	require.Equal(t, tables[0], tables[1])
	require.Equal(t, "admin@example.com", tables[0].rows[0][2])
	require.Equal(t, batch.Timestamp, tables[0].kinds[3].Type)
	for _, path := range []string{"Account.Gone__c", "Gone.Name", "Account.Name.Id", "Account..Name", "Account.Name)", "Nothing"} {
		_, err := r.conn.Splits(t.Context(), r.request(`{"object":"Opportunity"}`, "Id", path), 1)
		require.Equal(t, fault.Validation, fault.CodeOf(err), path)
	}
}

// A filter is answered by Salesforce as far as it can be, and never leaves a row out that satisfies it.
func TestRead_FiltersHandedOn(t *testing.T) {
	t.Parallel()
	o := oddOrg()
	r := readerOf(t, o, salesforce.Options{})
	at := time.Date(2024, 1, 1, 0, 2, 0, 0, time.UTC)
	all := len(r.all(r.request(`{"object":"Account"}`, "Id")).rows)
	for _, c := range []struct {
		filter connector.Filter
		keep   func(row []string) bool // of Name, Industry, AnnualRevenue, Active__c, CreatedDate
		exact  bool                    // no other rows come
	}{
		{connector.Filter{Field: "Industry", Operator: flow.OpEqualTo, DataType: "string", Values: []string{"Banking"}}, func(r []string) bool { return r[1] == "Banking" }, true},
		{connector.Filter{Field: "Industry", Operator: flow.OpEqualTo, DataType: "picklist", Values: []string{"Banking", "Retail"}}, func(r []string) bool { return r[1] == "Banking" || r[1] == "Retail" }, true},
		{connector.Filter{Field: "Industry", Operator: flow.OpNotEqualTo, DataType: "string", Values: []string{"banking"}}, func([]string) bool { return true }, true},
		{connector.Filter{Field: "Name", Operator: flow.OpContains, DataType: "string", Values: []string{"me F", "_"}}, func(r []string) bool { return strings.Contains(r[0], "me F") }, true},
		{connector.Filter{Field: "AnnualRevenue", Operator: flow.OpGreaterThan, DataType: "currency", Values: []string{"500000000"}}, func(r []string) bool { return r[2] != "<null>" && number(r[2]) > 5e8 }, true},
		{connector.Filter{Field: "AnnualRevenue", Operator: flow.OpNotEqualTo, DataType: "double", Values: []string{"1"}}, func([]string) bool { return true }, true},
		{connector.Filter{Field: "Active__c", Operator: flow.OpEqualTo, DataType: "boolean", Values: []string{"FALSE"}}, func(r []string) bool { return r[3] == "false" }, true},
		{connector.Filter{Field: "CreatedDate", Operator: flow.OpLessThan, DataType: "datetime", Values: []string{strconv.FormatInt(at.UnixMilli(), 10)}}, func(r []string) bool { return r[4] < "2024-01-01T00:02:00.000Z" }, true},
		{connector.Filter{Field: "CreatedDate", Operator: flow.OpGreaterThan, DataType: "datetime", Values: []string{strconv.FormatInt(at.UnixMilli()-500, 10)}}, func(r []string) bool { return r[4] >= "2024-01-01T00:02:00.000Z" }, false},
		{connector.Filter{Field: "CreatedDate", Operator: flow.OpBetween, DataType: "datetime", Values: []string{strconv.FormatInt(at.UnixMilli(), 10), strconv.FormatInt(at.Add(time.Minute).UnixMilli(), 10)}}, func(r []string) bool { return r[4] > "2024-01-01T00:02:00.000Z" && r[4] < "2024-01-01T00:03:00.000Z" }, true},
		// What stays here: order among texts, long texts, values that the type does not have.
		{connector.Filter{Field: "Name", Operator: flow.OpGreaterThan, DataType: "string", Values: []string{"M"}}, func([]string) bool { return true }, true},
		{connector.Filter{Field: "Description", Operator: flow.OpContains, DataType: "string", Values: []string{"x"}}, func([]string) bool { return true }, true},
		{connector.Filter{Field: "AnnualRevenue", Operator: flow.OpEqualTo, DataType: "string", Values: []string{"x' OR Name != '"}}, func([]string) bool { return true }, true},
		{connector.Filter{Field: "Name", Operator: flow.OpEqualTo, DataType: "string", Values: []string{`O'Neil "X" \ `, "' OR Name != '"}}, func([]string) bool { return false }, false},
	} {
		req := r.request(`{"object":"Account"}`, "Name", "Industry", "AnnualRevenue", "Active__c", "CreatedDate")
		want := slices.DeleteFunc(r.all(req).rows, func(row []string) bool { return !c.keep(row) })
		req.Filters = []connector.Filter{c.filter}
		got := r.all(req).rows
		if c.exact {
			require.Equal(t, want, got, "%+v", c.filter)
			continue
		}
		for _, row := range want {
			require.Contains(t, got, row, "%+v", c.filter)
		}
		require.LessOrEqual(t, len(got), all)
	}
}

func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err) // the test's own data
	}
	return n
}

// seconds puts readings into an org, three of them in each second.
func seconds(n int) *fake.Org {
	o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
	o.AddObject(readings())
	for i := range n {
		o.Put(readObject, fake.Record{"Key__c": strconv.Itoa(i), "SystemModstamp": time.Date(2024, 5, 1, 0, 0, i/3, 0, time.UTC)})
	}
	return o
}

// Salesforce forgets cursors; what is left is asked for anew behind the last record, in either order.
func TestRead_ExpiredCursorLosesNothing(t *testing.T) {
	t.Parallel()
	for _, window := range []*flow.Window{nil, {From: time.Date(2024, 5, 1, 0, 0, 10, 0, time.UTC), To: time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)}} {
		o := seconds(1_000)
		r := readerOf(t, narrow(o, 200), salesforce.Options{})
		req := r.request(`{"object":"Reading__c"}`, "Key__c")
		req.Window, req.WindowBy = window, "SystemModstamp"
		whole := r.all(req)
		require.Greater(t, len(whole.rows), 900)
		splits, err := r.conn.Splits(t.Context(), req, 1)
		require.NoError(t, err)
		var rows [][]string
		var at connector.Cursor
		for len(rows) < len(whole.rows) {
			part, next, err := r.split(req, splits[0], at, 1)
			require.NoError(t, err)
			require.NotEmpty(t, part.rows)
			rows, at = append(rows, part.rows...), next
			o.ExpireCursors()
		}
		require.Equal(t, whole.rows, rows)
		rest, _, err := r.split(req, splits[0], at, -1)
		require.NoError(t, err)
		require.Empty(t, rest.rows)
	}
}

// A cursor that expires between two pages of one read is the same.
func TestRead_CursorExpiresWhileReading(t *testing.T) {
	t.Parallel()
	o := seconds(1_000)
	r := readerOf(t, narrow(o, 200), salesforce.Options{})
	req := r.request(`{"object":"Reading__c","dataTransferApi":"REST_SYNC"}`, "Key__c")
	whole := r.all(req)
	r.double.Plan(func(n int, _ *http.Request) connectortest.Mood {
		if n == 2 {
			o.ExpireCursors()
		}
		return connectortest.Well
	})
	require.Equal(t, whole.rows, r.all(req).rows)
}

// A job that is gone is submitted anew for what comes behind the last record.
func TestRead_VanishedJobLosesNothing(t *testing.T) {
	t.Parallel()
	o := seconds(1_000)
	r := readerOf(t, narrow(o, 200), salesforce.Options{})
	req := r.request(`{"object":"Reading__c","dataTransferApi":"BULKV2"}`, "Key__c")
	req.ChunkBytes = 1 << 10
	whole := r.all(req)
	require.Len(t, whole.rows, 1_000)
	splits, err := r.conn.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	for _, pages := range []int{1, 3, 7, 20} {
		part, at, err := r.split(req, splits[0], nil, pages)
		require.NoError(t, err)
		kept, _, err := r.split(req, splits[0], at, -1)
		require.NoError(t, err)
		require.Equal(t, whole.rows, append(slices.Clone(part.rows), kept.rows...), "while the job lives")
		part, at, err = r.split(req, splits[0], nil, pages)
		require.NoError(t, err)
		for id := range jobsOf(t, o) {
			calling(t, o, http.MethodDelete, "/jobs/query/"+id, "")
		}
		rest, _, err := r.split(req, splits[0], at, -1)
		require.NoError(t, err)
		require.Equal(t, whole.rows, append(part.rows, rest.rows...), "after %d pages", pages)
	}
}

// A read that is closed while Salesforce works has it stop; results that are there stay for the next attempt.
func TestClose_AbortsWhatStillRuns(t *testing.T) {
	t.Parallel()
	o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1 << 30})
	o.AddObject(readings())
	r := readerOf(t, o, salesforce.Options{})
	asked := make(chan struct{}, 1)
	r.double.Plan(func(_ int, q *http.Request) connectortest.Mood {
		if q.Method == http.MethodGet && strings.Contains(q.URL.Path, "/jobs/query/") {
			select {
			case asked <- struct{}{}:
			default:
			}
		}
		return connectortest.Well
	})
	req := r.request(`{"object":"Reading__c","dataTransferApi":"BULKV2"}`, "Key__c")
	splits, err := r.conn.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	pages, err := r.conn.Read(t.Context(), req, splits[0], nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err = pages.Next(ctx)
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	require.NoError(t, pages.Close())
	for _, state := range jobsOf(t, o) {
		require.Equal(t, "Aborted", state)
	}
	require.Len(t, jobsOf(t, o), 1)
}

func TestRead_JobsThatFail(t *testing.T) {
	t.Parallel()
	o := seconds(30)
	r := readerOf(t, o, salesforce.Options{})
	o.FailJobs(1, "InternalServerError : Retried more than fifteen times")
	req := r.request(`{"object":"Reading__c","dataTransferApi":"BULKV2"}`, "Key__c")
	splits, err := r.conn.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	_, _, err = r.split(req, splits[0], nil, -1)
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "Retried more than fifteen times")
}

// counting makes counts say what they want.
func counting(h http.Handler, total int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Query().Get("q"), "COUNT()") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"totalSize":%d,"done":true,"records":[]}`, total) // a recorder takes all
			return
		}
		h.ServeHTTP(w, r)
	})
}

// watching counts the calls whose path has a part.
func watching(h http.Handler, part string, n *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, part) {
			n.Add(1)
		}
		h.ServeHTTP(w, r)
	})
}

func TestAutomatic_GoesByTheNumberOfRecords(t *testing.T) {
	t.Parallel()
	for total, wantJobs := range map[int]bool{999_999: false, 1_000_000: true} {
		o := seconds(20)
		var jobs atomic.Int64
		r := readerOf(t, watching(counting(o, total), "/jobs/query", &jobs), salesforce.Options{})
		for _, want := range []int{1, 4} {
			jobs.Store(0)
			req := r.request(`{"object":"Reading__c"}`, "Key__c")
			splits, err := r.conn.Splits(t.Context(), req, want)
			require.NoError(t, err)
			rows := 0
			for _, s := range splits {
				part, _, err := r.split(req, s, nil, -1)
				require.NoError(t, err)
				rows += len(part.rows)
			}
			require.Equal(t, 20, rows)
			require.Equal(t, wantJobs, jobs.Load() > 0, "%d records", total)
		}
	}
}

// Where the organization has too few calls left for REST, fewer records are a job, too.
func TestAutomatic_SparesCallsThatAreFew(t *testing.T) {
	t.Parallel()
	for daily, wantJobs := range map[int]bool{1_000: false, 60: true} {
		o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1, DailyCalls: daily})
		o.AddObject(readings())
		o.Put(readObject, fake.Record{"Key__c": "1"})
		var jobs atomic.Int64
		r := readerOf(t, watching(counting(o, 200_000), "/jobs/query", &jobs), salesforce.Options{})
		require.Len(t, r.all(r.request(`{"object":"Reading__c"}`, "Key__c")).rows, 1)
		require.Equal(t, wantJobs, jobs.Load() > 0, "%d calls a day", daily)
	}
}

// A flow that names no field reads changes by the one that moves with all of them.
func TestRead_WindowByTheOrganizationsOwnField(t *testing.T) {
	t.Parallel()
	r := readerOf(t, narrow(seconds(600), 200), salesforce.Options{})
	for _, api := range []string{"REST_SYNC", "BULKV2"} {
		req := r.request(`{"object":"Reading__c","dataTransferApi":"`+api+`"}`, "Key__c")
		req.Window = &flow.Window{From: time.Date(2024, 5, 1, 0, 1, 30, 0, time.UTC), To: time.Date(2024, 5, 1, 0, 2, 30, 1, time.UTC)}
		rows := r.all(req).rows // of the seconds from 90 to 150
		require.Len(t, rows, 183)
		require.Equal(t, "270", rows[0][0])
		require.Equal(t, "452", rows[182][0])
		splits, err := r.conn.Splits(t.Context(), req, 8)
		require.NoError(t, err)
		require.Len(t, splits, 1)
	}
}

// Changes of the last half minute may not show yet, by the organization's clock and not by ours.
func TestSettled_ByTheOrganizationsClock(t *testing.T) {
	t.Parallel()
	there := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC) // ours says another year
	o := fake.New(fake.Options{Token: connectortest.Token})
	r := readerOf(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Date", there.Format(http.TimeFormat))
		o.ServeHTTP(w, q)
	}), salesforce.Options{})
	at, err := r.conn.(connector.Settler).Settled(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, there.Add(-30*time.Second), at, 2*time.Second)
	require.Zero(t, o.Calls(), "it is no call of the day's")
}

// Some objects are not for the Bulk API: AUTOMATIC finds another way, BULKV2 says so.
func TestAutomatic_ObjectsThatBulkRefuses(t *testing.T) {
	t.Parallel()
	o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
	object := readings()
	object.NoBulk = true
	o.AddObject(object)
	for i := range 30 {
		o.Put(readObject, fake.Record{"Key__c": strconv.Itoa(i)})
	}
	r := readerOf(t, counting(o, 5_000_000), salesforce.Options{})
	require.Len(t, r.all(r.request(`{"object":"Reading__c"}`, "Key__c")).rows, 30)
	req := r.request(`{"object":"Reading__c","dataTransferApi":"BULKV2"}`, "Key__c")
	splits, err := r.conn.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	_, _, err = r.split(req, splits[0], nil, -1)
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "REST_SYNC")
}

// A count or a query that takes too long makes AUTOMATIC go the other way.
func TestAutomatic_QueriesThatTakeTooLong(t *testing.T) {
	t.Parallel()
	for after := range 2 {
		o := seconds(40)
		var jobs atomic.Int64
		r := readerOf(t, watching(o, "/jobs/query", &jobs), salesforce.Options{})
		req := r.request(`{"object":"Reading__c"}`, "Key__c")
		slow := fake.QueryTimeout
		slow.After = after
		o.Next(slow)
		require.Len(t, r.all(req).rows, 40)
		require.Positive(t, jobs.Load())
	}
}

func TestRead_DeletedRecordsToo(t *testing.T) {
	t.Parallel()
	o := seconds(30)
	for i, rec := range o.Records(readObject) {
		if i%3 == 0 {
			require.True(t, o.Delete(rec["Id"].(string)))
		}
	}
	r := readerOf(t, o, salesforce.Options{})
	for _, api := range []string{"REST_SYNC", "BULKV2"} {
		require.Len(t, r.all(r.request(`{"object":"Reading__c","dataTransferApi":"`+api+`"}`, "Key__c")).rows, 20)
		got := r.all(r.request(`{"object":"Reading__c","includeDeletedRecords":true,"dataTransferApi":"`+api+`"}`, "Key__c", "IsDeleted"))
		require.Len(t, got.rows, 30)
		require.Equal(t, []string{"0", "true"}, got.rows[0])
		require.Equal(t, []string{"1", "false"}, got.rows[1])
	}
}

// Hundreds of fields do not fit into an address.
func TestRead_MoreFieldsThanAnAddressTakes(t *testing.T) {
	t.Parallel()
	o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
	object := readings()
	record := fake.Record{}
	for i := range 700 {
		name := fmt.Sprintf("A_rather_long_name_of_a_field_%03d__c", i)
		object.Fields = append(object.Fields, fake.Field{Name: name, Type: "string", Length: 40})
		record[name] = fmt.Sprint("value ", i)
	}
	o.AddObject(object)
	for range 450 {
		o.Put(readObject, record)
	}
	var composite atomic.Int64
	r := readerOf(t, watching(narrow(o, 200), "/composite/batch", &composite), salesforce.Options{})
	req := r.request(`{"object":"Reading__c","dataTransferApi":"REST_SYNC"}`)
	got := r.all(req)
	require.Len(t, got.rows, 450)
	require.EqualValues(t, 1, composite.Load(), "pages behind the first have short addresses")
	require.Equal(t, "value 699", got.rows[449][len(req.Fields)-1])
	bulk := r.request(`{"object":"Reading__c","dataTransferApi":"BULKV2"}`)
	require.Equal(t, got, r.all(bulk))

	// What is refused inside is refused.
	o.RemoveField(readObject, "A_rather_long_name_of_a_field_007__c")
	splits, err := r.conn.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	_, _, err = r.split(req, splits[0], nil, -1)
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "A_rather_long_name_of_a_field_007__c")
}

// Weir stops before the organization's day of calls is over for everybody.
func TestAllowance_LeavesCallsToOthers(t *testing.T) {
	t.Parallel()
	o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1, DailyCalls: 40, PageSize: 10})
	o.AddObject(readings())
	for i := range 1_000 {
		o.Put(readObject, fake.Record{"Key__c": strconv.Itoa(i)})
	}
	r := readerOf(t, o, salesforce.Options{Reserve: 25})
	req := r.request(`{"object":"Reading__c","dataTransferApi":"REST_SYNC"}`, "Key__c")
	splits, err := r.conn.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	part, at, err := r.split(req, splits[0], nil, -1)
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "10 of its 40 API calls")
	class, _ := fault.RetryOf(err)
	require.Equal(t, fault.Never, class)
	require.Equal(t, 30, o.Calls())
	require.NotEmpty(t, part.rows)

	unreserved := readerOf(t, o, salesforce.Options{Reserve: -1})
	o.ResetCalls()
	_, _, err = unreserved.split(req, splits[0], at, -1)
	require.ErrorContains(t, err, "24 hours are used up")
	require.Equal(t, 40, o.Calls())
}

// What Salesforce says comes to what it means.
func TestErrors_MeanWhatSalesforceMeans(t *testing.T) {
	t.Parallel()
	array := func(code, text string) string { return `[{"errorCode":"` + code + `","message":"` + text + `"}]` }
	for name, c := range map[string]struct {
		status int
		body   string
		code   fault.Code
		retry  fault.Retry
		calls  int64 // that are made at most
	}{
		"session":             {401, array("INVALID_SESSION_ID", "Session expired or invalid"), fault.ConnectorAuth, fault.Never, 2},
		"app not attached":    {401, array("INVALID_SESSION_ID", "Connected app is not attached to Agent"), fault.ConnectorAuth, fault.Never, 1},
		"not for REST":        {401, array("INVALID_SESSION_ID", "This session is not valid for use with the REST API"), fault.ConnectorAuth, fault.Never, 1},
		"disabled":            {403, array("API_DISABLED_FOR_ORG", "not enabled"), fault.ConnectorAuth, fault.Never, 1},
		"a day's calls":       {403, array("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), fault.ConnectorServer, fault.Never, 1},
		"calls at a time":     {403, array("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."), fault.ConnectorServer, fault.Throttled, 5},
		"metering":            {403, array("TXN_SECURITY_METERING_ERROR", "busy"), fault.ConnectorServer, fault.Transient, 5},
		"field":               {400, array("INVALID_FIELD", "No such column 'Bad'"), fault.ConnectorServer, fault.Never, 1},
		"lock":                {400, array("UNABLE_TO_LOCK_ROW", "locked"), fault.ConnectorServer, fault.Transient, 5},
		"unavailable":         {503, array("SERVER_UNAVAILABLE", "later"), fault.ConnectorServer, fault.Transient, 5},
		"gateway":             {502, "<html>", fault.ConnectorServer, fault.Transient, 5},
		"enhance your calm":   {420, "", fault.ConnectorServer, fault.Transient, 5},
		"query takes long":    {400, array("QUERY_TIMEOUT", "too long"), fault.ConnectorServer, fault.Never, 1},
		"too much":            {400, array("OPERATION_TOO_LARGE", "too much"), fault.ConnectorServer, fault.Never, 1},
		"no such thing":       {404, array("NOT_FOUND", "gone"), fault.ConnectorServer, fault.Never, 1},
		"a day's bulk quota":  {400, array("EXCEEDED_QUOTA", "spent"), fault.ConnectorServer, fault.Never, 1},
		"a page for a person": {200, "<html>maintenance</html>", fault.ConnectorServer, fault.Transient, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := seconds(3)
				var calls atomic.Int64
				r := readerOf(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if !q.URL.Query().Has("q") {
						o.ServeHTTP(w, q)
						return
					}
					calls.Add(1)
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, c.body) // a recorder takes all
				}), salesforce.Options{})
				req := r.request(`{"object":"Reading__c","dataTransferApi":"REST_SYNC"}`, "Key__c")
				splits, err := r.conn.Splits(t.Context(), req, 1)
				require.NoError(t, err)
				_, _, err = r.split(req, splits[0], nil, -1)
				require.Equal(t, c.code, fault.CodeOf(err), "%v", err)
				class, _ := fault.RetryOf(err)
				require.Equal(t, c.retry, class, "%v", err)
				require.LessOrEqual(t, calls.Load(), c.calls)
			})
		})
	}
}

func TestDescribe_FieldsAndFlags(t *testing.T) {
	t.Parallel()
	o := oddOrg()
	r := readerOf(t, o, salesforce.Options{})
	s, err := r.conn.(connector.EntityDescriber).DescribeEntity(t.Context(), "ACCOUNT")
	require.NoError(t, err)
	require.Equal(t, "Account", s.Entity)
	get := func(name string) flow.Field { return s.Fields[s.Find(name)] }
	id := get("Id")
	require.True(t, id.IsPrimaryKey)
	require.Equal(t, []string{"UPDATE", "UPSERT", "DELETE"}, id.WriteOperations)
	require.False(t, id.IsUpdatable)
	require.Equal(t, []string{"UPSERT"}, get("Ext__c").WriteOperations)
	require.True(t, get("SystemModstamp").IsTimestamp)
	require.False(t, get("LastActivityDate").IsTimestamp)
	require.Equal(t, []string{"Prospect", "Customer", "Partner", "Other"}, get("Type").SupportedValues)
	require.Equal(t, flow.TypeDecimal, get("AnnualRevenue").Type)
	require.EqualValues(t, 18, get("AnnualRevenue").DecimalPrecision)
	require.Equal(t, flow.TypeJSON, get("BillingAddress").Type)
	require.Equal(t, "BillingAddress", get("BillingCity").Parent)
	require.False(t, get("Description").IsQueryable, "long text cannot stand in a condition")
	require.Equal(t, map[string]string{"relationshipName": "Owner", "referenceTo": "User"}, get("OwnerId").CustomProperties)
	require.NotContains(t, get("AnnualRevenue").FilterOperators, flow.OpContains)
	require.Contains(t, get("Name").FilterOperators, flow.OpContains)
	require.False(t, get("Name").IsNullable)

	file, err := r.conn.(connector.EntityDescriber).DescribeEntity(t.Context(), "Attachment")
	require.NoError(t, err)
	require.False(t, file.Fields[file.Find("Body")].IsRetrievable, "a file's address is not the file")
	require.Negative(t, r.request(`{"object":"Attachment"}`).Schema.Find("Body"))

	o.HideField("Account", "Phone", true)
	fresh := readerOf(t, o, salesforce.Options{})
	require.Negative(t, fresh.request(`{"object":"Account"}`).Schema.Find("Phone"), "what is hidden from the user is no field")
}

func TestListEntities_ObjectsAndEvents(t *testing.T) {
	t.Parallel()
	r := readerOf(t, oddOrg(), salesforce.Options{})
	list, err := r.conn.(connector.EntityLister).ListEntities(t.Context(), "")
	require.NoError(t, err)
	groups := map[string]string{}
	for _, e := range list {
		groups[e.Name] = e.Group
	}
	require.Contains(t, groups, "Account")
	require.Empty(t, groups["Account"])
	require.Equal(t, "Events", groups["AccountChangeEvent"])
}

func TestCheck_VersionAndToken(t *testing.T) {
	t.Parallel()
	o := oddOrg()
	check := func(h http.Handler) error {
		return readerOf(t, h, salesforce.Options{}).conn.(connector.Checker).Check(t.Context())
	}
	require.NoError(t, check(o))
	require.NoError(t, check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/userinfo") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "Bad_OAuth_Token") // a recorder takes all
			return
		}
		o.ServeHTTP(w, r)
	})), "a token of narrow scopes is good enough")
	err := check(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"version":"57.0"}]`) // a recorder takes all
	}))
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "v58.0")
	require.NoError(t, o.SetMode(fake.LoggedOut))
	require.Equal(t, fault.ConnectorAuth, fault.CodeOf(check(o)))
}

func TestConnect_WhereRequestsGo(t *testing.T) {
	t.Parallel()
	hosts := make(chan string, 10)
	double := connectortest.NewDouble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts <- r.URL.Scheme + "://" + r.Host
		_, _ = io.Copy(w, bytes.NewBufferString("[]"))
	}), nil)
	for _, c := range []struct{ props, endpoint, want string }{
		{`{"instanceUrl":"https://acme.my.salesforce.com/"}`, "", "https://acme.my.salesforce.com"},
		{`{"instanceUrl":"acme--dev.sandbox.my.salesforce.com","isSandboxEnvironment":true}`, "", "https://acme--dev.sandbox.my.salesforce.com"},
		{`{}`, "http://127.0.0.1:9", "http://127.0.0.1:9"},
	} {
		cfg := into(double)
		cfg.ProfileProperties = flow.Properties(c.props)
		cfg.Endpoint = func(sub string) string {
			require.Empty(t, sub)
			return c.endpoint
		}
		conn, err := salesforce.New(salesforce.Options{}).Connect(t.Context(), cfg)
		require.NoError(t, err)
		require.Error(t, conn.(connector.Checker).Check(t.Context()))
		require.Equal(t, c.want, <-hosts)
	}
	for _, props := range []string{`{}`, `{"instanceUrl":"ftp://x"}`, `[]`} {
		cfg := into(double)
		cfg.ProfileProperties = flow.Properties(props)
		_, err := salesforce.New(salesforce.Options{}).Connect(t.Context(), cfg)
		require.Equal(t, fault.Validation, fault.CodeOf(err))
	}
}

// Large objects are divided by ids: into splits, and within a split into jobs. All of it comes once and in order.
func TestSplits_ByIdsThatAreCounted(t *testing.T) {
	t.Parallel()
	o := seconds(2_000)
	var counts atomic.Int64
	for _, api := range []string{"REST_SYNC", "BULKV2"} {
		c := quick()
		c.SetPieces(150)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Query().Get("q"), "COUNT()") {
				counts.Add(1)
			}
			narrow(o, 200).ServeHTTP(w, r)
		})
		r := readerBy(t, h, c)
		req := r.request(`{"object":"Reading__c","dataTransferApi":"`+api+`"}`, "Key__c")
		for _, want := range []int{1, 2, 3, 8, 64} {
			counts.Store(0)
			splits, err := r.conn.Splits(t.Context(), req, want)
			require.NoError(t, err)
			require.LessOrEqual(t, len(splits), want)
			require.LessOrEqual(t, counts.Load(), int64(65))
			if want > 1 {
				require.Greater(t, len(splits), min(want, 12)/2, "%s, want %d", api, want)
			}
			var rows [][]string
			for _, s := range splits {
				part, _, err := r.split(req, s, nil, -1)
				require.NoError(t, err)
				require.NotEmpty(t, part.rows, s.Label)
				rows = append(rows, part.rows...)
			}
			require.Len(t, rows, 2_000)
			for i, row := range rows {
				require.Equal(t, strconv.Itoa(i), row[0])
			}
			require.Empty(t, jobsOf(t, o))
		}
		req.Window = &flow.Window{From: time.Date(2024, 5, 1, 0, 2, 30, 0, time.UTC), To: time.Date(2024, 5, 1, 0, 9, 30, 0, time.UTC)}
		splits, err := r.conn.Splits(t.Context(), req, 8)
		require.NoError(t, err)
		require.Greater(t, len(splits), 4)
		rows := 0
		for _, s := range splits {
			part, _, err := r.split(req, s, nil, -1)
			require.NoError(t, err)
			rows += len(part.rows)
		}
		require.Equal(t, 3*7*60, rows, "a window is divided like the whole")
	}
}

// One split of several jobs goes on from any cursor, whether its job is still there or not.
func TestRead_SeveralJobsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	o := seconds(1_000)
	c := quick()
	c.SetPieces(150)
	r := readerBy(t, narrow(o, 60), c)
	req := r.request(`{"object":"Reading__c","dataTransferApi":"BULKV2"}`, "Key__c")
	splits, err := r.conn.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	whole, _, err := r.split(req, splits[0], nil, -1)
	require.NoError(t, err)
	require.Len(t, whole.rows, 1_000)
	for pages := 1; pages < 17; pages++ {
		part, at, err := r.split(req, splits[0], nil, pages)
		require.NoError(t, err)
		if pages%2 == 0 {
			for id := range jobsOf(t, o) {
				calling(t, o, http.MethodDelete, "/jobs/query/"+id, "")
			}
		}
		rest, _, err := r.split(req, splits[0], at, -1)
		require.NoError(t, err)
		require.Equal(t, whole.rows, append(part.rows, rest.rows...), "after %d pages", pages)
	}
}

// A read in the middle of which Salesforce is out of sorts gives the same rows, if need be in several attempts.
func TestRead_FlakyOrganization(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"REST_SYNC", "BULKV2", "AUTOMATIC"} {
		for _, mode := range []fake.Mode{fake.Flaky, fake.Throttling} {
			t.Run(api+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					o := seconds(1_500)
					c := quick()
					c.SetPieces(400)
					r := readerBy(t, cutting(narrow(o, 100)), c)
					req := r.request(`{"object":"Reading__c","dataTransferApi":"`+api+`"}`, "Key__c")
					require.NoError(t, o.SetMode(mode))
					var rows [][]string
					var at connector.Cursor
					splits, err := r.conn.Splits(t.Context(), req, 1)
					require.NoError(t, err)
					for range 20 {
						var part table
						part, at, err = r.split(req, splits[0], at, -1)
						rows = append(rows, part.rows...)
						if err == nil {
							break
						}
						class, _ := fault.RetryOf(err)
						require.NotEqual(t, fault.Never, class, "%v", err)
					}
					require.NoError(t, err)
					require.Len(t, rows, 1_500)
					for i, row := range rows {
						require.Equal(t, strconv.Itoa(i), row[0])
					}
				})
			})
		}
	}
}

// cutting turns a connection that is cut without a word into one that answers as a gateway does: the double has no socket.
func cutting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() == http.ErrAbortHandler {
				w.WriteHeader(http.StatusBadGateway)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// Big and external objects have neither counts nor an order by ids.
func TestRead_ObjectsWithoutOrder(t *testing.T) {
	t.Parallel()
	for name, wantJobs := range map[string]bool{"Archive__b": true, "Elsewhere__x": false} {
		o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
		object := readings()
		object.Name = name
		o.AddObject(object)
		for i := range 500 {
			o.Put(name, fake.Record{"Key__c": strconv.Itoa(i)})
		}
		var jobs atomic.Int64
		r := readerOf(t, watching(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if text := q.URL.Query().Get("q"); strings.Contains(text, "COUNT()") || strings.Contains(text, "ORDER BY") {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			narrow(o, 200).ServeHTTP(w, q)
		}), "/jobs/query", &jobs), salesforce.Options{})
		req := r.request(`{"object":"`+name+`"}`, "Key__c")
		splits, err := r.conn.Splits(t.Context(), req, 8)
		require.NoError(t, err)
		require.Len(t, splits, 1)
		whole, _, err := r.split(req, splits[0], nil, -1)
		require.NoError(t, err)
		require.Len(t, whole.rows, 500)
		require.Equal(t, wantJobs, jobs.Load() > 0, name)
		part, at, err := r.split(req, splits[0], nil, 1)
		require.NoError(t, err)
		rest, _, err := r.split(req, splits[0], at, -1)
		require.NoError(t, err)
		require.Equal(t, whole.rows, append(part.rows, rest.rows...))
		o.ExpireCursors()
		for id := range jobsOf(t, o) {
			calling(t, o, http.MethodDelete, "/jobs/query/"+id, "")
		}
		_, _, err = r.split(req, splits[0], at, -1)
		require.Equal(t, fault.ConnectorServer, fault.CodeOf(err), "there is no way to tell what is left: %v", err)
	}
}
