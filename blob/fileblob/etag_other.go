//go:build !unix

package fileblob

import "io/fs"

// inode is not known here; size and time must do.
func inode(fs.FileInfo) string { return "0" }
