//go:build !unix

package vault

import "io/fs"

// checkMode has nothing to look at: access lists do not show in the mode.
func checkMode(fs.FileMode) error { return nil }

// syncFolder has nothing to do: folders cannot be synced.
func syncFolder(string) error { return nil }
