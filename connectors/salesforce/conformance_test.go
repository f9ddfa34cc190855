package salesforce_test

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/flow"
)

const readObject = "Reading__c"

// readings is an object that the suite reads.
func readings() fake.Object {
	return fake.Object{
		Name: readObject, Label: "Reading", Plural: "Readings", KeyPrefix: "a0Q", Custom: true,
		Fields: []fake.Field{
			{Name: "Id", Type: "id", Length: 18, ReadOnly: true}, {Name: "IsDeleted", Type: "boolean", ReadOnly: true},
			{Name: "Key__c", Type: "string", Length: 40}, {Name: "Text__c", Type: "string", Length: 255}, {Name: "Note__c", Type: "string", Length: 255},
			{Name: "Level__c", Type: "int", Digits: 8}, {Name: "CreatedDate", Type: "datetime", ReadOnly: true}, {Name: "SystemModstamp", Type: "datetime", ReadOnly: true},
		},
	}
}

// readingOrg is an org that holds the rows.
func readingOrg(d connectortest.Data) *fake.Org {
	o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 2})
	o.AddObject(readings())
	for _, row := range d.Rows {
		o.Put(readObject, fake.Record{"Key__c": row[0], "Text__c": row[1], "Note__c": row[2], "Level__c": int64(4711)})
	}
	return o
}

// narrow makes an org's answers hold few records, so that there are many.
func narrow(o http.Handler, records int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sforce-Query-Options") != "" {
			r.Header.Set("Sforce-Query-Options", "batchSize="+strconv.Itoa(records))
		}
		if q := r.URL.Query(); q.Has("maxRecords") {
			q.Set("maxRecords", strconv.Itoa(records))
			r.URL.RawQuery = q.Encode()
		}
		o.ServeHTTP(w, r)
	})
}

func reading(api string) flow.Properties {
	return flow.Properties(`{"object":"reading__C","dataTransferApi":"` + api + `"}`)
}

func loadedReading(d *connectortest.Double, api string) connectortest.Loaded {
	return connectortest.Loaded{Config: into(d), Properties: reading(api), Entity: readObject, ChunkBytes: 4 << 10}
}

// source is how the suite reads by one of the APIs.
func source(api string) *connectortest.Source {
	return &connectortest.Source{
		Fields: []string{"Key__c", "Text__c", "Note__c"},
		Load: func(_ *testing.T, d connectortest.Data) connectortest.Loaded {
			return loadedReading(connectortest.NewDouble(narrow(readingOrg(d), 200), nil), api)
		},
		Hang: func(_ *testing.T, d connectortest.Data) connectortest.Loaded {
			double := connectortest.NewDouble(narrow(readingOrg(d), 200), nil)
			double.Plan(func(_ int, r *http.Request) connectortest.Mood {
				isNext := strings.Contains(r.URL.Path, "/query/0r8") || strings.HasSuffix(r.URL.Path, "/results")
				if isNext {
					return connectortest.Hanging
				}
				return connectortest.Well
			})
			return loadedReading(double, api)
		},
		Invalid: []flow.Properties{
			nil, flow.Properties(`{}`), flow.Properties(`[]`), flow.Properties(`{"object":7}`), flow.Properties(`{"object":"Nothing__c"}`),
			flow.Properties(`{"object":"../sobjects"}`), flow.Properties(`{"object":"Account","dataTransferApi":"SOAP"}`), flow.Properties(`{"object":"AccountChangeEvent"}`),
		},
		Timed: timed(api),
		Moods: &connectortest.Moods{
			// Of a job: a count, the job itself, two questions after it. To choose an API: a count.
			Lead: map[string]int{"BULKV2": 4, "AUTOMATIC": 1}[api],
			Load: func(_ *testing.T, d connectortest.Data) (connectortest.Loaded, http.Handler) {
				l := loadedReading(connectortest.NewDouble(nil, nil), api)
				l.ChunkBytes = 0 // one page for each answer
				return l, narrow(readingOrg(d), 200)
			},
			Spoil: func(body []byte) []byte {
				spoiled := bytes.Replace(body, []byte(`"Level__c":4711`), []byte(`"Level__c":"many"`), 1)
				return bytes.Replace(spoiled, []byte(`,"4711",`), []byte(`,"many",`), 1)
			},
			Change: func(body []byte) []byte {
				return bytes.ReplaceAll(body, []byte(`"Level__c":4711`), []byte(`"Region__c":{"code":7}`))
			},
		},
	}
}

// timed loads records that have changed at some times.
func timed(api string) *connectortest.Timed {
	return &connectortest.Timed{
		ID: "Key__c", By: "SystemModstamp",
		Load: func(_ *testing.T, times []time.Time) connectortest.Loaded {
			o := fake.New(fake.Options{Token: connectortest.Token, JobAsks: 1})
			o.AddObject(readings())
			for i, at := range times {
				o.Put(readObject, fake.Record{"Key__c": strconv.Itoa(i), "SystemModstamp": at})
			}
			return loadedReading(connectortest.NewDouble(narrow(o, 200), nil), api)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"REST_SYNC", "BULKV2", "AUTOMATIC"} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, connectortest.Harness{Connector: quick(), Source: source(api), Writer: destination("UPSERT", "REST_SYNC")})
		})
	}
}
