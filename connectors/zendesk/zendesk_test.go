package zendesk_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/zendesk"
	"weir.dev/weir/connectors/zendesk/fake"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func connect(t *testing.T, a *fake.Account) (connector.Connection, *connectortest.Double) {
	t.Helper()
	double := connectortest.NewDouble(a, nil)
	conn, err := zendesk.New().Connect(t.Context(), config(double))
	require.NoError(t, err)
	return conn, double
}

func request(t *testing.T, conn connector.Connection, entity string, fields ...string) connector.ReadRequest {
	t.Helper()
	schema, err := conn.(connector.Reader).Describe(t.Context(), object(entity))
	require.NoError(t, err)
	return connector.ReadRequest{Properties: object(entity), Schema: schema, Fields: fields}
}

// Tickets that were closed long ago are in no list; the connector finds them all the same.
func TestRead_AllTicketsComeArchivedOnesToo(t *testing.T) {
	t.Parallel()
	a := fake.New(fake.Options{Token: connectortest.Token, Records: 300, Seed: 3})
	listed := 0
	for _, r := range a.Records("tickets") {
		if r["status"] != "closed" {
			listed++
		}
	}
	a.Put("tickets", fake.Record{"subject": "gone", "status": "deleted", "updated_at": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	conn, _ := connect(t, a)
	rows := read(t, conn.(connector.Reader), request(t, conn, "ticket", "id", "subject", "status", "tags", "created_at"))
	require.Len(t, rows, 300, "the deleted one is not among them")
	require.Less(t, listed, 300)
	require.Equal(t, a.Records("tickets")[0]["subject"], find(rows, a.Records("tickets")[0]["id"].(int64))[1])
}

func find(rows [][]string, id int64) []string {
	for _, r := range rows {
		if r[0] == strconv.FormatInt(id, 10) {
			return r
		}
	}
	return nil
}

func TestDescribe_AccountsFieldsAreThere(t *testing.T) {
	t.Parallel()
	conn, _ := connect(t, fake.New(fake.Options{Token: connectortest.Token, Records: 40}))
	req := request(t, conn, "users", "user_fields.plan", "user_fields.seats")
	seats := req.Schema.Fields[req.Schema.Find("user_fields.seats")]
	require.Equal(t, flow.TypeLong, seats.Type)
	require.Equal(t, "Seats", seats.Label)
	require.Equal(t, []string{"user_fields", "seats"}, seats.Path)
	rows := read(t, conn.(connector.Reader), req)
	require.Len(t, rows, 10)
	for _, r := range rows {
		_, err := strconv.Atoi(r[1])
		require.NoError(t, err)
	}
	id := req.Schema.Fields[req.Schema.Find("id")]
	require.True(t, id.IsPrimaryKey)
	require.Contains(t, id.FilterOperators, flow.OpGreaterThan)
	writable, err := conn.(connector.EntityDescriber).DescribeEntity(t.Context(), "tickets")
	require.NoError(t, err)
	body := writable.Fields[writable.Find("comment.body")]
	require.True(t, body.IsCreatable)
	require.False(t, body.IsRetrievable)
	require.Negative(t, request(t, conn, "tickets").Schema.Find("comment.body"), "what cannot be read is no field of a source")
}

func TestCheck_NobodyIsRefused(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fake.Mode]fault.Code{fake.Well: "", fake.Locked: fault.ConnectorAuth} {
		a := fake.New(fake.Options{Token: connectortest.Token})
		require.NoError(t, a.SetMode(mode))
		conn, _ := connect(t, a)
		require.Equal(t, want, fault.CodeOf(conn.(connector.Checker).Check(t.Context())), mode)
	}
	a := fake.New(fake.Options{})
	anonymous := connectortest.NewDouble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Authorization")
		a.ServeHTTP(w, r)
	}), nil)
	conn, err := zendesk.New().Connect(t.Context(), config(anonymous))
	require.NoError(t, err)
	require.Equal(t, fault.ConnectorAuth, fault.CodeOf(conn.(connector.Checker).Check(t.Context())), "200 for nobody is no success")
}

