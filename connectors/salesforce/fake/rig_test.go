package fake_test

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

type record = map[string]any

// send makes a call with a token and returns its answer, whose body is the caller's to close.
func send(t testing.TB, method, address, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer sample")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	return res
}

// ask makes a call that must succeed, and decodes its answer.
func ask(t testing.TB, method, address, body string, into any) {
	t.Helper()
	res := send(t, method, address, body)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Less(t, res.StatusCode, 300, string(text))
	if into != nil {
		require.NoError(t, json.Unmarshal(text, into), string(text))
	}
}

// rig is an org behind a server, with a clock that stands still until it is moved.
type rig struct {
	*fake.Org
	t    *testing.T
	url  string // of the server
	base string // of the API's version
	at   time.Time
}

func newRig(t *testing.T, o fake.Options) *rig {
	t.Helper()
	r := &rig{t: t, at: time.Date(2026, 3, 10, 12, 0, 0, 500_000_000, time.UTC)}
	if o.Now == nil {
		o.Now = func() time.Time { return r.at }
	}
	r.Org = fake.New(o)
	server := httptest.NewServer(r.Org)
	t.Cleanup(server.Close)
	r.url, r.base = server.URL, server.URL+"/services/data/v58.0"
	return r
}

func (r *rig) get(path string, into any) {
	r.t.Helper()
	ask(r.t, http.MethodGet, r.base+path, "", into)
}

func (r *rig) call(method, path, body string, into any) {
	r.t.Helper()
	ask(r.t, method, r.base+path, body, into)
}

// refused makes a call that must fail, and returns its status, code and message.
func (r *rig) refused(method, path, body string, headers ...string) (status int, code, message string) {
	r.t.Helper()
	res := send(r.t, method, r.base+path, body, headers...)
	defer res.Body.Close()
	var list []struct{ ErrorCode, Message string }
	text, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	require.GreaterOrEqual(r.t, res.StatusCode, 400, string(text))
	if len(text) > 0 {
		require.NoError(r.t, json.Unmarshal(text, &list), string(text))
		require.Len(r.t, list, 1)
		return res.StatusCode, list[0].ErrorCode, list[0].Message
	}
	return res.StatusCode, "", ""
}

type page struct {
	TotalSize int
	Done      bool
	Next      string `json:"nextRecordsUrl"`
	Records   []record
}

func (r *rig) query(soql string) page {
	r.t.Helper()
	var p page
	r.get("/query?q="+url.QueryEscape(soql), &p)
	return p
}

// column are one field's values in a query's answer.
func (r *rig) column(field, soql string) []any {
	r.t.Helper()
	var out []any
	for _, rec := range r.query(soql).Records {
		out = append(out, rec[field])
	}
	return out
}

type job struct {
	ID, State, ErrorMessage string
	Processed               int `json:"numberRecordsProcessed"`
	Failed                  int `json:"numberRecordsFailed"`
}

// ended waits for a bulk job.
func (r *rig) ended(kind, id string) job {
	r.t.Helper()
	var j job
	for range 10 {
		r.get("/jobs/"+kind+"/"+id, &j)
		if j.State == "JobComplete" || j.State == "Failed" {
			return j
		}
	}
	require.Fail(r.t, "the job does not end")
	return j
}

// ingest runs a whole job of writing.
func (r *rig) ingest(spec, data string) job {
	r.t.Helper()
	var j job
	r.call(http.MethodPost, "/jobs/ingest", spec, &j)
	res := send(r.t, http.MethodPut, r.base+"/jobs/ingest/"+j.ID+"/batches", data, "Content-Type", "text/csv")
	require.NoError(r.t, res.Body.Close())
	require.Equal(r.t, http.StatusCreated, res.StatusCode)
	r.call(http.MethodPatch, "/jobs/ingest/"+j.ID, `{"state":"UploadComplete"}`, nil)
	return r.ended("ingest", j.ID)
}

// csv reads an answer's lines, and its headers.
func (r *rig) csv(path string) ([][]string, http.Header) {
	r.t.Helper()
	res := send(r.t, http.MethodGet, r.base+path, "")
	defer res.Body.Close()
	require.Equal(r.t, http.StatusOK, res.StatusCode)
	lines, err := csv.NewReader(res.Body).ReadAll()
	require.NoError(r.t, err)
	return lines, res.Header
}

func decode(t testing.TB, res *http.Response, into any) {
	t.Helper()
	require.NoError(t, json.NewDecoder(res.Body).Decode(into))
}
