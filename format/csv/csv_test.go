package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/formattest"
)

const null = formattest.Null

func drain(t testing.TB, in formattest.File, opts format.ReadOptions) ([][]string, []format.Position, error) {
	t.Helper()
	return formattest.Read(t, csv.NewReader, in, opts)
}

func file(text string) formattest.File { return formattest.File{Label: "in/a.csv", Data: []byte(text)} }

func TestReader_Fields(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   string
		want [][]string
	}{
		"plain":                        {"a,b\n1,2\n3,4\n", [][]string{{"1", "2"}, {"3", "4"}}},
		"no newline at the end":        {"a,b\n1,2\n3,4", [][]string{{"1", "2"}, {"3", "4"}}},
		"crlf":                         {"a,b\r\n1,2\r\n3,\r\n", [][]string{{"1", "2"}, {"3", null}}},
		"crlf, last one torn":          {"a,b\r\n1,2\r", [][]string{{"1", "2"}}},
		"carriage return inside":       {"a,b\n1\r2,\r3\r\r\n", [][]string{{"1\r2", "\r3\r"}}},
		"byte order mark":              {"\xef\xbb\xbfa,b\n1,2\n", [][]string{{"1", "2"}}},
		"quoted":                       {"a,b\n\"1,1\",\"2\n2\"\n", [][]string{{"1,1", "2\n2"}}},
		"quoted crlf is kept":          {"a,b\n\"x\r\ny\",\"z\"\r\n", [][]string{{"x\r\ny", "z"}}},
		"doubled quotes":               {"a,b\n\"\"\"x\"\"\",\"a\"\"b\"\"c\"\n", [][]string{{`"x"`, `a"b"c`}}},
		"only quotes":                  {"a,b\n\"\"\"\",\"\"\"\"\"\"\n", [][]string{{`"`, `""`}}},
		"long doubled quotes":          {"a,b\n\"a long \"\"text\"\" of many bytes\",x\n", [][]string{{`a long "text" of many bytes`, "x"}}},
		"empty is null, quoted or not": {"a,b\n,\"\"\n", [][]string{{null, null}}},
		"stray quotes are data":        {"a,b\n5\" pipe,x\"\"y\nit\"s,\" ok\"\n", [][]string{{`5" pipe`, `x""y`}, {`it"s`, " ok"}}},
		"space before a quote":         {"a,b\n \"x\",y\n", [][]string{{` "x"`, "y"}}},
		"nul":                          {"a,b\n\x00,x\x00y\n", [][]string{{"\x00", "x\x00y"}}},
		"empty lines":                  {"a,b\n\n1,2\n\r\n\n3,4\r\n\n\n", [][]string{{"1", "2"}, {"3", "4"}}},
		"empty lines, one column":      {"a\n\n1\n\r\n2\n\n", [][]string{{null}, {"1"}, {null}, {"2"}, {null}}},
		"empty line in quotes":         {"a,b\n\"\n\n\n\",2\n", [][]string{{"\n\n\n", "2"}}},
		"empty lines before header":    {"\n\r\na,b\n1,2\n", [][]string{{"1", "2"}}},
		"empty first field":            {"a,b\n,2\n\n,4\n", [][]string{{null, "2"}, {null, "4"}}},
		"quoted header":                {"\"a\",\"b\"\n1,2\n", [][]string{{"1", "2"}}},
		"columns in another order":     {"b,x,a\n2,-,1\n", [][]string{{"1", "2"}}},
		"header only":                  {"a,b\n", nil},
		"header without newline":       {"a,b", nil},
		"nothing":                      {"", nil},
		"only a byte order mark":       {"\xef\xbb\xbf", nil},
		"unicode":                      {"a,b\nпривет мир друзья,美咲\n", [][]string{{"привет мир друзья", "美咲"}}},
		"damage in another column":     {"a,x,b\n1,\xff\xfe\"q\",2\n", [][]string{{"1", "2"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []string{"a", "b"}
			if strings.HasPrefix(c.in, "a\n") {
				want = want[:1]
			}
			for _, size := range []int{0, 1, 2, 3, 5, 7, 64} {
				got, _, err := drain(t, file(c.in), format.ReadOptions{Columns: columns(want...), ChunkBytes: size})
				require.NoError(t, err)
				require.Equal(t, c.want, got, "chunks of %d bytes", size)
			}
		})
	}
}

