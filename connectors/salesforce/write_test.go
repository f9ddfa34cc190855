package salesforce_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/flow"
)

const rowObject = "Row__c"

// rows is an object whose records the suite writes. Its key tells records apart where unique is set.
func rows(unique bool) fake.Object {
	return fake.Object{
		Name: rowObject, Label: "Row", Plural: "Rows", KeyPrefix: "a0R", Custom: true,
		Fields: []fake.Field{
			{Name: "Id", Type: "id", Length: 18, ReadOnly: true}, {Name: "IsDeleted", Type: "boolean", ReadOnly: true},
			{Name: "Key__c", Type: "string", Length: 40, Unique: unique, ExternalID: unique}, {Name: "Text__c", Type: "string", Length: 255}, {Name: "Note__c", Type: "string", Length: 255},
			{Name: "Count__c", Type: "int", Digits: 8}, {Name: "On__c", Type: "boolean", Default: true}, {Name: "Day__c", Type: "date"}, {Name: "At__c", Type: "datetime"},
			{Name: "AccountId", Type: "reference", Length: 18, RefersTo: []string{"Account"}, Relationship: "Account"},
			{Name: "SystemModstamp", Type: "datetime", ReadOnly: true},
		},
		Rule: func(r fake.Record) (field, message string) {
			if r["Key__c"] == connectortest.Refused || r["Note__c"] == connectortest.Refused {
				return "Key__c", "this one is not taken"
			}
			return "", ""
		},
	}
}

func org(unique bool, opts fake.Options) *fake.Org {
	opts.Token = connectortest.Token
	if opts.JobAsks == 0 {
		opts.JobAsks = 1
	}
	o := fake.New(opts)
	o.AddObject(rows(unique))
	return o
}

var destinations atomic.Int64

// into is the configuration of a connection to a double. Organizations have nothing in common, so profiles have not.
func into(double *connectortest.Double) connector.Config {
	return connector.Config{
		ProfileProperties: flow.Properties(`{"instanceUrl":"https://acme.my.salesforce.com"}`), ProfileName: fmt.Sprint("destination-", destinations.Add(1)),
		Tokens: double, HTTP: double.Client(), Pool: &batch.Pool{}, Now: time.Now,
	}
}

func writing(operation, api, id string) flow.Properties {
	text := fmt.Sprintf(`{"object":"row__C","writeOperationType":%q,"dataTransferApi":%q`, operation, api)
	if id != "" {
		text += fmt.Sprintf(`,"idFieldNames":[%q]`, id)
	}
	return flow.Properties(text + "}")
}

