package jsonl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
	"weir.dev/weir/format/formattest"
	"weir.dev/weir/format/jsonl"
)

const null = formattest.Null

func drain(t testing.TB, in formattest.File, opts format.ReadOptions) ([][]string, []format.Position, error) {
	t.Helper()
	return formattest.Read(t, jsonl.NewReader, in, opts)
}

func file(text string) formattest.File {
	return formattest.File{Label: "in/a.json", Data: []byte(text)}
}

func columns(names ...string) (cols []format.ReadColumn) {
	for _, n := range names {
		cols = append(cols, format.ReadColumn{Name: n, Kind: batch.Kind{Type: batch.JSON}})
	}
	return cols
}

var chunkSizes = []int{0, 1, 2, 3, 7, 16, 64, 1000}

func TestReader_Values(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   string
		want [][]string // of columns a and b
	}{
		"lines":                   {`{"a":1,"b":"x"}` + "\n" + `{"b":true,"a":null}` + "\n", [][]string{{"1", `"x"`}, {null, "true"}}},
		"no newline at the end":   {`{"a":1}` + "\n" + `{"a":2}`, [][]string{{"1", null}, {"2", null}}},
		"crlf and empty lines":    {"\r\n{\"a\":1}\r\n\r\n \t\n{\"a\":2}\r\n\n", [][]string{{"1", null}, {"2", null}}},
		"byte order mark":         {"\xef\xbb\xbf{\"a\":1}\n", [][]string{{"1", null}}},
		"spaces":                  {" { \"a\" : 1 , \"b\" : [ 1, 2 ] } \n", [][]string{{"1", "[ 1, 2 ]"}}},
		"tokens stay as they are": {`{"a":"\u00e9\"\\x","b":-1.50e+07}`, [][]string{{`"\u00e9\"\\x"`, "-1.50e+07"}}},
		"objects":                 {`{"a":{"b":[{}],"c":{"d":"}"}},"b":[]}`, [][]string{{`{"b":[{}],"c":{"d":"}"}}`, "[]"}}},
		"others are skipped":      {`{"x":{"a":1,"b":[2]},"a":3,"y":"\"a\":4"}`, [][]string{{"3", null}}},
		"last one counts":         {`{"a":1,"a":2,"b":1,"b":null}`, [][]string{{"2", null}}},
		"escaped name":            {`{"\u0061":1,"\b":2,"b":3}`, [][]string{{"1", "3"}}},
		"empty object":            {"{}\n{ }\n", [][]string{{null, null}, {null, null}}},
		"order changes":           {"{\"a\":1,\"x\":0,\"b\":2}\n{\"b\":3,\"a\":4}\n{\"y\":0,\"x\":0,\"b\":5,\"a\":6}\n", [][]string{{"1", "2"}, {"4", "3"}, {"6", "5"}}},
		"array":                   {`[{"a":1},{"a":2} , {"b":3}]`, [][]string{{"1", null}, {"2", null}, {null, "3"}}},
		"array over lines":        {" [\n  {\n \"a\": 1\n},\n{\"b\":\n\"],[\"}\n]\n\n", [][]string{{"1", null}, {null, `"],["`}}},
		"empty array":             {" [ ] ", nil},
		"laid out":                {"{\n  \"a\": 1,\n  \"b\": {\n    \"c\": 2\n  }\n}\n{\n  \"a\": 3\n}\n", [][]string{{"1", "{\n    \"c\": 2\n  }"}, {"3", null}}},
		"one after the other":     {`{"a":1}{"a":2} {"a":3}` + "\n" + `{"a":4}`, [][]string{{"1", null}, {"2", null}, {"3", null}, {"4", null}}},
		"nothing":                 {"", nil},
		"nothing but space":       {" \n\r\n", nil},
		"only a byte order mark":  {"\xef\xbb\xbf", nil},
		"long values":             {`{"a":"a text of more than twelve bytes","b":"美咲さんは東京に住んでいます"}`, [][]string{{`"a text of more than twelve bytes"`, `"美咲さんは東京に住んでいます"`}}},
		"all escapes":             {`{"a":"\b\f\n\r\t\/\\\""}`, [][]string{{`"\b\f\n\r\t\/\\\""`, null}}},
		"half a pair is kept":     {`{"a":"\ud800"}`, [][]string{{`"\ud800"`, null}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range chunkSizes {
				got, ends, err := drain(t, file(c.in), format.ReadOptions{Columns: columns("a", "b"), ChunkBytes: size})
				require.NoError(t, err, "chunks of %d bytes", size)
				require.Equal(t, c.want, got, "chunks of %d bytes", size)
				for _, end := range ends {
					rest, _, err := drain(t, file(c.in), format.ReadOptions{Columns: columns("a", "b"), ChunkBytes: size, From: end})
					require.NoError(t, err)
					require.Equal(t, len(got)-int(end.Record), len(rest))
					for i := range rest {
						require.Equal(t, got[int(end.Record)+i], rest[i])
					}
				}
			}
		})
	}
}

