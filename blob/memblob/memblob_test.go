package memblob_test

import (
	"testing"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/memblob"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, blobtest.Harness{
		New: func(t *testing.T) blobtest.Fixture {
			store := memblob.NewStore("test", nil)
			return blobtest.Fixture{
				Bucket: store.Open(),
				Again:  func(*testing.T) blob.Bucket { return store.Open() },
				Put:    func(_ *testing.T, key string, data []byte) { store.Put(key, data) },
				Traces: func(*testing.T) []string { return store.Staged() },
			}
		},
		OddKeys: []string{"e1//double", "/e1", "e1/", "../e1", `e1\back`, "e1/\x00nul"},
	})
}
