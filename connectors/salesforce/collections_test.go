package salesforce_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// counted counts the requests of a method, and gives them the moods of a plan.
func counted(n *int, method string, plan func(int, *http.Request) connectortest.Mood) func(int, *http.Request) connectortest.Mood {
	return func(i int, r *http.Request) connectortest.Mood {
		if r.Method == method {
			*n++
		}
		if plan == nil {
			return connectortest.Well
		}
		return plan(i, r)
	}
}

func TestCollections_CallsOfTwoHundred(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(true, fake.Options{})
		a := attemptAt(t, o)
		posts := 0
		a.double.Plan(counted(&posts, http.MethodPost, nil))
		d := data(450, "Note__c")
		d.Rows[7][2], d.Rows[449][1], d.Rows[300][0] = connectortest.Refused, strings.Repeat("x", 300), "k1"
		receipt, refused, err := a.write(t.Context(), writing("INSERT", "REST_SYNC", ""), d)
		require.NoError(t, err)
		require.Equal(t, 3, posts)
		require.EqualValues(t, 447, receipt.Rows)
		require.Len(t, refused, 3)
		require.Equal(t, connector.Refusal{Row: 7, Reason: "FIELD_CUSTOM_VALIDATION_EXCEPTION: this one is not taken [Key__c]"}, refused[0])
		require.Equal(t, 300, refused[1].Row)
		require.Contains(t, refused[1].Reason, "DUPLICATE_VALUE: ")
		require.Equal(t, 449, refused[2].Row)
		require.Contains(t, refused[2].Reason, "STRING_TOO_LONG: ")
		require.Len(t, o.Records(rowObject), 447)
	})
}

func TestCollections_LockedRecordsAreSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(true, fake.Options{})
		a := attemptAt(t, o)
		o.LockRows(5)
		_, refused, err := a.write(t.Context(), writing("INSERT", "REST_SYNC", ""), data(20))
		require.NoError(t, err)
		require.Empty(t, refused)
		require.Len(t, o.Records(rowObject), 20)
		o.LockRows(1_000_000)
		_, refused, err = attemptAt(t, o).write(t.Context(), writing("UPSERT", "REST_SYNC", "Key__c"), data(3))
		require.NoError(t, err)
		require.Len(t, refused, 3, "in the end it is said why")
		require.Contains(t, refused[0].Reason, "UNABLE_TO_LOCK_ROW: ")
	})
}

// What finds its records by a key is sent again, whatever became of it.
func TestCollections_ALostAnswerDoublesNothingWithKeys(t *testing.T) {
	t.Parallel()
	for _, mood := range []connectortest.Mood{connectortest.Lost, connectortest.Reset, connectortest.Broken, connectortest.Cut, connectortest.Torn, connectortest.Throttled, connectortest.Away, connectortest.Slow} {
		synctest.Test(t, func(t *testing.T) {
			o := org(true, fake.Options{})
			a := attemptAt(t, o)
			a.double.Plan(on(http.MethodPatch, "/Key__c", mood, 2))
			receipt, refused, err := a.write(t.Context(), writing("UPSERT", "REST_SYNC", "Key__c"), data(450))
			require.NoError(t, err, mood)
			require.Empty(t, refused)
			require.EqualValues(t, 450, receipt.Rows)
			require.Len(t, o.Records(rowObject), 450)
		})
	}
}

// New records are not sent again by themselves when nobody knows what became of them. The attempt that follows goes on
// with the call that is in doubt, in this process and in another.
func TestCollections_NewRecordsGoOnWhereTheyStopped(t *testing.T) {
	t.Parallel()
	for _, again := range []func(*attempt) *attempt{func(a *attempt) *attempt { return a }, (*attempt).elsewhere} {
		for mood, want := range map[connectortest.Mood]int{connectortest.Reset: 450, connectortest.Lost: 650} {
			synctest.Test(t, func(t *testing.T) {
				o := org(false, fake.Options{})
				a := attemptAt(t, o)
				posts := 0
				a.double.Plan(counted(&posts, http.MethodPost, on(http.MethodPost, "/sobjects", mood, 2)))
				props := writing("INSERT", "REST_SYNC", "")
				_, _, err := a.write(t.Context(), props, data(450))
				require.ErrorContains(t, err, "200 new records may have been written or not")
				retry, _ := fault.RetryOf(err)
				require.Equal(t, fault.Transient, retry)
				require.Equal(t, 2, posts)
				receipt, refused, err := again(a).write(t.Context(), props, data(450))
				require.NoError(t, err)
				require.Empty(t, refused)
				require.EqualValues(t, 450, receipt.Rows)
				require.Equal(t, 4, posts, "the first call went once")
				require.Len(t, o.Records(rowObject), want, "one call is the window in which records may be doubled")
			})
		}
	}
}

