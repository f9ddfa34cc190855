package fake_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

func TestMoods_TroublesHitTheirCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	r.Next(fake.TooManyFor)
	r.Next(fake.ConcurrentLimit)
	r.Next(fake.Trouble{Path: "/sobjects", Status: http.StatusServiceUnavailable, Code: "SERVER_UNAVAILABLE", Message: "m", Times: 2, After: 1})
	res := send(t, http.MethodGet, r.base+"/limits", "")
	require.NoError(t, res.Body.Close())
	require.Equal(t, []any{429, "1"}, []any{res.StatusCode, res.Header.Get("Retry-After")})
	status, code, message := r.refused(http.MethodGet, "/limits", "")
	require.Equal(t, []any{403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."}, []any{status, code, message})
	r.get("/limits", nil)
	r.get("/sobjects", nil)
	for range 2 {
		status, _, _ = r.refused(http.MethodGet, "/sobjects", "")
		require.Equal(t, http.StatusServiceUnavailable, status)
	}
	r.get("/sobjects", nil)

	r.Next(fake.Gateway)
	res = send(t, http.MethodGet, r.base+"/limits", "")
	require.NoError(t, res.Body.Close())
	require.Equal(t, []any{502, "text/html; charset=UTF-8"}, []any{res.StatusCode, res.Header.Get("Content-Type")})
	r.Next(fake.NotForREST)
	status, code, _ = r.refused(http.MethodGet, "/limits", "")
	require.Equal(t, []any{401, "INVALID_SESSION_ID"}, []any{status, code})
	r.Next(fake.Gateway)
	r.Calm()
	r.get("/limits", nil)
}

func TestMoods_BrokenAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 100})
	const query = "/query?q=SELECT+Id+FROM+Account"
	r.Next(fake.Trouble{Truncate: true})
	res := send(t, http.MethodGet, r.base+query, "")
	_, err := io.ReadAll(res.Body)
	require.NoError(t, res.Body.Close())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	r.Next(fake.Trouble{Malform: true})
	res = send(t, http.MethodGet, r.base+query, "")
	text, err := io.ReadAll(res.Body)
	require.NoError(t, res.Body.Close())
	require.NoError(t, err, "the answer is whole for HTTP")
	require.False(t, json.Valid(text))
	r.Next(fake.Trouble{Path: "/query", Cut: true})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.base+query, http.NoBody) // not repeated by net/http, as a GET is
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer sample")
	_, err = http.DefaultClient.Do(req)
	require.Error(t, err)
	r.Next(fake.Trouble{Delay: 50 * time.Millisecond})
	begun := time.Now()
	require.Len(t, r.query("SELECT Id FROM Account").Records, 100)
	require.GreaterOrEqual(t, time.Since(begun), 50*time.Millisecond)
}

func TestMoods_WhatWasDoneStaysDoneWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	r.Next(fake.Trouble{Truncate: true})
	res := send(t, http.MethodPost, r.base+"/sobjects/Account", `{"Name":"a"}`)
	_, err := io.ReadAll(res.Body)
	require.NoError(t, res.Body.Close())
	require.Error(t, err)
	require.Len(t, r.Records("Account"), 1)
}

