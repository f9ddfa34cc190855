package bytemask

import "golang.org/x/sys/cpu"

var useAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasPCLMULQDQ

//go:noescape
func fieldsAVX2(dst *Fields, src *byte, blocks int, quote, delim byte)

//go:noescape
func stringsAVX2(dst *Strings, src *byte, blocks int)