func TestCollections_WhatIsGoneWasDeletedByUs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(true, fake.Options{})
		d := connectortest.Data{Fields: []string{"note", "id"}}
		for i := range 250 {
			d.Rows = append(d.Rows, []string{"ignored", o.Put(rowObject, fake.Record{"Key__c": fmt.Sprint(i)})})
		}
		o.Delete(d.Rows[3][1])
		d.Rows = append(d.Rows, []string{"", ""}, []string{"", "a0Rnonsense"}, []string{"", strings.Repeat("x", 500)})
		a := attemptAt(t, o)
		a.double.Plan(on(http.MethodDelete, "/sobjects", connectortest.Lost, 2))
		receipt, refused, err := a.write(t.Context(), writing("DELETE", "REST_SYNC", ""), d)
		require.NoError(t, err)
		rows := []int{}
		for _, r := range refused {
			rows = append(rows, r.Row)
		}
		require.Equal(t, []int{3, 250, 251, 252}, rows, "the one that was gone before is refused, those of the lost answer are not")
		require.Contains(t, refused[0].Reason, "ENTITY_IS_DELETED")
		require.EqualValues(t, 249, receipt.Rows)
	})
}

func TestCollections_OneExpiryOneRenewal(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"REST_SYNC", "BULKV2"} {
		synctest.Test(t, func(t *testing.T) {
			o := org(false, fake.Options{})
			a := attemptAt(t, o)
			n := 0
			a.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
				if r.Method != http.MethodGet {
					if n++; n == 2 {
						return connectortest.Unauthorized
					}
				}
				return connectortest.Well
			})
			_, _, err := a.write(t.Context(), writing("INSERT", api, ""), data(500))
			require.NoError(t, err)
			require.Equal(t, 1, a.double.Renewals())
			require.Len(t, o.Records(rowObject), 500)
		})
	}
}

func TestCollections_OneKeyTwiceGoesInTwoCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(true, fake.Options{})
		d := data(10)
		d.Rows[6] = []string{"K2", "later"}
		_, refused, err := attemptAt(t, o).write(t.Context(), writing("UPSERT", "REST_SYNC", "Key__c"), d)
		require.NoError(t, err)
		require.Empty(t, refused)
		require.Len(t, o.Records(rowObject), 9)
		require.Equal(t, "later", o.Records(rowObject)[2]["Text__c"])
	})
}

// A value that passes here, and not there, would fail its whole call.
func TestCollections_OneBadValueFailsOneRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		d := data(200, "Count__c")
		d.Rows[77][2], d.Rows[78][2] = "123456789012345678901234567890", "many"
		_, refused, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "REST_SYNC", ""), d)
		require.NoError(t, err)
		require.Len(t, refused, 2)
		require.Equal(t, 77, refused[0].Row)
		require.Equal(t, connector.Refusal{Row: 78, Reason: `"Count__c" is no whole number`}, refused[1])
		require.Len(t, o.Records(rowObject), 198)
	})
}

func TestCollections_FirstRefusalEndsTheWrite(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{210, 5, 410} {
		synctest.Test(t, func(t *testing.T) {
			o := org(true, fake.Options{})
			d := data(900, "Note__c", "Count__c")
			d.Rows[bad][2] = connectortest.Refused
			d.Rows[450][3] = "no number"
			props := flow.Properties(`{"object":"Row__c","dataTransferApi":"REST_SYNC","errorHandlingConfig":{"failOnFirstDestinationError":true}}`)
			receipt, refused, err := attemptAt(t, o).write(t.Context(), props, d)
			require.NoError(t, err)
			written := min((bad/200+1)*200, 450) - 1
			require.EqualValues(t, written, receipt.Rows)
			require.Len(t, refused, 900-written)
			require.Equal(t, bad, refused[0].Row)
			require.Len(t, o.Records(rowObject), written)
		})
	}
}

func TestCollections_UpsertByIDUpdatesOrInserts(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"REST_SYNC", "BULKV2"} {
		synctest.Test(t, func(t *testing.T) {
			o := org(false, fake.Options{})
			id := o.Put(rowObject, fake.Record{"Key__c": "old", "Text__c": "old"})
			d := connectortest.Data{Fields: []string{"ID", "text__c"}, Rows: [][]string{{"", "new"}, {id, "changed"}, {"a0R000000000000", "nobody's"}, {"", "another"}}}
			_, refused, err := attemptAt(t, o).write(t.Context(), writing("UPSERT", api, "Id"), d)
			require.NoError(t, err)
			require.Len(t, refused, 1, api)
			require.Equal(t, 2, refused[0].Row)
			texts := []any{}
			for _, r := range o.Records(rowObject) {
				texts = append(texts, r["Text__c"])
			}
			require.Equal(t, []any{"changed", "new", "another"}, texts)
		})
	}
}

