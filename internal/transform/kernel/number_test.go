package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"
)

// TestParseInline_AgreesWithParseNumber checks that the fast reader takes nothing the slow one would read differently.
func TestParseInline_AgreesWithParseNumber(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	taken := 0
	for range 500_000 {
		b := make([]byte, 1+r.IntN(inlineMax))
		for i := range b {
			b[i] = "0123456789012345678901234567890123456789..-+e \x00:/\xb0\xff"[r.IntN(51)]
		}
		if r.IntN(3) > 0 { // mostly clean ones
			b = []byte(strings.Map(func(c rune) rune {
				if c >= '0' && c <= '9' || c == '.' {
					return c
				}
				return '7'
			}, string(b[:min(len(b), 12)])))
			b = b[:min(len(b), inlineMax)]
		}
		var v arrow.ViewHeader
		for i := range 4 { // what lies behind the text must not matter
			words(&v)[i%2] = r.Uint64()
		}
		v.SetBytes(b)
		w := words(&v)
		fast, ok := parseInline(w[0]>>32|w[1]<<32, w[1]>>32, uint32(len(b)))
		if !ok {
			continue
		}
		taken++
		slow := parseNumber(b)
		require.Equal(t, isGood, slow.state, "%q", b)
		require.Zero(t, rat(fast).Cmp(rat(slow)), "%q: %+v, %+v", b, fast, slow)
	}
	require.Greater(t, taken, 100_000)
}

func rat(x number) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(x.coef), bigPow10(int(x.scale)))
}

func TestParseInline_TakesPlainNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]number{
		"0": {}, "7": {coef: 7}, "-7": {coef: -7}, "123456789012": {coef: 123456789012}, "12345678901.": {coef: 12345678901},
		"1234.5678901": {coef: 12345678901, scale: 7}, ".5": {coef: 5, scale: 1}, "-0.25": {coef: -25, scale: 2}, "00012": {coef: 12},
	} {
		var v arrow.ViewHeader
		v.SetString(text)
		w := words(&v)
		got, ok := parseInline(w[0]>>32|w[1]<<32, w[1]>>32, uint32(len(text)))
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{".", "-", "-.", "1.2.3", "1e5", "+5", " 7", "7 ", "0x10", "1_0", "--1", "1-", "1:2", "/1"} {
		var v arrow.ViewHeader
		v.SetString(text)
		w := words(&v)
		_, ok := parseInline(w[0]>>32|w[1]<<32, w[1]>>32, uint32(len(text)))
		require.False(t, ok, text)
	}
}

func TestFormatDecimal_AgreesWithBig(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	for range 300_000 {
		hi, lo := uint64(0), r.Uint64()>>r.IntN(64)
		if r.IntN(2) == 0 {
			hi = r.Uint64() >> (r.IntN(62) + 2) // below 2^126
		}
		for range r.IntN(4) * r.IntN(5) {
			if hi == 0 && lo < math.MaxUint64/10 {
				lo *= 10 // zeros at the end
			}
		}
		scale, neg := r.IntN(37), r.IntN(2) == 0
		x := new(big.Int).SetUint64(hi)
		x.Add(x.Lsh(x, 64), new(big.Int).SetUint64(lo))
		if neg {
			x.Neg(x)
		}
		var dst [smallText]byte
		n := formatDecimal(dst[:], neg, hi, lo, scale)
		require.Equal(t, string(formatBig(x, scale)), string(dst[:n]))
	}
}

func TestDecimal_AroundHoldsTheExactValue(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0", "1.5", "-1.5", "0.001", "-0.001", "9223372036854775807", "-9223372036854775808", "9223372036854775807.5",
		"1e400", "-1e400", "1e-400", "123456789.123456789123456789", "-2", "99999999999999999999e-2"} {
		d, ok := parseDecimal([]byte(text))
		require.True(t, ok)
		exact, _ := new(big.Rat).SetString(text)
		for scale := range maxScale + 1 {
			floor, ceil := d.around(scale)
			at := new(big.Rat).Mul(exact, new(big.Rat).SetInt(bigPow10(scale)))
			below, above := new(big.Rat).SetInt64(floor), new(big.Rat).SetInt64(ceil)
			switch {
			case at.Cmp(new(big.Rat).SetInt64(math.MaxInt64)) > 0:
				require.Equal(t, [2]int64{math.MaxInt64, math.MaxInt64}, [2]int64{floor, ceil}, "%s at %d", text, scale)
			case at.Cmp(new(big.Rat).SetInt64(math.MinInt64)) < 0:
				require.Equal(t, [2]int64{math.MinInt64, math.MinInt64}, [2]int64{floor, ceil}, "%s at %d", text, scale)
			default:
				require.True(t, below.Cmp(at) <= 0 && at.Cmp(above) <= 0, "%s at %d: %d, %d", text, scale, floor, ceil)
				require.Equal(t, at.IsInt(), floor == ceil)
			}
		}
	}
}
