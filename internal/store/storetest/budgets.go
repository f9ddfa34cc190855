package storetest

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

var budgetTests = map[string]func(*testing.T, store.Store){
	"AreKeptUnderTheirNames": func(t *testing.T, s store.Store) {
		set := func(name, text string) error {
			return s.BudgetChange(t.Context(), name, func([]byte) ([]byte, error) { return []byte(text), nil })
		}
		require.Empty(t, budgetDocument(t, s, "a"))
		require.NoError(t, set("a", `{"used": 1}`))
		require.NoError(t, set("b", `{"used": 2}`))
		require.JSONEq(t, `{"used":1}`, budgetDocument(t, s, "a"))
		require.NoError(t, set("a", `{"used": 3}`))
		require.JSONEq(t, `{"used":3}`, budgetDocument(t, s, "a"), "looking has changed nothing")
		require.JSONEq(t, `{"used":2}`, budgetDocument(t, s, "b"))
		requireCode(t, fault.Validation, set("a", `{`))
		requireCode(t, fault.Validation, set("", `{}`))
		require.JSONEq(t, `{"used":3}`, budgetDocument(t, s, "a"))
	},
	"StayAsTheyWereAfterAnError": func(t *testing.T, s store.Store) {
		full := errors.New("full")
		err := s.BudgetChange(t.Context(), "a", func([]byte) ([]byte, error) { return []byte(`{}`), full })
		require.ErrorIs(t, err, full)
		require.Empty(t, budgetDocument(t, s, "a"))
	},
	"LoseNoChange": func(t *testing.T, s store.Store) {
		const writers, each = 6, 20
		errs := make(chan error, writers*each)
		var wait sync.WaitGroup
		for range writers {
			wait.Go(func() {
				for range each {
					errs <- s.BudgetChange(t.Context(), "counter", func(old []byte) ([]byte, error) {
						n := 0
						if old != nil {
							var err error
							if n, err = strconv.Atoi(string(old)); err != nil {
								return nil, err
							}
						}
						return strconv.AppendInt(nil, int64(n+1), 10), nil
					})
				}
			})
		}
		wait.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, strconv.Itoa(writers*each), budgetDocument(t, s, "counter"))
	},
}
