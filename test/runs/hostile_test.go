package runs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/engine"
)

func zipped(members ...string) []byte {
	var out bytes.Buffer
	for _, m := range members {
		w := gzip.NewWriter(&out)
		_, _ = w.Write([]byte(m)) // into memory
		_ = w.Close()
	}
	return out.Bytes()
}

func zstandard(text string) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll([]byte(text), nil)
}

func wide(text string, order binary.AppendByteOrder) []byte {
	out := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func unbase64(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

// hostile are input files as the world has them. Each is either read to rows, here as the lines of the JSON that a Map_all
// flow writes, or refused with a message that says which file, where in it, and why; never read to less than it holds.
var hostile = []struct {
	name   string
	format string
	files  map[string]string
	rows   string
	fails  []string // what the message says
}{
	{name: "UTF-16, little endian", files: map[string]string{"a.csv": string(wide("id,name\r\n1,Åke 😀\r\n", binary.LittleEndian))}, rows: `{"id":"1","name":"Åke 😀"}`},
	{name: "UTF-16, big endian, compressed", files: map[string]string{"a": string(zipped(string(wide("id,name\n1,日本\n", binary.BigEndian))))}, rows: `{"id":"1","name":"日本"}`},
	{name: "UTF-16 lines of JSON", format: "JSON", files: map[string]string{"a": string(wide("{\"id\":\"å\"}\n", binary.LittleEndian))}, rows: `{"id":"å"}`},
	{name: "UTF-16 cut inside a character", files: map[string]string{"a.csv": string(wide("id\n1\n2", binary.LittleEndian))[:13]}, fails: []string{`"in/a.csv"`, "ends inside a character", "line 3"}},
	{name: "UTF-16 without a mark", files: map[string]string{"a.csv": string(wide("id\n1\n", binary.LittleEndian)[2:])}, fails: []string{`"in/a.csv"`, "UTF-16 without a byte order mark"}},
	{name: "UTF-32", files: map[string]string{"a.csv": "\xff\xfe\x00\x00i\x00\x00\x00"}, fails: []string{`"in/a.csv"`, "it is UTF-32"}},
	{name: "Latin-1", files: map[string]string{"a.csv": "id,name\n1,ok\n2,\xc5ke\n"}, fails: []string{`"in/a.csv"`, "record 2 at line 3", "not UTF-8", `column "name"`}},
	{name: "Latin-1 in JSON", format: "JSON", files: map[string]string{"a.json": "{\"id\":1}\n{\"id\":\"\xc5\"}\n"}, fails: []string{`"in/a.json"`, "record 2 at line 2", "not UTF-8"}},
	{name: "a surrogate in UTF-8", files: map[string]string{"a.csv": "id\n\xed\xa0\x80\n"}, fails: []string{"record 1 at line 2", "not UTF-8"}},
	{name: "UTF-8 with a mark", files: map[string]string{"a.csv": "\xef\xbb\xbfid\n1\n"}, rows: `{"id":"1"}`},
	{name: "NUL in a cell", files: map[string]string{"a.csv": "id,b\n1,x\x00y\n"}, rows: `{"id":"1","b":"x\u0000y"}`},
	{name: "NUL in JSON", format: "JSON", files: map[string]string{"a": "{\"id\":\"x\x00y\"}\n"}, fails: []string{`"in/a"`, "record 1 at line 1", "control character"}},

	{name: "too few fields", files: map[string]string{"a.csv": "id,b\n1,2\n3\n"}, fails: []string{`"in/a.csv"`, "record 2 at line 3", "has 1 fields, the header has 2"}},
	{name: "too many fields", files: map[string]string{"a.csv": "id,b\n\n1,2\n3,4,5\n"}, fails: []string{"record 2 at line 4", "has 3 fields, the header has 2"}},
	{name: "two columns of one name", files: map[string]string{"a.csv": "id,b,id\n1,2,3\n"}, fails: []string{`"in/a.csv"`, "columns 1 and 3", "same name", `"id"`}},
	{name: "a column without a name", files: map[string]string{"a.csv": "id,,b\n1,2,3\n"}, fails: []string{`"in/a.csv"`, "column 2 of the header has no name"}},
	{name: "a header and no more", files: map[string]string{"a.csv": "id,b"}, rows: ""},
	{name: "nothing but empty lines", files: map[string]string{"a.csv": "\n\r\n\n"}, rows: ""},
	{name: "no bytes at all", files: map[string]string{"a.csv": "", "b.csv": "id\n1\n"}, rows: `{"id":"1"}`},
	{name: "columns in another order in another file", files: map[string]string{"a.csv": "id,b\n1,2\n", "b.csv": "b,more,id\n4,x,3\n"}, rows: "{\"id\":\"1\",\"b\":\"2\"}\n{\"id\":\"3\",\"b\":\"4\"}"},
	{name: "a column that another file lacks", files: map[string]string{"a.csv": "id,b\n1,2\n", "b.csv": "id\n3\n"}, fails: []string{`"in/b.csv"`, `no column "b"`}},
	{name: "an open quote", files: map[string]string{"a.csv": "id,b\n1,2\n3,\"x\n4,5\n"}, fails: []string{`"in/a.csv"`, "record 2 at line 3", "never closed"}},
	{name: "text behind a quote", files: map[string]string{"a.csv": "id,b\n1,\"2\"x\n"}, fails: []string{"record 1 at line 2", "text after the closing quote", `"b"`}},
	{name: "quotes inside a field", files: map[string]string{"a.csv": "id,b\n1,5\" nail\n"}, rows: `{"id":"1","b":"5\" nail"}`},
	{name: "line breaks in quotes", files: map[string]string{"a.csv": "id,b\r\n1,\"x\r\ny\"\r\n2,\"\"\"\"\r\n"}, rows: "{\"id\":\"1\",\"b\":\"x\\r\\ny\"}\n{\"id\":\"2\",\"b\":\"\\\"\"}"},
	{name: "lines ended by carriage returns", files: map[string]string{"a.csv": "id,b\r1,2\r3,4\r"}, fails: []string{`"in/a.csv"`, "carriage return"}},
	{name: "semicolons", files: map[string]string{"a.csv": "id;b\n1;2\n"}, rows: `{"id;b":"1;2"}`},

	{name: "a JSON array over lines", format: "JSON", files: map[string]string{"a": "[\n {\"id\": 1},\n {\"id\":\n2}\n]\n"}, rows: "{\"id\":1}\n{\"id\":2}"},
	{name: "a JSON array without an end", format: "JSON", files: map[string]string{"a": "[{\"id\":1},\n{\"id\":2}\n"}, fails: []string{`"in/a"`, "record 3 at line 3", "the array has no end"}},
	{name: "an array of nothing", format: "JSON", files: map[string]string{"a": "[]"}, rows: ""},
	{name: "files without a header before one with", files: map[string]string{"a": "\n\n", "b": "id\n1\n"}, rows: `{"id":"1"}`},
	{name: "a JSON array cut inside a record", format: "JSON", files: map[string]string{"a": "[{\"id\":1},\n{\"id\":2"}, fails: []string{`"in/a"`, "record 2 at line 2", "not complete"}},
	{name: "numbers instead of objects", format: "JSON", files: map[string]string{"a": "{\"id\":1}\n2\n"}, fails: []string{`"in/a"`, "record 2 at line 2", "not a JSON object"}},
	{name: "two objects in one line", format: "JSON", files: map[string]string{"a": "{\"id\":1}\n{\"id\":2}{\"id\":3}\n"}, fails: []string{`"in/a"`, "record 2 at line 2", "another value on the same line"}},
	{name: "deep JSON", format: "JSON", files: map[string]string{"a": "{\"id\":" + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}\n"}, rows: `{"id":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`},
	{name: "bottomless JSON", format: "JSON", files: map[string]string{"a": "{\"id\":1}\n{\"id\":" + strings.Repeat("[", 1_000_000) + "\n"}, fails: []string{`"in/a"`, "record 2 at line 2", "too deep"}},
	{name: "bottomless objects", format: "JSON", files: map[string]string{"a": strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000) + "\n"}, fails: []string{`"in/a"`, "record 1 at line 1", "too deep"}},
	{name: "huge numbers", format: "JSON", files: map[string]string{"a": `{"id":1e400,"n":-123456789012345678901234567890.10,"z":0.1e-999}` + "\n"}, rows: `{"id":1e400,"n":-123456789012345678901234567890.10,"z":0.1e-999}`},
	{name: "numbers JSON does not have", format: "JSON", files: map[string]string{"a": "{\"id\":NaN}\n"}, fails: []string{`"in/a"`, "record 1 at line 1", "not valid JSON"}},
	{name: "a member twice", format: "JSON", files: map[string]string{"a": "{\"id\":1,\"id\":2}\n"}, rows: `{"id":2}`},
	{name: "members of any order, some missing", format: "JSON", files: map[string]string{"a": "{\"id\":1,\"b\":2}\n\n{\"b\":3}\n"}, rows: "{\"id\":1,\"b\":2}\n{\"id\":null,\"b\":3}"},
	{name: "CSV read as JSON", format: "JSON", files: map[string]string{"a": "id,b\n1,2\n"}, fails: []string{`"in/a"`, "record 1 at line 1", "not a JSON object"}},

	{name: "several gzip members", files: map[string]string{"a": string(zipped("id\n1", "", "2\n3\n"))}, rows: "{\"id\":\"12\"}\n{\"id\":\"3\"}"},
	{name: "a gzip that is cut", files: map[string]string{"a.csv.gz": string(zipped("id\n" + strings.Repeat("1\n", 5000)))[:40]}, fails: []string{`"in/a.csv.gz"`, "gzip", "unexpected EOF"}},
	{name: "a gzip with a wrong checksum", files: map[string]string{"a": string(append(zipped("id\n1\n")[:25], 0, 0, 0, 0, 0, 0, 0, 0))}, fails: []string{`"in/a"`, "gzip"}},
	{name: "text behind a gzip", files: map[string]string{"a": string(zipped("id\n1\n")) + "garbage"}, fails: []string{`"in/a"`, "gzip"}},
	{name: "zstd", files: map[string]string{"a": string(zstandard("id\n1\n"))}, rows: `{"id":"1"}`},
	{name: "a zstd that is cut", files: map[string]string{"a": string(zstandard("id\n" + strings.Repeat("123456789\n", 500)))[:20]}, fails: []string{`"in/a"`, "zstd"}},
	{name: "bzip2", files: map[string]string{"a": string(unbase64("QlpoOTFBWSZTWQMMHxsAAAVZAAAQAAQ8ADAAIAAiHqGIQwInNOOAHi7kinChIAYYPjY="))}, rows: "{\"a\":\"1\",\"b\":\"2\"}\n{\"a\":\"3\",\"b\":\"4\"}"},
	{name: "gz in its name, and plain", files: map[string]string{"a.csv.gz": "id\n1\n"}, rows: `{"id":"1"}`},

	{name: "a Parquet name, and CSV", files: map[string]string{"a.parquet": "id\n1234567890\n"}, fails: []string{`"in/a.parquet"`, "does not end like a parquet file"}},
	{name: "a Parquet file of a few bytes", files: map[string]string{"a.parquet": "PAR1"}, fails: []string{`"in/a.parquet"`, "too few"}},
	{name: "a Parquet footer longer than the file", files: map[string]string{"a.parquet": "PAR1xxxx\xff\xff\xff\x7fPAR1"}, fails: []string{`"in/a.parquet"`, "footer"}},
	{name: "an encrypted Parquet file", files: map[string]string{"a.parquet": "PAREabcdefgh\x01\x00\x00\x00PARE"}, fails: []string{`"in/a.parquet"`, "encrypted"}},
}

func TestHostile_EveryFileIsReadOrRefused(t *testing.T) {
	t.Parallel()
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := map[string][]byte{}
			for name, data := range c.files {
				files["in/"+name] = []byte(data)
			}
			r := request{Format: c.format, Tasks: []map[string]any{mapAll},
				Output: map[string]any{"fileType": "JSON", "aggregationConfig": map[string]any{"aggregationType": "SingleFile"}}}
			got := shared().run(t, r.json(t), files, nil)
			if c.fails != nil {
				require.Error(t, got.err)
				for _, part := range c.fails {
					require.ErrorContains(t, got.err, part)
				}
				require.Less(t, len(got.err.Error()), 1000)
				require.Empty(t, got.objects)
				return
			}
			require.NoError(t, got.err)
			var rows string
			for _, data := range got.objects {
				rows += string(data)
			}
			require.Equal(t, c.rows, strings.TrimSuffix(rows, "\n"))
		})
	}
}

