//go:build !unix

package fileblob

import "os"

// syncFolder does nothing: these systems have no way to sync a folder and keep renames durable by themselves.
func syncFolder(*os.Root, string) error { return nil }
