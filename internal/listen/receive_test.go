package listen_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/webhook"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable/durabletest"
	"weir.dev/weir/internal/listen"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
)

const secret = "a secret of more than sixteen bytes"

func sentWorld() *world {
	w := newWorld(newVendor())
	w.secret = secret
	name := "hooks"
	w.def.Source = flow.Source{Connector: flow.CustomConnector, ProfileName: &name, Properties: flow.Properties(`{"entityName":"events"}`)}
	w.def.Tasks = []flow.Task{mapping(flow.CustomConnector, "id", "id"), mapping(flow.CustomConnector, "who.name", "name")}
	return w
}

// signed is a delivery as a sender makes it.
func signed(id, body string) listen.Delivery {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	return listen.Delivery{Flow: flowName, Body: []byte(body), Header: http.Header{
		webhook.HeaderID: {id}, webhook.HeaderTimestamp: {at}, webhook.HeaderSignature: {webhook.Sign([]byte(secret), id, at, []byte(body))},
	}}
}

func trusted(body string) listen.Delivery {
	return listen.Delivery{Flow: flowName, Body: []byte(body), Header: http.Header{}, IsTrusted: true}
}

func TestReceive_WhatIsSentLandsOnce(t *testing.T) {
	t.Parallel()
	run(t, sentWorld, func(t *testing.T, w *world, p *process, _ *news) {
		for _, c := range []struct {
			delivery listen.Delivery
			want     listen.Receipt
		}{
			{signed("a", `{"id": 1, "who": {"name": "n1"}}`), listen.Receipt{Accepted: 1}},
			{signed("a", `{"id": 1, "who": {"name": "n1"}}`), listen.Receipt{Repeated: 1}},
			{signed("b", `[{"id":2,"who":{"name":"n2"}}, {"id":3,"who":{"name":"n3"}}]`), listen.Receipt{Accepted: 2}},
			{trusted("{\"id\":4,\"who\":{\"name\":\"n4\"}}\r\n\n{\"id\":5,\"who\":{\"name\":\"n5\"}}\n"), listen.Receipt{Accepted: 2}},
			{trusted("[]"), listen.Receipt{}},
			{trusted(""), listen.Receipt{}},
		} {
			got, err := p.inbox.Receive(t.Context(), c.delivery)
			require.NoError(t, err, "%s", c.delivery.Body)
			require.Equal(t, c.want, got, "%s", c.delivery.Body)
		}
		await(t, "all of it lands", func() bool { return len(w.landed(t)) == 5 && w.waiting(t).IsEmpty() })
		require.Equal(t, moved(1, 5), w.landed(t))
		require.Equal(t, store.ListenerListening, w.listener(t).State)
		counts := w.listener(t).Counts
		require.EqualValues(t, 1, counts.Repeated)
		require.EqualValues(t, 5, counts.Delivered)
	})
}

func TestReceive_FieldsThatOneEventAloneHasAreMapped(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := sentWorld()
		w.def.Tasks = []flow.Task{{
			Type: flow.TaskMapAll, Operators: map[string]flow.Operator{"CustomConnector": flow.OpNoOp},
			Properties: map[string]string{flow.PropExcludeSourceFieldsList: "[]"},
		}}
		return w
	}
	run(t, begin, func(t *testing.T, w *world, p *process, _ *news) {
		_, err := p.inbox.Receive(t.Context(), trusted(`{"a":1}`))
		require.NoError(t, err)
		await(t, "the first lands", func() bool { return len(w.landed(t)) == 1 })
		_, err = p.inbox.Receive(t.Context(), trusted(strings.Repeat(`{"a":1}`+"\n", 500)+`{"a":1.50,"late":{"x":"y"}}`))
		require.NoError(t, err)
		await(t, "the others land", func() bool { return len(w.landed(t)) == 502 })
		require.Equal(t, `{"a":1}`, w.landed(t)[0])
		require.Equal(t, `{"a":1.50,"late":{"x":"y"}}`, w.landed(t)[501])
		require.Equal(t, `{"a":1,"late":{"x":null}}`, w.landed(t)[1])
	})
}

