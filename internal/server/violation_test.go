package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests here are driven by the pinned model: they send, for every constrained member of every operation that is in
// this build, requests that violate just that constraint.

type model map[string]*shape

type target struct {
	Target string                     `json:"target"`
	Traits map[string]json.RawMessage `json:"traits"`
}

type shape struct {
	Type    string                     `json:"type"`
	Traits  map[string]json.RawMessage `json:"traits"`
	Members map[string]target          `json:"members"`
	Member  target                     `json:"member"`
	Key     target                     `json:"key"`
	Value   target                     `json:"value"`
	Input   target                     `json:"input"`
}

func loadModel(t testing.TB) model {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "api", "model", "appflow-2020-08-23.contract.json"))
	require.NoError(t, err)
	var doc struct {
		Shapes model `json:"shapes"`
	}
	require.NoError(t, json.Unmarshal(data, &doc))
	return doc.Shapes
}

func trait(traits map[string]json.RawMessage, name string, v any) bool {
	raw, ok := traits["smithy.api#"+name]
	return ok && (v == nil || json.Unmarshal(raw, v) == nil)
}

// violation is a request that is sound but for one member.
type violation struct {
	op    string
	route route
	path  string // as the answer must name it
	body  any    // the input with all its members, those of path and query included
}

type route struct {
	Method string `json:"method"`
	URI    string `json:"uri"`
}

// violator walks a sound input along its shape and breaks one member after the other.
type violator struct {
	model model
	root  map[string]any
	found []violation
}

// note lists the input as it would be with a bad value, then puts the good one back.
func (v *violator) note(path string, set func(value any), good any, bad ...any) {
	for _, b := range bad {
		set(b)
		v.found = append(v.found, violation{path: path, body: deepCopy(v.root)})
	}
	set(good)
}

// missing is a value that set takes for "remove the member".
type missing struct{}

func (v *violator) walk(id string, value any, path string, set func(value any)) {
	s := v.model[id]
	if s == nil {
		return
	}
	join := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch s.Type {
	case "structure":
		members, ok := value.(map[string]any)
		if !ok {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(s.Members)) {
			member := s.Members[name]
			good, present := members[name]
			setMember := func(value any) {
				if _, gone := value.(missing); gone {
					delete(members, name)
					return
				}
				members[name] = value
			}
			if !present { // not part of a sound request, but a bad one is refused for it
				good = missing{}
			} else if trait(member.Traits, "required", nil) {
				v.note(join(name), setMember, good, missing{})
			}
			v.leaf(member.Target, join(name), setMember, good)
			if present {
				v.walk(member.Target, good, join(name), setMember)
			}
		}
	case "list":
		for i, item := range value.([]any) {
			setItem := func(item any) { value.([]any)[i] = item }
			v.leaf(s.Member.Target, join(fmt.Sprintf("%d.member", i+1)), setItem, item)
			v.walk(s.Member.Target, item, join(fmt.Sprintf("%d.member", i+1)), setItem)
		}
	case "map":
		entries := value.(map[string]any)
		for key, item := range maps.Clone(entries) {
			setEntry := func(item any) { entries[key] = item }
			v.leaf(s.Value.Target, path, setEntry, item)
		}
		for _, bad := range badTexts(v.model[s.Key.Target]) {
			good := maps.Clone(entries)
			v.note(path, set, good, map[string]any{bad: "x"})
		}
	}
}

// leaf breaks a member's own constraints and its JSON type.
func (v *violator) leaf(id, path string, set func(value any), good any) {
	s := v.model[id]
	if s == nil {
		return
	}
	var bad []any
	switch s.Type {
	case "string", "enum":
		bad = append(bad, 17, true, []any{"x"}, map[string]any{"a": 1})
		for _, text := range badTexts(s) {
			bad = append(bad, text)
		}
	case "integer", "long":
		bad = append(bad, "1", 1.5, 1e300, []any{})
		var limits struct{ Min, Max *int64 }
		if trait(s.Traits, "range", &limits) {
			bad = append(bad, *limits.Min-1, *limits.Max+1)
		}
	case "boolean":
		bad = append(bad, "true", 1)
	case "timestamp":
		bad = append(bad, "2024-01-01T00:00:00Z", 1e300, map[string]any{})
	case "structure":
		bad = append(bad, "x", []any{}, 1)
	case "list":
		bad = append(bad, "x", map[string]any{}, []any{nil})
		var limits struct{ Max *int }
		if trait(s.Traits, "length", &limits) {
			bad = append(bad, slices.Repeat([]any{"x"}, *limits.Max+1))
		}
	case "map":
		bad = append(bad, "x", []any{}, map[string]any{"k": nil}, map[string]any{"k": 1})
		var limits struct{ Max *int }
		if trait(s.Traits, "length", &limits) && limits.Max != nil {
			many := map[string]any{}
			for i := range *limits.Max + 1 {
				many["k"+strings.Repeat("x", i)] = "v"
			}
			bad = append(bad, many)
		}
	}
	v.note(path, set, good, bad...)
}

