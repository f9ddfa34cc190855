package s3blob

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPartBytes_TenThousandPartsHoldTheLargestObject(t *testing.T) {
	t.Parallel()
	var total int64
	for n := int32(1); n <= maxParts; n++ {
		size := partBytes(8<<20, n)
		require.LessOrEqual(t, size, int64(maxPartBytes))
		total += size
	}
	require.EqualValues(t, 8<<20, partBytes(8<<20, 1000))
	require.EqualValues(t, 16<<20, partBytes(8<<20, 1001))
	require.Greater(t, total, int64(5<<40), "5 TB, the largest object S3 keeps")
}

func TestPart_ReadsBackWhatWasFilled(t *testing.T) {
	t.Parallel()
	data := make([]byte, 3*chunkBytes+17)
	for i := range data {
		data[i] = byte(i * 7)
	}
	p := &part{}
	for rest := data; len(rest) > 0; {
		rest = rest[p.fill(rest[:min(len(rest), 1_000)], int64(len(data))):]
	}
	require.Zero(t, p.fill([]byte("more"), int64(len(data))), "nothing beyond the limit")
	for range 2 { // the SDK sends a part again
		_, err := p.Seek(0, io.SeekStart)
		require.NoError(t, err)
		got, err := io.ReadAll(p)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
	}
	p.free()
	_, err := p.Read(make([]byte, 1))
	require.ErrorIs(t, err, errFreed, "the buffers may be another part's by now")
}
