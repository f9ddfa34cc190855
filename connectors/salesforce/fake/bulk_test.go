package fake_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

func TestBulkQuery_StatesPagesAndForms(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 25, JobAsks: 3, BulkPageSize: 10})
	gone := r.Put("Account", record{"Name": "gone, \"deleted\"\nrow"})
	r.Delete(gone)
	var j job
	var shown record
	r.call(http.MethodPost, "/jobs/query", `{"operation":"queryAll","query":"SELECT Id, Name, IsDeleted, CreatedDate, Owner.Name, ParentId FROM Account"}`, &shown)
	require.Equal(t, []any{"UploadComplete", "Account", "COMMA", "LF", 58.0}, []any{shown["state"], shown["object"], shown["columnDelimiter"], shown["lineEnding"], shown["apiVersion"]})
	id := shown["id"].(string)
	require.True(t, strings.HasPrefix(id, "750"))
	status, code, _ := r.refused(http.MethodGet, "/jobs/query/"+id+"/results", "")
	require.Equal(t, []any{http.StatusPreconditionFailed, "JOB_NOT_COMPLETE"}, []any{status, code})
	for _, state := range []string{"InProgress", "InProgress", "JobComplete"} {
		r.get("/jobs/query/"+id, &shown)
		require.Equal(t, state, shown["state"])
	}
	require.Equal(t, []any{"V2Query", 26.0, true}, []any{shown["jobType"], shown["numberRecordsProcessed"], shown["isPkChunkingSupported"]})

	seen, at := map[string]bool{}, ""
	for sizes := []int{20, 6}; len(sizes) > 0; sizes = sizes[1:] {
		lines, header := r.csv("/jobs/query/" + id + "/results?maxRecords=20" + at)
		require.Equal(t, []string{"Id", "Name", "IsDeleted", "CreatedDate", "Owner.Name", "ParentId"}, lines[0])
		require.Len(t, lines, 1+sizes[0])
		require.Equal(t, fmt.Sprint(sizes[0]), header.Get("Sforce-NumberOfRecords"))
		for _, l := range lines[1:] {
			seen[l[0]] = true
		}
		if len(sizes) == 1 {
			require.Equal(t, "null", header.Get("Sforce-Locator"), "the end is a word")
			require.Equal(t, []string{gone, "gone, \"deleted\"\nrow", "true", "2026-03-10T12:00:00.000Z", "Admin User", ""}, lines[len(lines)-1])
		} else {
			at = "&locator=" + url.QueryEscape(header.Get("Sforce-Locator"))
		}
	}
	require.Len(t, seen, 26)

	var pages struct {
		ResultPages []struct{ ResultURL string }
		Done        bool
	}
	r.get("/jobs/query/"+id+"/resultPages", &pages)
	require.True(t, pages.Done)
	total := 0
	for _, p := range pages.ResultPages {
		lines, _ := r.csv(strings.TrimPrefix(p.ResultURL, "/services/data/v58.0"))
		total += len(lines) - 1
	}
	require.Equal(t, []int{3, 26}, []int{len(pages.ResultPages), total})

	res := send(t, http.MethodGet, strings.Replace(r.base, "58", "59", 1)+"/jobs/query/"+id+"/results", "")
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusConflict, res.StatusCode)
	res = send(t, http.MethodDelete, r.base+"/jobs/query/"+id, "")
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	status, _, _ = r.refused(http.MethodGet, "/jobs/query/"+id, "")
	require.Equal(t, http.StatusNotFound, status)

	r.call(http.MethodPost, "/jobs/query", `{"operation":"query","query":"SELECT Id FROM Account WHERE Name = 'nobody'","columnDelimiter":"PIPE","lineEnding":"CRLF"}`, &j)
	r.ended("query", j.ID)
	lines, header := r.csv("/jobs/query/" + j.ID + "/results")
	require.Equal(t, [][]string{{"Id"}}, lines, "nothing found is a header alone")
	require.Equal(t, []string{"0", "null"}, []string{header.Get("Sforce-NumberOfRecords"), header.Get("Sforce-Locator")})
}

