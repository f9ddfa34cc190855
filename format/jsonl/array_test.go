package jsonl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/jsonl"
)

func decodeArray(t *testing.T, text string, names ...string) ([][]string, error) {
	t.Helper()
	pool := &batch.Pool{}
	opts := format.ReadOptions{Pool: pool}
	for _, n := range names {
		opts.Columns = append(opts.Columns, format.ReadColumn{Name: n})
	}
	b, err := jsonl.DecodeArray("page", []byte(text), 11, opts)
	if err != nil {
		require.Zero(t, pool.InUse())
		return nil, err
	}
	require.EqualValues(t, 11, b.Origin.First)
	require.Equal(t, "page", b.Origin.Object)
	rows := make([][]string, b.Rows)
	for i := range rows {
		for _, col := range b.Columns {
			cell := "<null>"
			if col.Data.IsValid(i) {
				cell = string(batch.AppendText(nil, col, i))
			}
			rows[i] = append(rows[i], cell)
		}
	}
	b.Release()
	require.Zero(t, pool.InUse())
	return rows, nil
}

func TestDecodeArray_GivesTheRecords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 50)
	for name, c := range map[string]struct {
		text string
		want [][]string
	}{
		"empty":    {"[]", [][]string{}},
		"spaced":   {" [ \n ] ", [][]string{}},
		"one":      {`[{"a":1,"b":{"c":"x"}}]`, [][]string{{"1", "x"}}},
		"several":  {"[{\"a\":\"]},{[\"}, {\"b\":null},\n{\"a\":true,\"b\":{\"c\":\"" + long + "\"}}]\n", [][]string{{"]},{[", "<null>"}, {"<null>", "<null>"}, {"true", long}}},
		"unasked":  {`[{"z":[1,{"a":2}]}]`, [][]string{{"<null>", "<null>"}}},
		"repeated": {`[{"a":1,"a":2}]`, [][]string{{"2", "<null>"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeArray(t, c.text, "a", "b.c")
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestDecodeArray_RefusesWhatIsNotOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                        "not in an array",
		`{"a":1}`:                 "not in an array",
		`[{"a":1}`:                "record 12",
		`[{"a":1},`:               "record 12",
		`[{"a":1},]`:              "record 12",
		`[{"a":1} {"a":2}]`:       "record 12",
		`[{"a":1},2]`:             "record 12",
		`[{"a":1},{"a":]}`:        "record 1",
		`[{"a":1},{"a":}]`:        "record 12",
		`[{"a":1}]]`:              "follows the end",
		`[{"a":1}],{"a":2}`:       "follows the end",
		"[{\"a\":\"\xff\"}]":      "not UTF-8",
		`[null]`:                  "record 11",
		`[{"a":1,"b":"half of`:    "record 11",
		"[{\"a\":1},\n{\"a\" 2}]": "record 12 at line 2",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := decodeArray(t, text, "a")
			require.ErrorContains(t, err, want)
			require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
		})
	}
}