func TestReader_Paths(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   string
		path string
		want string
	}{
		"nested":                          {`{"a":{"b":1}}`, "a.b", "1"},
		"deeper":                          {`{"a":{"x":0,"b":{"c":"v"}}}`, "a.b.c", `"v"`},
		"no object on the way":            {`{"a":5}`, "a.b", null},
		"text on the way":                 {`{"a":"b"}`, "a.b", null},
		"array on the way":                {`{"a":[{"b":1}]}`, "a.b", null},
		"null on the way":                 {`{"a":null}`, "a.b", null},
		"name with a dot":                 {`{"a.b":1}`, "a.b", "1"},
		"name wins over path":             {`{"a.b":1,"a":{"b":2}}`, "a.b", "1"},
		"name wins over path, later":      {`{"a":{"b":2},"a.b":1}`, "a.b", "1"},
		"null by name wins too":           {`{"a":{"b":2},"a.b":null}`, "a.b", null},
		"name with a dot inside":          {`{"a":{"b.c":1}}`, "a.b.c", "1"},
		"name with a dot outside":         {`{"a.b":{"c":1}}`, "a.b.c", "1"},
		"fewer members win":               {`{"a":{"b":{"c":1}},"a.b":{"c":2}}`, "a.b.c", "2"},
		"last object counts":              {`{"a":{"b":1},"a":{"c":2}}`, "a.b", null},
		"last object counts, found again": {`{"a":{"b":1},"a":{"b":2}}`, "a.b", "2"},
		"replaced by a text":              {`{"a":{"b":1},"a":"x"}`, "a.b", null},
		"replaced by a number":            {`{"a":{"b":1},"a":3}`, "a.b", null},
		"escaped name on the way":         {`{"\u0061":{"\u0062":1}}`, "a.b", "1"},
		"dot at the end":                  {`{"a":{"":1}}`, "a.", "1"},
		"many dots":                       {`{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":1}}}}}}}}}`, "a.b.c.d.e.f.g.h.i", "1"},
		"many dots in a name":             {`{"a.b.c.d.e.f.g.h.i":1}`, "a.b.c.d.e.f.g.h.i", "1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, err := drain(t, file(c.in), format.ReadOptions{Columns: columns(c.path)})
			require.NoError(t, err)
			require.Equal(t, [][]string{{c.want}}, got)
		})
	}
}

func TestReader_ParentAndMembersTogether(t *testing.T) {
	t.Parallel()
	got, _, err := drain(t, file(`{"a":{"b":1,"c":{"d":2}}}`+"\n"+`{"a":{"c":3}}`+"\n{}\n"), format.ReadOptions{Columns: columns("a.c.d", "a", "a.b", "a.c", "a")})
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"2", `{"b":1,"c":{"d":2}}`, "1", `{"d":2}`, `{"b":1,"c":{"d":2}}`},
		{null, `{"c":3}`, null, "3", `{"c":3}`},
		{null, null, null, null, null},
	}, got)
}

