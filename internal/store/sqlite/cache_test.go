package sqlite_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
	"weir.dev/weir/internal/store/storetest"
)

func TestClone_SharesNoMemory(t *testing.T) {
	t.Parallel()
	f := storetest.FullFlow()
	c := sqlite.Clone(f)
	require.Equal(t, f, c)
	pointers := 0
	requireApart(t, "flow", reflect.ValueOf(f), reflect.ValueOf(c), &pointers)
	require.Greater(t, pointers, 25, "FullFlow sets everything")
}

func requireApart(t *testing.T, path string, a, b reflect.Value, pointers *int) {
	t.Helper()
	if a.Type().PkgPath() == "time" && a.Kind() == reflect.Struct {
		return // a time points to its zone, which nobody can change
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		require.False(t, a.IsNil(), "FullFlow leaves %s out", path)
		require.NotEqual(t, a.Pointer(), b.Pointer(), "%s is shared", path)
		*pointers++
	}
	switch a.Kind() {
	case reflect.Pointer:
		requireApart(t, path, a.Elem(), b.Elem(), pointers)
	case reflect.Struct:
		for i := range a.NumField() {
			requireApart(t, path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i), pointers)
		}
	case reflect.Slice:
		for i := range a.Len() {
			requireApart(t, fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i), pointers)
		}
	}
}

func TestCache_StaysWithinItsBytes(t *testing.T) {
	t.Parallel()
	for _, bytes := range []int{-1, 1, 4096, 1 << 20} {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{CacheBytes: bytes})
		require.NoError(t, err)
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			for i := range 20 {
				f := storetest.FullFlow()
				f.Name = fmt.Sprint("flow-", i)
				require.NoError(t, tx.FlowPut(t.Context(), f))
			}
			return nil
		}))
		for range 2 {
			for i := range 20 {
				require.NoError(t, s.Read(t.Context(), func(tx store.ReadTx) error {
					f, err := tx.FlowGet(t.Context(), fmt.Sprint("flow-", i))
					require.Equal(t, fmt.Sprint("flow-", i), f.Name)
					return err
				}))
			}
		}
		flows, size := sqlite.CacheSize(s)
		require.LessOrEqual(t, size, max(bytes, 0))
		require.Equal(t, bytes == 1<<20, flows == 20)
		require.NoError(t, s.Close())
	}
}

// A page of a long history must not cost more than one of a short one: no query scans a table or sorts.
func TestQueries_UseAnIndex(t *testing.T) {
	t.Parallel()
	scans := map[string]bool{ // of few rows, or of all by their purpose
		"FlowCount": true, "ProfileCount": true, "RegistrationCount": true, "KeyList": true, "LeaseTokenNext": true, "LeaseTokenRaise": true, "AuditIDRaise": true,
		"CountersGet": true,
	}
	plans, err := sqlite.QueryPlans(t.Context(), open(t))
	require.NoError(t, err)
	for name, steps := range plans {
		for _, step := range steps {
			if scans[name] || strings.HasPrefix(step, "SCAN CONSTANT ROW") || strings.HasPrefix(step, "SCAN json_each") {
				continue
			}
			isOrderedWalk := (name == "ExecutionUnfinished" || name == "ExecutionUnheld") && strings.Contains(step, "INDEX executions_unfinished")
			require.True(t, isOrderedWalk || !strings.HasPrefix(step, "SCAN"), "%s: %s", name, step)
			require.NotContains(t, step, "TEMP B-TREE", name)
		}
	}
	require.Contains(t, strings.Join(plans["ExecutionListAfter"], " "), "executions_by_flow (flow_name=? AND (started_at,id)<(?,?))")
	require.Contains(t, strings.Join(plans["RegistrationUsers"], " "), "profiles_by_label (label=?)")
	require.Contains(t, strings.Join(plans["ExecutionUnfinishedOf"], " "), "executions_unfinished_by_flow")
}