// Both APIs leave the same records behind.
func TestCollections_BothAPIsWriteTheSame(t *testing.T) {
	t.Parallel()
	d := connectortest.Data{
		Fields: []string{"key__c", "text__c", "NOTE__C", "count__c", "on__c", "day__c", "at__c", "account.ext__c"},
		Rows: [][]string{
			{"1", "a \"b\", c", " spaces ", "+007", "no", "2024-05-01", "2024-05-01 10:11 UTC", "A"},
			{"2", "line\nbreak", "日本 🙂", "12.0", "TRUE", "1714521600000", "2024-05-01T10:11:12.5+02:00", "B"},
			{"3", "#N/A", "N/A", "", "", "", "", ""}, {"4", "null", "'", "1e2", "0", "2024-05-01T00:00:00Z", "2024-05-01", "nobody"},
			{"5", "x", "y", "1.5", "perhaps", "today", "now", "A"},
		},
	}
	for _, operation := range []string{"INSERT", "UPSERT"} {
		var first []fake.Record
		var firstRefused []connector.Refusal
		for _, api := range []string{"REST_SYNC", "BULKV2"} {
			synctest.Test(t, func(t *testing.T) {
				o := org(true, fake.Options{})
				o.Put("Account", fake.Record{"Name": "a", "Ext__c": "A"})
				o.Put("Account", fake.Record{"Name": "b", "Ext__c": "B"})
				if operation == "UPSERT" {
					o.Put(rowObject, fake.Record{"Key__c": "3", "Text__c": "old", "Count__c": 7, "On__c": true, "Day__c": "2020-01-01", "At__c": "2020-01-01T00:00:00Z", "AccountId": o.Records("Account")[0]["Id"]})
				}
				id := map[string]string{"UPSERT": "Key__c"}[operation]
				_, refused, err := attemptAt(t, o).write(t.Context(), writing(operation, api, id), d)
				require.NoError(t, err)
				require.Len(t, refused, 2)
				records := o.Records(rowObject)
				for _, r := range records {
					delete(r, "SystemModstamp")
				}
				if first == nil {
					first, firstRefused = records, refused
					require.Len(t, records, 3)
					if operation == "UPSERT" {
						require.Equal(t, "3", records[0]["Key__c"])
						require.Nil(t, records[0]["Text__c"], "null takes the place of what was there")
						require.Nil(t, records[0]["Day__c"])
						require.Nil(t, records[0]["AccountId"])
						require.Equal(t, true, records[0]["On__c"], "a checkbox is never null")
					}
					return
				}
				require.Equal(t, first, records)
				require.Equal(t, firstRefused[1], refused[1])
				require.Equal(t, firstRefused[0].Row, refused[0].Row)
			})
		}
	}
}

func TestWrite_ColumnsThatCannotBeWrittenAreNamed(t *testing.T) {
	t.Parallel()
	o := org(true, fake.Options{})
	for columns, want := range map[string]string{
		"Key__c,Gone__c":            `object "Row__c" has no field "Gone__c"`,
		"Key__c,SystemModstamp":     `field "SystemModstamp" of object "Row__c" cannot be set by INSERT`,
		"Id,Key__c":                 `field "Id" of object "Row__c" cannot be set by INSERT`,
		"Key__c,key__C":             `both "Key__c" and "key__C" are mapped to field "Key__c"`,
		"AccountId,Account.Ext__c":  `both "AccountId" and "Account.Ext__c" are mapped to field "AccountId"`,
		"Account.Industry":          `records of "Account" are not found by "Industry"`,
		"Nobody.Ext__c":             `has no field "Nobody.Ext__c"`,
		"Contact:Account.Ext__c":    `say which`,
		"Key__c,Account.Ext__c.Far": `are not found by "Ext__c.Far"`,
	} {
		d := connectortest.Data{Fields: strings.Split(columns, ","), Rows: [][]string{make([]string, strings.Count(columns, ",")+1)}}
		_, _, err := attemptAt(t, o).write(t.Context(), writing("INSERT", "", ""), d)
		require.True(t, fault.Is(err, fault.Validation), "%s: %v", columns, err)
		require.ErrorContains(t, err, want)
	}
	_, _, err := attemptAt(t, o).write(t.Context(), writing("UPSERT", "", "Key__c"), connectortest.Data{Fields: []string{"Text__c"}, Rows: [][]string{{"x"}}})
	require.ErrorContains(t, err, `no task maps to "Key__c", by which records of "Row__c" are found`)
	require.Empty(t, o.Records(rowObject))
}

