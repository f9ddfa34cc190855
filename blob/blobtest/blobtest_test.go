package blobtest_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/memblob"
)

// TestFaulty_WithoutFaultsIsTheBucket also checks that a wrapped bucket keeps the contract.
func TestFaulty_WithoutFaultsIsTheBucket(t *testing.T) {
	t.Parallel()
	wrap := func(b blob.Bucket) blob.Bucket {
		return blobtest.Faulty(b, func(blobtest.Point) error { return nil })
	}
	blobtest.Run(t, blobtest.Harness{New: func(t *testing.T) blobtest.Fixture {
		store := memblob.NewStore("test", nil)
		return blobtest.Fixture{
			Bucket: wrap(store.Open()),
			Again:  func(*testing.T) blob.Bucket { return wrap(store.Open()) },
			Put:    func(_ *testing.T, key string, data []byte) { store.Put(key, data) },
			Traces: func(*testing.T) []string { return store.Staged() },
		}
	}})
}

// TestFaulty_LostAnswerAndRefusedCallDiffer: before a call nothing has happened, after it everything has.
func TestFaulty_LostAnswerAndRefusedCallDiffer(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, after := range []bool{false, true} {
		store := memblob.NewStore("test", nil)
		s := blobtest.Stage(t, store.Open(), "e1", "out/e1", []byte("x"))
		b := blobtest.Faulty(store.Open(), func(p blobtest.Point) error {
			if p.Op == blobtest.OpPublish && p.After == after && p.Call == 0 {
				require.Equal(t, "out/e1", p.Key)
				return broken
			}
			return nil
		})
		require.ErrorIs(t, b.Publish(t.Context(), s), broken)
		require.Equal(t, after, len(blobtest.Keys(t, b, "")) == 1)
		require.NoError(t, b.Publish(t.Context(), s))
		require.Equal(t, []string{"out/e1"}, blobtest.Keys(t, b, ""))
	}
}
