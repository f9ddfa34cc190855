package salesforce_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
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

// latency is what each answer takes before it begins, as from a data center near by.
const latency = 50 * time.Millisecond

// replay answers as an org of many accounts would, with pages that were rendered before: what is measured is the reading.
// All answers are those of a real org's shape and size; the ids repeat from page to page.
type replay struct {
	org     *fake.Org
	records int
	csv     map[int][]byte // results by their number of records
	json    []byte         // the records of a full page by REST
	mu      sync.Mutex
}

const csvPage = 50_000

func newReplay(b *testing.B, records int, columns string) *replay {
	b.Helper()
	p := &replay{org: fake.New(fake.Options{Token: connectortest.Token, Accounts: csvPage, JobAsks: 1}), records: records, csv: map[int][]byte{}}
	get := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "https://acme.my.salesforce.com/services/data/v58.0"+path, nil)
		r.Header.Set("Authorization", "Bearer "+connectortest.Token)
		rec := httptest.NewRecorder()
		p.org.ServeHTTP(rec, r)
		require.Equal(b, http.StatusOK, rec.Code, rec.Body.String())
		return rec
	}
	answer := get("/query?q=SELECT+" + columns + "+FROM+Account+ORDER+BY+Id").Body.Bytes()
	_, page, ok := bytes.Cut(answer, []byte(`"records":`))
	require.True(b, ok)
	p.json = append([]byte(`"records":`), page...)
	return p
}

func (p *replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(latency) // a benchmark measures time that passes
	q := r.URL.Query()
	switch path := strings.TrimPrefix(r.URL.Path, "/services/data/v58.0"); {
	case strings.HasSuffix(path, "/results"):
		p.results(w, r)
	case strings.HasPrefix(path, "/jobs/query") && r.Method != http.MethodGet:
		p.org.ServeHTTP(w, r)
	case strings.HasPrefix(q.Get("q"), "SELECT COUNT()"):
		_, _ = fmt.Fprintf(w, `{"totalSize":%d,"done":true,"records":[]}`, p.records) // the client may have gone
	case strings.HasPrefix(path, "/query"):
		at, _ := strconv.Atoi(path[strings.LastIndexByte(path, '-')+1:]) // 0 for the first page
		if at += 2000; at < p.records {
			_, _ = fmt.Fprintf(w, `{"totalSize":%d,"done":false,"nextRecordsUrl":"/services/data/v58.0/query/0r8000000000001AAA-%d",`, p.records, at)
		} else {
			_, _ = fmt.Fprintf(w, `{"totalSize":%d,"done":true,`, p.records)
		}
		_, _ = w.Write(p.json)
	default:
		p.org.ServeHTTP(w, r)
	}
}

// results answers a page of a job's results, rendered once for each size.
func (p *replay) results(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size, _ := strconv.Atoi(q.Get("maxRecords"))
	from, _ := strconv.Atoi(q.Get("locator")) // 0 for the first page
	size = min(size, csvPage, p.records-from)
	p.mu.Lock()
	text := p.csv[size]
	if text == nil {
		q.Set("maxRecords", strconv.Itoa(size))
		q.Del("locator")
		first := r.Clone(r.Context())
		first.URL.RawQuery = q.Encode()
		rec := httptest.NewRecorder()
		p.org.ServeHTTP(rec, first)
		text = rec.Body.Bytes()
		p.csv[size] = text
	}
	p.mu.Unlock()
	w.Header().Set("Sforce-NumberOfRecords", strconv.Itoa(size))
	w.Header().Set("Sforce-Locator", "null")
	if from+size < p.records {
		w.Header().Set("Sforce-Locator", strconv.Itoa(from+size))
	}
	_, _ = w.Write(text)
}

const benchColumns = "Id,IsDeleted,Name,Type,BillingStreet,BillingCity,BillingCountry,BillingLatitude,Phone,Website,Industry,AnnualRevenue,NumberOfEmployees,Description,OwnerId,CreatedDate,LastModifiedDate,SystemModstamp,Ext__c,Active__c"

// BenchmarkRead reads and decodes accounts of 20 fields over a socket, with each answer 50 ms late, as the engine does:
// one goroutine fetches, one a processor decodes.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		api     string
		records int
	}{{"BULKV2", 400_000}, {"REST_SYNC", 60_000}} {
		b.Run(c.api, func(b *testing.B) {
			server := httptest.NewServer(newReplay(b, c.records, benchColumns))
			defer server.Close()
			pool := &batch.Pool{}
			conn, err := salesforce.New(salesforce.Options{Poll: 10 * time.Millisecond}).Connect(b.Context(), connector.Config{
				Endpoint: func(string) string { return server.URL }, ProfileName: b.Name(), Tokens: fixedToken{}, HTTP: &http.Client{}, Pool: pool, Now: time.Now,
			})
			require.NoError(b, err)
			reader := conn.(connector.Reader)
			props := flow.Properties(`{"object":"Account","dataTransferApi":"` + c.api + `"}`)
			schema, err := reader.Describe(b.Context(), props)
			require.NoError(b, err)
			req := connector.ReadRequest{Properties: props, Schema: schema, Fields: strings.Split(benchColumns, ",")}
			splits, err := reader.Splits(b.Context(), req, 1)
			require.NoError(b, err)
			var most, read int64
			b.ResetTimer()
			for range b.N {
				rows, held := readAll(b, reader, req, splits[0], pool)
				require.EqualValues(b, c.records, rows)
				read += rows
				most = max(most, held)
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(most)/(1<<20), "MiB-pooled")
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapSys)/(1<<20), "MiB-heap")
		})
	}
}

type fixedToken struct{}

func (fixedToken) Token(context.Context) (string, error) { return connectortest.Token, nil }

func (fixedToken) Renew(context.Context, string) (string, error) { return connectortest.Token, nil }

// readAll reads a split and returns how many rows it has, and the most bytes that the pool had out.
func readAll(b *testing.B, reader connector.Reader, req connector.ReadRequest, s connector.Split, pool *batch.Pool) (rows, most int64) {
	b.Helper()
	pages, err := reader.Read(b.Context(), req, s, nil)
	require.NoError(b, err)
	defer pages.Close()
	work := make(chan connector.Page, 1)
	var wait sync.WaitGroup
	var mu sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for p := range work {
				got, err := p.Decode()
				if err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				rows += int64(got.Rows)
				most = max(most, pool.InUse())
				mu.Unlock()
				got.Release()
			}
		})
	}
	for {
		p, err := pages.Next(b.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(b, err)
		work <- p
	}
	close(work)
	wait.Wait()
	return rows, most
}
