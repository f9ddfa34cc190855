package batch_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
)

func TestPool_BuffersComeBackAndAreUsedAgain(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	a := pool.Allocate(5000)
	require.Len(t, a, 5000)
	require.Equal(t, 5120, cap(a))
	require.Equal(t, int64(5120), pool.InUse())
	pool.Free(a[:0]) // whatever its length is by now
	require.Zero(t, pool.InUse())
	require.Len(t, pool.Allocate(5100), 5100)
	require.Equal(t, int64(5120), pool.InUse())
}

func TestPool_Sizes(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	require.Nil(t, pool.Allocate(0))
	pool.Free(nil)
	for _, size := range []int{1, 1023, 1024, 1025, 1280, 1281, 2047, 2048, 2049, 2561, 5000, 7000, 9000, 13000, 30000, 100_000, 1 << 20, 1<<20 + 1} {
		b := pool.Allocate(size)
		require.Len(t, b, size)
		require.Zero(t, uintptr(unsafe.Pointer(&b[0]))%64, "aligned")
		require.LessOrEqual(t, cap(b), max(size+size/4, 1024)+1, "at most a quarter more")
		pool.Free(b)
	}
	require.Zero(t, pool.InUse())
}

func TestPool_ReallocateKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	b := pool.Allocate(1000)
	copy(b, "hello")
	b = pool.Reallocate(1024, b)
	require.Equal(t, "hello", string(b[:5]))
	require.Equal(t, int64(1024), pool.InUse(), "in place")
	b = pool.Reallocate(100_000, b)
	require.Equal(t, "hello", string(b[:5]))
	b = pool.Reallocate(3, b)
	require.Equal(t, "hel", string(b))
	b = pool.Reallocate(0, b)
	b = pool.Reallocate(3, b)
	pool.Free(b)
	require.Zero(t, pool.InUse())
}

func TestPool_BufferIsGivenBackWithItsLastReference(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	b := pool.Buffer(10_000)
	require.Equal(t, 10_000, b.Len())
	b.Retain()
	b.Release()
	require.Positive(t, pool.InUse())
	b.Release()
	require.Zero(t, pool.InUse())
}

func TestPool_FreeOfForeignMemoryIsHarmless(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	pool.Free(make([]byte, 1400)) // no class has this capacity
	b := pool.Allocate(1500)
	require.Equal(t, 1536, cap(b))
}
