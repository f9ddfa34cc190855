package batch_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
)

// column makes a text column in pool.
func column(pool *batch.Pool, name string, cells ...string) batch.Column {
	b := batch.NewTextBuilder(pool, len(cells))
	for i, c := range cells {
		b.Append(i, []byte(c))
	}
	return b.Build(name, batch.Text)
}

func TestBatch_LastReleaseGivesEverythingBack(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	b := batch.New([]batch.Column{column(pool, "a", "short", "a text that is not short"), column(pool, "b", "", "")}, 2, batch.Origin{})
	b.Retain()
	b.Release()
	require.Positive(t, pool.InUse())
	view := batch.OpenText(b.Columns[0])
	require.Equal(t, "a text that is not short", string(view.Bytes(1)))
	b.Release()
	require.Zero(t, pool.InUse())
}

func TestBatch_ReleasedFromManyGoroutines(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	b := batch.New([]batch.Column{column(pool, "a", "a text that is not short")}, 1, batch.Origin{})
	var group sync.WaitGroup
	for range 8 {
		b.Retain()
		group.Go(func() {
			view := batch.OpenText(b.Columns[0])
			if string(view.Bytes(0)) != "a text that is not short" {
				t.Error("the text changed while it was retained")
			}
			b.Release()
		})
	}
	b.Release()
	group.Wait()
	require.Zero(t, pool.InUse())
}

func TestBatch_FindsColumnsByName(t *testing.T) {
	t.Parallel()
	b := batch.New([]batch.Column{{Name: "a"}, {Name: "b"}}, 0, batch.Origin{})
	require.Equal(t, 1, b.Find("b"))
	require.Equal(t, -1, b.Find("B"))
}

func TestOrigin_RecordOfARow(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(12), batch.Origin{First: 10}.Record(2))
	require.Equal(t, int64(15), batch.Origin{First: 10, Index: []int32{0, 3, 5}}.Record(2))
}

func TestKind_ArrowTypesAreDistinct(t *testing.T) {
	t.Parallel()
	for typ := batch.Text; typ <= batch.Binary; typ++ {
		k := batch.Kind{Type: typ, Precision: 10, Scale: 2}
		require.NotNil(t, k.ArrowType(), typ)
		require.Equal(t, typ == batch.Text || typ == batch.String || typ == batch.JSON, k.IsText(), typ)
		require.NotEqual(t, "unknown", typ.String())
	}
	require.Equal(t, "unknown", batch.Type(99).String())
	require.Panics(t, func() { batch.Kind{}.ArrowType() })
}
