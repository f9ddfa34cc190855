package salesforce_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func TestIngest_ResultsFindTheirRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		d := data(25_000, "Note__c")
		want := []int{}
		for i := range d.Rows {
			if i%1000 == 7 {
				d.Rows[i] = []string{"same", "same", connectortest.Refused}
				want = append(want, i)
			}
		}
		d.Rows[100][1] = "two\nlines, \"quoted\"\r\n "
		d.Rows[101][1] = strings.Repeat("x", 300)
		want = append([]int{7, 101}, want[1:]...)
		receipt, refused, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "BULKV2", ""), d)
		require.NoError(t, err)
		require.EqualValues(t, 25_000-len(want), receipt.Rows)
		rows := []int{}
		for _, r := range refused {
			rows = append(rows, r.Row)
		}
		require.Equal(t, want, rows)
		require.Equal(t, "FIELD_CUSTOM_VALIDATION_EXCEPTION: this one is not taken [Key__c]", refused[0].Reason)
		require.Contains(t, refused[1].Reason, "STRING_TOO_LONG: ")
		require.Equal(t, map[string]int{"JobComplete": 1}, states(t, o))
	})
}

// Whatever happens to one request of a job, its records are written once, and no job is left open.
func TestIngest_TroubleOnTheWayDoublesNothing(t *testing.T) {
	t.Parallel()
	moods := []connectortest.Mood{connectortest.Lost, connectortest.Reset, connectortest.Broken, connectortest.Throttled, connectortest.Away, connectortest.Slow, connectortest.Torn, connectortest.Cut}
	for _, step := range []struct{ method, suffix string }{{http.MethodPost, "/ingest"}, {http.MethodPut, "/batches"}, {http.MethodPatch, "AA"}, {http.MethodGet, "AA"}, {http.MethodGet, "/failedResults"}} {
		for _, mood := range moods {
			synctest.Test(t, func(t *testing.T) {
				o := org(false, fake.Options{})
				a := attemptAt(t, o)
				suffix := step.suffix
				a.double.Plan(func(_ int, _ *http.Request) connectortest.Mood { return connectortest.Well })
				seen := false
				a.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
					path := strings.TrimSuffix(r.URL.Path, "/")
					isJob := suffix == "AA" && strings.Contains(path, "/jobs/ingest/") && strings.Count(path, "/") == 6
					if seen || r.Method != step.method || !isJob && !strings.HasSuffix(path, suffix) {
						return connectortest.Well
					}
					seen = true
					return mood
				})
				d := data(50, "Note__c")
				d.Rows[3][2] = connectortest.Refused
				receipt, refused, err := a.write(t.Context(), writing("INSERT", "BULKV2", ""), d)
				require.NoError(t, err, "%v %v", step, mood)
				require.True(t, seen, "%v", step)
				require.Len(t, refused, 1)
				require.EqualValues(t, 49, receipt.Rows)
				require.Len(t, o.Records(rowObject), 49)
				left := states(t, o)
				delete(left, "JobComplete")
				delete(left, "Aborted")
				if step.method == http.MethodPost { // a job whose id nobody has heard runs out by itself
					delete(left, "Open")
				}
				require.Empty(t, left, "%v %v", step, mood)
			})
		}
	}
}

// An attempt dies while its job runs. The next one, in another process, finds the job by the note.
func TestIngest_AJobIsFoundAgain(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"INSERT", "UPSERT"} {
		synctest.Test(t, func(t *testing.T) {
			o := org(operation == "UPSERT", fake.Options{})
			a := attemptAt(t, o)
			away := true
			a.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
				if away && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/jobs/") {
					return connectortest.Reset
				}
				return connectortest.Well
			})
			d := data(1500, "Note__c")
			d.Rows[3][2] = connectortest.Refused
			props := writing(operation, "AUTOMATIC", map[string]string{"UPSERT": "Key__c"}[operation])
			_, _, err := a.write(t.Context(), props, d)
			retry, _ := fault.RetryOf(err)
			require.Equal(t, fault.Transient, retry, "%v", err)
			require.Len(t, a.notes, 1)
			away = false
			b := a.elsewhere()
			w, err := b.open(props)
			require.NoError(t, err)
			require.Equal(t, 1500, w.(connector.Gatherer).PreferredRows(), "the write is repeated with the rows that it had")
			receipt, refused, err := b.write(t.Context(), props, d)
			require.NoError(t, err)
			require.Len(t, refused, 1)
			require.EqualValues(t, 1499, receipt.Rows)
			require.Len(t, o.Records(rowObject), 1499)
			require.Equal(t, map[string]int{"JobComplete": 1}, states(t, o))
			require.Len(t, b.notes, 1, "finding it is no progress")

			other := data(1500, "Note__c")
			other.Rows[0][1] = "changed"
			_, _, err = a.elsewhere().write(t.Context(), props, other)
			require.ErrorContains(t, err, "holds other records than come now")
		})
	}
}

