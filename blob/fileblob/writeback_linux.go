package fileblob

import (
	"os"
	"syscall"
)

// startWriteback asks the system to begin writing a part of a file to the disk, without waiting for it. Nothing depends
// on it: Finish syncs the file, and then finds most of it done.
func startWriteback(f *os.File, off, n int64) {
	const write = 2 // SYNC_FILE_RANGE_WRITE
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		_ = syscall.SyncFileRange(int(fd), off, n, write)
	})
}
