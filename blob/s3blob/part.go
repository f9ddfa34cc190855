package s3blob

import (
	"errors"
	"io"
	"sync"
)

// chunkBytes is the unit a part's buffer grows by, so that a small object takes little memory.
const chunkBytes = 256 << 10

var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// part is a part's bytes on their way to the store. Writing is for one goroutine, then reading for another one. The SDK
// seeks back to send it again.
type part struct {
	mu     sync.Mutex // guards all below: net/http may still read a body when the request has long failed
	chunks []*[chunkBytes]byte
	size   int64
	pos    int64
	freed  bool
}

var errFreed = errors.New("the part's buffer has been given back")

// fill takes from data what fits below limit and returns how much that was.
func (p *part) fill(data []byte, limit int64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := 0
	for taken < len(data) && p.size < limit {
		at := int(p.size % chunkBytes)
		if at == 0 && int64(len(p.chunks))*chunkBytes == p.size {
			p.chunks = append(p.chunks, chunks.Get().(*[chunkBytes]byte))
		}
		room := min(int64(chunkBytes-at), limit-p.size)
		n := copy(p.chunks[len(p.chunks)-1][at:at+int(room)], data[taken:])
		taken += n
		p.size += int64(n)
	}
	return taken
}

func (p *part) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.freed {
		return 0, errFreed
	}
	if p.pos >= p.size {
		return 0, io.EOF
	}
	chunk, at := p.chunks[p.pos/chunkBytes], p.pos%chunkBytes
	n := copy(b, chunk[at:min(chunkBytes, at+p.size-p.pos)])
	p.pos += int64(n)
	return n, nil
}

func (p *part) Seek(offset int64, whence int) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += p.pos
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 {
		return 0, errors.New("seeking before the start of a part")
	}
	p.pos = offset
	return offset, nil
}

// free gives the buffers back. A read that comes later fails instead of seeing another part's bytes.
func (p *part) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.chunks {
		chunks.Put(c)
	}
	p.chunks, p.freed = nil, true
}

// Bounds of S3 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const (
	maxParts     = 10_000
	maxPartBytes = 5 << 30
)

// partBytes is the size of the part with a number, from 1: the first size for a thousand parts, then twice that, and so
// on. From 8 MiB on, 10,000 parts hold 8 TB, and an object of 50 GB never needs more than 32 MiB at once.
func partBytes(first int64, number int32) int64 {
	return min(first<<((number-1)/1000), maxPartBytes)
}
