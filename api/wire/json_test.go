package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var jsonSeeds = []string{
	``, `{}`, `[]`, `null`, `true`, `-0.5e+10`, `"\u00e9\ud83d\ude00"`, `{"a":[1,{"b":null}],"a":"\n"}`, `[[[[]]],{}]`, `{"a":1,}`, `01`,
	"\"\x7f\"", `"\ud800"`, ` [ 1 , 2 ] `, `{"a" : {"b" : [ ] } }`, `1.`, `tru`, `"`, `"\`, `"\u12`, `{"flowName":"a","tasks":[{"sourceFields":["x"]}]}`,
}

// FuzzSkip compares the syntax that the reader accepts with the standard library's.
func FuzzSkip(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader([]byte(text))
		r.skip()
		err := r.finish()
		if err == nil {
			require.True(t, json.Valid([]byte(text)), "accepted %q", text)
			require.Zero(t, r.open)
			return
		}
		// The reader is stricter in three known points.
		if !utf8.ValidString(text) || strings.Contains(text, `\u`) || strings.Contains(err.Error(), "nested deeper") {
			return
		}
		require.False(t, json.Valid([]byte(text)), "refused %q: %v", text, err)
	})
}

// FuzzString compares the value of strings, and that writing one reads back.
func FuzzString(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newReader([]byte(text))
		if r.peek() == '"' {
			got, ok := r.text()
			if err := r.finish(); ok && err == nil {
				var want string
				require.NoError(t, json.Unmarshal([]byte(text), &want))
				require.Equal(t, want, got)
			}
		}
		quoted := appendQuoted(nil, text)
		var back string
		require.NoError(t, json.Unmarshal(quoted, &back))
		require.Equal(t, strings.ToValidUTF8(eachInvalid(text), ""), back)
		r = newReader(quoted)
		again, ok := r.text()
		require.True(t, ok)
		require.Equal(t, back, again)
	})
}

// eachInvalid replaces every byte of invalid UTF-8 by a replacement character, as JSON encoders do.
func eachInvalid(s string) string { return string([]rune(s)) }

// FuzzDecodeCreateFlow checks that whatever decodes is valid JSON, survives a round trip, and is what the standard
// library reads in the members that it can compare.
func FuzzDecodeCreateFlow(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`{"flowName":"a","tasks":[{"taskProperties":{"VALUE":"1"},"connectorOperator":{"S3":"NO_OP"}}],"tags":{"a":"b"},` +
		`"triggerConfig":{"triggerProperties":{"Scheduled":{"scheduleStartTime":1.5e9,"scheduleOffset":3}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in CreateFlowInput
		err := in.DecodeJSON(body)
		if problem := in.Validate(); problem != nil {
			require.LessOrEqual(t, utf8.RuneCountInString(problem.Error()), maxMessage)
		}
		if err != nil {
			require.LessOrEqual(t, utf8.RuneCountInString(err.Error()), maxMessage)
			return
		}
		if len(bytes.TrimSpace(body)) > 0 {
			require.True(t, json.Valid(body), "accepted %q", body)
		}
		text := in.AppendJSON(nil)
		require.True(t, json.Valid(text), "wrote %q", text)
		var again CreateFlowInput
		require.NoError(t, again.DecodeJSON(text))
		require.Equal(t, in, again)
		require.Equal(t, text, again.AppendJSON(nil))
	})
}

func TestReader_KeepsStringsApart(t *testing.T) {
	t.Parallel()
	r := newReader(nil)
	var kept []*string
	for i := range 1000 {
		kept = append(kept, r.keep(strings.Repeat("x", i)))
	}
	for i, s := range kept {
		require.Len(t, *s, i)
	}
}
