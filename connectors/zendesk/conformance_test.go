package zendesk_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/zendesk"
	"weir.dev/weir/connectors/zendesk/fake"
	"weir.dev/weir/flow"
)

// fields are the organization's that hold what the suite loads.
var fields = []string{"external_id", "name", "details"}

// organizations is an account that has the rows as organizations.
func organizations(d connectortest.Data) *fake.Account {
	a := fake.New(fake.Options{Token: connectortest.Token})
	for _, row := range d.Rows {
		a.Put("organizations", fake.Record{"external_id": row[0], "name": row[1], "details": row[2], "tags": []string{"vip"}, "group_id": 98_738})
	}
	return a
}

// profiles makes the name of each configuration's profile: accounts have nothing in common.
var profiles atomic.Int64

func config(double *connectortest.Double) connector.Config {
	return connector.Config{
		ProfileProperties: flow.Properties(`{"instanceUrl":"https://acme.zendesk.test"}`), ProfileName: fmt.Sprint("profile-", profiles.Add(1)),
		Tokens: double, HTTP: double.Client(), Pool: &batch.Pool{}, Now: time.Now,
	}
}

func object(name string) flow.Properties { return flow.Properties(`{"object":"` + name + `"}`) }

func loaded(double *connectortest.Double) connectortest.Loaded {
	return connectortest.Loaded{Config: config(double), Properties: object("organizations"), Entity: "organizations"}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	invalid := []flow.Properties{nil, flow.Properties(`{}`), flow.Properties(`[]`), flow.Properties(`{"object":7}`), object("nothing")}
	connectortest.Run(t, connectortest.Harness{
		Connector: zendesk.New(),
		Source: &connectortest.Source{
			Fields: fields,
			Load: func(_ *testing.T, d connectortest.Data) connectortest.Loaded {
				return loaded(connectortest.NewDouble(organizations(d), nil))
			},
			Hang: func(_ *testing.T, d connectortest.Data) connectortest.Loaded {
				double := connectortest.NewDouble(organizations(d), nil)
				double.Plan(func(_ int, r *http.Request) connectortest.Mood {
					if r.URL.Query().Has("page[after]") {
						return connectortest.Hanging
					}
					return connectortest.Well
				})
				return loaded(double)
			},
			Invalid: invalid,
			Timed:   timed("organizations"),
			Moods: &connectortest.Moods{
				Load: func(_ *testing.T, d connectortest.Data) (connectortest.Loaded, http.Handler) {
					return loaded(connectortest.NewDouble(nil, nil)), organizations(d)
				},
				Resize: func(r *http.Request, records int) {
					q := r.URL.Query()
					q.Set("page[size]", strconv.Itoa(records))
					r.URL.RawQuery = q.Encode()
				},
				Spoil: func(body []byte) []byte {
					return bytes.Replace(body, []byte(`"group_id":98738`), []byte(`"group_id":"many"`), 1)
				},
				Change: func(body []byte) []byte {
					return bytes.ReplaceAll(body, []byte(`"group_id":98738`), []byte(`"region":{"code":7}`))
				},
			},
		},
		Writer: &connectortest.Writer{
			Fields: []string{"external_id", "name", "details"},
			Keyed:  true,
			New: func(_ *testing.T) connectortest.Written {
				a := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
				return connectortest.Written{
					Config:     config(connectortest.NewDouble(a, nil)),
					Properties: flow.Properties(`{"object":"users","writeOperationType":"UPSERT","idFieldNames":["external_id"]}`),
					Rows: func(*testing.T) [][]string {
						rows := [][]string{}
						for _, r := range a.Records("users") {
							rows = append(rows, []string{r["external_id"].(string), r["name"].(string), r["details"].(string)})
						}
						return rows
					},
				}
			},
			Invalid: append(invalid, flow.Properties(`{"object":"groups","writeOperationType":"DELETE"}`), object("brands"),
				flow.Properties(`{"object":"users","writeOperationType":"UPSERT","idFieldNames":["name"]}`)),
		},
	})
}

func read(t *testing.T, reader connector.Reader, req connector.ReadRequest) [][]string {
	t.Helper()
	splits, err := reader.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	pages, err := reader.Read(t.Context(), req, splits[0], nil)
	require.NoError(t, err)
	defer pages.Close()
	var rows [][]string
	for {
		p, err := pages.Next(t.Context())
		if err != nil {
			require.Equal(t, "EOF", err.Error())
			return rows
		}
		b, err := p.Decode()
		require.NoError(t, err)
		rows = append(rows, connectortest.Text(t, b, req.Fields)...)
		b.Release()
	}
}

// timed loads records that have changed at some times, with pages that end in the middle of a second.
func timed(entity string) *connectortest.Timed {
	return &connectortest.Timed{
		ID: "external_id", By: "updated_at",
		Load: func(_ *testing.T, times []time.Time) connectortest.Loaded {
			a := fake.New(fake.Options{Token: connectortest.Token, ExportSize: 100})
			for i, at := range times {
				a.Put(entity, fake.Record{"external_id": strconv.Itoa(i), "name": "n", "updated_at": at.Format(time.RFC3339)})
			}
			return connectortest.Loaded{Config: config(connectortest.NewDouble(a, nil)), Properties: object(entity), Entity: entity}
		},
	}
}

// TestConformance_EveryExport puts the other exports through the same checks of time: tickets and users lead on by
// cursors.
func TestConformance_EveryExport(t *testing.T) {
	t.Parallel()
	for _, entity := range []string{"tickets", "users"} {
		t.Run(entity, func(t *testing.T) {
			t.Parallel()
			connectortest.RunTimed(t, zendesk.New(), *timed(entity))
		})
	}
}
