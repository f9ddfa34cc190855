package salesforce_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func TestListen_DeliversWhatHappensFromThenOn(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{})
		r.addAccounts("before", 3)
		events := r.listen(t, "AccountChangeEvent", 100, nil)
		id := r.org.Put("Account", fake.Record{"Name": "Ünder \"quotes\"", "BillingCity": "Oslo", "AnnualRevenue": 1234.5, "Phone": "1"})
		r.org.Put("Contact", fake.Record{"LastName": "elsewhere"})
		r.org.Put("Account", fake.Record{"Id": id, "BillingCity": nil, "BillingStreet": "Main 1", "Phone": nil, "Industry": "Retail"})
		require.True(t, r.org.Delete(id))
		require.True(t, r.org.Undelete(id))
		var got []map[string]any
		for len(got) < 4 {
			s, err := next(t, events)
			require.NoError(t, err)
			require.Empty(t, s.Gap)
			for _, record := range s.Records {
				var m map[string]any
				require.NoError(t, json.Unmarshal(record, &m))
				got = append(got, m)
			}
		}
		created, updated, deleted, undeleted := got[0], got[1], got[2], got[3]
		header := created["ChangeEventHeader"].(map[string]any)
		require.Equal(t, "CREATE", header["changeType"])
		require.Equal(t, []any{id}, header["recordIds"])
		require.Equal(t, `Ünder "quotes"`, created["Name"])
		require.Equal(t, map[string]any{"City": "Oslo"}, created["BillingAddress"])
		require.InDelta(t, 1234.5, created["AnnualRevenue"], 0)
		require.Regexp(t, `^20..-..-..T..:..:..\.000Z$`, created["CreatedDate"])
		require.NotContains(t, created, "Website")
		header = updated["ChangeEventHeader"].(map[string]any)
		require.Equal(t, "UPDATE", header["changeType"])
		require.ElementsMatch(t, []any{"Phone", "Industry", "BillingAddress.Street", "BillingAddress.City"}, without(header["changedFields"], "LastModifiedDate", "LastModifiedById"))
		require.Equal(t, map[string]any{"Street": "Main 1", "City": nil}, updated["BillingAddress"])
		require.Contains(t, updated, "Phone")
		require.Nil(t, updated["Phone"])
		require.NotContains(t, updated, "Name")
		require.Equal(t, "DELETE", deleted["ChangeEventHeader"].(map[string]any)["changeType"])
		require.Len(t, deleted, 1)
		require.Equal(t, "UNDELETE", undeleted["ChangeEventHeader"].(map[string]any)["changeType"])
		require.Equal(t, `Ünder "quotes"`, undeleted["Name"])
	})
}

func without(list any, names ...string) (rest []any) {
	for _, v := range list.([]any) {
		if !strings.Contains(strings.Join(names, " "), v.(string)) {
			rest = append(rest, v)
		}
	}
	return rest
}

// The two interfaces give the same events, but for two lists of the header that the Streaming API does not have.
func TestListen_BothWaysGiveTheSameEvents(t *testing.T) {
	t.Parallel()
	all := map[way][]any{}
	for _, by := range []way{byPubSub, byCometD} {
		day := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
		r := newEventRig(t, by, fake.Options{Now: func() time.Time { return day }}, fake.BusOptions{})
		events := r.listen(t, "ChangeEvents", 100, nil)
		account := r.org.Put("Account", fake.Record{"Name": "A", "ShippingCity": "Rome", "NumberOfEmployees": 7, "Active__c": false})
		invoice := r.org.Put("Invoice__c", fake.Record{
			"Ext__c": "K", "Account__c": account, "Amount__c": 12.25, "Due__c": "2024-02-29", "Sent__c": day, "Cutoff__c": "10:11:12.000Z", "Place__Latitude__s": 1.5,
			"Channels__c": "Mail;Fax", "Paid__c": true, "Weight__c": 1e-7,
		})
		r.org.Put("Invoice__c", fake.Record{"Id": invoice, "Due__c": nil, "Cutoff__c": "00:00:00.000Z", "Place__Latitude__s": nil})
		r.org.Put("Contact", fake.Record{"FirstName": "Ada", "LastName": "Ø", "Birthdate": "1815-12-10"})
		r.org.Publish(fake.Change{Entity: "Lead", Type: fake.GapUpdate, RecordIDs: []string{"00Q5g000000001AAAA", "00Q5g000000001BAAA"}})
		for len(all[by]) < 5 {
			s, err := next(t, events)
			require.NoError(t, err)
			for _, record := range s.Records {
				var event map[string]any
				require.NoError(t, json.Unmarshal(record, &event))
				header := event["ChangeEventHeader"].(map[string]any)
				delete(header, "nulledFields")
				delete(header, "diffFields")
				header["changedFields"] = len(header["changedFields"].([]any))
				all[by] = append(all[by], event)
			}
		}
	}
	require.Equal(t, all[byCometD], all[byPubSub])
	gap := all[byPubSub][4].(map[string]any)
	require.Len(t, gap, 1)
	require.Len(t, gap["ChangeEventHeader"].(map[string]any)["recordIds"], 2)
	require.Equal(t, map[string]any{"FirstName": "Ada", "LastName": "Ø"}, all[byPubSub][3].(map[string]any)["Name"])
	first := all[byPubSub][1].(map[string]any)
	require.Equal(t, "2024-02-29", first["Due__c"])
	require.Equal(t, "10:11:12.000Z", first["Cutoff__c"])
}

