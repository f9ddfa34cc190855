package manifest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/manifest"
)

const whole = `
name: Shop
base: "{instanceUrl}"
auth: {kind: oauth2, tokenUrl: "https://shop.example/token", grants: [CLIENT_CREDENTIALS]}
settings:
  - {name: team, optional: true}
headers: {X-Team: "{team}"}
entities:
  - name: orders
    fields:
      - {name: id, key: true}
      - {name: ref}
      - {name: own, type: json}
    discover: {path: /fields, name: "own.{title}", key: id, if: isOwn}
    keyed: {at: own, key: id, value: value}
    read: {path: /orders}
    write:
      insert: {path: /orders, set: {type: order}}
      update: {method: PATCH, path: "/orders/{id}", ids: [id]}
      upsert: {lookup: {path: /orders, query: {ref: "{ref}"}, records: orders, id: id}, ids: [ref]}
      delete: {method: DELETE, path: /orders, query: {ids: "{id}"}, batch: 50, ids: [id], results: {at: results, error: [error]}}
`

func TestParse_TellsWhatCannotBe(t *testing.T) {
	t.Parallel()
	_, problems := manifest.Parse([]byte(whole))
	require.Empty(t, problems)
	for _, c := range []struct{ old, new, want string }{
		{`"{team}"`, `"{other}"`, "there is no value {other} here; there is {team}"},
		{`name: team`, `name: instanceUrl`, "a name of its own"},
		{`kind: oauth2`, `kind: basic`, "tokenUrl, authUrl, scopes and grants are for the kind oauth2"},
		{`https://shop.example/token`, `http://shop.example/token`, "begins with https://"},
		{`CLIENT_CREDENTIALS`, `PASSWORD`, `"PASSWORD" is none of`},
		{`key: id, if: isOwn`, `if: isOwn`, "it needs discover with key"},
		{`{name: own, type: json}`, `{name: own}`, "a field of the type json"},
		{`set: {type: order}`, `set: {ref: order}`, "there is a field of that name"},
		{`upsert: {lookup`, `upsert: {path: /orders, lookup`, "instead of path"},
		{`records: orders, id: id}`, `records: orders, id: ref}`, `update does not find records by "ref"`},
		{`query: {ref: "{ref}"}`, `query: {ref: "{reference}"}`, "there is no value {reference} here"},
		{`method: DELETE, path: /orders`, `method: POST, path: /orders`, "parameters are for the method DELETE"},
		{`insert: {path: /orders, set`, `insert: {set`, "a path begins with one slash"},
	} {
		text := strings.Replace(whole, c.old, c.new, 1)
		require.NotEqual(t, whole, text, c.old)
		m, problems := manifest.Parse([]byte(text))
		require.Nil(t, m)
		require.Contains(t, problems.Error(), c.want)
	}
}