func TestRead_ZendesksOwnTroubles(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fake.Mode]fault.Code{fake.NotAdmin: fault.ConnectorAuth, fake.Throttling: "", fake.Maintenance: fault.ConnectorServer} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := fake.New(fake.Options{Token: connectortest.Token, Records: 10})
				conn, _ := connect(t, a)
				req := request(t, conn, "tickets", "id")
				require.NoError(t, a.SetMode(mode))
				pages, err := conn.(connector.Reader).Read(t.Context(), req, connector.Split{Data: []byte(`{"entity":"tickets"}`)}, nil)
				require.NoError(t, err)
				p, err := pages.Next(t.Context())
				require.Equal(t, want, fault.CodeOf(err), "%v", err)
				if err == nil {
					p.Release()
				}
			})
		})
	}
}

// The limit of exports is ten calls a minute, whatever else is going on.
func TestRead_ExportsKeepToTheirRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := fake.New(fake.Options{Token: connectortest.Token, Records: 300, ExportSize: 10})
		conn, double := connect(t, a)
		req := request(t, conn, "tickets", "id")
		double.Plan(nil)
		began := time.Now()
		require.Len(t, read(t, conn.(connector.Reader), req), 300)
		require.GreaterOrEqual(t, double.Requests(), 30)
		require.GreaterOrEqual(t, time.Since(began), 2*time.Minute)
		require.Less(t, time.Since(began), 4*time.Minute)
	})
}

func write(t *testing.T, a *fake.Account, props string, d connectortest.Data, plan func(int, *http.Request) connectortest.Mood) (connector.Receipt, []connector.Refusal, error) {
	t.Helper()
	conn, double := connect(t, a)
	double.Plan(plan)
	w, err := conn.(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{Properties: flow.Properties(props), ExecutionID: "e"})
	require.NoError(t, err)
	b := connectortest.Batch(batch.DefaultPool, d)
	defer b.Release()
	return w.Write(t.Context(), 0, b)
}

func TestWrite_NewTickets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := fake.New(fake.Options{Token: connectortest.Token})
		d := connectortest.Data{Fields: []string{"subject", "comment.body", "organization_id", "tags", "has_incidents"}}
		for i := range 250 {
			d.Rows = append(d.Rows, []string{"subject " + strconv.Itoa(i), "body", "509974", `["a","b"]`, "false"})
		}
		d.Rows[120][0] = fake.Refused
		receipt, refused, err := write(t, a, `{"object":"tickets"}`, d, nil)
		require.NoError(t, err)
		require.Equal(t, []connector.Refusal{{Row: 120, Reason: "TicketCreateError: Subject: is not allowed"}}, refused)
		require.EqualValues(t, 249, receipt.Rows)
		got := a.Records("tickets")
		require.Len(t, got, 249)
		org, ok := got[0]["organization_id"].(interface{ Int64() (int64, error) })
		require.True(t, ok, "text becomes the number that the field holds: %T", got[0]["organization_id"])
		n, err := org.Int64()
		require.NoError(t, err)
		require.EqualValues(t, 509974, n)
		require.Equal(t, []any{"a", "b"}, got[0]["tags"])
		require.Equal(t, "body", got[0]["description"])
	})
}

func TestWrite_ChangesFindTheirRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := fake.New(fake.Options{Token: connectortest.Token})
		id := strconv.FormatInt(a.Put("tickets", fake.Record{"subject": "old", "status": "open"}), 10)
		d := connectortest.Data{Fields: []string{"id", "subject"}, Rows: [][]string{{"999", "nobody's"}, {id, "new"}, {"", "no id"}}}
		receipt, refused, err := write(t, a, `{"object":"tickets","writeOperationType":"UPDATE","idFieldNames":["id"]}`, d, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, receipt.Rows)
		require.Len(t, refused, 2)
		require.Equal(t, 0, refused[0].Row)
		require.Contains(t, refused[0].Reason, "TicketsNotFound"[:6])
		require.Equal(t, 2, refused[1].Row)
		require.Equal(t, "new", a.Records("tickets")[0]["subject"])
	})
}