func TestReader_Refuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	cases := map[string]struct{ in, want string }{
		"too few fields":            {"a,b,c\n1,2,3\n\n4,5\n", `reading "in/a.csv": record 2 at line 4 has 2 fields, the header has 3`},
		"too many fields":           {"a,b\n\"x\ny\",2\n1,2,3\n", `reading "in/a.csv": record 2 at line 4 has 3 fields, the header has 2`},
		"far too many fields":       {"a,b\n" + strings.Repeat(",", 2000) + "\n", `reading "in/a.csv": record 1 at line 2 has 2001 fields, the header has 2`},
		"one too many, one too few": {"a,b\n1,2,3\n4\n", `reading "in/a.csv": record 1 at line 2 has 3 fields, the header has 2`},
		"single fields":             {"a,b\n1\n2\n3\n4\n", `reading "in/a.csv": record 1 at line 2 has 1 fields, the header has 2`},
		"text after a quote":        {"a,b\n1,2\n\"x\"y,2\n", `reading "in/a.csv": record 2 at line 3 has text after the closing quote of column "a"`},
		"quote after a quote":       {"a,b\n1,\"x\" \"y\"\n", `reading "in/a.csv": record 1 at line 2 has text after the closing quote of column "b"`},
		"never closed":              {"a,b\n1,2\n3,\"x\ny,z\n", `reading "in/a.csv": record 2 at line 3: the quote that opens at line 3 is never closed`},
		"never closed, later line":  {"a,b\n\"x\n\",\"y\n\n", `reading "in/a.csv": record 1 at line 2: the quote that opens at line 3 is never closed`},
		"long record":               {"a,b\n1,2\n3," + long + "\n", `reading "in/a.csv": record 2 at line 3 is longer than 2000 bytes`},
		"long quoted record":        {"a,b\n1,2\n3,\"" + strings.Repeat("y\n", 5000), `reading "in/a.csv": record 2 at line 3 is longer than 2000 bytes; a quote that opens at line 3 is not closed`},
		"not utf-8":                 {"a,b\n1,2\nJos\xe9,4\n", `reading "in/a.csv": record 2 at line 3 holds bytes that are not UTF-8, in column "a"`},
		"not utf-8, later":          {"a,b\n1,\xc3\n\xff\"\"\"\",2,3\n", `reading "in/a.csv": record 1 at line 2 holds bytes that are not UTF-8, in column "b"`},
		"no such column":            {"a,c\n1,2\n", `reading "in/a.csv": the header has no column "b"`},
		"same name twice":           {"a,b,a\n", `reading "in/a.csv": columns 1 and 3 of the header have the same name, "a"`},
		"no name":                   {"a,,b\n", `reading "in/a.csv": column 2 of the header has no name`},
		"trailing comma":            {"a,b,\n", `reading "in/a.csv": column 3 of the header has no name`},
		"carriage returns only":     {"a,b\r1,2\r", `reading "in/a.csv": column 2 of the header holds a carriage return: lines must end with LF or CRLF`},
		"header never closed":       {"a,\"b\n1,2\n", `reading "in/a.csv": a quote in the header is never closed`},
		"text after quoted name":    {"\"a\"x,b\n", `reading "in/a.csv": column 1 of the header has text after its closing quote`},
		"name not utf-8":            {"a,b\xff\n", `reading "in/a.csv": the name of column 2 of the header is not UTF-8`},
		"utf-16":                    {"\xff\xfea\x00,\x00b\x00\n\x001\x00,\x00\x00\xd8", `reading "in/a.csv": it is UTF-16 that ends inside a character, at line 2`},
		"utf-16 with half a rune":   {"\xfe\xff\x00a\x00\n\xdc\x00\x00b", `reading "in/a.csv": it is UTF-16 with half a character at line 2`},
		"utf-16 without a mark":     {"a\x00,\x00b\x00\n\x00", `reading "in/a.csv": column 1 of the header holds a NUL byte: the file is no text, or UTF-16 without a byte order mark`},
		"utf-32":                    {"\xff\xfe\x00\x00a\x00\x00\x00", `reading "in/a.csv": it is UTF-32; UTF-8 is read, and UTF-16 with a byte order mark`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{0, 1, 3, 50, 1000, 4000} {
				_, _, err := drain(t, file(c.in), format.ReadOptions{Columns: columns("a", "b"), ChunkBytes: size, MaxRecord: 2000})
				if name == "long quoted record" && size == 0 {
					continue // the whole file fits a chunk: the quote is found open first
				}
				require.EqualError(t, err, c.want, "chunks of %d bytes", size)
			}
		})
	}
}

