package csv

import "golang.org/x/sys/cpu"

var useAVX2 = cpu.X86.HasAVX2

// fillAVX2 makes cells until one begins with a quote.
//
//go:noescape
func fillAVX2(f *filler)