// Whoever takes events and goes on from any of the positions between them misses none and gets none twice.
func TestListen_GoesOnAfterEachEvent(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{Batch: 3})
		events := r.listen(t, "AccountChangeEvent", 1, nil)
		want := r.addAccounts("n", 12)
		var at connector.Cursor
		var got []string
		for len(got) < len(want) {
			var more []string
			more, at, _ = names(t, events, 1)
			got = append(got, more...)
			require.NoError(t, events.Close())
			at = append(connector.Cursor(nil), at...)
			events = r.listen(t, "AccountChangeEvent", 1, at)
		}
		require.Equal(t, want, got)
	})
}

func TestListen_TakesUpABrokenConnectionInTheMiddle(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{Batch: 4})
	r.bus.CutAfter(7) // in the middle of a batch
	events := r.listen(t, "AccountChangeEvent", 10, nil)
	want := r.addAccounts("n", 60)
	got, _, gaps := names(t, events, len(want))
	require.Equal(t, want, got)
	require.Empty(t, gaps)
}

func TestListen_TakesUpABrokenPoll(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byCometD, fake.Options{}, fake.BusOptions{Batch: 4})
	events := r.listen(t, "AccountChangeEvent", 10, nil)
	want := r.addAccounts("a", 10)
	got, _, _ := names(t, events, 5)
	r.bus.Cut()
	want = append(want, r.addAccounts("b", 10)...)
	more, _, gaps := names(t, events, len(want)-len(got))
	require.Equal(t, want, append(got, more...))
	require.Empty(t, gaps)
}

// Before the first word of the bus nobody knows where a subscription began: if it breaks then, something may be lost, and
// that is said.
func TestListen_SaysWhatItCannotKnow(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{})
	events := r.listen(t, "AccountChangeEvent", 10, nil)
	r.bus.Cut()
	r.until(t, none)
	done := make(chan connector.Signals, 1)
	go func() {
		s, _ := events.Next(t.Context())
		done <- s
	}()
	r.until(t, some)
	r.addAccounts("after", 1)
	s := <-done
	require.Len(t, s.Records, 1)
	require.Contains(t, s.Gap, "may be missing")
}

func TestListen_RenewsTheTokenInTheMiddle(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{Poll: 50 * time.Millisecond})
		events := r.listen(t, "AccountChangeEvent", 10, nil)
		want := r.addAccounts("a", 2)
		got, _, _ := names(t, events, 2)
		for round := range 3 {
			r.org.ExpireTokens()
			want = append(want, r.addAccounts(fmt.Sprint("round", round), 2)...)
			more, _, gaps := names(t, events, 2)
			require.Empty(t, gaps)
			got = append(got, more...)
		}
		require.Equal(t, want, got)
		r.tokens.mu.Lock()
		require.Equal(t, 3, r.tokens.number)
		r.tokens.spent = true
		r.tokens.mu.Unlock()
		r.org.ExpireTokens()
		r.addAccounts("c", 1)
		_, err := next(t, events)
		require.True(t, fault.Is(err, fault.ConnectorAuth), "%v", err)
	})
}

