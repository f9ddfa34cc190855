package cut

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// lines ends records at newlines.
type lines struct{}

func (lines) Find(data []byte, atEnd bool) (int, error) {
	if atEnd {
		return len(data), nil
	}
	return bytes.LastIndexByte(data, '\n') + 1, nil
}

func chunks(t *testing.T, src io.Reader, size, maxRecord int) (out []string, err error) {
	pool := &batch.Pool{}
	c := New(src, pool, size, maxRecord)
	defer func() {
		c.Close()
		require.Zero(t, pool.InUse())
	}()
	for {
		buf, n, err := c.Next(lines{})
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		require.GreaterOrEqual(t, buf.Len(), n+Pad)
		out = append(out, string(buf.Bytes()[:n]))
		clear(buf.Bytes()) // a chunk is its owner's alone
		buf.Release()
	}
}

func TestCutter_EndsChunksAtTheLastBoundaryThatFits(t *testing.T) {
	t.Parallel()
	got, err := chunks(t, strings.NewReader("aa\nbb\ncc\ndddddddddddddddd\ne\nf"), 7, 100)
	require.NoError(t, err)
	require.Equal(t, []string{"aa\nbb\n", "cc\n", "dddddddddddddddd\ne\nf"}, got)
}

func TestCutter_CutsDoNotDependOnHowTheStreamIsRead(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a line\nanother, longer line\n\n", 5000) + strings.Repeat("x", 200_000) + "\nend"
	for _, size := range []int{1, 10, 5000, 100_000, 1 << 20} {
		want, err := chunks(t, strings.NewReader(text), size, 1<<20)
		require.NoError(t, err)
		require.Equal(t, text, strings.Join(want, ""))
		for _, src := range []io.Reader{iotest.HalfReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			got, err := chunks(t, src, size, 1<<20)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}

func TestCutter_GoingOnBehindAnyChunkGivesTheSameChunks(t *testing.T) {
	t.Parallel()
	text := "aaaa\nbb\n" + strings.Repeat("long", 10) + "\nc\nd\n" + strings.Repeat("longer", 10) + "\ne\n\n\nf"
	for size := 1; size < len(text)+2; size++ {
		want, err := chunks(t, strings.NewReader(text), size, 1000)
		require.NoError(t, err)
		rest := text
		for i := range want {
			got, err := chunks(t, strings.NewReader(rest), size, 1000)
			require.NoError(t, err)
			require.Equal(t, want[i:], got, "chunks of %d bytes", size)
			rest = rest[len(want[i]):]
		}
	}
}

func TestCutter_LongRecordsAreRefusedBeforeTheyFillMemory(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 50, 1000} {
		got, err := chunks(t, strings.NewReader("a\n"+strings.Repeat("x", 100)+"\n"), size, 101)
		require.NoError(t, err)
		require.NotEmpty(t, got)
	}
	_, err := chunks(t, strings.NewReader("a\n"+strings.Repeat("x", 1000)+"\n"), 10, 101)
	require.ErrorIs(t, err, ErrTooLong)
}

func TestCutter_ErrorsOfTheStreamArePassedOn(t *testing.T) {
	t.Parallel()
	_, err := chunks(t, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(io.ErrClosedPipe)), 10, 100)
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestOptions_Defaults(t *testing.T) {
	t.Parallel()
	o := Options(format.ReadOptions{})
	require.Equal(t, format.DefaultChunkBytes, o.ChunkBytes)
	require.Equal(t, format.DefaultMaxRecord, o.MaxRecord)
	require.Same(t, batch.DefaultPool, o.Pool)
	require.Equal(t, 1<<30, Options(format.ReadOptions{MaxRecord: 1 << 40}).MaxRecord)
}