func TestReceive_Refusals(t *testing.T) {
	t.Parallel()
	run(t, sentWorld, func(t *testing.T, w *world, p *process, _ *news) {
		other := signed("a", "{}")
		other.Flow = "nobody"
		unsigned := trusted(`{}`)
		unsigned.IsTrusted = false
		unknown := trusted(`{}`)
		unknown.Flow = "nobody"
		long := trusted(`{}`)
		long.Header.Set(webhook.HeaderID, strings.Repeat("x", 300))
		for name, c := range map[string]struct {
			delivery listen.Delivery
			code     fault.Code
			says     string
		}{
			"unsigned":            {unsigned, fault.AccessDenied, "Webhook-Id is missing"},
			"no such flow":        {other, fault.AccessDenied, "not signed by somebody who may send"},
			"no flow, trusted":    {unknown, fault.NotFound, "does not exist"},
			"no JSON":             {trusted(`{"a":`), fault.Validation, "neither a JSON object"},
			"numbers":             {trusted(`[1]`), fault.Validation, "event 1: an event is no JSON object"},
			"half an array":       {trusted(`[{}`), fault.Validation, "neither a JSON object"},
			"more than one":       {trusted(`[{}] {}`), fault.Validation, "neither a JSON object"},
			"bytes":               {trusted("{\"a\":\"\xff\"}"), fault.Validation, "no JSON"},
			"too deep":            {trusted(`{"a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`), fault.Validation, "nested too deeply"},
			"far too deep":        {trusted(strings.Repeat("[", 100_000)), fault.Validation, "neither a JSON object"},
			"very many":           {trusted(strings.Repeat("{}", 10_001)), fault.Validation, "more than 10000 events"},
			"a name that is long": {long, fault.Validation, "longer than 256"},
		} {
			_, err := p.inbox.Receive(t.Context(), c.delivery)
			require.ErrorContains(t, err, c.says, name)
			require.True(t, fault.Is(err, c.code), "%s: %v", name, err)
		}
		require.True(t, w.waiting(t).IsEmpty())
		w.stop(t)
		_, err := p.inbox.Receive(t.Context(), trusted(`{}`))
		require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	})
}

func TestReceive_AFullInboxAsksToComeBack(t *testing.T) {
	t.Parallel()
	begin := func() *world {
		w := sentWorld()
		w.buffer = 100
		return w
	}
	run(t, begin, func(t *testing.T, w *world, p *process, _ *news) {
		w.stopDeliveries(t)
		sent := 0
		var err error
		for range 10 {
			if _, err = p.inbox.Receive(t.Context(), signed(strconv.Itoa(sent+1), things(sent+1, 1)[0])); err != nil {
				break
			}
			sent++
		}
		require.True(t, fault.Is(err, fault.Throttling), "%v", err)
		class, after := fault.RetryOf(err)
		require.Equal(t, fault.Throttled, class)
		require.Positive(t, after)
		require.Positive(t, sent)
		w.allowDeliveries(t)
		for ; sent < 10; sent++ {
			await(t, "there is room", func() bool {
				_, err := p.inbox.Receive(t.Context(), signed(strconv.Itoa(sent+1), things(sent+1, 1)[0]))
				return err == nil
			})
		}
		await(t, "all of it lands", func() bool { return len(w.landed(t)) == 10 })
		require.Equal(t, moved(1, 10), w.landed(t))
	})
}

// A sender whose answer got lost sends again: the process dies before or after each store call of a delivery.
func TestReceive_CrashAtEveryStoreCallLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	reached := true
	for n := 0; reached; n++ {
		reached = false
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := sentWorld()
				w.start(t)
				first := w.boot(t, w.store, true)
				first.kill() // its manager must not take part
				trap := durabletest.CrashAt(n, after)
				dying := w.boot(t, w.store, true)
				dying.kill()
				dying.inbox = listen.NewInbox(listen.InboxOptions{Store: trap.Store(w.store), Sealer: sealer{}, Connect: w.connect})
				_, err := dying.inbox.Receive(t.Context(), signed("one", strings.Join(things(1, 3), "\n")))
				select {
				case <-trap.Died:
					reached = true
				default:
					require.NoError(t, err)
				}
				second := w.boot(t, w.store, true)
				defer second.kill()
				if err != nil {
					_, err = second.inbox.Receive(t.Context(), signed("one", strings.Join(things(1, 3), "\n")))
					require.NoError(t, err)
				}
				await(t, "all of it lands", func() bool { return len(w.landed(t)) >= 3 && w.waiting(t).IsEmpty() })
				require.Equal(t, moved(1, 3), w.landed(t), "crash at call %d", n)
			})
		}
	}
}

