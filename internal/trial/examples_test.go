package trial_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/trial"
)

const examples = "../../docs/connectors/examples"

func TestExamples_AreSound(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(examples, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		_, problems := manifest.Parse(text)
		require.Empty(t, problems, path)
	}
}

// pager is PagerDuty as far as the example asks, with answers in the form of those in its OpenAPI description
// (https://github.com/PagerDuty/api-schema).
type pager struct {
	mu        sync.Mutex
	incidents []map[string]any
	written   []string
}

func newPager() *pager {
	p := &pager{}
	for i := range 25 {
		at := time.Date(2024, 5, 1+i, 21, 30, 42, 0, time.UTC)
		p.incidents = append(p.incidents, map[string]any{
			"id": fmt.Sprintf("PT4KHL%d", i), "type": "incident", "summary": fmt.Sprintf("[#%d] The server is on fire.", i), "title": "The server is on fire.",
			"incident_number": 1234 + i, "created_at": at.Format(time.RFC3339), "updated_at": at.Add(time.Hour).Format(time.RFC3339), "status": []string{"triggered", "acknowledged", "resolved"}[i%3],
			"urgency": []string{"high", "low"}[i%2], "incident_key": fmt.Sprintf("baf7cf%d", i), "service": map[string]any{"id": "PIJ90N7", "type": "service_reference", "summary": "My Mail Service"},
			"last_status_change_at": at.Add(time.Minute).Format(time.RFC3339), "resolved_at": at.Add(time.Hour).Format(time.RFC3339), "alert_counts": map[string]any{"all": 2, "triggered": 0, "resolved": 2},
			"escalation_policy": map[string]any{"id": "PT20YPA"}, "priority": map[string]any{"summary": "P2"}, "assignments": []any{}, "teams": []any{map[string]any{"id": "PQ9K7I8"}},
			"html_url": "https://subdomain.pagerduty.com/incidents/PT4KHLK",
		})
	}
	return p
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	refuse := func(status, code int, message string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": code, "message": message, "errors": []string{message + "!"}}})
	}
	switch {
	case r.Header.Get("Authorization") != "Token token=right":
		refuse(401, 2006, "You are unauthorized")
	case r.URL.Path == "/abilities":
		fmt.Fprint(w, `{"abilities":["sso"]}`)
	case r.Method != http.MethodGet && r.Header.Get("From") == "":
		refuse(400, 2001, "Requester User Not Found")
	case r.Method != http.MethodGet:
		var body struct {
			Incident json.RawMessage `json:"incident"`
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil || r.URL.Path == "/incidents/gone" {
			refuse(404, 2100, "Not Found")
			return
		}
		p.written = append(p.written, r.Method+" "+r.URL.Path+" "+string(body.Incident))
		fmt.Fprint(w, `{"incident":{"id":"new"}}`)
	case r.URL.Path == "/incidents":
		p.list(w, r)
	default:
		refuse(404, 2100, "Not Found")
	}
}

// list pages through the incidents; without date_range=all those of the last month alone.
func (p *pager) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	since, until := time.Now().AddDate(0, -1, 0), time.Now()
	if s, err := time.Parse(time.RFC3339, q.Get("since")); err == nil {
		since = s
	}
	if s, err := time.Parse(time.RFC3339, q.Get("until")); err == nil {
		until = s
	}
	list := slices.Clone(p.incidents)
	list = slices.DeleteFunc(list, func(x map[string]any) bool {
		at, _ := time.Parse(time.RFC3339, x["created_at"].(string))
		isIn := q.Get("date_range") == "all" || !at.Before(since) && at.Before(until)
		isOf := func(param, member string) bool { return !q.Has(param) || slices.Contains(q[param], x[member].(string)) }
		return !isIn || !isOf("statuses[]", "status") || !isOf("urgencies[]", "urgency")
	})
	limit, offset := 25, 0
	if n, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = min(n, 10) // so that there are pages
	}
	if n, err := strconv.Atoi(q.Get("offset")); err == nil {
		offset = min(n, len(list))
	}
	page := list[offset:min(offset+limit, len(list))]
	_ = json.NewEncoder(w).Encode(map[string]any{"incidents": page, "limit": limit, "offset": offset, "more": offset+len(page) < len(list), "total": nil})
}

// The example of docs/connectors/writing.md does what it says, against answers as its vendor describes them.
func TestExamples_PagerDuty(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(examples, "pagerduty.yaml"))
	require.NoError(t, err)
	m, problems := manifest.Parse(text)
	require.Empty(t, problems)
	c := manifest.New(m, custom.Spec())
	vendor := newPager()
	srv := httptest.NewServer(vendor)
	t.Cleanup(srv.Close)
	cfg := connector.Config{
		Endpoint: func(string) string { return srv.URL }, HTTP: srv.Client(), Now: time.Now, ProfileName: "main",
		ProfileProperties: flow.Properties(`{"userEmail":"ann@example.com"}`), ProfileCredentials: flow.Properties(`{"apiKey":"right"}`),
	}
	found := trial.Run(t.Context(), trial.Exam{
		Connector: c, Config: cfg, ObjectKey: "entityName",
		Resized: func(entity string, n int) connector.Connector { return c.Resized(entity, n) },
		Pushed: func(entity string) (list []trial.Condition) {
			for _, p := range c.Pushed(entity) {
				list = append(list, trial.Condition(p))
			}
			return list
		},
	})
	require.Len(t, found, 15)
	for _, f := range found {
		require.Equal(t, trial.Passed, f.Outcome, "%+v", f)
	}

	conn, err := c.Connect(t.Context(), cfg)
	require.NoError(t, err)
	write := func(props string, fields []string, rows ...[]string) []connector.Refusal {
		w, err := conn.(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{Properties: flow.Properties(props), ExecutionID: props})
		require.NoError(t, err)
		b := connectortest.Batch(&batch.Pool{}, connectortest.Data{Fields: fields, Rows: rows})
		defer b.Release()
		_, refused, err := w.Write(t.Context(), 0, b)
		require.NoError(t, err)
		return refused
	}
	require.Empty(t, write(`{"entityName":"incidents"}`, []string{"title", "service.id"}, []string{"Fire", "PIJ90N7"}))
	refused := write(`{"entityName":"incidents","writeOperationType":"UPDATE"}`, []string{"id", "status"}, []string{"PT4KHL1", "resolved"}, []string{"gone", "resolved"})
	require.Len(t, refused, 1)
	require.Contains(t, refused[0].Reason, "Not Found!")
	require.Equal(t, []string{
		`POST /incidents {"type":"incident","title":"Fire","service":{"type":"service_reference","id":"PIJ90N7"}}`,
		`PUT /incidents/PT4KHL1 {"type":"incident_reference","id":"PT4KHL1","status":"resolved"}`,
	}, vendor.written)
}
