package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

func testToken(token string, createdAt time.Time) *store.Token {
	return &store.Token{
		Operation: "CreateFlow", Token: token, RequestHash: "hash of " + token, Response: json.RawMessage(`{"flowArn":"a"}`),
		CreatedAt: createdAt,
	}
}

func testKey(id string) *store.AccessKey {
	return &store.AccessKey{
		ID: id, Name: "ada", SealedSecret: []byte{0, 1, 0xff}, Policy: json.RawMessage(`{"Statement":[]}`), Disabled: true,
		CreatedAt: kept(instant), ExpiresAt: kept(instant.Add(time.Hour)),
	}
}

func testEvent(n int) *store.AuditEvent {
	return &store.AuditEvent{
		At: kept(instant.Add(time.Duration(n) * time.Second)), Operation: "CreateFlow", Principal: "ada", KeyID: "AKIA1",
		SourceIP: "10.0.0.1", UserAgent: "curl \x00 <1>", RequestID: fmt.Sprint("r", n),
		Region: "eu-north-1", Resource: "flow/orders", ErrorCode: "ValidationException", Message: "no", Request: json.RawMessage(`{"flowName":"orders"}`),
		Response: json.RawMessage(`{"flowArn":"a"}`),
	}
}

var accessTests = map[string]func(*testing.T, store.Store){
	"TokensAreKeptUntilPruned": func(t *testing.T, s store.Store) {
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.TokenPut(ctx, testToken("old", instant)))
			return tx.TokenPut(ctx, testToken("new", instant.Add(time.Hour)))
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.TokenGet(ctx, "CreateFlow", "old")
			require.Equal(t, testToken("old", kept(instant)), got)
			_, other := tx.TokenGet(ctx, "StartFlow", "old")
			requireCode(t, fault.NotFound, other)
			return err
		})
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.TokenPrune(ctx, instant.Add(time.Second)) })
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			_, pruned := tx.TokenGet(ctx, "CreateFlow", "old")
			requireCode(t, fault.NotFound, pruned)
			_, err := tx.TokenGet(ctx, "CreateFlow", "new")
			return err
		})
	},
	"KeysReturnWhatWasPut": func(t *testing.T, s store.Store) {
		open := &store.AccessKey{ID: "AKIA2", CreatedAt: kept(instant.Add(-time.Hour))}
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.KeyPut(ctx, testKey("AKIA1")))
			return tx.KeyPut(ctx, open)
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			list, err := tx.KeyList(ctx)
			require.NoError(t, err)
			require.Len(t, list, 2)
			require.Equal(t, open, list[0])
			require.Equal(t, testKey("AKIA1"), list[1])
			got, err := tx.KeyGet(ctx, "AKIA1")
			require.Equal(t, testKey("AKIA1"), got)
			return err
		})
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.KeyDelete(ctx, "AKIA1") })
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			_, err := tx.KeyGet(ctx, "AKIA1")
			requireCode(t, fault.NotFound, err)
			return nil
		})
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.KeyDelete(ctx, "AKIA1")
		}))
	},
	"AuditPagesInOrder": func(t *testing.T, s store.Store) {
		for i := range 5 {
			write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.AuditAppend(ctx, testEvent(i)) })
		}
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			after, n := int64(0), 0
			for {
				page, err := tx.AuditList(ctx, after, 2)
				require.NoError(t, err)
				for _, e := range page {
					want := testEvent(n)
					want.ID = e.ID
					require.Equal(t, want, e)
					require.Greater(t, e.ID, after)
					after, n = e.ID, n+1
				}
				if len(page) < 2 {
					break
				}
			}
			require.Equal(t, 5, n)
			return nil
		})
	},
	"AuditScansRangesBothWays": func(t *testing.T, s store.Store) {
		for i := range 6 {
			write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.AuditAppend(ctx, testEvent(i)) })
		}
		at := func(n int) time.Time { return testEvent(n).At }
		for _, test := range []struct {
			query store.AuditQuery
			want  string
		}{
			{store.AuditQuery{Limit: 10}, "r0r1r2r3r4r5"},
			{store.AuditQuery{Limit: 2}, "r0r1"},
			{store.AuditQuery{Limit: 2, NewestFirst: true}, "r5r4"},
			{store.AuditQuery{Limit: 2, NewestFirst: true, BeforeID: 4}, "r2r1"},
			{store.AuditQuery{Limit: 10, AfterID: 2, BeforeID: 5}, "r2r3"},
			{store.AuditQuery{Limit: 10, Since: at(1), Until: at(4)}, "r1r2r3"},
			{store.AuditQuery{Limit: 2, Since: at(1), Until: at(4), NewestFirst: true}, "r3r2"},
			{store.AuditQuery{Limit: 10, AfterID: 3, Until: at(3)}, ""},
			{store.AuditQuery{}, ""},
		} {
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				list, err := tx.AuditScan(ctx, test.query)
				got := ""
				for _, e := range list {
					got += e.RequestID
				}
				require.Equal(t, test.want, got, "%+v", test.query)
				return err
			})
		}
	},
	"AuditIsPrunedFromTheOldEnd": func(t *testing.T, s store.Store) {
		for i := range 5 {
			write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.AuditAppend(ctx, testEvent(i)) })
		}
		for _, step := range []struct{ limit, pruned, left int }{{0, 0, 5}, {2, 2, 3}, {2, 1, 2}, {2, 0, 2}} {
			write(t, s, func(ctx context.Context, tx store.Tx) error {
				n, err := tx.AuditPrune(ctx, testEvent(3).At, step.limit)
				require.Equal(t, step.pruned, n)
				return err
			})
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				list, err := tx.AuditList(ctx, 0, 10)
				require.Len(t, list, step.left)
				require.Equal(t, "r4", list[len(list)-1].RequestID)
				return err
			})
		}
		event := testEvent(9)
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			_, err := tx.AuditPrune(ctx, testEvent(9).At, 10)
			require.NoError(t, err)
			return tx.AuditAppend(ctx, event)
		})
		require.EqualValues(t, 6, event.ID, "no id is given out twice")
	},
	"SettingsAreReplaced": func(t *testing.T, s store.Store) {
		for _, value := range []string{"one", "two", ""} {
			write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.SettingPut(ctx, "id", value) })
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				got, err := tx.SettingGet(ctx, "id")
				require.Equal(t, value, got)
				_, missing := tx.SettingGet(ctx, "none")
				requireCode(t, fault.NotFound, missing)
				return err
			})
		}
	},
}