func TestIngest_CancelingAbortsTheJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{JobAsks: 1_000_000})
		a := attemptAt(t, o)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, _, err := a.write(ctx, writing("INSERT", "BULKV2", ""), data(50))
		require.True(t, fault.Is(err, fault.Canceled), "%v", err)
		require.Equal(t, map[string]int{"Aborted": 1}, states(t, o))
	})
}

func TestIngest_AJobThatNobodyKnowsOfIsAborted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		a := attemptAt(t, o)
		a.fail = fault.New(fault.Fenced, "another has taken over")
		_, _, err := a.write(t.Context(), writing("INSERT", "BULKV2", ""), data(50))
		require.True(t, fault.Is(err, fault.Fenced), "%v", err)
		require.Empty(t, o.Records(rowObject))
		require.Equal(t, map[string]int{"Aborted": 1}, states(t, o))
	})
}

func TestIngest_JobsThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		o.FailJobs(1, "InvalidBatch : Field name not found : X")
		_, _, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "BULKV2", ""), data(50))
		require.ErrorContains(t, err, "InvalidBatch")
		require.Empty(t, o.Records(rowObject))
	})
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		o.StopIngest(30, "TooManyLockFailure")
		receipt, refused, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "BULKV2", ""), data(50))
		require.NoError(t, err, "what a job leaves over goes into another")
		require.Empty(t, refused)
		require.EqualValues(t, 50, receipt.Rows)
		require.Len(t, o.Records(rowObject), 50)
	})
}

func TestIngest_LockedRecordsGoIntoAnotherJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		o.LockRows(5)
		_, refused, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "BULKV2", ""), data(50))
		require.NoError(t, err)
		require.Empty(t, refused)
		require.Len(t, o.Records(rowObject), 50)
		require.Equal(t, map[string]int{"JobComplete": 2}, states(t, o))
	})
}

func TestIngest_AutomaticKnowsWhenToUseIt(t *testing.T) {
	t.Parallel()
	for n, jobs := range map[int]int{999: 0, 1000: 1} {
		synctest.Test(t, func(t *testing.T) {
			o := org(false, fake.Options{})
			_, _, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "AUTOMATIC", ""), data(n))
			require.NoError(t, err)
			require.Len(t, o.Records(rowObject), n)
			require.Equal(t, jobs, states(t, o)["JobComplete"])
		})
	}
	synctest.Test(t, func(t *testing.T) { // an object that jobs do not take
		o := org(false, fake.Options{})
		object := rows(false)
		object.NoBulk = true
		o.AddObject(object)
		_, _, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "AUTOMATIC", ""), data(1200))
		require.NoError(t, err)
		require.Len(t, o.Records(rowObject), 1200)
		_, _, err = attemptAt(t, o).write(t.Context(), writing("INSERT", "BULKV2", ""), data(1200))
		require.Error(t, err)
	})
}

