package fake

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestID_TheSuffixTellsCapitals(t *testing.T) {
	t.Parallel()
	for short, full := range map[string]string{ // of Salesforce's pages
		"00300000003T2PG": "00300000003T2PGAA0",
		"005R0000000Uyrw": "005R0000000UyrwIAC",
		"00130000000XXXX": "00130000000XXXXAAA"[:15] + string(appendSuffix(nil, []byte("00130000000XXXX"))),
	} {
		got, ok := fullID(short)
		require.True(t, ok)
		require.Equal(t, full, got)
		folded, ok := fullID(strings.ToLower(full))
		require.True(t, ok, "the long form survives a loss of case")
		require.Equal(t, full, folded)
	}
	for _, no := range []string{"", "001", "0010000000000!A", "00100000000000000000", "00300000003T2PGAA!", "003000000000000AA1"} {
		_, ok := fullID(no)
		require.False(t, ok, no)
	}
}

func TestID_CountsAndOrders(t *testing.T) {
	t.Parallel()
	before := ""
	for _, n := range []int{1, 2, 61, 62, 63, 3844, 999_999, 1_000_000} {
		id := makeID("001", n)
		require.Len(t, id, longID)
		require.Equal(t, n, sequenceOf(id))
		require.Greater(t, id, before)
		before = id
	}
	require.Zero(t, sequenceOf("001xx0000000001AAA"), "another instance's")
}

func TestValue_Forms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		k          kind
		in         string
		json, bulk string
	}{
		{text, `a "q"` + "\n\x01é", `"a \"q\"\n\u0001é"`, "\"a \"\"q\"\"\n\x01é\""},
		{text, "", "null", `""`},
		{integer, "12", "12", `"12"`},
		{double, "1000000000", "1.0E9", `"1.0E9"`},
		{double, "12", "12.0", `"12.0"`},
		{double, "0.00015", "1.5E-4", `"1.5E-4"`},
		{double, "-12.75", "-12.75", `"-12.75"`},
		{boolean, "TRUE", "true", `"true"`},
		{day, "2024-02-29", `"2024-02-29"`, `"2024-02-29"`},
		{day, "1899-12-31", `"1899-12-31"`, `"1899-12-31"`},
		{moment, "2024-05-01T10:11:12.999+02:00", `"2024-05-01T08:11:12.000+0000"`, `"2024-05-01T08:11:12.000Z"`},
		{moment, "1969-12-31T23:59:59Z", `"1969-12-31T23:59:59.000+0000"`, `"1969-12-31T23:59:59.000Z"`},
		{clock, "10:11:12.013Z", `"10:11:12.013Z"`, `"10:11:12.013Z"`},
	} {
		v, ok := parseText(c.k, c.in)
		require.True(t, ok, c.in)
		require.Equal(t, c.json, string(v.appendJSON(nil)))
		require.Equal(t, c.bulk, string(v.appendCSV(nil)))
	}
	for k, in := range map[kind]string{integer: "1.5", double: "x", boolean: "yes", day: "2024-13-01", moment: "noon", clock: "25"} {
		_, ok := parseText(k, in)
		require.False(t, ok, in)
	}
}

func TestPattern_LikeNeedsNoMoreThanItsLengths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a%", "Abc", true}, {"%c", "abC", true}, {"a_c", "abc", true}, {"a_c", "ac", false}, {"%", "", true},
		{`100\%`, "100%", true}, {`100\%`, "1000", false}, {`a\_b`, "a_b", true}, {"%É%", "café", true}, {"", "a", false},
		{strings.Repeat("%a", 200) + "b", strings.Repeat("a", 4000), false},
	} {
		require.Equal(t, c.want, compilePattern(c.pattern).match(c.text), c.pattern)
	}
}

// FuzzUpload: no upload panics the reader, and the cells of a good one are those that were written.
func FuzzUpload(f *testing.F) {
	f.Add([]byte("a,\"b\"\"c\"\r\n\"x\ny\",\n"), true)
	f.Add([]byte("\ufeffa\n\" \"x\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, crlf bool) {
		ending := map[bool]string{true: "CRLF", false: "LF"}[crlf]
		rows, why := readCSV(data, ',', ending)
		if why != "" {
			return
		}
		var again []byte
		for _, r := range rows {
			if r.bad {
				return
			}
			for i, cell := range r.cells {
				if i > 0 {
					again = append(again, ',')
				}
				again = textValue(cell).appendCSV(again)
			}
			again = append(again, map[bool]string{true: "\r\n", false: "\n"}[crlf]...)
		}
		back, why := readCSV(again, ',', ending)
		require.Empty(t, why)
		require.Equal(t, rows, back)
	})
}

// FuzzSOQL: no query panics the parser, and every refusal can be shown.
func FuzzSOQL(f *testing.F) {
	for _, q := range []string{"SELECT Id FROM Account", "select a.Id, Owner.Name from Account a where Name in ('x','y') and not (Id = null) order by Id desc nulls last limit 5 offset 2", "SELECT '", "SELECT \\u00"} {
		f.Add(q)
	}
	o := New(Options{Accounts: 3})
	f.Fuzz(func(t *testing.T, q string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if p, bad := o.prepare(q); bad != nil {
			require.NotEmpty(t, bad.code)
		} else {
			p.run(true)
		}
	})
}
