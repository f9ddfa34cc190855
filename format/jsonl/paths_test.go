package jsonl_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/format"
)

// lookUp finds what a dotted name with up to two dots means in a record, the plain way: fewer members before more, longer
// first names before shorter ones. The last of two members of one name counts.
func lookUp(record json.RawMessage, name string) (json.RawMessage, bool) {
	parts := strings.Split(name, ".")
	ways := [][]string{{name}}
	switch len(parts) {
	case 2:
		ways = append(ways, parts)
	case 3:
		ways = append(ways, []string{parts[0] + "." + parts[1], parts[2]}, []string{parts[0], parts[1] + "." + parts[2]}, parts)
	}
	for _, way := range ways {
		value, found := record, true
		for _, member := range way {
			var members map[string]json.RawMessage
			if json.Unmarshal(value, &members) != nil || members == nil {
				found = false
				break
			}
			if value, found = members[member]; !found {
				break
			}
		}
		if found {
			return value, true
		}
	}
	return nil, false
}

func FuzzPaths(f *testing.F) {
	f.Add(`{"a":{"b":1},"a.b":2}`, "a.b")
	f.Add(`{"a.b":{"c":1},"a":{"b.c":2,"b":{"c":3}}}`, "a.b.c")
	f.Add(`{"a":{"b":{"c":1}},"a":{"b":null}}`, "a.b.c")
	f.Add(`{"":{"":1}}`, ".")
	f.Add(`{"\u0061":{"\u002e":[]},"x":1}`, "a...")
	f.Fuzz(func(t *testing.T, record, name string) {
		if strings.Count(name, ".") > 2 || !utf8.ValidString(name) || name == "" || !utf8.ValidString(record) || strings.ContainsAny(record, "\n\r") ||
			strings.Count(record, "{")+strings.Count(record, "[") > maxNesting || !strings.HasPrefix(record, "{") || !json.Valid([]byte(record)) ||
			strings.Contains(record, `\u`) && strings.Contains(record, `\ud`) || strings.Contains(record, `\uD`) { // halves of pairs: another test's
			return
		}
		got, _, err := drain(t, file(record+"\n"), format.ReadOptions{Columns: columns(name, "id")})
		require.NoError(t, err)
		want := null
		if value, ok := lookUp([]byte(record), name); ok && string(value) != "null" {
			want = string(value)
		}
		require.Equal(t, want, got[0][0], "%q in %s", name, record)
	})
}