func TestWrite_OneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := fake.New(fake.Options{Token: connectortest.Token})
		d := connectortest.Data{Fields: []string{"external_id", "name"}, Rows: [][]string{{"1", "A"}, {"2", fake.Refused}, {"1", "B"}}}
		receipt, refused, err := write(t, a, `{"object":"organizations","writeOperationType":"UPSERT"}`, d, nil)
		require.NoError(t, err)
		require.EqualValues(t, 2, receipt.Rows)
		require.Len(t, refused, 1)
		require.Contains(t, refused[0].Reason, "Name: is not allowed")
		require.Len(t, a.Records("organizations"), 1)
		require.Equal(t, "B", a.Records("organizations")[0]["name"])
	})
}

func TestWrite_JobsThatFail(t *testing.T) {
	t.Parallel()
	d := connectortest.Data{Fields: []string{"external_id", "name"}, Rows: [][]string{{"1", "A"}, {"2", "B"}}}
	for mode, want := range map[fake.Mode]string{fake.FailedJobs: "job failed", fake.BusyJobs: "slow down", fake.BulkDenied: "not enabled"} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := fake.New(fake.Options{Token: connectortest.Token})
				require.NoError(t, a.SetMode(mode))
				_, _, err := write(t, a, `{"object":"users"}`, d, nil)
				require.ErrorContains(t, err, want)
				require.Empty(t, a.Records("users"))
			})
		})
	}
}

// The answer to the second request of a batch is lost. When the batch comes again in this process, the first request is
// known; the second one found its records by a key, so that it does no harm.
func TestWrite_ALostAnswerDoublesNothingWithKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
		d := connectortest.Data{Fields: []string{"external_id", "name"}}
		for i := range 150 {
			d.Rows = append(d.Rows, []string{strconv.Itoa(i), "name"})
		}
		posts := 0
		receipt, refused, err := write(t, a, `{"object":"users","writeOperationType":"UPSERT"}`, d, func(_ int, r *http.Request) connectortest.Mood {
			if r.Method == http.MethodPost {
				if posts++; posts == 2 {
					return connectortest.Lost
				}
			}
			return connectortest.Well
		})
		require.NoError(t, err)
		require.Empty(t, refused)
		require.EqualValues(t, 150, receipt.Rows)
		require.Len(t, a.Records("users"), 150)
		require.Equal(t, 3, posts)
	})
}

// Without keys the request is not repeated by itself; what is known to have arrived is not sent again.
func TestWrite_NewRecordsGoOnWhereTheyStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
		conn, double := connect(t, a)
		posts := 0
		double.Plan(func(_ int, r *http.Request) connectortest.Mood {
			if r.Method == http.MethodPost {
				if posts++; posts == 2 {
					return connectortest.Reset
				}
			}
			return connectortest.Well
		})
		d := connectortest.Data{Fields: []string{"subject", "comment.body"}}
		for i := range 250 {
			d.Rows = append(d.Rows, []string{strconv.Itoa(i), "body"})
		}
		b := connectortest.Batch(batch.DefaultPool, d)
		defer b.Release()
		var err error
		for range 2 {
			var w connector.RowWriter
			w, err = conn.(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{Properties: object("tickets"), ExecutionID: "e"})
			require.NoError(t, err)
			if _, _, err = w.Write(t.Context(), 0, b); err != nil {
				retry, _ := fault.RetryOf(err)
				require.Equal(t, fault.Transient, retry)
			}
		}
		require.NoError(t, err)
		require.Equal(t, 4, posts, "the first hundred went once")
		require.Len(t, a.Records("tickets"), 250)
	})
}

func TestFake_SameSeedSameAccount(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }
	one, two := fake.New(fake.Options{Seed: 5, Records: 50, Now: now}), fake.New(fake.Options{Seed: 5, Records: 50, Now: now})
	require.Equal(t, one.Records("tickets"), two.Records("tickets"))
	other := fake.New(fake.Options{Seed: 6, Records: 50, Now: now})
	require.NotEqual(t, one.Records("tickets"), other.Records("tickets"))
	require.False(t, strings.Contains(one.Records("users")[0]["name"].(string), "%"))
}
