package rest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/rest"
)

func TestSpread_PutsValuesUnderTheirKeys(t *testing.T) {
	t.Parallel()
	k := rest.Keyed{List: "own", Key: "id", Value: "value"}
	for _, c := range []struct{ records, want string }{
		{`[]`, `[]`},
		{`[{"a":1}]`, `[{"a":1}]`},
		{`[{"own":[]}]`, `[{"own":[]}]`},
		{`[{"own":null},{"own":"\"own\""},7]`, `[{"own":null},{"own":"\"own\""},7]`},
		{` [ {"own":[{"id":1,"value":"x"}]} , {"a":{}} ] `, ` [ {"own":[{"id":1,"value":"x"}],"own{}":{"1":"x"}} , {"a":{}} ] `},
		{`[{"own":[{"value":[1,{}],"id":"k\"1"},{"id":2},{"value":3},7],"b":"}"}]`, `[{"own":[{"value":[1,{}],"id":"k\"1"},{"id":2},{"value":3},7],"b":"}","own{}":{"k\"1":[1,{}]}}]`},
		{`[{"own":[{"id":1,"value":null},{"id":2,"value":false}]}]`, `[{"own":[{"id":1,"value":null},{"id":2,"value":false}],"own{}":{"1":null,"2":false}}]`},
	} {
		got, err := k.Spread([]byte(c.records))
		require.NoError(t, err, c.records)
		require.Equal(t, c.want, string(got))
	}
	for _, torn := range []string{`[{"own":[{"id":1`, `[{"own":`, `[{"own":[{"id":1,"value":2}]}`} {
		_, err := k.Spread([]byte(torn))
		require.Error(t, err, torn)
	}
}

func FuzzSpread(f *testing.F) {
	f.Add([]byte(`[{"own":[{"id":1,"value":"x"}]}]`))
	f.Fuzz(func(_ *testing.T, records []byte) {
		k := rest.Keyed{List: "own", Key: "id", Value: "value"}
		_, _ = k.Spread(records)
	})
}
