package connectortest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// moodRows make several pages.
const moodRows = 450

func testMoods(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bad)
	}{
		{"Token_RefusedIsRenewedOnce", testRenewed},
		{"Token_RefusedForGoodIsAuth", testLocked},
		{"Token_StillRefusedAfterRenewalIsAuth", testStillRefused},
		{"Throttled_WaitsAsLongAsAsked", testThrottled},
		{"Throttled_WithoutATimeStillWaits", testThrottledRaw},
		{"Throttled_ForGoodSaysSo", testThrottledForGood},
		{"Broken_ThenFine", testBroken},
		{"Broken_ForGoodFailsInTheEnd", testBrokenForGood},
		{"Torn_IsReadAgainAndNeverShort", testTorn},
		{"Garbled_NeverLooksLikeTheEnd", testGarbled},
		{"Slow_ButComplete", testSlow},
		{"Killed_AnotherProcessGoesOn", testKilled},
		{"Resized_PagesOfAnySize", testResized},
		{"Spoiled_OneRecordAlone", testSpoiled},
		{"Changed_SchemaInTheMiddle", testChanged},
		{"Canceled_InTheMiddleOfAnAnswer", testCanceledAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h.waive(t, c.name)
			synctest.Test(t, func(t *testing.T) { c.test(t, newBad(t, h)) })
		})
	}
}

// bad is a double with rows, in a bubble where waiting takes no time.
type bad struct {
	*opened
	double *Double
	moods  *Moods
	errs   []error
}

func newBad(t *testing.T, h Harness) *bad {
	d := h.Source.data(moodRows)
	l, handler := h.Source.Moods.Load(t, d)
	double := NewDouble(handler, h.Source.Moods)
	l.Config.HTTP = double.Client()
	if !h.Source.Moods.NoTokens {
		l.Config.Tokens = double
	}
	l.Config.Now = time.Now
	b := &bad{double: double, moods: h.Source.Moods}
	t.Cleanup(func() {
		require.Zero(t, double.Open(), "answers are left open")
		for _, err := range b.errs {
			for _, secret := range double.Secrets() {
				require.NotContains(t, err.Error(), secret, "an error shows a token")
			}
		}
	})
	b.opened = open(t, h, l, d)
	return b
}

// all reads everything, going on from the last cursor for as long as errors are worth another try.
func (b *bad) all(t *testing.T, tries int) ([][]string, error) {
	t.Helper()
	var rows [][]string
	var from connector.Cursor
	splits := b.splits(t, 1)
	for try := 0; ; try++ {
		got, cursor, err := b.some(t, splits[0], from, -1)
		rows = append(rows, got...)
		if err == nil {
			return rows, nil
		}
		b.errs = append(b.errs, err)
		if class, _ := fault.RetryOf(err); class == fault.Never || try >= tries {
			return rows, err
		}
		if cursor != nil {
			from = cursor
		}
	}
}

// some reads up to a number of pages, all when it is negative.
func (b *bad) some(t *testing.T, s connector.Split, from connector.Cursor, pages int) (rows [][]string, cursor connector.Cursor, err error) {
	t.Helper()
	list, err := b.reader.Read(t.Context(), b.request(), s, from)
	require.NoError(t, err)
	defer func() { require.NoError(t, list.Close()) }()
	for n := 0; n != pages; n++ {
		p, err := list.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows, cursor, nil
		}
		if err != nil {
			return rows, cursor, err
		}
		at := p.Cursor()
		batch, err := p.Decode()
		if err != nil {
			return rows, cursor, err
		}
		rows, cursor = append(rows, Text(t, batch, b.data.Fields)...), at
		batch.Release()
	}
	return rows, cursor, nil
}

func (b *bad) complete(t *testing.T) {
	t.Helper()
	rows, err := b.all(t, 0)
	require.NoError(t, err)
	require.Equal(t, b.data.Rows, rows)
}

func testRenewed(t *testing.T, b *bad) {
	if b.moods.NoTokens {
		t.Skip("the connector uses no tokens")
	}
	b.double.Plan(once(Unauthorized, 2))
	b.complete(t)
	require.Equal(t, 1, b.double.Renewals(), "one expiry, one renewal")
}

func testLocked(t *testing.T, b *bad) {
	if b.moods.NoTokens {
		t.Skip("the connector uses no tokens")
	}
	b.double.locked = true
	b.double.Plan(func(int, *http.Request) Mood { return Unauthorized })
	_, err := b.all(t, 3)
	requireCode(t, fault.ConnectorAuth, err)
	require.LessOrEqual(t, b.double.Requests(), 2, "a dead profile is not hammered")
}

func testStillRefused(t *testing.T, b *bad) {
	b.double.Plan(func(int, *http.Request) Mood { return Unauthorized })
	_, err := b.all(t, 3)
	requireCode(t, fault.ConnectorAuth, err)
	require.LessOrEqual(t, b.double.Requests(), 2, "a dead profile is not hammered")
}

func testThrottled(t *testing.T, b *bad) {
	b.double.Plan(once(Throttled, 1, 2))
	began := time.Now()
	b.complete(t)
	require.GreaterOrEqual(t, time.Since(began), 4*time.Second, "the vendor asked for two seconds twice")
	require.Less(t, time.Since(began), time.Minute)
	b.double.Plan(once(ThrottledTil, 1))
	began = time.Now()
	b.complete(t)
	require.GreaterOrEqual(t, time.Since(began), 2*time.Second, "the vendor named a date")
}

