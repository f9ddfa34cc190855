package main

import (
	"container/heap"
	"math"
	"math/rand/v2"
)

// slots is a heap of the times, in seconds, at which slots become free.
type slots []float64

func newHeap(n int) *slots {
	h := make(slots, n)
	return &h
}

// first is when the next slot is free.
func (h *slots) first() float64 { return (*h)[0] }

// replace takes the slot that is free first, until the time.
func (h *slots) replace(until float64) {
	(*h)[0] = until
	heap.Fix(h, 0)
}

func (h *slots) Len() int           { return len(*h) }
func (h *slots) Less(i, j int) bool { return (*h)[i] < (*h)[j] }
func (h *slots) Swap(i, j int)      { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }
func (h *slots) Push(x any)         { *h = append(*h, x.(float64)) } //nolint:forcetypeassert // heap.Interface
func (h *slots) Pop() any           { return nil }                   // never shrinks

// lognormal is a factor with median 1.
func lognormal(r *rand.Rand, sigma float64) float64 { return math.Exp(sigma * r.NormFloat64()) }