// A token that is refused although it is new is not renewed again and again.
func TestListen_GivesUpOnTokensThatAreNeverTaken(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{Token: "another"}, fake.BusOptions{})
		_, err := r.conn.Listen(t.Context(), connector.ListenRequest{Properties: object("AccountChangeEvent"), Most: 1}, nil)
		require.True(t, fault.Is(err, fault.ConnectorAuth), "%v", err)
		require.NotContains(t, err.Error(), "00D!token")
		r.tokens.mu.Lock()
		defer r.tokens.mu.Unlock()
		require.LessOrEqual(t, r.tokens.number, 2)
	})
}

func TestListen_BeginsWithTheOldestWhenThePositionIsForgotten(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{})
		events := r.listen(t, "AccountChangeEvent", 10, nil)
		r.addAccounts("a", 3)
		_, at, _ := names(t, events, 3)
		require.NoError(t, events.Close())
		r.addAccounts("lost", 2)
		r.org.ForgetChanges()
		want := r.addAccounts("kept", 3)
		events = r.open(t, "AccountChangeEvent", 10, at)
		s, err := next(t, events)
		require.NoError(t, err)
		require.Contains(t, s.Gap, "72 hours")
		got := []string{}
		for _, record := range s.Records {
			got = append(got, fmt.Sprint(decode(t, record).Name))
		}
		if rest := len(want) - len(got); rest > 0 {
			more, _, gaps := names(t, events, rest)
			require.Empty(t, gaps)
			got = append(got, more...)
		}
		require.Equal(t, want, got)
	})
}

func TestListen_BeginsWithTheOldestAfter72Hours(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		var mu sync.Mutex
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		r := newEventRig(t, by, fake.Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }}, fake.BusOptions{})
		later := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
		events := r.listen(t, "AccountChangeEvent", 10, nil)
		r.addAccounts("a", 1)
		_, at, _ := names(t, events, 1)
		require.NoError(t, events.Close())
		r.addAccounts("lost", 1)
		later(71 * time.Hour)
		r.addAccounts("kept", 1)
		events = r.listen(t, "AccountChangeEvent", 10, at)
		got, _, gaps := names(t, events, 2)
		require.Equal(t, []string{"lost 0", "kept 0"}, got)
		require.Empty(t, gaps)
		require.NoError(t, events.Close())
		later(2 * time.Hour)
		events = r.open(t, "AccountChangeEvent", 10, at)
		got, _, gaps = names(t, events, 1)
		require.Equal(t, []string{"kept 0"}, got)
		require.Len(t, gaps, 1)
	})
}

func TestListen_StartsAnewFromACorruptedPosition(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{})
	want := r.addAccounts("a", 2)
	events := r.open(t, "AccountChangeEvent", 10, connector.Cursor(`{"replayId":"AAAA"}`))
	got, _, gaps := names(t, events, 2)
	require.Equal(t, want, got)
	require.Len(t, gaps, 1)
	_, err := r.conn.Listen(t.Context(), connector.ListenRequest{Properties: object("AccountChangeEvent"), Most: 1}, connector.Cursor(`{"else":1}`))
	require.True(t, fault.Is(err, fault.Internal))
}

func TestListen_FollowsASchemaThatChanges(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{Batch: 50})
	events := r.listen(t, "AccountChangeEvent", 50, nil)
	var want []string
	id := r.org.Put("Account", fake.Record{"Name": "first"})
	want = append(want, "first")
	for round := range 4 {
		r.bus.SwitchSchema("Account")
		want = append(want, r.addAccounts(fmt.Sprint("schema", round), 2)...)
	}
	r.org.Put("Account", fake.Record{"Id": id, "Website": "https://example.com", "BillingCity": "Kyiv"})
	got, _, _ := names(t, events, len(want)+1)
	require.Equal(t, want, got[:len(want)])
	// The bitmap of the last one is about the newest schema.
	again := r.open(t, "AccountChangeEvent", 50, connector.Cursor(`{"replayId":"AAAA"}`))
	var last changed
	for range len(want) + 1 {
		s, err := next(t, again)
		require.NoError(t, err)
		if last = decode(t, s.Records[len(s.Records)-1]); last.ChangeEventHeader.ChangeType == "UPDATE" {
			break
		}
	}
	require.Subset(t, last.ChangeEventHeader.ChangedFields, []string{"Website", "BillingAddress.City"})
}

