package bytemask

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is n blocks of text in which the bytes looked for and their neighbours in value are common.
func sample(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 1))
	near := []byte{'"', '"' + 1, ',', ',' - 1, '\n', '\n' + 1, '\\', 0, 0x1f, 0x20, 0x7f, 0x80, 0xff, 0x80 | '"', 0x80 | '\n'}
	src := make([]byte, n*BlockBytes)
	for i := range src {
		if rnd.IntN(2) == 0 {
			src[i] = near[rnd.IntN(len(near))]
		} else {
			src[i] = byte(rnd.Uint32())
		}
	}
	return src
}

func TestScanFields_EveryBitSaysWhatTheByteIs(t *testing.T) {
	t.Parallel()
	src := sample(1, 64)
	scans := map[string]func([]Fields, []byte, byte, byte){"chosen": ScanFields, "portable": fieldsPortable}
	for name, scan := range scans {
		got := make([]Fields, 64)
		scan(got, src, '"', ',')
		for i, f := range got {
			require.Equal(t, PrefixXOR(f.Quote), f.Parity, "%s, block %d", name, i)
		}
		for i, c := range src {
			f, bit := got[i/64], uint(i%64)
			require.Equal(t, c == '"', f.Quote>>bit&1 == 1, "%s quote, byte %d = %#x", name, i, c)
			require.Equal(t, c == ',', f.Delim>>bit&1 == 1, "%s delimiter, byte %d = %#x", name, i, c)
			require.Equal(t, c == '\n', f.Newline>>bit&1 == 1, "%s newline, byte %d = %#x", name, i, c)
			require.Equal(t, c >= 0x80, f.High>>bit&1 == 1, "%s high, byte %d = %#x", name, i, c)
		}
	}
}

func TestScanStrings_EveryBitSaysWhatTheByteIs(t *testing.T) {
	t.Parallel()
	src := sample(2, 64)
	scans := map[string]func([]Strings, []byte){"chosen": ScanStrings, "portable": stringsPortable}
	for name, scan := range scans {
		got := make([]Strings, 64)
		scan(got, src)
		for i, c := range src {
			s, bit := got[i/64], uint(i%64)
			require.Equal(t, c == '"' || c == '\\' || c < 0x20, s.Special>>bit&1 == 1, "%s special, byte %d = %#x", name, i, c)
			require.Equal(t, c >= 0x80, s.High>>bit&1 == 1, "%s high, byte %d = %#x", name, i, c)
		}
	}
}

func TestPrefixXOR_IsTheParityUpToEachBit(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		x, got, parity := rnd.Uint64()&rnd.Uint64(), uint64(0), uint64(0)
		for i := range 64 {
			parity ^= x >> i & 1
			got |= parity << i
		}
		require.Equal(t, got, PrefixXOR(x))
	}
}

func BenchmarkScanFields(b *testing.B) {
	src := sample(4, 256)
	dst := make([]Fields, 256)
	for name, scan := range map[string]func([]Fields, []byte, byte, byte){"chosen": ScanFields, "portable": fieldsPortable} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				scan(dst, src, '"', ',')
			}
		})
	}
}
