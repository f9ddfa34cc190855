//go:build unix

package vault

import (
	"errors"
	"io/fs"
	"os"

	"weir.dev/weir/fault"
)

func checkMode(mode fs.FileMode) error {
	if mode.Perm()&0o077 != 0 {
		return fault.New(fault.Validation, "others can read it (mode %04o); make it yours alone: chmod 600", mode.Perm())
	}
	return nil
}

// syncFolder makes a new name in a folder last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
