//go:build !amd64

package textblock

const useAVX2 = false

func writeRows(*writer) { panic("textblock: written for amd64") } //nolint:forbidigo // never called