func TestReader_Refuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ in, want string }{
		"not an object":              {"{\"a\":1}\n\n[1]\n", `record 2 at line 3 is not a JSON object`},
		"text":                       {"hello\n", `record 1 at line 1 is not a JSON object`},
		"several on a line":          {"{\"a\":1}\n{\"a\":1} {\"a\":2}\n", `record 2 at line 2 is followed by another value on the same line`},
		"laid out behind lines":      {"{\"a\":1}\n{\n\"a\":2}\n", `record 2 at line 2 is not complete at the end of the line`},
		"torn line":                  {"{\"a\":1}\n{\"a\":\n{\"a\":3}\n", `record 2 at line 2 is not complete at the end of the line`},
		"torn string":                {"{\"a\":1}\n{\"a\":\"x\n{\"a\":3}\n", `record 2 at line 2 is not valid JSON: a control character in a string, at byte 8 of the record`},
		"torn file":                  {"{\"a\":1}\n{\"a\":\"x", `record 2 at line 2 is not valid JSON: a string has no end, at byte 8 of the record`},
		"no colon":                   {`{"a" 1}`, `record 1 at line 1 is not valid JSON: a colon is missing, at byte 6 of the record`},
		"no comma":                   {`{"a":1 "b":2}`, `record 1 at line 1 is not valid JSON: a comma or the end of the object is missing, at byte 8 of the record`},
		"trailing comma":             {`{"a":1,}`, `record 1 at line 1 is not valid JSON: a member's name is missing, at byte 8 of the record`},
		"bad escape":                 {`{"a":"\x"}`, `record 1 at line 1 is not valid JSON: an unknown escape in a string, at byte 7 of the record`},
		"bad hexadecimal digits":     {`{"z":"\u00g0"}`, `record 1 at line 1 is not valid JSON: \u without four hexadecimal digits, at byte 7 of the record`},
		"leading zero":               {`{"a":01}`, `record 1 at line 1 is not valid JSON: a comma or the end of the object is missing, at byte 7 of the record`},
		"unknown word":               {`{"a":nil}`, `record 1 at line 1 is not valid JSON: a value is missing, at byte 6 of the record`},
		"mismatch in another column": {`{"x":[1,2},"a":1]}`, `record 1 at line 1 is not valid JSON: a comma or a closing bracket is missing, at byte 10 of the record`},
		"not utf-8":                  {"{\"a\":1}\n{\"x\":\"Jos\xe9\"}\n", `record 2 at line 2 holds bytes that are not UTF-8`},
		"utf-16":                     {"\xff\xfe{\x00}", `it is UTF-16 that ends inside a character, at line 1`},
		"too deep":                   {`{"x":` + strings.Repeat("[", 512) + strings.Repeat("]", 512) + `}`, `record 1 at line 1 is not valid JSON: it is too deep, at byte 517 of the record`},
		"array, no object":           {"[{\"a\":1},\n2]", `record 2 at line 2 is not a JSON object`},
		"array, no comma":            {"[{\"a\":1}\n{\"a\":2}]", `record 2 at line 2 follows another without a comma`},
		"array, two commas":          {"[{\"a\":1},,{\"a\":2}]", `record 2 at line 1 is not a JSON object`},
		"array, comma at the end":    {"[{\"a\":1},]", `record 2 at line 1 is not a JSON object`},
		"array, comma first":         {"[,{\"a\":1}]", `record 1 at line 1 is not a JSON object`},
		"array, no end":              {"[{\"a\":1},{\"a\":2}\n", `record 3 at line 2 is missing: the array has no end`},
		"array, torn":                {"[{\"a\":1},\n{\"a\":", `record 2 at line 2 is not complete when the file ends`},
		"array, more behind it":      {"[{\"a\":1}]\n{\"a\":2}", `record 2 at line 2 follows the end of the array`},
		"stream, torn":               {"{\n\"a\":1}\n{\n", `record 2 at line 3 is not complete when the file ends`},
		"too long":                   {"{\"a\":1}\n{\"a\":\"" + strings.Repeat("x", 3000) + "\"}\n", `record 2 at line 2 is longer than 2000 bytes`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range append(chunkSizes, 4000) {
				_, _, err := drain(t, file(c.in), format.ReadOptions{Columns: columns("a", "b"), ChunkBytes: size, MaxRecord: 2000})
				require.EqualError(t, err, `reading "in/a.json": `+c.want, "chunks of %d bytes", size)
			}
		})
	}
}

