package connectors_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors"
)

// The settings of every connector are held against the pinned model: each member of its structures is documented, and
// nothing else, with the same kind, values, and need.

type shape struct {
	Type    string                     `json:"type"`
	Traits  map[string]json.RawMessage `json:"traits"`
	Members map[string]member          `json:"members"`
	Member  member                     `json:"member"`
	Value   member                     `json:"value"`
}

type member struct {
	Target string                     `json:"target"`
	Traits map[string]json.RawMessage `json:"traits"`
}

type model map[string]shape

func loadModel(t *testing.T) model {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "api", "model", "appflow-2020-08-23.contract.json"))
	require.NoError(t, err)
	var doc struct {
		Shapes model `json:"shapes"`
	}
	require.NoError(t, json.Unmarshal(data, &doc))
	return doc.Shapes
}

// additions are members that newer clients send and the pinned model lacks, and what the model asks for and Weir does not.
var additions = map[string][]string{
	"oAuthRequest":                         {"codeVerifier"},
	"SnowflakeConnectorProfileCredentials": {"privateKey"},
}

var notRequired = map[string]bool{
	"Snowflake/credentials/password": true, // a private key will do, too
}

// alsoSecret are shapes of credentials that the model does not mark; Key is Infor Nexus's.
var alsoSecret = []string{"ApiToken", "ApplicationKey", "AuthCode", "Key", "RefreshToken"}

func isSensitive(m model, mem member) bool {
	_, own := mem.Traits["smithy.api#sensitive"]
	s := m[mem.Target]
	_, ofShape := s.Traits["smithy.api#sensitive"]
	if s.Type == "map" {
		return own || ofShape || isSensitive(m, s.Value)
	}
	return own || ofShape || slices.Contains(alsoSecret, strings.TrimPrefix(mem.Target, "com.amazonaws.appflow#"))
}

func values(s shape) []string {
	var list []string
	for name, mem := range s.Members {
		v := name
		if raw, ok := mem.Traits["smithy.api#enumValue"]; ok {
			_ = json.Unmarshal(raw, &v)
		}
		list = append(list, v)
	}
	slices.Sort(list)
	return list
}

// flatten lists the leaves of a structure as settings without descriptions.
func (m model) flatten(id, where, prefix string, into map[string]connector.Setting) {
	for name, mem := range m[id].Members {
		target := m[mem.Target]
		_, required := mem.Traits["smithy.api#required"]
		x := connector.Setting{Where: where, Name: prefix + name, Required: required, Secret: isSensitive(m, mem)}
		switch target.Type {
		case "structure":
			m.flatten(mem.Target, where, x.Name+".", into)
			continue
		case "list":
			x.Kind = connector.List
			if item := m[target.Member.Target]; item.Type == "enum" {
				x.Values = values(item)
			}
		case "map":
			x.Kind = connector.Map
		case "boolean":
			x.Kind = connector.Flag
		case "integer", "long", "double", "float":
			x.Kind = connector.Number
		case "enum":
			x.Values = values(target)
		}
		into[where+"/"+x.Name] = x
	}
	last := strings.TrimSuffix(prefix[strings.LastIndex(strings.TrimSuffix(prefix, "."), ".")+1:], ".")
	for _, key := range []string{last, id[strings.Index(id, "#")+1:]} {
		for _, name := range additions[key] {
			into[where+"/"+prefix+name] = connector.Setting{Where: where, Name: prefix + name, Secret: true}
		}
	}
}

func TestSpecs_DocumentEveryMemberOfTheModel(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	const ns = "com.amazonaws.appflow#"
	for _, s := range connectors.All().Specs() {
		t.Run(string(s.Type), func(t *testing.T) {
			t.Parallel()
			want := map[string]connector.Setting{}
			for where, union := range map[string]string{
				connector.InSource: "SourceConnectorProperties", connector.InDestination: "DestinationConnectorProperties",
				connector.InProfile: "ConnectorProfileProperties", connector.InCredentials: "ConnectorProfileCredentials",
			} {
				require.NotEmpty(t, m[ns+union].Members)
				if mem, ok := m[ns+union].Members[s.Type.Member()]; ok {
					m.flatten(mem.Target, where, "", want)
				}
			}
			got := map[string]connector.Setting{}
			for _, x := range s.Settings {
				key := x.Where + "/" + x.Name
				got[key] = x
				w, ok := want[key]
				if !ok {
					t.Errorf("%s is no member of the model", key)
					continue
				}
				require.Equal(t, w.Kind, x.Kind, key)
				require.Equal(t, w.Secret, x.Secret, "%s: is it a secret?", key)
				if notRequired[string(s.Type)+"/"+key] {
					require.False(t, x.Required, key)
				} else {
					require.Equal(t, w.Required, x.Required, "%s: is it required?", key)
				}
				if x.Kind != connector.Flag {
					require.ElementsMatch(t, w.Values, x.Values, key)
				}
			}
			for key := range want {
				require.Contains(t, got, key, "undocumented")
			}
		})
	}
}
