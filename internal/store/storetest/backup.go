package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Fill puts at least one row of every kind into a store, with every member set and hostile texts in it.
func Fill(t testing.TB, s store.Store) {
	t.Helper()
	fence := prepared(t, s, "x1", 3)
	write(t, s, func(ctx context.Context, tx store.Tx) error {
		f := FullFlow()
		require.NoError(t, tx.FlowPut(ctx, f))
		f.Version++
		require.NoError(t, tx.FlowPut(ctx, f))
		require.NoError(t, tx.ExecutionPut(ctx, FullExecution()))
		require.NoError(t, tx.WatermarkPut(ctx, &flow.Watermark{
			FlowName: f.Name, To: instant, ExecutionID: FullExecution().ID, Edit: &flow.WatermarkEdit{From: instant, By: "arn", At: instant},
		}))
		split := &store.Split{
			ExecutionID: "x1", Index: 1, State: store.SplitDone, Totals: FullExecution().Totals, Attempts: 2,
			Checkpoint: json.RawMessage(`{"cursor":"\u0000\ud800<&>\n"}`), Message: "line\nbreak \x00 \"quotes\"",
		}
		receipts := []*store.Receipt{receipt("x1", 1, 1, "a"), receipt("x1", 1, 2, "b")}
		require.NoError(t, tx.SplitSave(ctx, fence, split, receipts, testRejects(1, 3)))
		require.NoError(t, tx.ProfilePut(ctx, testProfile("crm")))
		require.NoError(t, tx.ProfilePut(ctx, &store.Profile{Profile: flow.Profile{Name: "empty"}}))
		require.NoError(t, tx.FlowPut(ctx, flowWithProfiles("uses-crm", 1, "crm", "warehouse")))
		require.NoError(t, tx.RegistrationPut(ctx, FullRegistration()))
		require.NoError(t, tx.TimetablePut(ctx, testTimetable(f.Name, &instant)))
		require.NoError(t, tx.TimetablePut(ctx, testTimetable("uses-crm", nil)))
		require.NoError(t, tx.OutboxPut(ctx, testLetter("letter", instant)))
		require.NoError(t, tx.ListenerPut(ctx, FullListener(f.Name)))
		require.NoError(t, tx.InboxAppend(ctx, []*store.EventChunk{testChunk(f.Name, 7), testChunk(f.Name, 8)}))
		require.NoError(t, tx.EventIDPut(ctx, []store.EventID{{FlowName: f.Name, ID: "a/<key> of \u00fc", Until: instant}}))
		require.NoError(t, tx.TokenPut(ctx, testToken("token", instant)))
		require.NoError(t, tx.KeyPut(ctx, testKey("AKIA1")))
		require.NoError(t, tx.KeyPut(ctx, &store.AccessKey{ID: "AKIA2", CreatedAt: instant}))
		require.NoError(t, tx.AuditAppend(ctx, testEvent(1)))
		require.NoError(t, tx.AuditAppend(ctx, testEvent(2)))
		return tx.SettingPut(ctx, "id", "one")
	})
	require.NoError(t, s.BudgetChange(t.Context(), "crm", func([]byte) ([]byte, error) { return []byte(`{"used":7}`), nil }))
}

// RequireSame checks that two stores answer every reading call alike.
func RequireSame(t testing.TB, want, got store.Store) {
	t.Helper()
	require.Equal(t, everything(t, want), everything(t, got))
}

// budgetDocument is what is kept of a budget.
func budgetDocument(t testing.TB, s store.Store, name string) (text string) {
	t.Helper()
	require.NoError(t, s.BudgetChange(t.Context(), name, func(old []byte) ([]byte, error) {
		text = string(old)
		return nil, nil
	}))
	return text
}

