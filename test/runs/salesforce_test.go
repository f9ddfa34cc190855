package runs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/s3"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/engine"
	"weir.dev/weir/internal/server"
)

// crm is a rig for flows from and to a stand-in of Salesforce, and from and to buckets.
type crm struct {
	t       *testing.T
	org     *fake.Org
	double  *connectortest.Double
	client  *http.Client // the double's
	buckets store
	pool    *batch.Pool
}

func newCRM(t *testing.T, opts fake.Options) *crm {
	opts.Token, opts.JobAsks = connectortest.Token, 1
	c := &crm{t: t, org: fake.New(opts), pool: &batch.Pool{}, buckets: store{
		"inbox": memblob.NewStore("inbox", nil), "lake": memblob.NewStore("lake", nil), "errors": memblob.NewStore("errors", nil),
	}}
	c.double = connectortest.NewDouble(c.org, nil)
	c.client = c.double.Client()
	t.Cleanup(func() { require.Zero(t, c.pool.InUse(), "buffers that are lost") })
	return c
}

// end is a source or a destination of a flow.
type end struct {
	kind       string
	properties map[string]any
}

func inbox() end { return end{"S3", map[string]any{"bucketName": "inbox", "bucketPrefix": "in/"}} }

func accounts(more ...any) end {
	p := map[string]any{"object": "Account"}
	for i := 0; i < len(more); i += 2 {
		p[more[i].(string)] = more[i+1]
	}
	return end{"Salesforce", p}
}

// maps makes tasks that move fields, each named in the source and in the destination.
func maps(from string, pairs ...string) []map[string]any {
	var sources []string
	for i := 0; i < len(pairs); i += 2 {
		sources = append(sources, pairs[i])
	}
	tasks := []map[string]any{{"taskType": "Filter", "sourceFields": sources, "connectorOperator": map[string]any{from: "PROJECTION"}}}
	for i := 0; i < len(pairs); i += 2 {
		tasks = append(tasks, map[string]any{"taskType": "Map", "sourceFields": pairs[i : i+1], "destinationField": pairs[i+1], "connectorOperator": map[string]any{from: "NO_OP"}})
	}
	return tasks
}

func (c *crm) run(from, to end, tasks []map[string]any) (*durable.RunResult, error) {
	c.t.Helper()
	list := connector.NewRegistry(s3.New(), salesforce.New(salesforce.Options{Poll: time.Millisecond}))
	source := map[string]any{"connectorType": from.kind, "sourceConnectorProperties": map[string]any{from.kind: from.properties}}
	dest := map[string]any{"connectorType": to.kind, "destinationConnectorProperties": map[string]any{to.kind: to.properties}}
	for _, e := range []map[string]any{source, dest} {
		if e["connectorType"] == "Salesforce" {
			e["connectorProfileName"] = "crm"
		}
	}
	body, err := json.Marshal(map[string]any{
		"flowName": "to-crm", "triggerConfig": map[string]any{"triggerType": "OnDemand"}, "sourceFlowConfig": source,
		"destinationFlowConfigList": []any{dest}, "tasks": tasks,
	})
	require.NoError(c.t, err)
	f, err := server.ParseFlow(body, list)
	require.NoError(c.t, err)
	x := &flow.Execution{
		ID: execution, FlowName: f.Name, FlowVersion: f.Version, SchemaVersion: f.SchemaVersion, Definition: f.Definition,
		Status: flow.ExecutionInProgress, StartedAt: started, UpdatedAt: started, Options: &flow.Options{},
	}
	steps := &durable.Steps{
		Connectors: list, Mover: engine.New(engine.Options{Threads: 2, Pool: c.pool, TempDir: c.t.TempDir()}), Log: slog.New(slog.DiscardHandler),
		Configure: func(_ context.Context, kind flow.ConnectorType, _, _ string) (connector.Config, error) {
			cfg := connector.Config{Buckets: c.buckets, Pool: c.pool, Now: time.Now}
			if kind == flow.Salesforce {
				cfg.ProfileName, cfg.ProfileProperties = "crm", flow.Properties(`{"instanceUrl":"https://acme.my.salesforce.com"}`)
				cfg.Tokens, cfg.HTTP = c.double, c.client
			}
			return cfg, nil
		},
	}
	return durable.Run(c.t.Context(), steps, x, 2)
}

