package trial_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/trial"
)

const shop = `
name: Shop
base: "{instanceUrl}"
auth: {kind: apiKey, header: X-Key}
check: {path: /me}
entities:
  - name: orders
    fields:
      - {name: id, type: long, key: true}
      - {name: state}
      - {name: changed, type: datetime, timestamp: true}
    read:
      path: /orders
      query: {since: "{from}"}
      records: orders
      since: {fields: [changed], default: "1970-01-01T00:00:00Z"}
      paging: {kind: offset, param: offset, sizeParam: limit, size: 4, shortEnds: true}
      filters:
        - {field: state, operators: [EQUAL_TO], query: {state: "{value}"}}
`

// vendor is the shop. Its faults are what a manifest's author, or a vendor, gets wrong.
type vendor struct {
	isOpen      bool // to everybody
	ignoresSize bool // of pages, and where they begin
	drops       bool // a record of a filter
	forgets     bool // a record of a window
	text        bool // instead of a number
	twice       bool // the same key
}

func (v vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !v.isOpen && r.Header.Get("X-Key") != "right" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"unknown key"}`)
		return
	}
	q := r.URL.Query()
	var list []map[string]any
	since, _ := time.Parse(time.RFC3339, q.Get("since"))
	for i := range 10 {
		order := map[string]any{"id": i, "state": []string{"open", "shut"}[i%2], "changed": time.Date(2024, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)}
		if v.text && i == 7 {
			order["id"] = "seven"
		}
		if v.twice && i == 7 {
			order["id"] = 6
		}
		changed := time.Date(2024, 1, 1+i, 0, 0, 0, 0, time.UTC)
		isWanted := q.Get("state") == "" || q.Get("state") == order["state"]
		if changed.Before(since) || !isWanted || v.drops && q.Has("state") && i > 5 || v.forgets && since.Year() > 2000 && i > 7 {
			continue
		}
		list = append(list, order)
	}
	limit, _ := strconv.Atoi(q.Get("limit"))
	offset, _ := strconv.Atoi(q.Get("offset"))
	if v.ignoresSize {
		limit = 4
	}
	list = list[min(offset, len(list)):]
	_ = json.NewEncoder(w).Encode(map[string]any{"orders": append([]map[string]any{}, list[:min(limit, len(list))]...)})
}

func examined(t *testing.T, v vendor, text string) map[string]trial.Finding {
	t.Helper()
	srv := httptest.NewServer(v)
	t.Cleanup(srv.Close)
	m, problems := manifest.Parse([]byte(text))
	require.Empty(t, problems)
	c := manifest.New(m, custom.Spec())
	found := map[string]trial.Finding{}
	for _, f := range trial.Run(t.Context(), trial.Exam{
		Connector: c, ObjectKey: "entityName",
		Resized: func(entity string, n int) connector.Connector { return c.Resized(entity, n) },
		Pushed: func(entity string) (list []trial.Condition) {
			for _, p := range c.Pushed(entity) {
				list = append(list, trial.Condition(p))
			}
			return list
		},
		Config: connector.Config{
			ProfileProperties: flow.Properties(`{"instanceUrl":"` + srv.URL + `"}`), ProfileCredentials: flow.Properties(`{"apiKey":"right"}`),
			ProfileName: "main", HTTP: srv.Client(), Now: time.Now,
		},
	}) {
		if before, twice := found[f.Check]; !twice || before.Outcome == trial.Passed {
			found[f.Check] = f
		}
		require.NotContains(t, f.Detail, "weir-trial-wrong-secret")
	}
	return found
}

func TestRun_ASoundConnector(t *testing.T) {
	t.Parallel()
	found := examined(t, vendor{}, shop)
	require.Equal(t, trial.Noted, found["a filter that is handed on saves work"].Outcome, "GREATER_THAN goes as a time from which on")
	delete(found, "a filter that is handed on saves work")
	require.Len(t, found, 14)
	for _, f := range found {
		require.Equal(t, trial.Passed, f.Outcome, "%+v", f)
	}
	require.Equal(t, "10 records on 3 pages, which is all", found["records are read, page by page"].Detail)
	require.Equal(t, "by changed: 5 records, of 10 that were read before", found["an incremental window gives its records"].Detail)
}

func TestRun_FindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vendor  vendor
		edit    [2]string // of the manifest
		check   string
		outcome trial.Outcome
		detail  string
	}{
		"open to everybody":      {vendor{isOpen: true}, [2]string{}, "wrong credentials are refused", trial.Failed, "check.expect"},
		"sizes are ignored":      {vendor{ignoresSize: true}, [2]string{}, "other sizes of pages give the same records", trial.Failed, "is sizeParam right"},
		"a filter drops records": {vendor{drops: true}, [2]string{}, "a filter that is handed on loses no record", trial.Failed, "state EQUAL_TO"},
		"a window drops records": {vendor{forgets: true}, [2]string{}, "an incremental window gives its records", trial.Failed, "are missing"},
		"values of other types":  {vendor{text: true}, [2]string{}, "values are of their fields' types", trial.Failed, "in id"},
		"keys that come twice":   {vendor{twice: true}, [2]string{}, "keys tell records apart", trial.Failed, "10 records have 9"},
		"a field's name":         {vendor{}, [2]string{"{name: state}", "{name: stat}\n      - {name: state}"}, "fields have values", trial.Noted, "stat:"},
		"no such path":           {vendor{}, [2]string{"records: orders", "records: data"}, "records are read, page by page", trial.Failed, "data"},
		"the wrong header":       {vendor{}, [2]string{"header: X-Key", "header: X-Other"}, "the vendor accepts the profile", trial.Failed, "unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := shop
			if c.edit[0] != "" {
				text = strings.Replace(shop, c.edit[0], c.edit[1], 1)
				require.NotEqual(t, shop, text)
			}
			f := examined(t, c.vendor, text)[c.check]
			require.Equal(t, c.outcome, f.Outcome, "%+v", f)
			require.Contains(t, f.Detail, c.detail)
		})
	}
}
