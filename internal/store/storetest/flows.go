package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

var flowTests = map[string]func(*testing.T, store.Store){
	"GetReturnsWhatWasPut": func(t *testing.T, s store.Store) {
		want := FullFlow()
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, want) })
		for range 2 { // from the database, then perhaps from a cache
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				got, err := tx.FlowGet(ctx, want.Name)
				require.Equal(t, want, got)
				return err
			})
		}
	},
	"AbsentAndEmptyAreKeptApart": func(t *testing.T, s store.Store) {
		absent := &flow.Flow{Name: "absent", Definition: flow.Definition{Trigger: flow.Trigger{Type: flow.TriggerOnDemand}}}
		empty := &flow.Flow{Name: "empty", Tags: map[string]string{}, Definition: flow.Definition{
			Description: ptr(""),
			Trigger:     flow.Trigger{Type: flow.TriggerOnDemand, Properties: &flow.TriggerProperties{}},
			Source:      flow.Source{Properties: flow.Properties(`{}`)},
			Tasks: []flow.Task{{
				SourceFields: []string{}, Operators: map[string]flow.Operator{}, Properties: map[string]string{},
			}},
		}}
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.FlowPut(ctx, absent))
			return tx.FlowPut(ctx, empty)
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.FlowGet(ctx, "absent")
			require.NoError(t, err)
			require.Nil(t, got.Description)
			require.Nil(t, got.Trigger.Properties)
			require.Nil(t, got.Tags)
			require.Nil(t, got.LastRun)
			require.Nil(t, got.Source.Properties)
			got, err = tx.FlowGet(ctx, "empty")
			require.NoError(t, err)
			require.Equal(t, empty.Definition.Tasks, got.Tasks)
			require.Equal(t, empty.Trigger, got.Trigger)
			require.NotNil(t, got.Tags)
			require.Equal(t, "", *got.Description)
			return nil
		})
	},
	"TimesAreKeptToTheMicrosecondInUTC": func(t *testing.T, s store.Store) {
		f := FullFlow()
		f.CreatedAt, f.LastRun.Time, f.Trigger.Properties.Scheduled.Start = instant, instant, &instant
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, f) })
		require.Equal(t, instant, f.CreatedAt, "the caller's flow is not touched")
		require.Equal(t, &instant, f.Trigger.Properties.Scheduled.Start)
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.FlowGet(ctx, f.Name)
			require.Equal(t, kept(instant), got.CreatedAt)
			require.Equal(t, kept(instant), got.LastRun.Time)
			require.Equal(t, kept(instant), *got.Trigger.Properties.Scheduled.Start)
			return err
		})
	},
	"AFlowBelongsToWhoGotIt": func(t *testing.T, s store.Store) {
		f := FullFlow()
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, f) })
		for range 3 {
			read(t, s, func(ctx context.Context, tx store.ReadTx) error {
				got, err := tx.FlowGet(ctx, f.Name)
				require.Equal(t, FullFlow(), got)
				got.Tags["team"], got.LastRun.Message, got.Tasks[0].SourceFields[0] = "spoilt", "spoilt", "spoilt"
				*got.Description = "spoilt"
				return err
			})
		}
	},
	"NotFound": func(t *testing.T, s store.Store) {
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			_, err := tx.FlowGet(ctx, "none")
			requireCode(t, fault.NotFound, err)
			return nil
		})
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.FlowDelete(ctx, "none")
		}))
	},
	"ListPagesByNameInByteOrder": func(t *testing.T, s store.Store) {
		names := []string{"Z", "_a", "a", "a-b", "a_b", "ab", "b"} // no locale sorts like this
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			for i := range names {
				require.NoError(t, tx.FlowPut(ctx, testFlow(names[len(names)-1-i], 1)))
			}
			return nil
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			var got []string
			for after := ""; ; {
				page, err := tx.FlowList(ctx, after, 3)
				require.NoError(t, err)
				for _, f := range page {
					got = append(got, f.Name)
				}
				if len(page) < 3 {
					break
				}
				after = page[2].Name
			}
			require.Equal(t, names, got)
			n, err := tx.FlowCount(ctx)
			require.Equal(t, len(names), n)
			none, listErr := tx.FlowList(ctx, "", 0)
			require.NoError(t, listErr)
			require.Empty(t, none)
			return err
		})
	},
	"EveryNewVersionIsRemembered": func(t *testing.T, s store.Store) {
		for version := int64(1); version <= 3; version++ {
			for _, message := range []string{"first", "later"} {
				f := testFlow("orders", version)
				f.StatusMessage = fmt.Sprint(message, version)
				write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, f) })
			}
		}
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.FlowVersionList(ctx, "orders", 2)
			require.Len(t, got, 2)
			require.Equal(t, "first3", got[0].StatusMessage)
			require.Equal(t, "first2", got[1].StatusMessage)
			return err
		})
	},
	"DeleteTakesTheHistoryAlong": func(t *testing.T, s store.Store) {
		fence := prepared(t, s, "x1", 2)
		prepared(t, s, "x2", 1)
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			split := &store.Split{ExecutionID: "x1", Index: 1, State: store.SplitDone}
			receipts := []*store.Receipt{{ExecutionID: "x1", Split: 1, Sequence: 1, Data: []byte(`{}`)}}
			require.NoError(t, tx.SplitSave(ctx, fence, split, receipts, testRejects(1, 3)))
			return tx.WatermarkPut(ctx, &flow.Watermark{FlowName: "flow-of-x1", To: instant, ExecutionID: "x1"})
		})
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowDelete(ctx, "flow-of-x1") })
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			_, err := tx.FlowGet(ctx, "flow-of-x1")
			requireCode(t, fault.NotFound, err)
			_, err = tx.ExecutionGet(ctx, "x1")
			requireCode(t, fault.NotFound, err)
			_, err = tx.PlanGet(ctx, "x1")
			requireCode(t, fault.NotFound, err)
			_, err = tx.WatermarkGet(ctx, "flow-of-x1")
			requireCode(t, fault.NotFound, err)
			versions, err := tx.FlowVersionList(ctx, "flow-of-x1", 10)
			require.NoError(t, err)
			require.Empty(t, versions)
			splits, err := tx.SplitList(ctx, "x1")
			require.NoError(t, err)
			require.Empty(t, splits)
			receipts, err := tx.ReceiptList(ctx, "x1")
			require.NoError(t, err)
			require.Empty(t, receipts)
			rejects, err := tx.RejectList(ctx, "x1", 10)
			require.NoError(t, err)
			require.Empty(t, rejects)
			_, err = tx.SplitGet(ctx, "x2", 0)
			return err // the other flow's history stays
		})
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.ExecutionPut(ctx, testExecution("flow-of-x1", "x1", instant.Add(time.Second)))
		}))
	},
}