// No more events are asked for than one who takes them one by one has room for.
func TestListen_AsksOnlyForWhatIsTaken(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{})
	events := r.listen(t, "AccountChangeEvent", 5, nil)
	want := r.addAccounts("n", 300)
	var got []string
	for len(got) < len(want) {
		s, err := next(t, events)
		require.NoError(t, err)
		require.LessOrEqual(t, len(s.Records), 5)
		for _, record := range s.Records {
			got = append(got, fmt.Sprint(decode(t, record).Name))
		}
	}
	require.Equal(t, want, got)
	require.LessOrEqual(t, r.bus.MostRequested(), 5)
	require.Positive(t, r.bus.MostRequested())
}

// One who takes nothing for longer than the bus waits for him finds his place again.
func TestListen_OutlivesAConsumerWhoPauses(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{Hold: time.Millisecond})
	events := r.listen(t, "AccountChangeEvent", 2, nil)
	want := r.addAccounts("n", 6)
	got, _, _ := names(t, events, 2)
	r.until(t, none)
	more, _, gaps := names(t, events, 4)
	require.Equal(t, want, append(got, more...))
	require.Empty(t, gaps)
}

func TestListen_MovesThroughAQuietTime(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{KeepAlive: 5 * time.Millisecond})
	events := r.listen(t, "AccountChangeEvent", 2, nil)
	r.org.Put("Contact", fake.Record{"LastName": "not listened to"})
	var last connector.Cursor
	for range 5 {
		s, err := next(t, events)
		require.NoError(t, err)
		require.Empty(t, s.Records)
		require.NotNil(t, s.Position)
		last = s.Position
	}
	require.NoError(t, events.Close())
	want := r.addAccounts("n", 1)
	events = r.listen(t, "AccountChangeEvent", 2, last)
	got, _, gaps := names(t, events, 1)
	require.Equal(t, want, got)
	require.Empty(t, gaps)
}

// Where there is no Pub/Sub API the Streaming API serves, and the position says so from then on.
func TestListen_FallsBackToTheStreamingAPI(t *testing.T) {
	t.Parallel()
	for _, mood := range []fake.BusMood{fake.BusMissing, fake.BusNoLicense} {
		r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{})
		r.bus.SetMood(mood)
		events := r.listen(t, "AccountChangeEvent", 10, nil)
		want := r.addAccounts("n", 3)
		got, at, _ := names(t, events, 3)
		require.Equal(t, want, got)
		require.Contains(t, string(at), `"number"`)
		require.NoError(t, events.Close())
		r.bus.SetMood(fake.BusWell)
		want = r.addAccounts("m", 2)
		events = r.listen(t, "AccountChangeEvent", 10, at)
		got, at, _ = names(t, events, 2)
		require.Equal(t, want, got)
		require.Contains(t, string(at), `"number"`)
		schema, err := r.conn.DescribeEvents(t.Context(), object("AccountChangeEvent"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, schema.Find("BillingAddress.City"), 0)
	}
}

func TestListen_SaysWhyItCannot(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{})
		try := func(name string) error {
			_, err := r.conn.Listen(t.Context(), connector.ListenRequest{Properties: object(name), Most: 1}, nil)
			return err
		}
		err := try("TaskChangeEvent")
		require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
		require.ErrorContains(t, err, "/data/TaskChangeEvent")
		r.bus.SetMood(fake.BusForbidden)
		err = try("AccountChangeEvent")
		require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
		require.ErrorContains(t, err, "permission")
		r.bus.SetMood(fake.BusUnavailable)
		err = try("AccountChangeEvent")
		require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
		retry, _ := fault.RetryOf(err)
		require.Equal(t, fault.Transient, retry, "%v", err)
	})
}

func TestListen_WaitsForTheNextDayWhenTheEventsAreSpent(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{})
		r.bus.SetMood(fake.BusSpent)
		events, err := r.conn.Listen(t.Context(), connector.ListenRequest{Properties: object("AccountChangeEvent"), Most: 1}, nil)
		if err == nil {
			defer events.Close()
			_, err = next(t, events)
		}
		require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
		retry, after := fault.RetryOf(err)
		require.Equal(t, fault.Throttled, retry)
		require.Equal(t, time.Hour, after)
		require.ErrorContains(t, err, "in 24 hours are used up")
	})
}