func TestReader_DepthOf512IsRead(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 511) + strings.Repeat("]", 511)
	got, _, err := drain(t, file(`{"a":`+deep+`}`), format.ReadOptions{Columns: columns("a")})
	require.NoError(t, err)
	require.Equal(t, [][]string{{deep}}, got)
}

func TestReader_MoreNamesThanAreRemembered(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	var want [][]string
	for i := range 300 {
		in.WriteString("{")
		for j := range 20 {
			fmt.Fprintf(&in, `"a name of its own %d %d":0,`, i, j)
		}
		fmt.Fprintf(&in, "\"b\":%d}\n", i)
		want = append(want, []string{null, fmt.Sprint(i)})
	}
	got, _, err := drain(t, file(in.String()), format.ReadOptions{Columns: columns("a", "b")})
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// hostile is a random JSON value, or nearly one.
func hostile(rnd *rand.Rand, depth int) string {
	space := []string{"", "", "", " ", "\t"}[rnd.IntN(5)]
	if rnd.IntN(60) == 0 {
		return []string{"", ",", "}", "]", "tru", "01", "1.", "-", "1e", `"`, `"\q"`, "\"\x01\"", "nul", "+1", ".5", `"\u12"`}[rnd.IntN(16)]
	}
	kind := rnd.IntN(9)
	if depth > 4 {
		kind = rnd.IntN(6)
	}
	switch kind {
	case 0:
		return "null"
	case 1:
		return []string{"true", "false"}[rnd.IntN(2)]
	case 2:
		return []string{"0", "-0", "1.5", "12345678901234567890", "1e5", "-2.5E-3", "1E+2"}[rnd.IntN(7)]
	case 3, 4, 5:
		return name(rnd)
	case 6:
		var parts []string
		for range rnd.IntN(4) {
			parts = append(parts, space+hostile(rnd, depth+1))
		}
		return "[" + strings.Join(parts, ",") + space + "]"
	}
	return object(rnd, depth)
}

func name(rnd *rand.Rand) string {
	pieces := []string{"a", "b", "c", ".", `\"`, `\\`, `\u0061`, "é", "美", "a long piece of text", "{", "]", ":", ",", `\ud83d\ude00`}
	out := `"`
	for range rnd.IntN(4) {
		out += pieces[rnd.IntN(len(pieces))]
	}
	return out + `"`
}

func object(rnd *rand.Rand, depth int) string {
	space := []string{"", "", "", " ", "\t"}[rnd.IntN(5)]
	var parts []string
	for range rnd.IntN(5) {
		key := []string{`"a"`, `"b"`, `"a.b"`, `"\u0061"`, name(rnd)}[rnd.IntN(5)]
		parts = append(parts, space+key+space+":"+space+hostile(rnd, depth+1)+space)
	}
	return "{" + strings.Join(parts, ",") + space + "}"
}

// lookup finds a path the slow way: by the standard library, for names without several ways to them.
func lookup(record []byte, path string) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(record, &members) != nil {
		return null
	}
	if raw, ok := members[path]; ok {
		if string(raw) == "null" {
			return null
		}
		return string(raw)
	}
	if first, rest, ok := strings.Cut(path, "."); ok && len(members[first]) > 0 && members[first][0] == '{' {
		return lookup(members[first], rest)
	}
	return null
}