// badTexts are texts that a string or enum shape forbids.
func badTexts(s *shape) []string {
	if s == nil {
		return nil
	}
	if s.Type == "enum" {
		return []string{"unknown", ""}
	}
	var bad []string
	var limits struct{ Min, Max *int }
	if trait(s.Traits, "length", &limits) {
		if limits.Max != nil {
			bad = append(bad, strings.Repeat("a", *limits.Max+1), strings.Repeat("😀", *limits.Max+1))
		}
		if limits.Min != nil && *limits.Min > 0 {
			bad = append(bad, strings.Repeat("a", *limits.Min-1))
		}
	}
	// Texts that break most patterns; which pattern allows which is the business of the tests of package wire.
	var pattern string
	if trait(s.Traits, "pattern", &pattern) {
		switch {
		case pattern == ".*" || pattern == `[\s\w/!@#+=.-]*` || pattern == `[\w!@#\-.?,\s]*`: // not anchored: everything matches
		case strings.HasPrefix(pattern, "^.+$"):
			bad = append(bad, "\n")
		case pattern == `^[ -~]+$`:
			bad = append(bad, "é")
		case strings.Contains(pattern, `\S`):
			bad = append(bad, " ")
		}
	}
	return bad
}

func deepCopy(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, item := range x {
			out[k] = deepCopy(item)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = deepCopy(x[i])
		}
		return out
	}
	return v
}

// soundInputs holds, for each operation, a request that breaks no rule of the model.
func soundInputs(t testing.TB) map[string]map[string]any {
	t.Helper()
	decode := func(text string) map[string]any {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &m))
		return m
	}
	full := `{"flowName":"orders","description":"d","clientToken":"t","kmsArn":"arn:aws:kms:eu-west-1:111122223333:key/k","tags":{"a":"b"},
		"triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"rate(1hours)","dataPullMode":"Complete",
			"scheduleStartTime":1,"scheduleEndTime":2,"timezone":"z","scheduleOffset":1,"firstExecutionFrom":1,"flowErrorDeactivationThreshold":1}}},
		"sourceFlowConfig":{"connectorType":"S3","apiVersion":"v","connectorProfileName":"p","incrementalPullConfig":{"datetimeTypeFieldName":"f"},
			"sourceConnectorProperties":{"S3":{"bucketName":"bkt","bucketPrefix":"p","s3InputFormatConfig":{"s3InputFileType":"CSV"}}}},
		"destinationFlowConfigList":[{"connectorType":"S3","apiVersion":"v","connectorProfileName":"p",
			"destinationConnectorProperties":{"S3":{"bucketName":"bkt","bucketPrefix":"p","s3OutputFormatConfig":{"fileType":"CSV","preserveSourceDataTyping":false,
				"prefixConfig":{"prefixType":"PATH","prefixFormat":"DAY","pathPrefixHierarchy":["EXECUTION_ID"]},
				"aggregationConfig":{"aggregationType":"None","targetFileSize":1}}}}}],
		"tasks":[{"taskType":"Map","sourceFields":["a"],"destinationField":"b","connectorOperator":{"S3":"NO_OP"},"taskProperties":{"SOURCE_DATA_TYPE":"x"}}],
		"metadataCatalogConfig":{"glueDataCatalog":{"roleArn":"arn:aws:iam::1:role/r","databaseName":"d","tablePrefix":"t"}}}`
	update := decode(full)
	delete(update, "kmsArn")
	delete(update, "tags")
	const profile = `{"connectorProfileName":"p","connectorType":"Salesforce","connectionMode":"Public","connectorLabel":"ll","kmsArn":"arn:aws:kms:eu-west-1:111122223333:key/k","clientToken":"t",
		"connectorProfileConfig":{"connectorProfileProperties":{"Salesforce":{"instanceUrl":"https://a.my.salesforce.com","isSandboxEnvironment":true,"usePrivateLinkForMetadataAndAuthorization":false}},
		"connectorProfileCredentials":{"Salesforce":{"accessToken":"a","refreshToken":"r","clientCredentialsArn":"arn:aws:secretsmanager:eu-west-1:1:secret:s","oAuth2GrantType":"JWT_BEARER","jwtToken":"a.b.c",
			"oAuthRequest":{"authCode":"c","redirectUri":"https://a"}}}}}`
	updateProfile := decode(profile)
	for _, fixed := range []string{"connectorType", "connectorLabel", "kmsArn"} {
		delete(updateProfile, fixed)
	}
	const function = `"connectorProvisioningConfig":{"lambda":{"lambdaArn":"arn:aws:lambda:eu-west-1:111122223333:function:f"}}`
	const arn = `"resourceArn":"arn:aws:appflow:eu-west-1:111122223333:flow/orders"`
	return map[string]map[string]any{
		"CreateFlow": decode(full), "UpdateFlow": update,
		"DescribeFlow": decode(`{"flowName":"orders"}`), "DeleteFlow": decode(`{"flowName":"orders","forceDelete":true}`),
		"StartFlow": decode(`{"flowName":"orders","clientToken":"t"}`), "StopFlow": decode(`{"flowName":"orders"}`),
		"ListFlows":                    decode(`{"maxResults":5,"nextToken":"x"}`),
		"DescribeFlowExecutionRecords": decode(`{"flowName":"orders","maxResults":5,"nextToken":"x"}`),
		"CancelFlowExecutions":         decode(`{"flowName":"orders","executionIds":["x"]}`),
		"TagResource":                  decode(`{` + arn + `,"tags":{"a":"b"}}`),
		"UntagResource":                decode(`{` + arn + `,"tagKeys":["a"]}`),
		"ListTagsForResource":          decode(`{` + arn + `}`),
		"CreateConnectorProfile":       decode(profile), "UpdateConnectorProfile": updateProfile,
		"DeleteConnectorProfile":      decode(`{"connectorProfileName":"p","forceDelete":true}`),
		"DescribeConnectorProfiles":   decode(`{"connectorProfileNames":["p"],"connectorType":"S3","connectorLabel":"ll","maxResults":5,"nextToken":"x"}`),
		"DescribeConnector":           decode(`{"connectorType":"CustomConnector","connectorLabel":"ll"}`),
		"DescribeConnectors":          decode(`{"connectorTypes":["S3"],"maxResults":5,"nextToken":"x"}`),
		"DescribeConnectorEntity":     decode(`{"connectorEntityName":"e","connectorType":"S3","connectorProfileName":"p","apiVersion":"v"}`),
		"ListConnectorEntities":       decode(`{"connectorProfileName":"p","connectorType":"S3","entitiesPath":"e","apiVersion":"v","maxResults":5,"nextToken":"x"}`),
		"ListConnectors":              decode(`{"maxResults":5,"nextToken":"x"}`),
		"ResetConnectorMetadataCache": decode(`{"connectorProfileName":"p","connectorType":"S3","connectorEntityName":"e","entitiesPath":"e","apiVersion":"v"}`),
		"RegisterConnector":           decode(`{"connectorLabel":"ll","connectorProvisioningType":"LAMBDA",` + function + `,"description":"d","clientToken":"t"}`),
		"UpdateConnectorRegistration": decode(`{"connectorLabel":"ll",` + function + `,"description":"d","clientToken":"t"}`),
		"UnregisterConnector":         decode(`{"connectorLabel":"ll","forceDelete":true}`),
	}
}

