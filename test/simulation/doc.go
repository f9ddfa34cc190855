// Package simulation plays whole histories of an installation from one seed: flows that are made, scheduled, started,
// canceled and stopped, processes that crash, stand still, drain and come back, two of them at a time, stores, buckets and
// vendors that fail, lose answers and go away, clocks that jump. When all has healed and come to rest, nothing may be lost
// and nothing doubled: see check.go for what must hold.
//
// Time is virtual (testing/synctest), so that days pass in a second. What happens is drawn from the seed by what a call is
// about, not by the order of calls, so that a seed gives the same history however goroutines are scheduled; where runs go on
// side by side, it may differ in details.
//
//	go test ./test/simulation                        # some seeds
//	WEIR_SEEDS=5000 go test ./test/simulation        # many
//	WEIR_SEED=4711 go test -v ./test/simulation      # one, with its history
package simulation
