package compress_test

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/format"
	"weir.dev/weir/format/compress"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/formattest"
)

// wide is a text as UTF-16 with a byte order mark.
func wide(text string, order binary.AppendByteOrder) []byte {
	out := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func content(t testing.TB, stored []byte, torn int) (string, error) {
	s, err := compress.Open(t.Context(), formattest.File{Label: "in/a.csv", Data: stored, Torn: torn})
	if err != nil {
		return "", err
	}
	defer s.Close()
	got, err := io.ReadAll(s)
	return string(got), err
}

func TestOpen_UTF16IsGivenAsUTF8(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Åke,日本語,😀\r\n", 5000) // longer than any buffer, with pairs across their edges
	for _, text := range []string{"", "a", "a,b\n1,2\n", "\ufeffa mark that is data", "x" + long, "xy" + long} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, torn := range []int{0, 1, 3, 4096} {
				for _, stored := range [][]byte{wide(text, order), gzipped(t, string(wide(text, order)))} {
					got, err := content(t, stored, torn)
					require.NoError(t, err)
					require.Equal(t, text, got)
				}
			}
		}
	}
}

func TestOpen_RefusesTextThatIsNoneOfTheUTFs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stored, want string }{
		"half a unit":          {"\xff\xfea\x00\n\x00b", "it is UTF-16 that ends inside a character, at line 2"},
		"first half at end":    {"\xff\xfe\x00\xd8", "it is UTF-16 that ends inside a character, at line 1"},
		"second half alone":    {"\xff\xfe\x00\xdca\x00", "it is UTF-16 with half a character at line 1"},
		"second half at end":   {"\xfe\xff\xdc\x00", "it is UTF-16 with half a character at line 1"},
		"two first halves":     {"\xff\xfe\x0a\x00\x00\xd8\x00\xd8", "it is UTF-16 with half a character at line 2"},
		"UTF-32":               {"\xff\xfe\x00\x00", "it is UTF-32"},
		"UTF-32, other endian": {"\x00\x00\xfe\xff\x00\x00\x00a", "it is UTF-32"},
	} {
		for _, stored := range [][]byte{[]byte(c.stored), gzipped(t, c.stored)} {
			_, err := content(t, stored, 0)
			require.ErrorContains(t, err, `reading "in/a.csv": `+c.want, name)
		}
	}
}

// A run that goes on in the middle of a UTF-16 file finds its place by offsets of the text, not of the file.
func TestOpen_UTF16GoesOnAnywhere(t *testing.T) {
	t.Parallel()
	in := formattest.File{Label: "in/a.csv", Data: wide("id,name\n"+strings.Repeat("1,日本語😀\n", 3000), binary.LittleEndian)}
	opts := format.ReadOptions{Columns: []format.ReadColumn{{Name: "name"}}, ChunkBytes: 1 << 10}
	read := func(from format.Position) (rows int, ends []format.Position) {
		opts.From = from
		r, err := csv.NewReader(t.Context(), in, opts)
		require.NoError(t, err)
		defer r.Close()
		for {
			c, err := r.Next(t.Context())
			if err == io.EOF {
				return rows, ends
			}
			require.NoError(t, err)
			ends = append(ends, c.End())
			b, err := c.Decode()
			require.NoError(t, err)
			rows += b.Rows
			b.Release()
		}
	}
	rows, ends := read(format.Position{})
	require.Equal(t, 3000, rows)
	require.Greater(t, len(ends), 20)
	for _, at := range []int{0, len(ends) / 2, len(ends) - 1} {
		rest, _ := read(ends[at])
		require.EqualValues(t, rows, ends[at].Record+int64(rest))
	}
}

// FuzzOpen_UTF16 compares with the standard library, which replaces what is refused here.
func FuzzOpen_UTF16(f *testing.F) {
	f.Add([]byte("a\x00\n\x00"), true, 1)
	f.Add([]byte("\x00\xd8\x00\xdc"), true, 3)
	f.Add([]byte("\xd8\x3d\xde\x00"), false, 0)
	f.Fuzz(func(t *testing.T, units []byte, little bool, torn int) {
		mark, order := "\xfe\xff", binary.ByteOrder(binary.BigEndian)
		if little {
			mark, order = "\xff\xfe", binary.LittleEndian
		}
		got, err := content(t, append([]byte(mark), units...), torn&0xff)
		if little && len(units) >= 2 && units[0] == 0 && units[1] == 0 {
			require.ErrorContains(t, err, "UTF-32")
			return
		}
		var list []uint16
		for b := units; len(b) >= 2; b = b[2:] {
			list = append(list, order.Uint16(b))
		}
		want := string(utf16.Decode(list))
		halves := strings.Count(want, string(utf8.RuneError))
		for _, u := range list {
			if u == utf8.RuneError {
				halves--
			}
		}
		if len(units)%2 == 1 || halves > 0 {
			require.ErrorContains(t, err, "it is UTF-16")
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// FuzzOpen_Compressed opens damaged archives: an error or content, and never more of it than memory for a window.
func FuzzOpen_Compressed(f *testing.F) {
	f.Add(gzipped(f, "a,b\n1,2\n", "3,4\n"))
	f.Add(zstandard(f, "a,b\n1,2\n", strings.Repeat("x", 5000)))
	f.Add(bzipped(f))
	f.Add(gzipped(f, string(wide("a,b\n", binary.LittleEndian))))
	f.Fuzz(func(t *testing.T, stored []byte) {
		s, err := compress.Open(t.Context(), formattest.File{Label: "in/a.csv", Data: stored})
		if err != nil {
			require.ErrorContains(t, err, `"in/a.csv"`)
			return
		}
		defer s.Close()
		n, err := io.CopyN(io.Discard, s, 8<<20)
		require.Equal(t, s.Offset(), n)
		if err != nil && err != io.EOF {
			require.ErrorContains(t, err, `"in/a.csv"`)
		}
	})
}