// Files whose content is far larger than they are must not need memory for more than a record and a few chunks.
func TestHostile_MemoryStaysBounded(t *testing.T) {
	t.Parallel()
	bomb := func(head, piece string, times int) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write([]byte(head))
		block := []byte(strings.Repeat(piece, 1<<20/len(piece)))
		for range times {
			_, _ = w.Write(block)
		}
		_ = w.Close()
		return out.Bytes()
	}
	for name, c := range map[string]struct {
		format string
		data   []byte
		rows   int64
		most   int64 // bytes of buffers
		fails  string
	}{
		"many short records":       {"CSV", bomb("id\n", "1234567\n", 64), 64 << 17, 48 << 20, ""},
		"one endless field":        {"CSV", bomb("id\n", "x", 150), 0, 600 << 20, "record 1 at line 2 is longer than 134217728 bytes"},
		"an endless header":        {"CSV", bomb("", "x", 100), 0, 100 << 20, "the header is longer than 16777216 bytes"},
		"an endless string":        {"JSON", bomb(`{"id":"`, "x", 150), 0, 600 << 20, "record 1 at line 1 is longer than 134217728 bytes"},
		"endless space":            {"JSON", bomb("{\"id\":1}\n", "\n", 64), 1, 48 << 20, ""},
		"an array of empty object": {"JSON", bomb("[{}", ",{}", 20), 0, 64 << 20, "the array has no end"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, engine.Options{Threads: 1, Memory: 32 << 20})
			body := request{Format: c.format, Tasks: []map[string]any{task("Map", "NO_OP", []string{"id"}, "id")}, Output: map[string]any{"fileType": "CSV"}}.json(t)
			peak := watch(r)
			got := r.run(t, body, map[string][]byte{"in/a": c.data}, nil)
			most := peak()
			if c.fails != "" {
				require.ErrorContains(t, got.err, c.fails)
				require.ErrorContains(t, got.err, `"in/a"`)
			} else {
				require.NoError(t, got.err)
				require.Equal(t, c.rows, got.result.Totals.Read)
			}
			require.LessOrEqual(t, most, c.most)
		})
	}
}

// watch looks at the memory of a rig's buffers every millisecond, and returns what tells the most it saw.
func watch(r *rig) (peak func() int64) {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		var m int64
		for {
			select {
			case <-tick.C:
				m = max(m, r.pool.InUse())
			case <-stop:
				most <- m
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}

func TestHostile_AFieldOfHundredMegabytes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a gigabyte for a moment")
	}
	field := strings.Repeat("0123456789", 10<<20)
	body := request{Tasks: []map[string]any{mapAll}, Output: map[string]any{"fileType": "CSV"}}.json(t)
	got := newRig(t, engine.Options{Threads: 1}).run(t, body, map[string][]byte{"in/a": fmt.Appendf(nil, "id,b\n1,%s\n2,x\n", field)}, nil)
	require.NoError(t, got.err)
	require.Len(t, got.objects, 1)
	for _, data := range got.objects {
		require.Equal(t, fmt.Sprintf("id,b\n1,%s\n2,x\n", field), string(data))
	}
}
