//go:build !amd64

package bytemask

const useAVX2 = false

func fieldsAVX2(dst *Fields, src *byte, blocks int, quote, delim byte) { panic("not reached") }

func stringsAVX2(dst *Strings, src *byte, blocks int) { panic("not reached") }
