package wire_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/api/wire"
)

// secretShapes are what this package takes for secret besides what the model says.
var secretShapes = []string{"ApiToken", "ApplicationKey", "AuthCode", "CustomPropertyValue", "Key", "RefreshToken"}

func (m smithyModel) isSecret(id string) bool {
	return m[id] != nil && (m[id].trait("sensitive", nil) || slices.Contains(secretShapes, localName(id)))
}

// redact is the tree as it may be shown, and the secrets that were in it.
func (m smithyModel) redact(id string, value tree, secrets *[]string) tree {
	shape := m[id]
	if m.isSecret(id) {
		*secrets = append(*secrets, value.(string))
		return wire.Redaction
	}
	switch shape.Type {
	case "structure":
		shown := map[string]any{}
		for name, v := range value.(map[string]any) {
			shown[name] = m.redact(shape.Members[name].Target, v, secrets)
		}
		return shown
	case "map":
		shown := map[string]any{}
		for key, v := range value.(map[string]any) {
			shown[m.redact(shape.Key.Target, key, secrets).(string)] = m.redact(shape.Value.Target, v, secrets)
		}
		return shown
	case "list":
		var shown []any
		for _, v := range value.([]any) {
			shown = append(shown, m.redact(shape.Member.Target, v, secrets))
		}
		return shown
	}
	return value
}

func TestRedacted_HidesEverySecretOfTheModelAndNothingElse(t *testing.T) {
	t.Parallel()
	model := loadModel(t)
	hiding := map[string]int{}
	for _, op := range model.operations(t) {
		root := (&sampler{model: model}).sample(op.input).(map[string]any)
		in, err := decodeTree(model, op, root)
		require.NoError(t, err, op.name)
		var secrets []string
		want := model.redact(op.input, root, &secrets)
		secretive, ok := in.(wire.Secretive)
		require.Equal(t, len(secrets) > 0, ok, op.name)
		if !ok {
			continue
		}
		hiding[op.name] = len(secrets)
		before := string(in.AppendJSON(nil))
		shown := secretive.Redacted().AppendJSON(nil)
		require.Equal(t, parse(t, encodeTree(want)), parse(t, shown), op.name)
		for _, s := range secrets {
			require.NotContains(t, string(shown), `"`+s+`"`, op.name)
		}
		require.Equal(t, before, string(in.AppendJSON(nil)), "%s: the input itself is untouched", op.name)
	}
	require.Equal(t, []string{"CreateConnectorProfile", "CreateFlow", "UpdateConnectorProfile", "UpdateFlow"}, slices.Sorted(maps.Keys(hiding)))
	require.Greater(t, hiding["CreateConnectorProfile"], 40)
}

func TestRedacted_AbsentStaysAbsentAndNewerMembersAreHidden(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`{}`: `{}`,
		`{"connectorProfileConfig":{"connectorProfileCredentials":{}}}`:                                                   `{"connectorProfileConfig":{"connectorProfileCredentials":{}}}`,
		`{"connectorProfileConfig":{"connectorProfileCredentials":{"Slack":{"clientId":"c"}}}}`:                           `{"connectorProfileConfig":{"connectorProfileCredentials":{"Slack":{"clientId":"c"}}}}`,
		`{"connectorProfileConfig":{"connectorProfileCredentials":{"Slack":{"accessToken":""}}}}`:                         `{"connectorProfileConfig":{"connectorProfileCredentials":{"Slack":{"accessToken":"***"}}}}`,
		`{"connectorProfileConfig":{"connectorProfileCredentials":{"Snowflake":{"privateKey":"PEM"}}}}`:                   `{"connectorProfileConfig":{"connectorProfileCredentials":{"Snowflake":{"privateKey":"***"}}}}`,
		`{"connectorProfileConfig":{"connectorProfileCredentials":{"CustomConnector":{"custom":{"credentialsMap":{}}}}}}`: `{"connectorProfileConfig":{"connectorProfileCredentials":{"CustomConnector":{"custom":{"credentialsMap":{}}}}}}`,
	} {
		in := &wire.CreateConnectorProfileInput{}
		require.NoError(t, in.DecodeJSON([]byte(sent)))
		require.JSONEq(t, want, string(in.Redacted().AppendJSON(nil)))
	}
}