func TestReader_ColumnsTheFileHasNotAreNullWhenAllowed(t *testing.T) {
	t.Parallel()
	rows, _, err := drain(t, file("a,b\n1,2\n3,\n"), format.ReadOptions{Columns: columns("b", "nowhere", "a", "b"), MissingIsNull: true})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"2", null, "1", "2"}, {null, null, "3", null}}, rows)
}

func TestReader_NoColumnsStillCountsRecords(t *testing.T) {
	t.Parallel()
	rows, _, err := drain(t, file("a,b\n1,2\n3,\n"), format.ReadOptions{})
	require.NoError(t, err)
	require.Len(t, rows, 2)
}

func TestReader_ReleasedChunksLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	pool := &batch.Pool{}
	r, err := csv.NewReader(t.Context(), file("a,b\n1,2\n3,4\n5,6\n"), format.ReadOptions{Columns: columns("a"), ChunkBytes: 4, Pool: pool})
	require.NoError(t, err)
	c, err := r.Next(t.Context())
	require.NoError(t, err)
	c.Release()
	c.Release()
	require.NoError(t, r.Close())
	require.Zero(t, pool.InUse())
}

func TestReadHeader_NamesInOrder(t *testing.T) {
	t.Parallel()
	names, err := csv.ReadHeader(t.Context(), file("\xef\xbb\xbf\n\"b,\"\"x\"\"\",a\r\n1,2\n"))
	require.NoError(t, err)
	require.Equal(t, []string{`b,"x"`, "a"}, names)
	names, err = csv.ReadHeader(t.Context(), file(""))
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestReadHeader_LongerThanTheFirstRead(t *testing.T) {
	t.Parallel()
	var want []string
	for i := range 30_000 {
		want = append(want, fmt.Sprintf("column %d", i))
	}
	names, err := csv.ReadHeader(t.Context(), file(strings.Join(want, ",")+"\n"))
	require.NoError(t, err)
	require.Equal(t, want, names)
}

func TestDialect_OtherDelimiter(t *testing.T) {
	t.Parallel()
	r, err := csv.Dialect{Delimiter: '\t'}.NewReader(t.Context(), file("a\tb\n1,1\t\"2\t2\"\n"), format.ReadOptions{Columns: columns("a", "b")})
	require.NoError(t, err)
	defer r.Close()
	c, err := r.Next(t.Context())
	require.NoError(t, err)
	b, err := c.Decode()
	require.NoError(t, err)
	defer b.Release()
	require.Equal(t, [][]string{{"1,1", "2\t2"}}, formattest.Texts(t, b))
}

// naive reads CSV one byte at a time by the rules of the package comment. It is what the reader is compared with.
func naive(text string) (rows [][]string, ok bool) {
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	var row []string
	columns, i := 0, 0
	for i < len(text) {
		if columns != 1 {
			if text[i] == '\n' && len(row) == 0 {
				i++
				continue
			}
			if strings.HasPrefix(text[i:], "\r\n") && len(row) == 0 {
				i += 2
				continue
			}
		}
		var cell strings.Builder
		if text[i] == '"' {
			i++
			for {
				if i == len(text) {
					return rows, false
				}
				if text[i] == '"' {
					if i++; i == len(text) || text[i] != '"' {
						break
					}
				}
				cell.WriteByte(text[i])
				i++
			}
			if strings.HasPrefix(text[i:], "\r\n") {
				i++
			}
			if i == len(text) || text[i] != ',' && text[i] != '\n' {
				return rows, false
			}
		} else {
			start := i
			for text[i] != ',' && text[i] != '\n' {
				i++
			}
			bare := text[start:i]
			if text[i] == '\n' {
				bare = strings.TrimSuffix(bare, "\r")
			}
			cell.WriteString(bare)
		}
		row = append(row, cell.String())
		if text[i] == '\n' {
			if columns == 0 {
				columns = len(row)
			}
			if len(row) != columns {
				return rows, false
			}
			rows = append(rows, row)
			row = nil
		}
		i++
	}
	return rows, true
}

// hostile is random text made of the bytes that matter.
func hostile(rnd *rand.Rand, columns int) string {
	pieces := []string{",", ",", "\n", "\n", "\"", "\"\"", "\r\n", "\r", "a", "bc", "a longer piece of text", " ", "é", "\x00"}
	var out strings.Builder
	for i := range columns {
		fmt.Fprintf(&out, "%s%c", map[bool]string{true: ","}[i > 0], 'a'+i)
	}
	out.WriteString("\n")
	tidy := rnd.IntN(3) > 0
	for range rnd.IntN(60) {
		if !tidy {
			out.WriteString(pieces[rnd.IntN(len(pieces))])
			continue
		}
		for i := range columns {
			if i > 0 {
				out.WriteByte(',')
			}
			var cell strings.Builder
			for range rnd.IntN(5) {
				cell.WriteString(pieces[rnd.IntN(len(pieces))])
			}
			switch rnd.IntN(3) {
			case 0:
				out.WriteString(strings.NewReplacer(",", "", "\n", "", "\r", "").Replace("x" + cell.String()))
			default:
				out.WriteString(`"` + strings.ReplaceAll(cell.String(), `"`, `""`) + `"`)
			}
		}
		out.WriteString([]string{"\n", "\r\n", "\n\n"}[rnd.IntN(3)])
	}
	return out.String()
}

func TestReader_AgreesWithByteByByteReading(t *testing.T) {
	t.Parallel()
	for seed := range uint64(800) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		columnCount := 1 + rnd.IntN(3)
		compare(t, hostile(rnd, columnCount), columns("a", "b", "c")[:columnCount], []int{0, 1 + rnd.IntN(100), 1 + rnd.IntN(1000)})
	}
}

