package blob

import (
	"encoding/hex"
	"hash"

	"github.com/zeebo/xxh3"
)

// NewSum is a running checksum of an upload's content, [XXH3] of 128 bits: enough to tell that two objects differ, or that
// bytes have changed, at a small part of what a cryptographic hash costs. It is no defence against somebody who means to
// deceive: whoever can write to a bucket needs no collision.
//
// [XXH3]: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
func NewSum() hash.Hash { return xxh3.New128() }

// SumOf is the checksum of all of data, in the form of [Staged].Sum.
func SumOf(data []byte) string {
	raw := xxh3.Hash128(data).Bytes()
	return hex.EncodeToString(raw[:])
}
