package fake_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

const wide = "Id,IsDeleted,Name,Type,BillingStreet,BillingCity,BillingCountry,BillingLatitude,BillingLongitude,Phone,Website,Industry,AnnualRevenue,NumberOfEmployees," +
	"Description,OwnerId,CreatedDate,LastModifiedDate,SystemModstamp,Ext__c"

// BenchmarkBulkResults reads pages of twenty columns from a million generated records, by HTTP.
func BenchmarkBulkResults(b *testing.B) {
	server := httptest.NewServer(fake.New(fake.Options{Accounts: 1_000_000}))
	defer server.Close()
	job := server.URL + "/services/data/v58.0/jobs/query/"
	var made struct{ ID, State string }
	ask(b, http.MethodPost, job, `{"operation":"query","query":"SELECT `+wide+` FROM Account"}`, &made)
	for made.State != "JobComplete" {
		ask(b, http.MethodGet, job+made.ID, "", &made)
	}
	rows := 0
	for b.Loop() {
		res := send(b, http.MethodGet, job+made.ID+"/results?maxRecords=50000", "")
		n, err := io.Copy(io.Discard, res.Body)
		require.NoError(b, err)
		require.NoError(b, res.Body.Close())
		b.SetBytes(n)
		rows += 50_000
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkQueryPages reads pages of two thousand records and twenty fields.
func BenchmarkQueryPages(b *testing.B) {
	server := httptest.NewServer(fake.New(fake.Options{Accounts: 1_000_000}))
	defer server.Close()
	var page struct {
		NextRecordsURL string `json:"nextRecordsUrl"`
		Records        []json.RawMessage
	}
	ask(b, http.MethodGet, server.URL+"/services/data/v58.0/query?q="+url.QueryEscape("SELECT "+wide+" FROM Account ORDER BY SystemModstamp, Id"), "", &page)
	require.Len(b, page.Records, 2000)
	rows := 0
	for b.Loop() {
		res := send(b, http.MethodGet, server.URL+page.NextRecordsURL, "")
		n, err := io.Copy(io.Discard, res.Body)
		require.NoError(b, err)
		require.NoError(b, res.Body.Close())
		b.SetBytes(n)
		rows += 2000
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkIngest inserts a hundred thousand rows by a bulk job.
func BenchmarkIngest(b *testing.B) {
	var data bytes.Buffer
	data.WriteString("Name,Phone,BillingCity,AnnualRevenue,NumberOfEmployees,Ext__c\n")
	const rows = 100_000
	for i := range rows {
		fmt.Fprintf(&data, "\"Account %d\",+1 555 0100,Leeds,%d.5,%d,E-%d\n", i, i, i%1000, i)
	}
	b.SetBytes(int64(data.Len()))
	for b.Loop() {
		server := httptest.NewServer(fake.New(fake.Options{}))
		jobs := server.URL + "/services/data/v58.0/jobs/ingest/"
		var made struct {
			ID, State string
			Failed    int `json:"numberRecordsFailed"`
		}
		ask(b, http.MethodPost, jobs, `{"object":"Account","operation":"insert"}`, &made)
		res := send(b, http.MethodPut, jobs+made.ID+"/batches", data.String(), "Content-Type", "text/csv")
		require.NoError(b, res.Body.Close())
		ask(b, http.MethodPatch, jobs+made.ID, `{"state":"UploadComplete"}`, nil)
		for made.State != "JobComplete" {
			ask(b, http.MethodGet, jobs+made.ID, "", &made)
		}
		require.Zero(b, made.Failed)
		server.Close()
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