// TestReader_LargeFilesWithRareQuotes is about what happens at the borders of the pieces that a chunk is decoded in.
func TestReader_LargeFilesWithRareQuotes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		var text strings.Builder
		text.WriteString("a,b,c\n")
		for text.Len() < 150_000 {
			for i := range 3 {
				cell := strings.Repeat("text é "[:5+rnd.IntN(3)/2*3], rnd.IntN(12))
				switch rnd.IntN(60 + 600*int(seed%3)) {
				case 0:
					cell = `"` + cell + `, ""` + cell + "\n" + `"""`
				case 1:
					cell = strings.Repeat("x", 20_000)
				case 2:
					cell = `"` + strings.Repeat(`,""`+"\n", 7_000) + `"`
				case 3:
					cell += `x"y`
				}
				text.WriteString(cell)
				text.WriteString([]string{",", ",", "\n"}[i])
			}
			if rnd.IntN(200) == 0 {
				text.WriteString("\r\n\n")
			}
		}
		compare(t, text.String(), columns("c", "a", "b"), []int{0, 1000, 50_000})
		compare(t, text.String(), columns("b"), []int{0})
	}
}

func TestReader_QuotedCellFarBeforeTheEndOfItsRecord(t *testing.T) {
	t.Parallel()
	for _, far := range []int{1, 15_000, 17_000, 40_000, 100_000} {
		long := strings.Repeat("x", far)
		compare(t, "a,b,c\n1,2,3\n\"q \"\"and\"\" q\","+long+",z\n"+long+",\"1,1\",3\n", columns("a", "b", "c"), []int{0, 5000})
	}
}