// check compares the reader with the standard library on one text as a file of one line.
func check(t testing.TB, record string) {
	t.Helper()
	got, _, err := drain(t, file(record), format.ReadOptions{Columns: columns("a", "b", "a.b")})
	trimmed := strings.Trim(record, " \t\r\n")
	valid := json.Valid([]byte(record)) && utf8.ValidString(record) && strings.HasPrefix(trimmed, "{")
	if !valid {
		require.False(t, err == nil && len(got) == 1, "%q was read", record)
		return
	}
	require.NoError(t, err, "%q", record)
	require.Equal(t, [][]string{{lookup([]byte(record), "a"), lookup([]byte(record), "b"), lookup([]byte(record), "a.b")}}, got, "%q", record)
}

func TestReader_AgreesWithStandardLibrary(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		check(t, object(rand.New(rand.NewPCG(seed, 9)), 0))
	}
}

func TestReader_LayoutsAndChunkSizesGiveTheSameRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		var records []string
		for len(records) < 1+rnd.IntN(8) {
			if o := object(rnd, 0); json.Valid([]byte(o)) {
				records = append(records, o)
			}
		}
		var want [][]string
		for _, r := range records {
			want = append(want, []string{lookup([]byte(r), "a"), lookup([]byte(r), "a.b")})
		}
		for _, text := range []string{strings.Join(records, "\n"), strings.Join(records, "\r\n\n") + "\n", "[" + strings.Join(records, ",\n") + "]",
			"\n[\n" + strings.Join(records, ",") + "\n]\n", strings.Join(records, ""), "\n{\n}" + strings.Join(records, "\n")} {
			for _, size := range []int{0, 1, 1 + rnd.IntN(200)} {
				in := file(text)
				in.Torn = 1 + rnd.IntN(50)
				got, ends, err := drain(t, in, format.ReadOptions{Columns: columns("a", "a.b"), ChunkBytes: size})
				require.NoError(t, err, "%q", text)
				if strings.HasPrefix(text, "\n{\n}") {
					require.Equal(t, []string{null, null}, got[0])
					got = got[1:]
				}
				require.Equal(t, want, got, "%q", text)
				for _, end := range ends {
					rest, _, err := drain(t, in, format.ReadOptions{Columns: columns("a", "a.b"), ChunkBytes: size, From: end})
					require.NoError(t, err, "%q", text)
					require.Equal(t, fmt.Sprint(want[len(want)-len(rest):]), fmt.Sprint(rest))
					skipped := int(end.Record)
					if strings.HasPrefix(text, "\n{\n}") {
						skipped--
					}
					require.Len(t, rest, len(want)-skipped)
				}
			}
		}
	}
}

func TestReader_TableAgreesWithStandardLibrary(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, formattest.CRM{Seed: 1, Rows: 2000}.WriteJSON(&out))
	in := file(out.String())
	for _, size := range []int{0, 999, 64 << 10} {
		got, _, err := drain(t, in, format.ReadOptions{Columns: columns(formattest.CRMColumns...), ChunkBytes: size})
		require.NoError(t, err)
		records := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, got, len(records))
		for i, record := range records {
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(record), &members))
			for j, name := range formattest.CRMColumns {
				want := string(members[name])
				if want == "null" {
					want = null
				}
				require.Equal(t, want, got[i][j])
			}
		}
	}
}

func FuzzJSONDecode(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(object(rand.New(rand.NewPCG(seed, 9)), 0))
	}
	f.Fuzz(func(t *testing.T, record string) {
		if strings.Count(record, "{")+strings.Count(record, "[") > maxNesting {
			return // the limits differ
		}
		if strings.HasPrefix(record, "\xef\xbb\xbf") || strings.HasPrefix(strings.TrimLeft(record, " \t\r\n"), "[") {
			return // the standard library knows no byte order mark; arrays are files of several records
		}
		check(t, record)
	})
}

const maxNesting = 500
