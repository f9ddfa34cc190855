package compress_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/compress"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/formattest"
)

func gzipped(t testing.TB, members ...string) []byte {
	var out bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&out)
		_, err := w.Write([]byte(m))
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	return out.Bytes()
}

func zstandard(t testing.TB, frames ...string) []byte {
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	var out []byte
	for _, f := range frames {
		out = enc.EncodeAll([]byte(f), out)
	}
	return out
}

// bzipped is "a,b\n1,2\n3,4\n"; the standard library reads bzip2 but does not write it.
func bzipped(t testing.TB) []byte {
	data, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWQMMHxsAAAVZAAAQAAQ8ADAAIAAiHqGIQwInNOOAHi7kinChIAYYPjY=")
	require.NoError(t, err)
	return data
}

func file(data []byte) formattest.File {
	return formattest.File{Label: "in/a.csv", Data: data, Torn: 7}
}

func TestOpen_FirstBytesDecide(t *testing.T) {
	t.Parallel()
	const text = "a,b\n1,2\n3,4\n"
	skippable := append([]byte{0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'}, zstandard(t, text)...)
	cases := map[string]struct {
		stored []byte
		want   string
	}{
		"plain":                     {[]byte(text), text},
		"empty":                     {nil, ""},
		"one byte":                  {[]byte("x"), "x"},
		"gzip":                      {gzipped(t, text), text},
		"gzip members":              {gzipped(t, "a,b\n1,", "", "2\n3,4\n"), text},
		"zstd":                      {zstandard(t, text), text},
		"zstd frames":               {zstandard(t, "a,b\n1,", "2\n3,4\n"), text},
		"zstd, skippable first":     {skippable, text},
		"bzip2":                     {bzipped(t), text},
		"bzip2 twice":               {append(bzipped(t), bzipped(t)...), text + text},
		"text that looks like bzip": {[]byte("BZh9,name\n"), "BZh9,name\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := compress.Open(t.Context(), file(c.stored))
			require.NoError(t, err)
			got, err := io.ReadAll(s)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
			require.Equal(t, int64(len(c.want)), s.Offset())
			require.Equal(t, int64(len(c.stored)), s.Stored())
			require.Equal(t, bytes.Equal(c.stored, got), s.Plain())
			require.NoError(t, s.Close())
			require.NoError(t, s.Close())
		})
	}
}

func TestStream_TornAndDamagedFilesAreErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("some text, ", 1000)
	for name, stored := range map[string][]byte{"gzip": gzipped(t, long), "zstd": zstandard(t, long), "bzip2": bzipped(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := bytes.Clone(stored)
			damaged[len(damaged)-6] ^= 0xff
			for _, data := range [][]byte{stored[:len(stored)-5], stored[:12], damaged} {
				s, err := compress.Open(t.Context(), file(data))
				if err == nil {
					_, err = io.ReadAll(s)
					require.NoError(t, s.Close())
				}
				require.ErrorContains(t, err, `decompressing "in/a.csv" as `+name+`: `)
				require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
			}
		})
	}
}

// failing is a file whose stream breaks.
type failing struct {
	formattest.File
	err error
}

func (f failing) OpenAt(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	r, err := f.File.OpenAt(ctx, offset, length)
	return io.NopCloser(io.MultiReader(r, iotest.ErrReader(f.err))), err
}

func TestStream_ErrorsOfTheStoreKeepTheirClass(t *testing.T) {
	t.Parallel()
	broken := fault.Temporary(fault.ConnectorServer, errors.New("connection reset"), "reading")
	full := gzipped(t, strings.Repeat("some text, ", 1000))
	for _, data := range [][]byte{[]byte("a,b\n"), full[:len(full)/2]} {
		s, err := compress.Open(t.Context(), failing{file(data), broken})
		if err == nil {
			_, err = io.ReadAll(s)
			require.NoError(t, s.Close())
		}
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, `reading "in/a.csv": `)
	}
}

func TestStream_SkipTo(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 500_000)
	for name, stored := range map[string][]byte{"plain": []byte(text), "gzip": gzipped(t, text)} {
		for _, offset := range []int64{0, 5, 1000, 3_000_001, int64(len(text))} {
			s, err := compress.Open(t.Context(), formattest.File{Label: name, Data: stored})
			require.NoError(t, err)
			require.NoError(t, s.SkipTo(t.Context(), offset))
			rest, err := io.ReadAll(s)
			require.NoError(t, err)
			require.True(t, text[offset:] == string(rest), "%s from %d", name, offset)
			require.Equal(t, int64(len(stored)), s.Stored())
			require.Error(t, s.SkipTo(t.Context(), 0), "backwards")
			require.NoError(t, s.Close())
		}
		s, err := compress.Open(t.Context(), formattest.File{Label: name, Data: stored})
		require.NoError(t, err)
		require.ErrorContains(t, s.SkipTo(t.Context(), int64(len(text))+1), "the file has changed")
		require.NoError(t, s.Close())
	}
}

func TestCompressedCSV_ReadsAndGoesOn(t *testing.T) {
	t.Parallel()
	var table bytes.Buffer
	require.NoError(t, formattest.CRM{Seed: 3, Rows: 2000}.WriteCSV(&table))
	opts := format.ReadOptions{ChunkBytes: 100_000}
	for _, name := range formattest.CRMColumns {
		opts.Columns = append(opts.Columns, format.ReadColumn{Name: name})
	}
	want, _, err := formattest.Read(t, csv.NewReader, formattest.File{Label: "plain", Data: table.Bytes()}, opts)
	require.NoError(t, err)
	for _, stored := range [][]byte{gzipped(t, table.String()), zstandard(t, table.String())} {
		in := formattest.File{Label: "compressed", Data: stored}
		got, ends, err := formattest.Read(t, csv.NewReader, in, opts)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Greater(t, len(ends), 3)
		for _, end := range ends {
			from := opts
			from.From = end
			rest, _, err := formattest.Read(t, csv.NewReader, in, from)
			require.NoError(t, err)
			require.Equal(t, len(want)-int(end.Record), len(rest))
			if len(rest) > 0 {
				require.Equal(t, want[end.Record:], rest)
			}
		}
	}
}