func everything(t testing.TB, s store.Store) map[string]any {
	all := map[string]any{}
	note := func(name string, v any, err error) {
		require.NoError(t, err, name)
		all[name] = v
	}
	note("budget", budgetDocument(t, s, "crm"), nil)
	read(t, s, func(ctx context.Context, tx store.ReadTx) error {
		flows, err := tx.FlowList(ctx, "", 1000)
		note("flows", flows, err)
		for _, f := range flows {
			versions, err := tx.FlowVersionList(ctx, f.Name, 1000)
			note("versions of "+f.Name, versions, err)
			if w, err := tx.WatermarkGet(ctx, f.Name); !fault.Is(err, fault.NotFound) {
				note("watermark of "+f.Name, w, err)
			}
			if table, err := tx.TimetableGet(ctx, f.Name); !fault.Is(err, fault.NotFound) {
				note("timetable of "+f.Name, table, err)
			}
			if l, err := tx.ListenerGet(ctx, f.Name); !fault.Is(err, fault.NotFound) {
				note("listener of "+f.Name, l, err)
			}
			chunks, err := tx.InboxList(ctx, f.Name, 0, 1000, 1000)
			note("inbox of "+f.Name, chunks, err)
			ids, err := tx.EventIDList(ctx, f.Name, "", 1000)
			note("event ids of "+f.Name, ids, err)
			executions, err := tx.ExecutionList(ctx, f.Name, nil, 1000)
			note("executions of "+f.Name, executions, err)
			for _, x := range executions {
				noteLedger(ctx, tx, x.ID, note)
			}
		}
		unfinished, err := tx.ExecutionUnfinished(ctx)
		note("unfinished", unfinished, err)
		profiles, err := tx.ProfileList(ctx, store.ProfileQuery{Limit: 1000})
		note("profiles", profiles, err)
		for _, p := range profiles {
			users, err := tx.ProfileUsers(ctx, p.Name, 1000)
			note("users of "+p.Name, users, err)
		}
		registrations, err := tx.RegistrationList(ctx, "", 1000)
		note("registrations", registrations, err)
		letters, err := tx.OutboxDue(ctx, instant, 1000)
		note("outbox", letters, err)
		token, err := tx.TokenGet(ctx, "CreateFlow", "token")
		note("token", token, err)
		keys, err := tx.KeyList(ctx)
		note("keys", keys, err)
		audit, err := tx.AuditList(ctx, 0, 1000)
		note("audit", audit, err)
		id, err := tx.SettingGet(ctx, "id")
		note("setting", id, err)
		return nil
	})
	return all
}

func noteLedger(ctx context.Context, tx store.ReadTx, id string, note func(string, any, error)) {
	if plan, err := tx.PlanGet(ctx, id); !fault.Is(err, fault.NotFound) {
		note("plan of "+id, plan, err)
	}
	splits, err := tx.SplitList(ctx, id)
	note("splits of "+id, splits, err)
	receipts, err := tx.ReceiptList(ctx, id)
	note("receipts of "+id, receipts, err)
	rejects, err := tx.RejectList(ctx, id, 1000)
	note("rejects of "+id, rejects, err)
	n, err := tx.RejectCount(ctx, id)
	note("reject count of "+id, n, err)
}

func backup(t testing.TB, s store.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.Backup(t.Context(), &b))
	return b.Bytes()
}

