package csv_test

import (
	"math/rand/v2"
	"testing"

	"weir.dev/weir/format/csv"
)

// Not parallel: the switch is the package's, and the other tests go on when this one has ended.
func TestReader_WithoutAVX2AgreesWithByteByByteReading(t *testing.T) { //nolint:paralleltest // see above
	was := *csv.UseAVX2
	*csv.UseAVX2 = false
	defer func() { *csv.UseAVX2 = was }()
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		n := 1 + rnd.IntN(3)
		compare(t, hostile(rnd, n), columns("a", "b", "c")[:n], []int{0, 1 + rnd.IntN(100), 1 + rnd.IntN(1000)})
	}
}