// lines are those of all objects of a bucket.
func (c *crm) lines(bucket string) (lines []string) {
	b := c.buckets[bucket].Open()
	for object, err := range b.List(c.t.Context(), "") {
		require.NoError(c.t, err)
		body, err := b.OpenAt(c.t.Context(), object.Key, 0, -1, "")
		require.NoError(c.t, err)
		text, err := io.ReadAll(body)
		require.NoError(c.t, err)
		require.NoError(c.t, body.Close())
		lines = append(lines, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	}
	return lines
}

func (c *crm) alive() (list []fake.Record) {
	for _, r := range c.org.Records("Account") {
		if r["IsDeleted"] == false {
			list = append(list, r)
		}
	}
	return list
}

func TestSalesforce_FromFilesByEveryOperation(t *testing.T) {
	t.Parallel()
	const n = 1500
	for _, api := range []string{"AUTOMATIC", "REST_SYNC", "BULKV2"} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			c := newCRM(t, fake.Options{})
			write := func(operation, id, file string, pairs ...string) *durable.RunResult {
				c.buckets["inbox"].Put("in/a.csv", []byte(file))
				to := accounts("writeOperationType", operation, "dataTransferApi", api)
				if id != "" {
					to.properties["idFieldNames"] = []string{id}
				}
				result, err := c.run(inbox(), to, maps("S3", pairs...))
				require.NoError(t, err, operation)
				require.True(t, result.Totals.Closes())
				return result
			}
			csv := "key,name,revenue\n"
			for i := range n {
				csv += fmt.Sprintf("k%d,\"Name, %d\",%d.50\n", i, i, i)
			}
			result := write("INSERT", "", csv, "key", "Ext__c", "name", "Name", "revenue", "AnnualRevenue")
			require.EqualValues(t, n, result.Totals.Written)
			require.Len(t, c.alive(), n)
			require.Equal(t, "Name, 7", c.alive()[7]["Name"])
			require.EqualValues(t, 7.5, c.alive()[7]["AnnualRevenue"])

			csv = "key,name,revenue\n"
			for i := n / 2; i < n*3/2; i++ {
				csv += fmt.Sprintf("k%d,changed,\n", i)
			}
			write("UPSERT", "Ext__c", csv, "key", "Ext__c", "name", "Name", "revenue", "AnnualRevenue")
			require.Len(t, c.alive(), n*3/2)
			require.Equal(t, "changed", c.alive()[n-1]["Name"])
			require.Nil(t, c.alive()[n-1]["AnnualRevenue"])
			require.Equal(t, "Name, 7", c.alive()[7]["Name"])

			csv = "id,city\n"
			for _, r := range c.alive()[:n] {
				csv += fmt.Sprintf("%s,Kraków\n", r["Id"])
			}
			write("UPDATE", "Id", csv, "id", "Id", "city", "BillingCity")
			require.Equal(t, "Kraków", c.alive()[n-1]["BillingCity"])
			require.Nil(t, c.alive()[n]["BillingCity"])

			result = write("DELETE", "Id", csv, "id", "Id", "city", "BillingCity")
			require.EqualValues(t, n, result.Totals.Written)
			require.Len(t, c.alive(), n/2)
		})
	}
}

func TestSalesforce_RefusedRecordsAreExplained(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"REST_SYNC", "BULKV2"} {
		c := newCRM(t, fake.Options{})
		csv := "key,name,revenue\n"
		for i := range 1200 {
			csv += fmt.Sprintf("k%d,n,1\n", i)
		}
		csv += "k5,again,1\nk2000,,1\nk2001,n,much\n"
		c.buckets["inbox"].Put("in/a.csv", []byte(csv))
		handling := map[string]any{"bucketName": "errors", "bucketPrefix": "refused", "failOnFirstDestinationError": false}
		to := accounts("dataTransferApi", api, "errorHandlingConfig", handling)
		result, err := c.run(inbox(), to, maps("S3", "key", "Ext__c", "name", "Name", "revenue", "AnnualRevenue"))
		require.NoError(t, err)
		require.EqualValues(t, 1200, result.Totals.Written)
		require.EqualValues(t, 3, result.Totals.PutFailures)
		lines := c.lines("errors")
		require.Len(t, lines, 3)
		for i, want := range []string{"DUPLICATE_VALUE: duplicate value found", "REQUIRED_FIELD_MISSING: Required fields are missing: [Name] [Name]", `"AnnualRevenue" is no number`} {
			var line struct {
				Source struct{ Record int }
				Error  string
				Record map[string]string
			}
			require.NoError(t, json.Unmarshal([]byte(lines[i]), &line))
			require.Equal(t, 1201+i, line.Source.Record)
			require.Contains(t, line.Error, want, api)
			require.NotEmpty(t, line.Record["key"])
		}
		handling["failOnFirstDestinationError"] = true
		_, err = c.run(inbox(), to, maps("S3", "key", "Ext__c", "name", "Name", "revenue", "AnnualRevenue"))
		require.ErrorContains(t, err, `record 1 of "in/a.csv" was refused by the destination: DUPLICATE_VALUE`)
	}
}

