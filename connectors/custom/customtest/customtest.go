// Package customtest is a double of a custom connector's function: it answers AppFlow's Lambda protocol over HTTP, as the
// runtime interface emulator does, from tables in memory. Tests give it moods to be wrong in.
package customtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// ARN is what the double is registered as.
const ARN = "arn:aws:lambda:eu-west-1:111122223333:function:shop"

// Request is a call as it came in.
type Request struct {
	Type     string   `json:"type"`
	Scope    string   `json:"scope"`
	Entity   string   `json:"entityIdentifier"`
	Path     *string  `json:"entitiesPath"`
	Fields   []string `json:"selectedFieldNames"`
	Filter   *string  `json:"filterExpression"`
	Max      int      `json:"maxResults"`
	MaxList  int      `json:"maxResult"`
	Next     *string  `json:"nextToken"`
	IDField  string   `json:"idFieldName"`
	IDs      []string `json:"ids"`
	Op       string   `json:"operation"`
	IDFields []string `json:"idFieldNames"`
	Records  []string `json:"records"`
	AllOr    bool     `json:"allOrNone"`
	Token    string   `json:"idempotencyToken"`
	AuthType *string  `json:"authenticationType"`
	Settings map[string]string
	Creds    *Credentials `json:"credentials"`
	Context  *Context     `json:"connectorContext"`
}

// Credentials are where the function is to find its secret.
type Credentials struct {
	SecretARN string `json:"secretArn"`
	Type      string `json:"authenticationType"`
}

// Context is the connectorContext.
type Context struct {
	APIVersion string            `json:"apiVersion"`
	Creds      *Credentials      `json:"credentials"`
	Settings   map[string]string `json:"connectorRuntimeSettings"`
	Entity     json.RawMessage   `json:"entityDefinition"`
	Flow       *string           `json:"flowName"`
	Execution  *string           `json:"executionId"`
}

// Table is one entity.
type Table struct {
	Fields  []string          // in order
	Types   map[string]string // dataType by field; String when absent
	Records []string          // JSON objects
}

// Function is a custom connector. Fields are set before it is called.
type Function struct {
	URL      string // to POST to
	Close    func() // ends it before its test does
	PageRows int    // 100
	// Mood may answer in the double's place: text is the whole body.
	Mood func(q *Request) (text string, ok bool)
	// Refuse says why a record is not written, "" when it is.
	Refuse func(record map[string]any) string
	// Hang is waited for before a page other than the first.
	Hang func(r *http.Request)

	mu     sync.Mutex
	tables map[string]*Table
	calls  []Request
	done   map[string]string // answers to writes, by token
}

// New starts the double; it ends with the test.
func New(t testing.TB) *Function {
	t.Helper()
	f := &Function{PageRows: 100, tables: map[string]*Table{}, done: map[string]string{}}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	f.Close, f.URL = srv.Close, srv.URL+"/2015-03-31/functions/function/invocations"
	return f
}

// Put makes an entity.
func (f *Function) Put(name string, table Table) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tables[name] = &table
}

// Records are what an entity holds.
func (f *Function) Records(name string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.tables[name].Records)
}

// Calls are the requests of a type so far; of all types for "".
func (f *Function) Calls(kind string) []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Request
	for _, q := range f.calls {
		if kind == "" || q.Type == kind+"Request" {
			out = append(out, q)
		}
	}
	return out
}

// ServeHTTP implements [http.Handler].
func (f *Function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	q := &Request{}
	if err != nil || json.Unmarshal(body, q) != nil {
		_, _ = io.WriteString(w, `{"errorMessage":"the event is no object","errorType":"ValueError","stackTrace":[]}`)
		return
	}
	if f.Hang != nil && q.Type == "QueryDataRequest" && q.Next != nil {
		f.Hang(r)
	}
	f.mu.Lock()
	f.calls = append(f.calls, *q)
	mood := f.Mood
	f.mu.Unlock()
	if mood != nil {
		if text, ok := mood(q); ok {
			_, _ = io.WriteString(w, text)
			return
		}
	}
	_, _ = io.WriteString(w, f.answer(q))
}

// Answer is what the double says in its good mood.
func (f *Function) Answer(q *Request) string { return f.answer(q) }

func (f *Function) answer(q *Request) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch q.Type {
	case "DescribeConnectorConfigurationRequest":
		return Configuration
	case "ValidateConnectorRuntimeSettingsRequest", "ValidateCredentialsRequest":
		return `{"isSuccess":true,"errorDetails":null}`
	case "ListEntitiesRequest":
		return f.list(q)
	case "DescribeEntityRequest":
		return f.describe(q)
	case "QueryDataRequest", "RetrieveDataRequest":
		return f.read(q)
	case "WriteDataRequest":
		if _, known := f.done[q.Token]; !known || q.Token == "" {
			f.done[q.Token] = f.write(q)
		}
		return f.done[q.Token]
	}
	return `{"errorMessage":"Exception while processing the request","errorType":"RuntimeError","stackTrace":[]}`
}

