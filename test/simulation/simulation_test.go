package simulation

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// pinned are seeds whose histories once went wrong.
var pinned = []uint64{}

// seeds says which histories are played: the pinned ones and some more, as many as WEIR_SEEDS says, or WEIR_SEED alone.
func seeds(t *testing.T) []uint64 {
	if one := os.Getenv("WEIR_SEED"); one != "" {
		n, err := strconv.ParseUint(one, 10, 64)
		require.NoError(t, err, "WEIR_SEED")
		return []uint64{n}
	}
	n := 6
	if many := os.Getenv("WEIR_SEEDS"); many != "" {
		var err error
		n, err = strconv.Atoi(many)
		require.NoError(t, err, "WEIR_SEEDS")
	}
	list := append([]uint64(nil), pinned...)
	for i := range n {
		list = append(list, uint64(i)+1)
	}
	return list
}

func TestHistories_LoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			var w *world
			defer func() {
				if w != nil && (t.Failed() || os.Getenv("WEIR_SEED") != "") {
					t.Log(w.text())
				}
			}()
			synctest.Test(t, func(t *testing.T) {
				h := play(t, seed, &w)
				check(t, w, h.flows)
			})
		})
	}
}

// Goroutines that the runtime schedules otherwise can still move a run by milliseconds, and now and then that decides what
// comes after; a seed is of use as long as that is rare.
func TestHistories_ASeedGivesTheSameOneAgain(t *testing.T) {
	t.Parallel()
	same := 0
	for _, seed := range []uint64{1, 2, 4} {
		var first, second *world
		synctest.Test(t, func(t *testing.T) { play(t, seed, &first) })
		synctest.Test(t, func(t *testing.T) { play(t, seed, &second) })
		require.Equal(t, 1, first.atOnce, "seed %d", seed)
		require.Equal(t, first.log[:3], second.log[:3])
		if first.text() == second.text() {
			same++
		}
	}
	require.GreaterOrEqual(t, same, 2, "of three seeds")
}
