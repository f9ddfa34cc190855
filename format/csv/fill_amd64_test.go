package csv_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
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

func TestReader_QuotedCellsOfEveryLength(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString("a,b,c\n")
	for n := range 80 {
		text := strings.Repeat("x,\n", n)[:n]
		fmt.Fprintf(&file, "1,\"%s\",2\n", text)
		for _, at := range []int{0, n / 2, max(n-1, 0), n} { // a quote inside, which is written twice
			fmt.Fprintf(&file, "1,\"%s\"\"%s\",2\n", text[:at], text[at:])
		}
	}
	compare(t, file.String(), columns("a", "b", "c"), []int{0, 100, 1000})
}
