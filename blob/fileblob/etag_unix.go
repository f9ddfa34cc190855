//go:build unix

package fileblob

import (
	"io/fs"
	"strconv"
	"syscall"
)

// inode tells apart two files that had the same path, size and time: a file replaced by rename has another one.
func inode(info fs.FileInfo) string {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return strconv.FormatUint(uint64(st.Ino), 16) //nolint:unconvert // Ino is narrower on other systems
	}
	return "0"
}