func TestBulkQuery_Refusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{DailyQueryJobs: 2})
	for query, want := range map[string]string{
		"SELECT Id, BillingAddress FROM Account":  "FUNCTIONALITY_NOT_ENABLED: Selecting compound data not supported in Bulk Query",
		"SELECT Body FROM Attachment":             "FUNCTIONALITY_NOT_ENABLED: Binary fields",
		"SELECT Id FROM AccountHistory":           "INVALIDENTITY: Entity 'AccountHistory' is not supported by the Bulk API.",
		"SELECT Id FROM AccountChangeEvent":       "INVALID_TYPE_FOR_OPERATION: entity type AccountChangeEvent does not support query",
		"SELECT COUNT() FROM Account":             "FEATURENOTENABLED: Aggregate",
		"SELECT Id FROM Account LIMIT 1 OFFSET 1": "FEATURENOTENABLED: OFFSET",
		"SELECT Bad FROM Account":                 "INVALID_FIELD: ",
		"SELECT":                                  "MALFORMED_QUERY: ",
	} {
		status, code, message := r.refused(http.MethodPost, "/jobs/query", `{"operation":"query","query":"`+query+`"}`)
		require.Equal(t, http.StatusBadRequest, status)
		require.True(t, strings.HasPrefix(code+": "+message, want), "%s: %s", code, message)
	}
	var j, k job
	r.call(http.MethodPost, "/jobs/query", `{"operation":"query","query":"SELECT Id FROM Account ORDER BY Id"}`, &j)
	status, _, _ := r.refused(http.MethodDelete, "/jobs/query/"+j.ID, "")
	require.Equal(t, http.StatusBadRequest, status, "a running job is not deleted")
	r.call(http.MethodPatch, "/jobs/query/"+j.ID, `{"state":"Aborted"}`, &j)
	require.Equal(t, "Aborted", j.State)
	_, code, _ := r.refused(http.MethodPatch, "/jobs/query/"+j.ID, `{"state":"Aborted"}`)
	require.Equal(t, "INVALIDJOBSTATE", code)
	r.FailJobs(1, "SERVER_ERROR: the pod fell over")
	r.call(http.MethodPost, "/jobs/query", `{"operation":"query","query":"SELECT Id FROM Account"}`, &k)
	k = r.ended("query", k.ID)
	require.Equal(t, []string{"Failed", "SERVER_ERROR: the pod fell over"}, []string{k.State, k.ErrorMessage})
	_, code, _ = r.refused(http.MethodPost, "/jobs/query", `{"operation":"query","query":"SELECT Id FROM Account"}`)
	require.Equal(t, "LIMIT_EXCEEDED", code)
}

func TestIngest_RowsFailAloneAndOutOfOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 10})
	parent := r.Put("Account", record{"Name": "parent", "Ext__c": "P", "Phone": "1"})
	j := r.ingest(`{"object":"account","operation":"upsert","externalIdFieldName":"Ext__c"}`,
		"Ext__c,Name,Phone,NumberOfEmployees,Owner.Username,Website\n"+
			"N1,\"new \"\"one\"\"\nwith a line\",2,5,admin@example.com,w\n"+
			"P,,#N/A,,,\n"+
			"N2,,,,,\n"+
			"N3,x,,many,,\n"+
			"N4,x,,,nobody,\n"+
			"N5, padded ,,,,\n"+
			"N6,\"a\" ,,,,\n"+
			"A-1000003,changed,,,,\n"+
			"P,twice,,,,\n")
	require.Equal(t, job{ID: j.ID, State: "JobComplete", Processed: 9, Failed: 5}, j)
	lines, _ := r.csv("/jobs/ingest/" + j.ID + "/successfulResults/")
	require.Equal(t, []string{"sf__Id", "sf__Created", "Ext__c", "Name", "Phone", "NumberOfEmployees", "Owner.Username", "Website"}, lines[0])
	keys := []string{}
	for _, l := range lines[1:] {
		keys = append(keys, l[2]+" "+l[1])
	}
	require.Equal(t, []string{"A-1000003 false", "N5 true", "P false", "N1 true"}, keys)
	failed, _ := r.csv("/jobs/ingest/" + j.ID + "/failedResults")
	errs := map[string]string{}
	for _, l := range failed[1:] {
		errs[l[2]] += l[1]
	}
	require.Equal(t, "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --", errs["N2"])
	require.Equal(t, "INVALID_TYPE_ON_FIELD_IN_RECORD:Employees: value not of required type: many:NumberOfEmployees --", errs["N3"])
	require.Equal(t, "INVALID_FIELD:Foreign key external ID: nobody not found for field Username in entity User: --", errs["N4"])
	require.True(t, strings.HasPrefix(errs["N6"], "InvalidBatch:"), "a space beside a quote spoils its row")
	require.True(t, strings.HasPrefix(errs["P"], "DUPLICATE_VALUE:"))
	lines, _ = r.csv("/jobs/ingest/" + j.ID + "/unprocessedrecords/")
	require.Len(t, lines, 1)

	got, _ := r.Record(parent)
	require.Equal(t, []any{"parent", nil}, []any{got["Name"], got["Phone"]}, "an empty cell leaves, #N/A clears")
	require.Equal(t, []any{" padded "}, r.column("Name", "SELECT Name FROM Account WHERE Ext__c = 'N5'"), "values are not trimmed")
	require.Equal(t, []any{"new \"one\"\nwith a line"}, r.column("Name", "SELECT Name FROM Account WHERE Ext__c = 'n1'"))
	require.Equal(t, 1, r.query("SELECT COUNT() FROM Account WHERE Name = 'changed'").TotalSize, "a generated record is found by its key")
}

func TestIngest_JobsThatFailAsAWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	for _, c := range []struct{ spec, data, why string }{
		{`{"object":"Account","operation":"insert"}`, "Name,Nothing\na,b\n", "InvalidBatch : Field name not found : Nothing"},
		{`{"object":"Account","operation":"insert"}`, "Name\r\na\r\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"},
		{`{"object":"Account","operation":"insert","lineEnding":"CRLF"}`, "Name\na\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF"},
		{`{"object":"Account","operation":"insert","columnDelimiter":"PIPE"}`, "Name,Phone\na,b\n", "InvalidBatch : Field name not found : Name,Phone"},
		{`{"object":"Account","operation":"insert"}`, "", "InvalidBatch : Unable to find the header row"},
		{`{"object":"Account","operation":"update"}`, "Name\na\n", "InvalidBatch : Field name not found : Id"},
		{`{"object":"Account","operation":"delete"}`, "Id,Name\n,a\n", "InvalidBatch : a job that deletes takes the one column Id"},
		{`{"object":"Task","operation":"insert"}`, "Who.Email\na\n", "InvalidBatch : Field name not found : Who.Email"},
		{`{"object":"Account","operation":"insert"}`, "Account:Parent.Ext__c\na\n", "InvalidBatch : Field name not found : Account:Parent.Ext__c"},
	} {
		j := r.ingest(c.spec, c.data)
		require.Equal(t, []string{"Failed", c.why}, []string{j.State, j.ErrorMessage})
	}
	for spec, want := range map[string]string{
		`{"object":"Nothing","operation":"insert"}`:                               "INVALIDENTITY",
		`{"object":"AccountHistory","operation":"insert"}`:                        "INVALIDENTITY",
		`{"object":"Account","operation":"replace"}`:                              "INVALIDJOB",
		`{"object":"Account","operation":"hardDelete"}`:                           "FEATURENOTENABLED",
		`{"object":"Account","operation":"upsert"}`:                               "INVALIDJOB",
		`{"object":"Account","operation":"upsert","externalIdFieldName":"Phone"}`: "INVALIDJOB",
		`{"object":"Account","operation":"insert","contentType":"XML"}`:           "INVALIDJOB",
		`{"object":"Account","operation":"insert","columnDelimiter":"SPACE"}`:     "INVALIDJOB",
	} {
		_, code, message := r.refused(http.MethodPost, "/jobs/ingest", spec)
		require.Equal(t, want, code, message)
	}
}