func TestIngest_MoreNamesThanALineHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		object := rows(false)
		d := data(1000)
		for i := range 420 {
			name := fmt.Sprintf("A_name_that_is_as_long_as_names_of_fields_can_be_in_an_organization_of_some_age_%03d__c", i)
			object.Fields = append(object.Fields, fake.Field{Name: name, Type: "string", Length: 10})
			d.Fields = append(d.Fields, name)
		}
		o.AddObject(object)
		for i := range d.Rows {
			d.Rows[i] = append(d.Rows[i], make([]string, 420)...)
		}
		_, _, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "BULKV2", ""), d)
		require.True(t, fault.Is(err, fault.Validation), "%v", err)
		require.ErrorContains(t, err, "422 fields are longer than the 32000 characters")
		_, _, err = attemptAt(t, o).write(t.Context(), writing("INSERT", "AUTOMATIC", ""), d)
		require.NoError(t, err, "calls have no such line")
		require.Len(t, o.Records(rowObject), 1000)
	})
}

func TestIngest_ADayThatIsSpentIsNoSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		a := attemptAt(t, unprocessing{o})
		_, _, err := a.write(t.Context(), writing("INSERT", "BULKV2", ""), data(50))
		require.ErrorContains(t, err, "left 50 of 50 records unprocessed")
	})
}

// unprocessing is an org whose jobs are complete and have processed nothing, as when the day's batches are spent.
type unprocessing struct{ *fake.Org }

func (u unprocessing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/jobs/ingest/") {
		u.Org.ServeHTTP(w, r)
		return
	}
	if strings.Contains(r.URL.Path, "Results") {
		fmt.Fprint(w, `"sf__Id","sf__Error","Key__c","Text__c"`+"\n")
		return
	}
	fmt.Fprint(w, `{"state":"JobComplete","numberRecordsProcessed":0,"numberRecordsFailed":0}`)
}

// sink takes everything and keeps nothing: it is for measuring what is sent.
type sink struct{ *fake.Org }

func (s sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/jobs/ingest/"):
		fmt.Fprintf(w, `{"state":"JobComplete","numberRecordsProcessed":%s,"numberRecordsFailed":0}`, r.URL.Path[len(r.URL.Path)-5:])
	case strings.HasSuffix(r.URL.Path, "/jobs/ingest"):
		fmt.Fprint(w, `{"id":"7500000000010000"}`)
	case r.Method == http.MethodGet:
		s.Org.ServeHTTP(w, r)
	case strings.Contains(r.URL.Path, "/jobs/"):
		_, _ = io.Copy(io.Discard, r.Body) // a buffer
	default:
		body, _ := io.ReadAll(r.Body) // a buffer
		n := bytes.Count(body, []byte(`{"attributes"`))
		_, _ = io.WriteString(w, "["+strings.TrimSuffix(strings.Repeat(`{"success":true},`, n), ",")+"]") // the client may have gone
	}
}

func BenchmarkIngest_Encode(b *testing.B) {
	o := org(false, fake.Options{})
	conn, err := quick().Connect(b.Context(), into(connectortest.NewDouble(sink{o}, nil)))
	require.NoError(b, err)
	d := connectortest.Batch(batch.DefaultPool, data(10_000, "Note__c"))
	defer d.Release()
	w, err := conn.(connector.Writer).OpenWriter(b.Context(), connector.WriteRequest{Properties: flow.Properties(`{"object":"Row__c","dataTransferApi":"BULKV2"}`), ExecutionID: "e"})
	require.NoError(b, err)
	b.ReportAllocs()
	sequence := int64(0)
	for b.Loop() {
		_, _, err := w.Write(b.Context(), sequence, d)
		require.NoError(b, err)
		sequence++
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "rows/s")
}

func TestIngest_LargeWritesAreSeveralJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		c := quick()
		c.SetJobBytes(1000)
		conn, err := c.Connect(t.Context(), into(connectortest.NewDouble(o, nil)))
		require.NoError(t, err)
		a := &attempt{t: t, conn: conn}
		d := data(200, "Note__c")
		d.Rows[199][2], d.Rows[3][2] = connectortest.Refused, connectortest.Refused
		receipt, refused, err := a.write(t.Context(), writing("INSERT", "BULKV2", ""), d)
		require.NoError(t, err)
		require.Len(t, refused, 2)
		require.Equal(t, 199, refused[1].Row)
		require.EqualValues(t, 198, receipt.Rows)
		require.Len(t, o.Records(rowObject), 198)
		require.Greater(t, states(t, o)["JobComplete"], 2)
		require.Greater(t, int(receipt.Bytes), 200*10)
	})
}

