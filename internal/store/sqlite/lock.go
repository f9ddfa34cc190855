package sqlite

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"weir.dev/weir/fault"
)

// acquireLock makes this process the only user of a database. The file stays behind, unlocked: removing it would let two
// processes lock two files of the same name.
func acquireLock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "locking")
	}
	isTaken, err := tryLock(f)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, errors.Join(err, f.Close()), "locking %q", path)
	}
	if !isTaken {
		holder := readHolder(f)
		_ = f.Close() // nothing was written
		return nil, fault.New(fault.Conflict, "%s has it open; stop that one first, or use PostgreSQL for several servers",
			holder)
	}
	if err := writeHolder(f); err != nil {
		return nil, fault.Wrap(fault.Internal, errors.Join(err, f.Close()), "locking %q", path)
	}
	return f, nil
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// readHolder names the process that holds the lock, as far as its note says: it is written just after locking.
func readHolder(f *os.File) string {
	note := make([]byte, 20)
	n, _ := f.ReadAt(note, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(note[:n])))
	if err != nil {
		return "another process"
	}
	return "process " + strconv.Itoa(pid)
}