// Configuration is the double's answer to DescribeConnectorConfiguration.
const Configuration = `{"isSuccess":true,"connectorOwner":"Example","connectorName":"Shop","connectorVersion":"1.0","connectorModes":["SOURCE","DESTINATION"],
"authenticationConfig":{"isApiKeyAuthSupported":true},"supportedApiVersions":["v1"],"supportedWriteOperations":["INSERT","UPDATE","UPSERT","DELETE"],
"connectorRuntimeSetting":[{"key":"archive","dataType":"Boolean","required":false,"label":"Archive","description":"d","scope":"SOURCE_AND_DESTINATION"}]}`

// Failure is an answer that says what went wrong.
func Failure(code, message string, retryAfter int) string {
	after := "null"
	if retryAfter > 0 {
		after = strconv.Itoa(retryAfter)
	}
	return fmt.Sprintf(`{"isSuccess":false,"errorDetails":{"errorCode":%q,"errorMessage":%q,"retryAfterSeconds":%s},"records":null,"nextToken":null}`, code, message, after)
}

func (f *Function) list(q *Request) string {
	var names []string
	if q.Path == nil {
		for name := range f.tables {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	entities := []map[string]any{}
	for _, name := range names {
		entities = append(entities, map[string]any{"entityIdentifier": name, "label": name, "hasNestedEntities": false, "isWritable": nil})
	}
	return marshal(map[string]any{"isSuccess": true, "entities": entities, "cacheControl": map[string]any{"timeToLive": 2, "timeToLiveUnit": "HOURS"}})
}

func (f *Function) describe(q *Request) string {
	t := f.tables[q.Entity]
	if t == nil {
		return Failure("InvalidArgument", "there is no such entity", 0)
	}
	var fields []map[string]any
	for _, name := range t.Fields {
		kind := t.Types[name]
		if kind == "" {
			kind = "String"
		}
		fields = append(fields, map[string]any{"fieldName": name, "dataType": kind, "label": name, "isPrimaryKey": name == "id"})
	}
	return marshal(map[string]any{"isSuccess": true, "entityDefinition": map[string]any{
		"entity": map[string]any{"entityIdentifier": q.Entity, "hasNestedEntities": false}, "fields": fields,
	}})
}

func (f *Function) read(q *Request) string {
	t := f.tables[q.Entity]
	if t == nil {
		return Failure("InvalidArgument", "there is no such entity", 0)
	}
	records := t.Records
	if q.Type == "RetrieveDataRequest" {
		records = nil
		for _, r := range t.Records {
			var members map[string]any
			if json.Unmarshal([]byte(r), &members) == nil && slices.Contains(q.IDs, fmt.Sprint(members[q.IDField])) {
				records = append(records, r)
			}
		}
	}
	from := 0
	if q.Next != nil {
		from, _ = strconv.Atoi(*q.Next) // the double's own
	}
	to := min(from+f.PageRows, len(records))
	out := map[string]any{"isSuccess": true, "records": append([]string{}, records[from:to]...), "nextToken": nil}
	if to < len(records) {
		out["nextToken"] = strconv.Itoa(to)
	}
	return marshal(out)
}

func (f *Function) write(q *Request) string {
	t := f.tables[q.Entity]
	if t == nil {
		return Failure("InvalidArgument", "there is no such entity", 0)
	}
	var results []map[string]any
	isWhole := true
	for i, r := range q.Records {
		var members map[string]any
		reason := ""
		if err := json.Unmarshal([]byte(r), &members); err != nil {
			reason = "no JSON object"
		} else if f.Refuse != nil {
			reason = f.Refuse(members)
		}
		isWhole = isWhole && reason == ""
		results = append(results, map[string]any{"isSuccess": reason == "", "recordId": strconv.Itoa(i), "errorMessage": reason})
		if reason == "" {
			t.Records = append(t.Records, r)
		}
	}
	out := map[string]any{"isSuccess": isWhole, "writeRecordResults": results}
	if !isWhole {
		out["errorDetails"] = map[string]any{"errorCode": "PartialWriteFailure", "errorMessage": "some failed"}
	}
	return marshal(out)
}

func marshal(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) //nolint:forbidigo // maps of texts always have a JSON form
	}
	return string(raw)
}
