//go:build unix

package fileblob

import (
	"errors"
	"os"
	"syscall"
)

// syncFolder makes a folder's entries durable. A file system that cannot (some network ones) answers EINVAL.
func syncFolder(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
