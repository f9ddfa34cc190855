package jsonl_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/format"
	"weir.dev/weir/format/jsonl"
)

func FuzzSample(f *testing.F) {
	for _, in := range []string{
		`{"a":1,"b":{"c":"x","d":[1,{"e":2}]}}` + "\n" + `{"b":{"c":null}}`, `[{"a":-1.5e3},{"a":true}]`,
		`{"\u0061":"\"","":{"":0},"a.b":12345678901234567890}`, "{}", "",
	} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		fields, err := jsonl.Sample(t.Context(), file(in), 1<<16)
		if err != nil || len(fields) == 0 {
			return
		}
		// What was sampled was checked as reading would check it: the first record can be read, with these names.
		r, err := jsonl.NewReader(t.Context(), file(in), format.ReadOptions{ChunkBytes: 1 << 16, Columns: columns(names(fields)...)})
		require.NoError(t, err)
		defer r.Close()
		c, err := r.Next(t.Context())
		require.NoError(t, err)
		rows, err := c.Decode()
		require.NoError(t, err)
		rows.Release()
	})
}

func names(fields []jsonl.Field) (out []string) {
	for _, field := range fields {
		out = append(out, field.Name)
	}
	return out
}