func TestMoods_DayAndLocks(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{DailyCalls: 3})
	res := send(t, http.MethodGet, r.base+"/limits", "")
	require.NoError(t, res.Body.Close())
	require.Equal(t, "api-usage=1/3", res.Header.Get("Sforce-Limit-Info"))
	r.LockRows(1)
	var out []written
	r.call(http.MethodPost, "/composite/sobjects", collection("Account", false, `"Name":"a"`, `"Name":"b"`), &out)
	require.Equal(t, []string{"UNABLE_TO_LOCK_ROW", ""}, codesOf(out))
	r.get("/limits", nil)
	status, code, message := r.refused(http.MethodGet, "/limits", "")
	require.Equal(t, []any{403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."}, []any{status, code, message})
	r.ResetCalls()
	r.get("/limits", nil)
	require.Equal(t, 1, r.Calls())
}

func TestMoods_Modes(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	require.Error(t, r.SetMode("sleepy"))
	for mode, want := range map[fake.Mode][]int{
		fake.Well: {200, 200, 200, 200}, fake.Throttling: {403, 403, 200, 403}, fake.Spent: {403, 403, 403, 403}, fake.LoggedOut: {401, 401, 401, 401}, fake.Flaky: {200, 200, 200, 500},
	} {
		r.Calm()
		require.NoError(t, r.SetMode(mode))
		got := []int{}
		for range 4 {
			got = append(got, r.status("sample"))
		}
		require.Equal(t, want, got, mode)
	}
	r.Calm()
	require.NoError(t, r.SetMode(fake.FailedJobs))
	require.Equal(t, "Failed", r.ingest(`{"object":"Account","operation":"insert"}`, "Name\na\n").State)
	r.Calm()
	require.NoError(t, r.SetMode(fake.Locking))
	j := r.ingest(`{"object":"Account","operation":"insert"}`, "Name\na\nb\nc\nd\ne\nf\n")
	require.Equal(t, 1, j.Failed)
}

func TestMoods_ResultsFailWhileTheJobIsWell(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 10, JobAsks: 1})
	var j job
	r.call(http.MethodPost, "/jobs/query", `{"operation":"query","query":"SELECT Id FROM Account"}`, &j)
	failing := fake.Unknown
	failing.Path, failing.After = "/results", 1
	r.Next(failing)
	r.ended("query", j.ID)
	first, header := r.csv("/jobs/query/" + j.ID + "/results?maxRecords=5")
	require.Len(t, first, 6)
	next := "/jobs/query/" + j.ID + "/results?maxRecords=5&locator=" + header.Get("Sforce-Locator")
	status, code, _ := r.refused(http.MethodGet, next, "")
	require.Equal(t, []any{500, "UNKNOWN_EXCEPTION"}, []any{status, code})
	again, _ := r.csv(next)
	require.Len(t, again, 6, "a locator may be used again")
}

func TestOrg_ManyCallersAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 3000, Now: time.Now})
	var callers sync.WaitGroup
	for n := range 8 {
		callers.Go(func() {
			for i := range 10 {
				res := send(t, http.MethodPatch, r.base+"/composite/sobjects/Account/Ext__c", collection("Account", false, fmt.Sprintf(`"Ext__c":"%d-%d","Name":"a"`, n, i), fmt.Sprintf(`"Ext__c":"A-%d","Name":"b"`, 1_000_000+n*10+i)))
				assert.Equal(t, http.StatusOK, res.StatusCode)
				assert.NoError(t, res.Body.Close())
				res = send(t, http.MethodGet, r.base+"/query?q=SELECT+Id,Owner.Name+FROM+Account+ORDER+BY+SystemModstamp", "")
				var p page
				assert.NoError(t, json.NewDecoder(res.Body).Decode(&p))
				assert.NoError(t, res.Body.Close())
				assert.Len(t, p.Records, 2000)
				r.Changes(0)
				r.HideField("Account", "Industry", i%2 == 0)
			}
		})
	}
	callers.Wait()
	require.Equal(t, 3080, r.query("SELECT COUNT() FROM Account").TotalSize)
	list, _, _, _ := r.Changes(0)
	require.Len(t, list, 160)
	for i, c := range list {
		require.EqualValues(t, i+1, c.Position)
	}
}

func TestGzip_ForThoseWhoAccept(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Gzip: true, Accounts: 10})
	require.Len(t, r.query("SELECT Id FROM Account").Records, 10) // Go's client asks for it
	res := send(t, http.MethodGet, r.base+"/limits", "", "Accept-Encoding", "gzip")
	require.NoError(t, res.Body.Close())
	require.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
	res = send(t, http.MethodGet, r.base+"/limits", "", "Accept-Encoding", "identity")
	require.NoError(t, res.Body.Close())
	require.Empty(t, res.Header.Get("Content-Encoding"))
	// an answer without a body has none when it is zipped, either
	var made written
	r.call(http.MethodPost, "/sobjects/Account", `{"Name":"a"}`, &made)
	res = send(t, http.MethodDelete, r.base+"/sobjects/Account/"+made.ID, "", "Accept-Encoding", "gzip")
	require.NoError(t, res.Body.Close())
	require.Equal(t, []any{http.StatusNoContent, ""}, []any{res.StatusCode, res.Header.Get("Content-Encoding")})
	// bodies of calls may be zipped, too
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte(`{"Name":"zipped"}`))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	res = send(t, http.MethodPost, r.base+"/sobjects/Account", zipped.String(), "Content-Encoding", "gzip")
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusCreated, res.StatusCode)
}