// compare checks the reader against naive for some chunk sizes, and that reading can go on from every position.
func compare(t testing.TB, text string, cols []format.ReadColumn, sizes []int) {
	t.Helper()
	want, ok := naive(text)
	if len(want) > 0 {
		want = want[1:]
	}
	for r, row := range want {
		want[r] = nil
		for _, col := range cols {
			cell := row[col.Name[0]-'a']
			if cell == "" {
				cell = null
			}
			want[r] = append(want[r], cell)
		}
	}
	var firstErr error
	for i, size := range sizes {
		in := file(text)
		in.Torn = 1 + size%13
		got, ends, err := drain(t, in, format.ReadOptions{Columns: cols, ChunkBytes: size})
		require.Equal(t, ok, err == nil, "%q: %v", text, err)
		if i == 0 {
			firstErr = err
		}
		require.Equal(t, fmt.Sprint(firstErr), fmt.Sprint(err), "%q in chunks of %d", text, size)
		if err != nil {
			for j := range got {
				require.Equal(t, want[j], got[j], "%q in chunks of %d", text, size)
			}
			continue
		}
		require.Equal(t, len(want), len(got), "%q in chunks of %d", text, size)
		for j := range want {
			require.Equal(t, want[j], got[j], "%q in chunks of %d", text, size)
		}
		for j := 0; j < len(ends); j += 1 + len(ends)/10 {
			end := ends[j]
			rest, _, err := drain(t, in, format.ReadOptions{Columns: cols, ChunkBytes: size, From: end})
			require.NoError(t, err)
			require.Equal(t, len(got)-int(end.Record), len(rest), "from %+v", end)
			for j := range rest {
				require.Equal(t, got[int(end.Record)+j], rest[j])
			}
		}
	}
}

func TestReader_AgreesWithStandardLibrary(t *testing.T) {
	t.Parallel()
	in := crm(t, 1500)
	want, err := stdcsv.NewReader(bytes.NewReader(in.Data)).ReadAll()
	require.NoError(t, err)
	for _, size := range []int{0, 1, 999, 64 << 10} {
		got, _, err := drain(t, in, format.ReadOptions{Columns: columns(formattest.CRMColumns...), ChunkBytes: size})
		require.NoError(t, err)
		require.Len(t, got, len(want)-1)
		for i := range got {
			for j := range got[i] {
				if got[i][j] == null {
					got[i][j] = ""
				}
			}
			require.Equal(t, want[i+1], got[i])
		}
	}
}

func TestChunk_DecodesOnAnyGoroutine(t *testing.T) {
	t.Parallel()
	in, opts := crm(t, 2000), format.ReadOptions{Columns: columns(formattest.CRMColumns...), ChunkBytes: 20_000}
	want, _, err := drain(t, in, opts)
	require.NoError(t, err)
	opts.Pool = &batch.Pool{}
	r, err := csv.NewReader(t.Context(), in, opts)
	require.NoError(t, err)
	var decoded []chan *batch.Batch
	for {
		c, err := r.Next(t.Context())
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		done := make(chan *batch.Batch, 1)
		decoded = append(decoded, done)
		go func() {
			b, err := c.Decode()
			if err != nil {
				t.Error(err)
			}
			done <- b
		}()
	}
	var got [][]string
	for _, done := range decoded {
		b := <-done
		got = append(got, formattest.Texts(t, b)...)
		b.Release()
	}
	require.NoError(t, r.Close())
	require.Equal(t, want, got)
	require.Zero(t, opts.Pool.InUse())
}

func FuzzCSVDecode(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 7))
	for range 20 {
		f.Add(hostile(rnd, 2)[4:], uint16(rnd.IntN(200)))
	}
	f.Add("\"", uint16(1))
	f.Fuzz(func(t *testing.T, text string, size uint16) {
		if len(text) > 2000 || strings.ToValidUTF8(text, "") != text {
			return // checked by cases of their own
		}
		compare(t, "a,b\n"+text, columns("a", "b"), []int{0, int(size)})
	})
}