func TestIngest_AFailureInTheMiddleKeepsWhatIsDone(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	r.StopIngest(3, "InternalServerError : Retried more than fifteen times")
	j := r.ingest(`{"object":"Account","operation":"insert"}`, "Name\na\nb\nc\nd\ne\n")
	require.Equal(t, "Failed", j.State)
	require.Equal(t, 3, j.Processed)
	lines, _ := r.csv("/jobs/ingest/" + j.ID + "/unprocessedrecords")
	require.Equal(t, [][]string{{"Name"}, {"e"}, {"d"}}, lines)
	require.Equal(t, 3, r.query("SELECT COUNT() FROM Account").TotalSize)
	require.Equal(t, "JobComplete", r.ingest(`{"object":"Account","operation":"insert"}`, "Name\nd\n").State, "the next one is well")
}

func TestIngest_OneUploadAndItsStates(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{HardDelete: true})
	var shown record
	r.call(http.MethodPost, "/jobs/ingest", `{"object":"Account","operation":"insert"}`, &shown)
	id := shown["id"].(string)
	require.Equal(t, []any{"Open", "services/data/v58.0/jobs/ingest/" + id + "/batches"}, []any{shown["state"], shown["contentUrl"]})
	_, code, _ := r.refused(http.MethodPatch, "/jobs/ingest/"+id, `{"state":"UploadComplete"}`)
	require.Equal(t, "INVALIDJOBSTATE", code, "nothing was uploaded")
	put := func() *http.Response {
		return send(t, http.MethodPut, r.base+"/jobs/ingest/"+id+"/batches", "Name\na\n", "Content-Type", "text/csv; charset=UTF-8")
	}
	res := put()
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusCreated, res.StatusCode)
	res = put()
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusBadRequest, res.StatusCode, "once only")
	_, code, _ = r.refused(http.MethodDelete, "/jobs/ingest/"+id, "")
	require.Equal(t, "INVALIDJOBSTATE", code, "an open job is aborted first")
	r.call(http.MethodPatch, "/jobs/ingest/"+id, `{"state":"Aborted"}`, &shown)
	require.Equal(t, "Aborted", shown["state"])
	var list struct{ Records []record }
	r.get("/jobs/ingest", &list)
	require.Len(t, list.Records, 1)
	res = send(t, http.MethodDelete, r.base+"/jobs/ingest/"+id, "")
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	require.Empty(t, r.Records("Account"))

	account := r.Put("Account", record{"Name": "a"})
	require.Equal(t, "JobComplete", r.ingest(`{"object":"Account","operation":"hardDelete"}`, "Id\n"+account+"\n").State)
	_, ok := r.Record(account)
	require.False(t, ok)
}

func TestIngest_Multipart(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	post := func(content string) *http.Response {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for name, part := range map[string][2]string{"job": {"application/json", `{"object":"Task","operation":"insert","contentType":"CSV"}`}, "content": {"text/csv", content}} {
			p, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + name + `"; filename="` + name + `"`}, "Content-Type": {part[0]}})
			require.NoError(t, err)
			_, err = p.Write([]byte(part[1]))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return send(t, http.MethodPost, r.base+"/jobs/ingest", body.String(), "Content-Type", w.FormDataContentType())
	}
	lead := r.Put("Lead", record{"LastName": "Eze", "Company": "C", "Email": "eze@example.com"})
	res := post("Subject,Lead:Who.Email\nCall,eze@example.com\n")
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	var j job
	decode(t, res, &j)
	require.Equal(t, "UploadComplete", j.State)
	require.Equal(t, 0, r.ended("ingest", j.ID).Failed)
	require.Equal(t, []any{lead}, r.column("WhoId", "SELECT WhoId FROM Task"), "a reference to several objects names one")
	res = post("Subject\n" + strings.Repeat("x", 100_001))
	defer res.Body.Close()
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
}