func backupTests(open OpenFunc) map[string]func(*testing.T, store.Store) {
	return map[string]func(*testing.T, store.Store){
		"RestoreBringsEverythingBack": func(t *testing.T, s store.Store) {
			Fill(t, s)
			other := open(t)
			require.NoError(t, other.Restore(t.Context(), bytes.NewReader(backup(t, s))))
			RequireSame(t, s, other)
		},
		"AnEmptyStoreIsABackupToo": func(t *testing.T, s store.Store) {
			other := open(t)
			require.NoError(t, other.Restore(t.Context(), bytes.NewReader(backup(t, s))))
		},
		"NumbersGoOnAfterARestore": func(t *testing.T, s store.Store) {
			Fill(t, s)
			old := mustAcquire(t, s, "l", "a", instant)
			other := open(t)
			require.NoError(t, other.Restore(t.Context(), bytes.NewReader(backup(t, s))))
			requireCode(t, fault.Fenced, check(t, other, old))
			require.Greater(t, mustAcquire(t, other, "l", "b", instant).Token, old.Token)
			event, tries := testEvent(3), 0
			write(t, other, func(ctx context.Context, tx store.Tx) error { tries++; return tx.AuditAppend(ctx, event) })
			require.EqualValues(t, 3, event.ID)
			require.Equal(t, 1, tries, "a number that is taken would be tried first")
		},
		"IntoANonEmptyStoreIsAConflict": func(t *testing.T, s store.Store) {
			Fill(t, s)
			archive := backup(t, s)
			for name, fill := range map[string]func(context.Context, store.Tx) error{
				"setting": func(ctx context.Context, tx store.Tx) error { return tx.SettingPut(ctx, "a", "b") },
				"audit":   func(ctx context.Context, tx store.Tx) error { return tx.AuditAppend(ctx, testEvent(1)) },
				"lease": func(ctx context.Context, tx store.Tx) error {
					_, err := tx.LeaseAcquire(ctx, "l", "a", instant, time.Minute)
					return err
				},
			} {
				other := open(t)
				write(t, other, fill)
				requireCode(t, fault.Conflict, other.Restore(t.Context(), bytes.NewReader(archive)))
				requireNoFlow(t, other, "orders")
				require.NotEmpty(t, name)
			}
		},
		"ATornArchiveRestoresNothing": func(t *testing.T, s store.Store) {
			Fill(t, s)
			archive := backup(t, s)
			other := open(t)
			for length := 0; length < len(archive); length += max(1, len(archive)/25) {
				requireDamaged(t, other, archive[:length])
			}
			requireDamaged(t, other, archive[:len(archive)-1])
			require.NoError(t, other.Restore(t.Context(), bytes.NewReader(archive)))
		},
		"AFlippedBitRestoresNothing": func(t *testing.T, s store.Store) {
			Fill(t, s)
			archive := backup(t, s)
			other := open(t)
			for at := 0; at < len(archive); at += max(1, len(archive)/40) {
				bad := bytes.Clone(archive)
				bad[at] ^= 0x10
				if saysTheSame(t, archive, bad) {
					continue // the compression has bits that nobody reads
				}
				requireDamaged(t, other, bad)
			}
		},
		"AForgedArchiveRestoresNothing": func(t *testing.T, s store.Store) {
			Fill(t, s)
			text := unpack(t, backup(t, s))
			other := open(t)
			for name, change := range map[string][2]string{
				"another format":      {`"weir-backup"`, `"pg_dump"`},
				"a later format":      {`"formatVersion":1`, `"formatVersion":2`},
				"another schema":      {`"schemaVersion":`, `"schemaVersion":99`},
				"an unknown table":    {`"table":"flows"`, `"table":"sqlite_schema"`},
				"an unknown column":   {`"sealed_secret"`, `"sealed_secret; DROP TABLE flows"`},
				"a row less":          {`["id","one"]` + "\n", ``},
				"a value of no sense": {`["AKIA1","ada"`, `["AKIA1",7`},
				"a value too few":     {`["id","one"]`, `["id"]`},
				"a child, no parent":  {`["x1",1,1,`, `["x7",1,1,`},
				"no end":              {`{"end":true`, `{"end":false`},
			} {
				forged := bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)
				require.NotEqual(t, text, forged, name)
				require.Error(t, other.Restore(t.Context(), bytes.NewReader(pack(t, forged))), name)
				requireNoFlow(t, other, "orders")
			}
			requireDamaged(t, other, pack(t, append(bytes.Clone(text), "more"...)))
			requireDamaged(t, other, append(pack(t, text), "more"...))
			requireDamaged(t, other, append(pack(t, text), pack(t, []byte("more"))...))
			require.NoError(t, other.Restore(t.Context(), bytes.NewReader(pack(t, text))))
		},
		"ABackupIsOneSnapshot": func(t *testing.T, s store.Store) {
			Fill(t, s)
			write(t, s, func(ctx context.Context, tx store.Tx) error { // more than a compressor holds back
				for i := range 40 {
					require.NoError(t, tx.SettingPut(ctx, fmt.Sprint("noise-", i), noise(32<<10)))
				}
				return nil
			})
			// The writer below is called with the first bytes; what is committed then is not part of the backup.
			isFirst := true
			var b bytes.Buffer
			require.NoError(t, s.Backup(t.Context(), writerFunc(func(p []byte) (int, error) {
				if isFirst {
					isFirst = false
					write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.AuditAppend(ctx, testEvent(9)) })
				}
				return b.Write(p)
			})))
			other := open(t)
			require.NoError(t, other.Restore(t.Context(), &b))
			read(t, other, func(ctx context.Context, tx store.ReadTx) error {
				list, err := tx.AuditList(ctx, 0, 10)
				require.Len(t, list, 2)
				return err
			})
		},
		"AWriterThatFailsFailsTheBackup": func(t *testing.T, s store.Store) {
			errFull := errors.New("no space")
			err := s.Backup(t.Context(), writerFunc(func([]byte) (int, error) { return 0, errFull }))
			require.ErrorIs(t, err, errFull)
		},
	}
}

func requireDamaged(t *testing.T, s store.Store, archive []byte) {
	t.Helper()
	requireCode(t, fault.Validation, s.Restore(t.Context(), bytes.NewReader(archive)))
	requireNoFlow(t, s, "orders")
}

// saysTheSame reports whether two frames hold the same text, checksums included.
func saysTheSame(t testing.TB, one, other []byte) bool {
	r, err := zstd.NewReader(bytes.NewReader(other))
	if err != nil {
		return false
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return err == nil && bytes.Equal(text, unpack(t, one))
}

func unpack(t testing.TB, archive []byte) []byte {
	r, err := zstd.NewReader(bytes.NewReader(archive))
	require.NoError(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return text
}

func pack(t testing.TB, text []byte) []byte {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return w.EncodeAll(text, nil)
}

// noise is text that does not compress well.
func noise(n int) string {
	source := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('!' + source.IntN('~'-'!'))
	}
	return string(b)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