func testThrottledRaw(t *testing.T, b *bad) {
	b.double.Plan(once(ThrottledRaw, 0, 1))
	began := time.Now()
	b.complete(t)
	require.Greater(t, time.Since(began), time.Duration(0))
	require.Less(t, time.Since(began), 5*time.Minute)
}

func testThrottledForGood(t *testing.T, b *bad) {
	b.double.Plan(func(int, *http.Request) Mood { return Throttled })
	_, err := b.all(t, 0)
	requireCode(t, fault.ConnectorServer, err)
	class, _ := fault.RetryOf(err)
	require.Equal(t, fault.Throttled, class, "%v", err)
	require.LessOrEqual(t, b.double.Requests(), 10)
}

func testBroken(t *testing.T, b *bad) {
	for _, mood := range []Mood{Broken, Away, Reset} {
		b.double.Plan(once(mood, 0, 2, 3))
		b.complete(t)
	}
}

func testBrokenForGood(t *testing.T, b *bad) {
	for _, mood := range []Mood{Broken, Reset} {
		b.double.Plan(func(int, *http.Request) Mood { return mood })
		_, err := b.all(t, 0)
		requireCode(t, fault.ConnectorServer, err)
		class, _ := fault.RetryOf(err)
		require.NotEqual(t, fault.Never, class, "%v", err)
		require.LessOrEqual(t, b.double.Requests(), 10)
	}
}

func testTorn(t *testing.T, b *bad) {
	for _, mood := range []Mood{Torn, Cut} {
		for page := range 4 {
			b.double.Plan(once(mood, page))
			rows, err := b.all(t, 2)
			require.NoError(t, err)
			require.Equal(t, b.data.Rows, rows)
		}
	}
}

func testGarbled(t *testing.T, b *bad) {
	b.double.Plan(func(n int, _ *http.Request) Mood {
		if n > b.moods.Lead+1 {
			return Garbled
		}
		return Well
	})
	rows, err := b.all(t, 1)
	requireCode(t, fault.ConnectorServer, err)
	require.Less(t, len(rows), len(b.data.Rows))
	require.Equal(t, b.data.Rows[:len(rows)], rows)
}

func testSlow(t *testing.T, b *bad) {
	b.double.Plan(once(Slow, 1))
	b.complete(t)
}

// testKilled reads a few pages, forgets everything but the cursor, and goes on over a connection of its own.
func testKilled(t *testing.T, b *bad) {
	split := b.splits(t, 1)[0]
	rows, cursor, err := b.some(t, split, nil, 2)
	require.NoError(t, err)
	rest, _, err := b.some(t, split, append(connector.Cursor(nil), cursor...), -1)
	require.NoError(t, err)
	require.Equal(t, b.data.Rows, append(rows, rest...))
}

func testResized(t *testing.T, b *bad) {
	if b.moods.Resize == nil {
		t.Skip("the harness cannot change the size of pages")
	}
	sizes := []int{7, 100, 1, 50, 33}
	b.double.resize = func(n int) int { return sizes[n%len(sizes)] }
	b.complete(t)
}

func testSpoiled(t *testing.T, b *bad) {
	if b.moods.Spoil == nil {
		t.Skip("the harness cannot spoil a record")
	}
	spoiled := false
	b.double.edit = func(_ int, body []byte) []byte {
		changed := b.moods.Spoil(body)
		spoiled = spoiled || string(changed) != string(body)
		return changed
	}
	// All fields are read, so that the value that does not fit is looked at.
	req := b.request()
	req.Fields = nil
	for _, f := range b.schema.Fields {
		if f.IsRetrievable {
			req.Fields = append(req.Fields, f.Name)
		}
	}
	rows := 0
	list, err := b.reader.Read(t.Context(), req, b.splits(t, 1)[0], nil)
	require.NoError(t, err)
	defer list.Close()
	for {
		p, err := list.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		batch, err := p.Decode()
		require.NoError(t, err, "one value that does not fit is no reason to lose its page")
		at := batch.Find(b.data.Fields[0])
		for i := range batch.Rows {
			form := Text(t, onlyColumn(batch, at), b.data.Fields[:1])
			require.Equal(t, b.data.Rows[rows+i][0], form[i][0])
			if i > 2 {
				break
			}
		}
		rows += batch.Rows
		batch.Release()
	}
	require.True(t, spoiled, "the harness has spoiled nothing")
	require.Equal(t, len(b.data.Rows), rows)
}

func testChanged(t *testing.T, b *bad) {
	if b.moods.Change == nil {
		t.Skip("the harness cannot change the schema")
	}
	b.double.edit = func(n int, body []byte) []byte {
		if n > 1 {
			return b.moods.Change(body)
		}
		return body
	}
	b.complete(t)
}

func testCanceledAnswer(t *testing.T, b *bad) {
	b.double.Plan(once(Hanging, b.moods.Lead+1))
	ctx, cancel := context.WithCancel(t.Context())
	list, err := b.reader.Read(ctx, b.request(), b.splits(t, 1)[0], nil)
	require.NoError(t, err)
	p, err := list.Next(ctx)
	require.NoError(t, err)
	p.Release()
	began := time.Now()
	time.AfterFunc(5*time.Second, cancel)
	_, err = list.Next(ctx)
	requireCode(t, fault.Canceled, err)
	require.Equal(t, 5*time.Second, time.Since(began), "at once")
	require.NoError(t, list.Close())
	require.False(t, strings.Contains(err.Error(), Token))
}