func TestSalesforce_FromSalesforceToSalesforce(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"REST_SYNC", "BULKV2"} {
		c := newCRM(t, fake.Options{Seed: 7, Accounts: 2500})
		before := c.alive()
		to := accounts("writeOperationType", "UPSERT", "idFieldNames", []string{"Ext__c"}, "dataTransferApi", api)
		result, err := c.run(accounts("dataTransferApi", api), to, maps("Salesforce", "Ext__c", "Ext__c", "Name", "Description", "AnnualRevenue", "AnnualRevenue", "CreatedDate", "Website"))
		require.NoError(t, err)
		require.EqualValues(t, 2500, result.Totals.Written, result.Totals)
		after := c.alive()
		require.Len(t, after, 2500)
		for i, r := range after {
			require.Equal(t, before[i]["Name"], r["Description"])
			require.Equal(t, before[i]["AnnualRevenue"], r["AnnualRevenue"])
			require.Equal(t, before[i]["CreatedDate"].(time.Time).Format("2006-01-02T15:04:05.000Z"), r["Website"], api)
		}
	}
}

// A vendor that goes away in the middle, and comes back for the next attempt.
func TestSalesforce_AJobOutlivesItsAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCRM(t, fake.Options{})
		csv := "name\n" + strings.Repeat("one of many alike\n", 5000)
		c.buckets["inbox"].Put("in/a.csv", []byte(csv))
		asked := 0
		c.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/jobs/") {
				if asked++; asked <= 5 { // as often as a request is tried
					return connectortest.Reset
				}
			}
			return connectortest.Well
		})
		result, err := c.run(inbox(), accounts("dataTransferApi", "BULKV2"), maps("S3", "name", "Name"))
		require.NoError(t, err)
		require.EqualValues(t, 5000, result.Totals.Written)
		require.Len(t, c.alive(), 5000, "none of them twice, though they have no keys")
		require.Greater(t, asked, 5)
	})
}

// direct asks an org without a network, and cuts connections where the org does.
type direct struct{ org *fake.Org }

func (d direct) RoundTrip(r *http.Request) (res *http.Response, err error) {
	rec := httptest.NewRecorder()
	defer func() {
		if recover() != nil { // with http.ErrAbortHandler
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	in.Header.Set("Authorization", "Bearer "+connectortest.Token)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	d.org.ServeHTTP(rec, in)
	return rec.Result(), nil
}

// Each fourth call fails in one way or another, before anything is done for it; each fifth record is locked.
func TestSalesforce_BadDays(t *testing.T) {
	t.Parallel()
	for _, mode := range []fake.Mode{fake.Flaky, fake.Throttling, fake.Locking} {
		for _, api := range []string{"REST_SYNC", "BULKV2"} {
			synctest.Test(t, func(t *testing.T) {
				c := newCRM(t, fake.Options{})
				c.client = &http.Client{Transport: direct{c.org}}
				require.NoError(t, c.org.SetMode(mode))
				csv := "name\n"
				for i := range 3000 {
					csv += fmt.Sprintf("n%d\n", i)
				}
				c.buckets["inbox"].Put("in/a.csv", []byte(csv))
				result, err := c.run(inbox(), accounts("dataTransferApi", api), maps("S3", "name", "Name"))
				require.NoError(t, err, "%s by %s", mode, api)
				names := map[any]int{}
				for _, r := range c.alive() {
					names[r["Name"]]++
				}
				require.Len(t, names, len(c.alive()), "%s by %s: none is there twice", mode, api)
				require.EqualValues(t, len(names), result.Totals.Written)
				require.EqualValues(t, 3000, result.Totals.Written+result.Totals.Rejected)
				require.LessOrEqual(t, result.Totals.Rejected, int64(60), "%s by %s: few records are locked again and again", mode, api)
			})
		}
	}
}
