package csv

import "golang.org/x/sys/cpu"

var useAVX2 = cpu.X86.HasAVX2

// fillAVX2 makes cells until one needs more than its outer quotes taken off. It reads up to 33 bytes from a cell on.
//
//go:noescape
func fillAVX2(f *filler)
