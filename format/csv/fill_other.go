//go:build !amd64

package csv

const useAVX2 = false

func fillAVX2(*filler) { panic("csv: written for amd64") } //nolint:forbidigo // never called
