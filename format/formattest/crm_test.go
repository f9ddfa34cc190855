package formattest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/format/formattest"
)

// where the nested form has the columns, in their order.
const paths = `id external_id name.first name.last contact.email contact.phone account.name title address.street address.city
	address.postal_code address.country created_at birth_date account.deal.amount account.deal.score is_active
	account.owner_id notes account.website`

func TestWriteNestedJSON_HoldsTheValuesOfTheFlatForm(t *testing.T) {
	t.Parallel()
	table := formattest.CRM{Seed: 1, Rows: 500}
	flat, nested := decode(t, table.WriteJSON), decode(t, table.WriteNestedJSON)
	require.Len(t, nested, 500)
	for i, row := range nested {
		got, want := map[string]any{}, map[string]any{}
		flatten("", row, got)
		for c, path := range strings.Fields(paths) {
			want[path] = flat[i][formattest.CRMColumns[c]]
		}
		require.Equal(t, want, got)
	}
}

// decode reads what write writes. Numbers keep their digits.
func decode(t *testing.T, write func(io.Writer) error) (rows []map[string]any) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, write(&out))
	dec := json.NewDecoder(&out)
	dec.UseNumber()
	for dec.More() {
		var row map[string]any
		require.NoError(t, dec.Decode(&row))
		rows = append(rows, row)
	}
	return rows
}

func flatten(prefix string, object, into map[string]any) {
	for name, value := range object {
		if members, ok := value.(map[string]any); ok {
			flatten(prefix+name+".", members, into)
		} else {
			into[prefix+name] = value
		}
	}
}