func TestListen_ComesBackAfterTheBusWasAway(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{Poll: 20 * time.Millisecond})
		events := r.listen(t, "AccountChangeEvent", 10, nil)
		want := r.addAccounts("a", 1)
		got, at, _ := names(t, events, 1)
		r.bus.SetMood(fake.BusUnavailable)
		r.bus.Cut()
		_, err := next(t, events)
		retry, _ := fault.RetryOf(err)
		require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
		require.Equal(t, fault.Transient, retry)
		require.NoError(t, events.Close())
		want = append(want, r.addAccounts("b", 2)...)
		r.bus.SetMood(fake.BusWell)
		events = r.listen(t, "AccountChangeEvent", 10, at)
		more, _, gaps := names(t, events, 2)
		require.Equal(t, want, append(got, more...))
		require.Empty(t, gaps)
	})
}

func TestListen_HearsPlatformEventsAndWholeTransactions(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{})
		events := r.listen(t, "Invoice_Sent__e", 10, nil)
		sent := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		r.org.Publish(fake.Change{Entity: "Invoice_Sent__e", Type: fake.Published, Fields: fake.Record{
			"CreatedDate": sent, "CreatedById": r.org.UserID(), "Invoice_Key__c": "I-1",
		}})
		s, err := next(t, events)
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"CreatedDate":"2026-03-04T05:06:07.000Z","CreatedById":%q,"Invoice_Key__c":"I-1","Amount__c":null}`, r.org.UserID()), string(s.Records[0]))

		changes := r.listen(t, "AccountChangeEvent", 10, nil)
		for i := range 3 {
			r.org.Publish(fake.Change{Entity: "Account", Type: fake.Update, TransactionKey: "one", RecordIDs: []string{fmt.Sprint(i)}})
		}
		for i := 0; i < 3; {
			s, err := next(t, changes)
			require.NoError(t, err)
			for _, record := range s.Records {
				c := decode(t, record).ChangeEventHeader
				require.Equal(t, "one", c.TransactionKey)
				require.Equal(t, []string{fmt.Sprint(i)}, c.RecordIDs)
				require.Greater(t, c.CommitNumber, int64(1)<<53)
				i++
			}
		}
	})
}

func TestListen_EndsAtOnceAndLeavesNothingBehind(t *testing.T) { //nolint:paralleltest // it counts goroutines
	for _, by := range []way{byPubSub, byCometD} {
		before := runtime.NumGoroutine()
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{})
		events, err := r.conn.Listen(t.Context(), connector.ListenRequest{Properties: object("AccountChangeEvent"), Most: 1}, nil)
		require.NoError(t, err)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := events.Next(ctx)
				done <- err
			}()
			for n, changed := r.bus.Waiting(); n == 0; n, changed = r.bus.Waiting() {
				<-changed
			}
			cancel()
			select {
			case err := <-done:
				require.True(t, fault.Is(err, fault.Canceled), "%v", err)
			case <-time.After(5 * time.Second):
				require.Fail(t, "Next goes on")
			}
		}
		// What was canceled is not lost.
		want := r.addAccounts("n", 1)
		got, _, _ := names(t, events, 1)
		require.Equal(t, want, got)
		require.NoError(t, events.Close())
		require.NoError(t, events.Close())
		r.closed()
		for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		stacks := make([]byte, 1<<20)
		require.LessOrEqual(t, runtime.NumGoroutine(), before, "%s: %s", by, stacks[:runtime.Stack(stacks, true)])
	}
}

func TestListen_KeepsToTheOperatorsNetworks(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{})
	conn, err := salesforce.New(salesforce.Options{Poll: time.Millisecond}).Connect(t.Context(), connector.Config{
		ProfileProperties: flow.Properties(`{"instanceUrl":"https://example.my.salesforce.com"}`), Tokens: r.tokens,
		HTTP: egress.NewClient(egress.Options{}), Dial: egress.Options{}.Dial,
		Endpoint: func(sub string) string { return map[string]string{"EVENTS": "https://10.1.2.3:7443"}[sub] },
	})
	require.NoError(t, err)
	salesforce.KnowOrganization(conn, r.org.OrgID())
	_, err = conn.(connector.Listener).Listen(t.Context(), connector.ListenRequest{Properties: object("AccountChangeEvent"), Most: 1}, nil)
	require.True(t, fault.Is(err, fault.Validation), "%v", err)
	require.ErrorContains(t, err, "--allow-network 10.1.2.3/32")
}

func TestListen_NamesTheEventsThatThereAre(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{})
	for name, want := range map[string]string{
		"Account": "name AccountChangeEvent", "Invoice__c": "name Invoice__ChangeEvent", "": "names no event", "a/b": "names no event", "/data/../x": "names no event",
	} {
		_, err := r.conn.Listen(t.Context(), connector.ListenRequest{Properties: object(name), Most: 1}, nil)
		require.True(t, fault.Is(err, fault.Validation), name)
		require.ErrorContains(t, err, want, name)
	}
	for _, name := range []string{"AccountChangeEvent", "Invoice__ChangeEvent", "ChangeEvents", "Invoice_Sent__e", "/data/AccountChangeEvent", "/event/Invoice_Sent__e"} {
		r.listen(t, name, 1, nil)
	}
}

func TestDescribeEvents_ListsTheirFields(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, by way) {
		r := newEventRig(t, by, fake.Options{}, fake.BusOptions{})
		s, err := r.conn.DescribeEvents(t.Context(), object("Invoice__ChangeEvent"))
		require.NoError(t, err)
		require.Equal(t, "Invoice__ChangeEvent", s.Entity)
		require.Equal(t, "ChangeEventHeader.entityName", s.Fields[0].Name)
		for name, want := range map[string]flow.Type{
			"ChangeEventHeader.commitNumber": flow.TypeLong, "Amount__c": flow.TypeDouble, "Due__c": flow.TypeDate, "Sent__c": flow.TypeDatetime,
			"Cutoff__c": flow.TypeTime, "Place__c.Latitude": flow.TypeDouble, "Paid__c": flow.TypeBoolean, "Name": flow.TypeString,
		} {
			at := s.Find(name)
			require.GreaterOrEqual(t, at, 0, name)
			require.Equal(t, want, s.Fields[at].Type, name)
		}
		require.Equal(t, -1, s.Find("Net__c"), "what is calculated is no part of events")
		s, err = r.conn.DescribeEvents(t.Context(), object("Invoice_Sent__e"))
		require.NoError(t, err)
		require.Equal(t, -1, s.Find("ChangeEventHeader"))
		s, err = r.conn.DescribeEvents(t.Context(), object("ChangeEvents"))
		require.NoError(t, err)
		require.True(t, s.Open, "what the objects have beside the header is not known")
		require.Len(t, s.Fields, 12)
		_, err = r.conn.DescribeEvents(t.Context(), object("NobodyChangeEvent"))
		require.Error(t, err)
	})
}

// granted is a budget of so many calls.
type granted struct{ left atomic.Int64 }

func (g *granted) Take(context.Context, int) (func(), error) {
	if g.left.Add(-1) < 0 {
		return nil, &fault.Error{Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: time.Minute, Message: "the budget is used up"}
	}
	return func() {}, nil
}

func TestListen_TakesItsCallsFromTheBudget(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{})
	g := &granted{}
	r.cfg.Budget = g
	conn, err := salesforce.New(salesforce.Options{Poll: time.Millisecond}).Connect(t.Context(), r.cfg)
	require.NoError(t, err)
	r.conn = conn.(connector.Listener)
	g.left.Store(3) // for the topic, the subscription and a schema
	events := r.listen(t, "AccountChangeEvent", 10, nil)
	want := r.addAccounts("n", 1)
	got, _, _ := names(t, events, 1)
	require.Equal(t, want, got)
	_, err = r.conn.DescribeEvents(t.Context(), object("AccountChangeEvent"))
	require.ErrorContains(t, err, "the budget is used up")
	retry, after := fault.RetryOf(err)
	require.Equal(t, fault.Throttled, retry)
	require.Equal(t, time.Minute, after)
}

// Runs that follow each other do not all wait for a Pub/Sub API that is out of reach.
func TestDescribeEvents_RemembersThatThereIsNoPubSub(t *testing.T) {
	t.Parallel()
	r := newEventRig(t, byPubSub, fake.Options{}, fake.BusOptions{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	var reached atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			conn.Close()
		}
	}()
	var mu sync.Mutex
	now := time.Now()
	r.cfg.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	r.cfg.Endpoint = func(sub string) string { return map[string]string{"EVENTS": "http://" + l.Addr().String()}[sub] }
	conn, err := salesforce.New(salesforce.Options{Poll: time.Millisecond}).Connect(t.Context(), r.cfg)
	require.NoError(t, err)
	describe := func() int64 {
		before := reached.Load()
		s, err := conn.(connector.Listener).DescribeEvents(t.Context(), object("AccountChangeEvent"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, s.Find("BillingAddress.City"), 0)
		return reached.Load() - before
	}
	require.Positive(t, describe())
	require.Zero(t, describe())
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	require.Positive(t, describe())
}
