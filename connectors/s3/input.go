package s3

import (
	"bytes"
	"context"
	"io"
	"strings"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/compress"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/jsonl"
	"weir.dev/weir/format/parquet"
)

// input is an object as a format reads it: pinned to the content it had when it was listed.
type input struct {
	bucket blob.Bucket
	object blob.Object
}

var _ format.Input = input{}

func (in input) Name() string { return in.object.Key }

func (in input) Size() int64 { return in.object.Size }

func (in input) OpenAt(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	return in.bucket.OpenAt(ctx, in.object.Key, offset, length, in.object.ETag)
}

// fileType is the format of an input file.
type fileType string

// File types. The first two are AppFlow's.
const (
	typeCSV     fileType = "CSV"
	typeJSON    fileType = "JSON"
	typeParquet fileType = "PARQUET"
)

// magic begins and ends every Parquet file; it can neither begin a JSON document nor is it a likely CSV header.
const magic = "PAR1"

// textSuffixes are names of files that are not Parquet, so that their first bytes need no request of their own.
var textSuffixes = []string{".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".gz", ".zst", ".bz2"}

// typeOf is the format to read an object in: Parquet when its name or its first bytes say so, else the configured one.
func (in input) typeOf(ctx context.Context, configured fileType) (fileType, error) {
	name := strings.ToLower(in.object.Key)
	if strings.HasSuffix(name, ".parquet") {
		return typeParquet, nil
	}
	for _, suffix := range textSuffixes {
		if strings.HasSuffix(name, suffix) {
			return configured, nil
		}
	}
	head, err := in.head(ctx, len(magic))
	if string(head) == magic {
		return typeParquet, nil
	}
	return configured, err
}

// head reads the first bytes of the object, fewer when it is smaller.
func (in input) head(ctx context.Context, n int) ([]byte, error) {
	r, err := in.OpenAt(ctx, 0, int64(n))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, int64(n)))
}

// beginning is the first text of the object: decompressed, in UTF-8, without a byte order mark.
func (in input) beginning(ctx context.Context) ([]byte, error) {
	s, err := compress.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	text, err := io.ReadAll(io.LimitReader(s, 512))
	return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), err
}

// open starts to read the object.
func (in input) open(ctx context.Context, t fileType, opts format.ReadOptions) (format.Reader, error) {
	switch t {
	case typeCSV:
		return csv.NewReader(ctx, in, opts)
	case typeJSON:
		return jsonl.NewReader(ctx, in, opts)
	case typeParquet:
		return parquet.NewReader(ctx, in, opts)
	}
	return nil, fault.New(fault.Validation, "reading %q: there is no input format %q", in.object.Key, t)
}