// Many senders at the same time share transactions: what refuses one of them holds up no other, and the same name counts once.
func TestReceive_ManyAtOnce(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{})
	require.NoError(t, err)
	defer s.Close()
	w := sentWorld()
	w.store = s
	w.start(t)
	inbox := listen.NewInbox(listen.InboxOptions{Store: s, Sealer: sealer{}, Connect: w.connect})
	const senders, each = 8, 10
	var mu sync.Mutex
	var sum listen.Receipt
	var wait sync.WaitGroup
	for i := range senders {
		wait.Go(func() {
			for j := range each {
				id := fmt.Sprint("own ", i, " ", j)
				if j%2 == 1 {
					id = fmt.Sprint("shared ", j)
				}
				got, err := inbox.Receive(t.Context(), signed(id, fmt.Sprintf(`{"id":%d}`, i*each+j)))
				ghost := trusted(`{}`)
				ghost.Flow = "nobody"
				_, failed := inbox.Receive(t.Context(), ghost)
				mu.Lock()
				sum.Accepted += got.Accepted
				sum.Repeated += got.Repeated
				mu.Unlock()
				if err != nil || !fault.Is(failed, fault.NotFound) {
					t.Errorf("sender %d: %v, %v", i, err, failed)
				}
			}
		})
	}
	wait.Wait()
	require.Equal(t, listen.Receipt{Accepted: senders*each/2 + each/2, Repeated: senders*each/2 - each/2}, sum)
	in := w.waiting(t)
	require.EqualValues(t, sum.Accepted, in.Events)
	require.EqualValues(t, 1, in.First)
	require.EqualValues(t, in.Events+1, in.End, "without gaps")
	w.requireReadable(t, inbox, in.First, in.End, in.Events)
}

// Notifications of objects.

func noticedWorld() *world {
	w := folderWorld()
	w.isLocal = false
	return w
}

// etag is that of an object in the world's bucket.
func (w *world) etag(t testing.TB, key string) string {
	o, err := w.bucket.Open().Stat(t.Context(), key)
	require.NoError(t, err)
	return o.ETag
}

func record(bucket, key, etag, sequencer string) string {
	return fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2026-11-22T10:00:00.000Z","eventName":"ObjectCreated:Put",`+
		`"s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1,"eTag":%q,"sequencer":%q}}}`, bucket, key, etag, sequencer)
}

func records(list ...string) string { return `{"Records":[` + strings.Join(list, ",") + `]}` }

func TestReceive_NotificationsOfEveryKind(t *testing.T) {
	t.Parallel()
	run(t, noticedWorld, func(t *testing.T, w *world, p *process, _ *news) {
		for i := range 8 {
			w.file(t, fmt.Sprintf("in/%d.csv", i), csv(i))
		}
		w.file(t, "in/a b+ü.csv", csv(100))
		e := func(key string) string { return strings.Trim(w.etag(t, key), `"`) }
		sns := func(message string) string {
			return fmt.Sprintf(`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:us-east-1:000000000000:t","Message":%q}`, message)
		}
		for name, c := range map[string]struct {
			body string
			want listen.Receipt
		}{
			"Amazon S3":      {records(record("out", "in/1.csv", e("in/1.csv"), "01")), listen.Receipt{Accepted: 1}},
			"encoded key":    {records(record("out", "in/a+b%2B%C3%BC.csv", "", "02")), listen.Receipt{Accepted: 1}},
			"SNS":            {sns(records(record("out", "in/2.csv", e("in/2.csv"), "03"))), listen.Receipt{Accepted: 1}},
			"MinIO":          {`{"EventName":"s3:ObjectCreated:Put","Key":"out/in/3.csv","Records":[` + strings.Replace(record("out", "in%2F3.csv", e("in/3.csv"), "04"), "ObjectCreated", "s3:ObjectCreated", 1) + `]}`, listen.Receipt{Accepted: 1}},
			"EventBridge":    {fmt.Sprintf(`{"version":"0","id":"x","detail-type":"Object Created","source":"aws.s3","detail":{"bucket":{"name":"out"},"object":{"key":"in/4.csv","etag":%q,"sequencer":"05"}}}`, e("in/4.csv")), listen.Receipt{Accepted: 1}},
			"several":        {records(record("out", "in/5.csv", e("in/5.csv"), "06"), record("out", "in/5.csv", e("in/5.csv"), "06"), record("out", "in/6.csv", "", "07")), listen.Receipt{Accepted: 2, Repeated: 1}},
			"elsewhere":      {records(record("other", "in/1.csv", "", "08"), record("out", "elsewhere/1.csv", "", "09"), record("out", "%zz", "", "0a")), listen.Receipt{Ignored: 3}},
			"removed":        {strings.Replace(records(record("out", "in/1.csv", "", "0b")), "ObjectCreated:Put", "ObjectRemoved:Delete", 1), listen.Receipt{Ignored: 1}},
			"gone by now":    {records(record("out", "in/gone.csv", "", "0c")), listen.Receipt{Accepted: 1}},
			"replaced since": {records(record("out", "in/7.csv", "0123", "0d")), listen.Receipt{Accepted: 1}},
			"test event":     {`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"out"}`, listen.Receipt{Ignored: 1}},
		} {
			got, err := p.inbox.Receive(t.Context(), trusted(c.body))
			require.NoError(t, err, name)
			require.Equal(t, c.want, got, name)
		}
		got, err := p.inbox.Receive(t.Context(), trusted(records(record("out", "in/1.csv", e("in/1.csv"), "01"))))
		require.NoError(t, err)
		require.Equal(t, listen.Receipt{Repeated: 1}, got, "delivered twice")
		await(t, "the objects land", func() bool { return len(w.executions(t)) > 0 && w.waiting(t).IsEmpty() })
		require.ElementsMatch(t, ids(1, 2, 3, 4, 5, 6, 100), w.landed(t))
		require.Equal(t, flow.ExecutionSuccessful, w.executions(t)[0].Status, w.executions(t)[0].Message)
	})
}