// translated is an org whose records of Row__c bear the ids that the suite makes up: id-000007 is the seventh.
func translated(o *fake.Org, ids []string) http.Handler {
	number := map[string]string{}
	for i, id := range ids {
		number[id] = fmt.Sprintf("id-%06d", i)
	}
	made, real := regexp.MustCompile(`id-0\d{5}`), regexp.MustCompile(`a0R[0-9A-Za-z]{15}`)
	in := func(text []byte) []byte {
		return made.ReplaceAllFunc(text, func(id []byte) []byte {
			var n int
			_, _ = fmt.Sscanf(string(id), "id-%d", &n) // the expression has seen to it
			return []byte(ids[n])
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		body = in(body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.URL.RawQuery = string(in([]byte(r.URL.RawQuery)))
		rec := httptest.NewRecorder()
		o.ServeHTTP(rec, r)
		for name, values := range rec.Header() {
			if name != "Content-Length" {
				w.Header()[name] = values
			}
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(real.ReplaceAllFunc(rec.Body.Bytes(), func(id []byte) []byte { // a recorder takes all
			if n, ok := number[string(id)]; ok {
				return []byte(n)
			}
			return id
		}))
	})
}

var invalidWrites = []flow.Properties{
	nil, flow.Properties(`{}`), flow.Properties(`[]`), flow.Properties(`{"object":7}`), flow.Properties(`{"object":"nothing"}`), flow.Properties(`{"object":"a/../b"}`),
	flow.Properties(`{"object":"Row__c","writeOperationType":"MERGE"}`), flow.Properties(`{"object":"Row__c","writeOperationType":"UPSERT"}`),
	flow.Properties(`{"object":"Row__c","writeOperationType":"UPSERT","idFieldNames":["Note__c"]}`), flow.Properties(`{"object":"Row__c","writeOperationType":"UPSERT","idFieldNames":["Gone__c"]}`),
	flow.Properties(`{"object":"Row__c","writeOperationType":"UPDATE","idFieldNames":["Key__c"]}`), flow.Properties(`{"object":"Row__c","writeOperationType":"DELETE","idFieldNames":["Key__c"]}`),
	flow.Properties(`{"object":"Row__c","writeOperationType":"UPSERT","idFieldNames":["Id","Key__c"]}`), flow.Properties(`{"object":"Row__c","dataTransferApi":"PIGEON"}`),
}

// destination is how the suite uses the connector with one kind of write over one API.
func destination(operation, api string) *connectortest.Writer {
	w := &connectortest.Writer{Fields: []string{"Key__c", "Text__c", "Note__c"}, Invalid: invalidWrites, Keyed: operation != "INSERT"}
	id := map[string]string{"UPSERT": "key__c", "UPDATE": "Id"}[operation]
	if operation == "UPDATE" || operation == "DELETE" {
		w.Fields[0] = "Id"
	}
	w.New = func(*testing.T) connectortest.Written {
		o := org(operation == "UPSERT", fake.Options{})
		var handler http.Handler = o
		var ids []string
		if w.Fields[0] == "Id" {
			for _, row := range connectortest.NewData(100).Rows {
				r := fake.Record{"Key__c": row[0]}
				if operation == "DELETE" {
					r["Text__c"], r["Note__c"] = row[1], row[2]
				}
				ids = append(ids, o.Put(rowObject, r))
			}
			handler = translated(o, ids)
		}
		return connectortest.Written{
			Config: into(connectortest.NewDouble(handler, nil)), Properties: writing(operation, api, id),
			Rows: func(*testing.T) [][]string {
				list := [][]string{}
				for _, r := range o.Records(rowObject) {
					if r["Note__c"] == nil || r["IsDeleted"] != (operation == "DELETE") {
						continue
					}
					list = append(list, []string{r["Key__c"].(string), r["Text__c"].(string), r["Note__c"].(string)})
				}
				return list
			},
		}
	}
	return w
}

func quick() *salesforce.Connector { return salesforce.New(salesforce.Options{Poll: time.Millisecond}) }

func TestWrite_Conformance(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"INSERT", "UPDATE", "UPSERT", "DELETE"} {
		for _, api := range []string{"REST_SYNC", "BULKV2", "AUTOMATIC"} {
			t.Run(operation+" by "+api, func(t *testing.T) {
				t.Parallel()
				connectortest.RunWriter(t, quick(), *destination(operation, api))
			})
		}
	}
}

// attempt writes batches as the engine does, with the notes of the attempt before.
type attempt struct {
	t      *testing.T
	conn   connector.Connection
	double *connectortest.Double
	notes  []json.RawMessage
	fail   error // of keeping a note
}

func attemptAt(t *testing.T, h http.Handler) *attempt {
	t.Helper()
	double := connectortest.NewDouble(h, nil)
	conn, err := salesforce.New(salesforce.Options{}).Connect(t.Context(), into(double))
	require.NoError(t, err)
	return &attempt{t: t, conn: conn, double: double}
}

// elsewhere is the same attempt in another process, which remembers nothing.
func (a *attempt) elsewhere() *attempt {
	a.t.Helper()
	conn, err := salesforce.New(salesforce.Options{}).Connect(a.t.Context(), into(a.double))
	require.NoError(a.t, err)
	return &attempt{t: a.t, conn: conn, double: a.double, notes: a.notes}
}

func (a *attempt) open(props flow.Properties) (connector.RowWriter, error) {
	w, err := a.conn.(connector.Writer).OpenWriter(a.t.Context(), connector.WriteRequest{Properties: props, ExecutionID: "execution-1"})
	if err != nil {
		return nil, err
	}
	var note json.RawMessage
	if n := len(a.notes); n > 0 {
		note = a.notes[n-1]
	}
	return w, w.(connector.Resumer).Resume(note, func(note json.RawMessage) error {
		if a.fail != nil {
			return a.fail
		}
		a.notes = append(a.notes, bytes.Clone(note))
		return nil
	})
}

func (a *attempt) write(ctx context.Context, props flow.Properties, d connectortest.Data) (connector.Receipt, []connector.Refusal, error) {
	w, err := a.open(props)
	require.NoError(a.t, err)
	b := connectortest.Batch(batch.DefaultPool, d)
	defer b.Release()
	receipt, refused, err := w.Write(ctx, 0, b)
	require.NoError(a.t, w.Close(context.WithoutCancel(ctx)))
	return receipt, refused, err
}

// data is n rows with keys of their own.
func data(n int, fields ...string) connectortest.Data {
	d := connectortest.Data{Fields: append([]string{"Key__c", "Text__c"}, fields...)}
	for i := range n {
		d.Rows = append(d.Rows, append([]string{fmt.Sprint("k", i), fmt.Sprint("text ", i)}, make([]string, len(fields))...))
	}
	return d
}

// on is a plan in which the numbered requests of a method whose paths end in a text have a mood.
func on(method, suffix string, mood connectortest.Mood, numbers ...int) func(int, *http.Request) connectortest.Mood {
	seen := 0
	return func(_ int, r *http.Request) connectortest.Mood {
		if r.Method != method || !strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), suffix) {
			return connectortest.Well
		}
		seen++
		for _, n := range numbers {
			if n == seen {
				return mood
			}
		}
		return connectortest.Well
	}
}

// call asks an org past the connector.
func call(t *testing.T, o *fake.Org, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+connectortest.Token)
	o.ServeHTTP(rec, r)
	return rec
}

// states counts an org's jobs by their state.
func states(t *testing.T, o *fake.Org) map[string]int {
	t.Helper()
	rec := call(t, o, http.MethodGet, "/services/data/v58.0/jobs/ingest", "")
	require.Equal(t, http.StatusOK, rec.Code)
	var list struct {
		Records []struct {
			State string `json:"state"`
		} `json:"records"`
	}
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &list))
	out := map[string]int{}
	for _, j := range list.Records {
		out[j.State]++
	}
	return out
}
