package app

import (
	"path/filepath"

	"weir.dev/weir/blob"
)

// Buckets opens buckets by the names that flows use.
func (a *App) Buckets() blob.Opener { return a.buckets }

// BucketDir is the folder that stands for a bucket by default.
func (a *App) BucketDir(bucket string) string { return filepath.Join(a.Config.Data, "buckets", bucket) }