// Notifications may arrive in any order: what counts is the version that is there.
func TestReceive_NotificationsOutOfOrder(t *testing.T) {
	t.Parallel()
	run(t, noticedWorld, func(t *testing.T, w *world, p *process, _ *news) {
		w.file(t, "in/1.csv", csv(1))
		before := strings.Trim(w.etag(t, "in/1.csv"), `"`)
		w.file(t, "in/1.csv", csv(2))
		after := strings.Trim(w.etag(t, "in/1.csv"), `"`)
		require.NotEqual(t, before, after)
		_, err := p.inbox.Receive(t.Context(), trusted(records(record("out", "in/1.csv", after, "02"), record("out", "in/1.csv", before, "01"))))
		require.NoError(t, err)
		await(t, "it lands", func() bool { return len(w.executions(t)) > 0 && w.waiting(t).IsEmpty() })
		require.Equal(t, ids(2), w.landed(t))
	})
}

func TestReceive_SubscriptionsAreConfirmedByPeople(t *testing.T) {
	t.Parallel()
	run(t, noticedWorld, func(t *testing.T, w *world, p *process, _ *news) {
		body := `{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:us-east-1:000000000000:t","Token":"abc123","SubscribeURL":"http://169.254.169.254/"}`
		got, err := p.inbox.Receive(t.Context(), trusted(body))
		require.NoError(t, err)
		require.Equal(t, listen.Receipt{Ignored: 1}, got)
		require.Contains(t, w.listener(t).Notice, "aws sns confirm-subscription --topic-arn arn:aws:sns:us-east-1:000000000000:t --token abc123")
		_, err = p.inbox.Receive(t.Context(), trusted(strings.Replace(body, "abc123", "$(reboot)", 1)))
		require.NoError(t, err)
		require.NotContains(t, w.listener(t).Notice, "reboot")
	})
}

func TestReceive_FlowsThatAreSentNothing(t *testing.T) {
	t.Parallel()
	for says, begin := range map[string]func() *world{
		"looks at the folder":   folderWorld,
		"listens to Salesforce": func() *world { w := telling5(); w.def.Source.Connector = flow.Salesforce; return w },
		"takes no events":       func() *world { w := telling5(); w.def.Trigger.Type = flow.TriggerOnDemand; return w },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := begin()
			w.start(t)
			inbox := listen.NewInbox(listen.InboxOptions{Store: w.store, Sealer: sealer{}, Connect: w.connect, IsLocal: func(string) bool { return w.isLocal }})
			_, err := inbox.Receive(t.Context(), trusted(`{}`))
			require.ErrorContains(t, err, says)
			stranger := trusted(`{}`)
			stranger.IsTrusted = false
			_, err = inbox.Receive(t.Context(), stranger)
			require.True(t, fault.Is(err, fault.AccessDenied), "%v", err)
			require.NotContains(t, err.Error(), says, "strangers learn nothing")
		})
	}
}

// FuzzReceive sends anything at all. Whatever is taken in can be read back by an execution, event by event.
func FuzzReceive(f *testing.F) {
	for _, body := range []string{
		`{"id":1}`, `[{"a":[1,{"b":null}]},{}]`, "{\"a\":\"\\ud800\"}\n{}", `{"a":1e999,"a":2}`, records(record("out", "in/1", "", "")),
		`{"Type":"Notification","Message":"{\"Type\":\"Notification\"}"}`, `[[[[`, "\xef\xbb\xbf{}", `{"a":"\u0000"}`, "{}\x00", `{"":{"":""}}`,
	} {
		f.Add([]byte(body))
	}
	w := sentWorld()
	w.start(f)
	objects := noticedWorld()
	objects.start(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, w := range []*world{w, objects} {
			inbox := listen.NewInbox(listen.InboxOptions{Store: w.store, Sealer: sealer{}, Connect: w.connect})
			before := w.listener(t)
			got, err := inbox.Receive(t.Context(), listen.Delivery{Flow: flowName, Body: body, Header: http.Header{}, IsTrusted: true})
			if err != nil {
				require.True(t, fault.Is(err, fault.Validation), "%v", err)
				continue
			}
			after := w.listener(t)
			require.EqualValues(t, got.Accepted, after.Counts.Received-before.Counts.Received)
			w.requireReadable(t, inbox, before.Next, after.Next, int64(got.Accepted))
			w.empty(t)
		}
	})
}
