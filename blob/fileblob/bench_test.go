package fileblob_test

import (
	"fmt"
	"io"
	"testing"

	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/fileblob"
)

// BenchmarkStagePublish is the cost of one small durable object at a usual depth: mostly that of syncing.
func BenchmarkStagePublish(b *testing.B) {
	bucket := fileblob.New("bench", b.TempDir(), true)
	defer bucket.Close()
	data := blobtest.Content(1, 10_000)
	for i := 0; b.Loop(); i++ {
		w, err := bucket.Stage(b.Context(), "e1", fmt.Sprintf("out/flow/e1/region=%d/part-0", i))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			b.Fatal(err)
		}
		s, err := w.Finish(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := bucket.Publish(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead is the throughput of one stream, which the cap of a single reader is measured against.
func BenchmarkRead(b *testing.B) {
	bucket := fileblob.New("bench", b.TempDir(), true)
	defer bucket.Close()
	const size = 64 << 20
	w, err := bucket.Stage(b.Context(), "e1", "in/e1")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write(blobtest.Content(1, size)); err != nil {
		b.Fatal(err)
	}
	s, err := w.Finish(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := bucket.Publish(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 1<<20)
	b.SetBytes(size)
	for b.Loop() {
		r, err := bucket.OpenAt(b.Context(), "in/e1", 0, -1, "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, buf); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