func TestWrite_NoSecretInErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(true, fake.Options{})
		for _, api := range []string{"REST_SYNC", "BULKV2"} {
			for _, mood := range []connectortest.Mood{connectortest.Unauthorized, connectortest.Broken, connectortest.Garbled} {
				a := attemptAt(t, o)
				a.double.Plan(func(_ int, r *http.Request) connectortest.Mood {
					if r.Method == http.MethodGet {
						return connectortest.Well
					}
					return mood
				})
				_, _, err := a.write(t.Context(), writing("INSERT", api, ""), data(5))
				require.Error(t, err)
				for _, secret := range a.double.Secrets() {
					require.NotContains(t, err.Error(), secret)
				}
				require.NotContains(t, err.Error(), "text 3", "nor a value")
			}
		}
	})
}

func BenchmarkCollections_Encode(b *testing.B) {
	o := org(false, fake.Options{})
	double := connectortest.NewDouble(sink{o}, nil)
	conn, err := quick().Connect(b.Context(), into(double))
	require.NoError(b, err)
	d := connectortest.Batch(batch.DefaultPool, data(10_000, "Note__c"))
	defer d.Release()
	w, err := conn.(connector.Writer).OpenWriter(b.Context(), connector.WriteRequest{Properties: writing("INSERT", "REST_SYNC", ""), ExecutionID: "e"})
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

// An attempt dies while it deletes. The next one, elsewhere, does not take its work for somebody else's.
func TestCollections_DeletionsAreKnownToTheNextAttempt(t *testing.T) {
	t.Parallel()
	for _, again := range []func(*attempt) *attempt{func(a *attempt) *attempt { return a }, (*attempt).elsewhere} {
		synctest.Test(t, func(t *testing.T) {
			o := org(true, fake.Options{})
			d := connectortest.Data{Fields: []string{"Id"}}
			for i := range 250 {
				d.Rows = append(d.Rows, []string{o.Put(rowObject, fake.Record{"Key__c": fmt.Sprint(i)})})
			}
			a := attemptAt(t, o)
			a.double.Plan(on(http.MethodDelete, "/sobjects", connectortest.Lost, 1, 2, 3, 4))
			_, _, err := a.write(t.Context(), writing("DELETE", "REST_SYNC", ""), d)
			require.Error(t, err)
			receipt, refused, err := again(a).write(t.Context(), writing("DELETE", "REST_SYNC", ""), d)
			require.NoError(t, err)
			require.Empty(t, refused)
			require.EqualValues(t, 250, receipt.Rows)
		})
	}
}

// Notes stay small, whatever is refused.
func TestCollections_NotesAreBrief(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(true, fake.Options{})
		a := attemptAt(t, o)
		d := data(2000)
		for i := range d.Rows {
			d.Rows[i][1] = strings.Repeat("x", 300)
		}
		_, refused, err := a.write(t.Context(), writing("INSERT", "REST_SYNC", ""), d)
		require.NoError(t, err)
		require.Len(t, refused, 2000)
		require.Len(t, a.notes, 10)
		require.Less(t, len(a.notes[9]), 2000*150)
		_, again, err := a.elsewhere().write(t.Context(), writing("INSERT", "REST_SYNC", ""), d)
		require.NoError(t, err)
		require.Len(t, again, 2000)
		require.Equal(t, refused[0].Reason[:50], again[0].Reason[:50])
	})
}

// Records of a call that are written stay written once, when others of it were locked and the answer about those is lost.
func TestCollections_OnlyWhatIsInDoubtIsSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := org(false, fake.Options{})
		a := attemptAt(t, o)
		o.LockRows(3)
		a.double.Plan(on(http.MethodPost, "/sobjects", connectortest.Reset, 2))
		_, _, err := a.write(t.Context(), writing("INSERT", "REST_SYNC", ""), data(100))
		require.ErrorContains(t, err, "3 new records may have been written or not")
		require.Len(t, o.Records(rowObject), 97)
		receipt, _, err := a.elsewhere().write(t.Context(), writing("INSERT", "REST_SYNC", ""), data(100))
		require.NoError(t, err)
		require.EqualValues(t, 100, receipt.Rows)
		require.Len(t, o.Records(rowObject), 100)
	})
}