// A job whose start fails, again and again, is left behind aborted, and the next attempt makes another.
func TestIngest_AJobThatCouldNotBeStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		a := attemptAt(t, o)
		starts := 0
		a.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
			if r.Method == http.MethodPatch {
				if starts++; starts <= 5 {
					return connectortest.Broken
				}
			}
			return connectortest.Well
		})
		props := writing("INSERT", "BULKV2", "")
		_, _, err := a.write(t.Context(), props, data(50))
		require.Error(t, err)
		require.Equal(t, map[string]int{"Aborted": 1}, states(t, o))
		receipt, _, err := a.elsewhere().write(t.Context(), props, data(50))
		require.NoError(t, err)
		require.EqualValues(t, 50, receipt.Rows)
		require.Equal(t, map[string]int{"Aborted": 1, "JobComplete": 1}, states(t, o))
		require.Len(t, o.Records(rowObject), 50)
	})
}

func TestIngest_JobsThatCanNeverBeStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		a := attemptAt(t, o)
		a.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
			if r.Method == http.MethodPatch && r.ContentLength == int64(len(`{"state":"UploadComplete"}`)) {
				return connectortest.Broken
			}
			return connectortest.Well
		})
		var err error
		tries := 0
		for retry := fault.Transient; retry != fault.Never; tries++ {
			require.Less(t, tries, 10, "it ends")
			a = a.elsewhere()
			_, _, err = a.write(t.Context(), writing("INSERT", "BULKV2", ""), data(50))
			retry, _ = fault.RetryOf(err)
		}
		require.ErrorContains(t, err, "none could be started")
		require.Equal(t, map[string]int{"Aborted": 5}, states(t, o))
	})
}

// interrupted is an attempt whose job runs when it loses its vendor.
func interrupted(t *testing.T, o *fake.Org, props flow.Properties) *attempt {
	t.Helper()
	a := attemptAt(t, o)
	a.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/jobs/") {
			return connectortest.Reset
		}
		return connectortest.Well
	})
	_, _, err := a.write(t.Context(), props, data(50))
	require.Error(t, err)
	a.double.Plan(nil)
	return a
}

func TestIngest_WhatSomebodyElseDidToTheJob(t *testing.T) {
	t.Parallel()
	props := writing("INSERT", "BULKV2", "")
	job := func(a *attempt) string {
		_, id, _ := strings.Cut(string(a.notes[0]), `"job":"`)
		return "/services/data/v58.0/jobs/ingest/" + id[:18]
	}
	synctest.Test(t, func(t *testing.T) { // deleted when it had ended
		o := org(false, fake.Options{})
		a := interrupted(t, o, props)
		for range 3 {
			require.Equal(t, http.StatusOK, call(t, o, http.MethodGet, job(a), "").Code)
		}
		require.Equal(t, http.StatusNoContent, call(t, o, http.MethodDelete, job(a), "").Code)
		_, _, err := a.elsewhere().write(t.Context(), props, data(50))
		require.ErrorContains(t, err, "no longer knows job")
		require.Len(t, o.Records(rowObject), 50, "nothing is written twice for that")
	})
	synctest.Test(t, func(t *testing.T) { // aborted between two attempts, before it did anything
		o := org(false, fake.Options{JobAsks: 50})
		a := interrupted(t, o, props)
		require.Equal(t, http.StatusOK, call(t, o, http.MethodPatch, job(a), `{"state":"Aborted"}`).Code)
		_, _, err := a.elsewhere().write(t.Context(), props, data(50))
		require.NoError(t, err)
		require.Len(t, o.Records(rowObject), 50)
	})
	synctest.Test(t, func(t *testing.T) { // aborted while it is waited for
		o := org(false, fake.Options{JobAsks: 50})
		a := attemptAt(t, o)
		a.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
			if len(a.notes) == 1 && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/jobs/") {
				call(t, o, http.MethodPatch, job(a), `{"state":"Aborted"}`)
			}
			return connectortest.Well
		})
		_, _, err := a.write(t.Context(), props, data(50))
		require.ErrorContains(t, err, "was aborted in Salesforce after 0 of 50 records")
	})
}