func violations(t testing.TB) []violation {
	t.Helper()
	m := loadModel(t)
	var all []violation
	for op, input := range soundInputs(t) {
		s := m["com.amazonaws.appflow#"+op]
		require.NotNil(t, s, op)
		var to route
		require.True(t, trait(s.Traits, "http", &to), op)
		v := &violator{model: m, root: input}
		v.walk(s.Input.Target, input, "", nil)
		for _, x := range v.found {
			x.op, x.route = op, to
			all = append(all, x)
		}
	}
	return all
}

// send puts the input's members where the operation's binding wants them. It is false when the violation cannot be
// expressed there: a query has no JSON types.
func (x violation) send(g *rig) (answer, bool) {
	input := x.body.(map[string]any)
	path := x.route.URI
	if strings.Contains(path, "{resourceArn}") {
		arn, ok := input["resourceArn"].(string)
		if !ok || arn == "" {
			return answer{}, false
		}
		path = strings.Replace(path, "{resourceArn}", url.PathEscape(arn), 1)
		delete(input, "resourceArn")
	}
	if x.op == "UntagResource" {
		query := url.Values{}
		keys, _ := input["tagKeys"].([]any)
		for _, k := range keys {
			text, ok := k.(string)
			if !ok {
				return answer{}, false
			}
			query.Add("tagKeys", text)
		}
		if len(keys) == 0 {
			if _, present := input["tagKeys"]; present {
				return answer{}, false
			}
		}
		delete(input, "tagKeys")
		if q := query.Encode(); q != "" {
			path += "?" + q
		}
	}
	body := ""
	if x.route.Method == http.MethodPost {
		text, err := json.Marshal(input)
		require.NoError(g.t, err)
		body = string(text)
	}
	return g.send(x.route.Method, path, body), true
}

func TestViolation_EveryOneIsRefusedByName(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	sent := map[string]int{}
	for _, x := range violations(t) {
		a, ok := x.send(g)
		if !ok {
			continue
		}
		sent[x.op]++
		require.Equal(t, http.StatusBadRequest, a.status, "%s %s: %s", x.op, x.path, a.body)
		require.Equal(t, "ValidationException", a.errorName(), "%s %s", x.op, x.path)
		require.Contains(t, a.message(), x.path, "%s", x.op)
	}
	t.Log(sent)
	require.Len(t, sent, 25, "every operation")
	require.Greater(t, sent["CreateFlow"], 300)
	changing := 0
	for op, n := range sent {
		if !strings.HasPrefix(op, "Describe") && !strings.HasPrefix(op, "List") {
			changing += n
		}
	}
	require.Len(t, g.audit(), changing, "a refused call that would have changed something is in the trail")
}
