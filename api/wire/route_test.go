package wire_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/api/wire"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:appflow:us-east-1:111122223333:flow/orders"
	for _, c := range []struct {
		method, path string
		want         wire.MatchResult
		op, arn      string
	}{
		{"POST", "/create-flow", wire.MatchFound, "CreateFlow", ""},
		{"GET", "/create-flow", wire.MatchWrongMethod, "", ""},
		{"POST", "/create-flow/", wire.MatchUnknownPath, "", ""},
		{"POST", "/Create-Flow", wire.MatchUnknownPath, "", ""},
		{"POST", "/", wire.MatchUnknownPath, "", ""},
		{"POST", "", wire.MatchUnknownPath, "", ""},
		{"GET", "/tags/arn%3Aaws%3Aappflow%3Aus-east-1%3A111122223333%3Aflow%2Forders", wire.MatchFound, "ListTagsForResource", arn},
		{"POST", "/tags/" + arn, wire.MatchFound, "TagResource", arn},
		{"DELETE", "/tags/arn:aws:appflow:us-east-1:111122223333:flow%2Forders", wire.MatchFound, "UntagResource", arn},
		{"GET", "/tags/a+b%20c", wire.MatchFound, "ListTagsForResource", "a+b c"},
		{"GET", "/tags/a/b/", wire.MatchFound, "ListTagsForResource", "a/b/"},
		{"PUT", "/tags/x", wire.MatchWrongMethod, "", ""},
		{"GET", "/tags/", wire.MatchUnknownPath, "", ""},
		{"GET", "/tags", wire.MatchUnknownPath, "", ""},
		{"GET", "/tags/%zz", wire.MatchMalformed, "", ""},
		{"GET", "/tags/%ff", wire.MatchMalformed, "", ""},
	} {
		op, params, result := wire.Match(c.method, c.path)
		require.Equal(t, c.want, result, "%s %s", c.method, c.path)
		if c.op == "" {
			require.Nil(t, op)
			continue
		}
		require.Equal(t, c.op, op.Name)
		require.Equal(t, c.arn, params["resourceArn"])
	}
	require.Equal(t, []string{"GET", "POST", "DELETE"}, wire.Methods("/tags/x"))
	require.Equal(t, []string{"POST"}, wire.Methods("/list-flows"))
	require.Empty(t, wire.Methods("/nonesuch"))
}

func TestOperations_MatchTheModel(t *testing.T) {
	t.Parallel()
	model := loadModel(t)
	ops := wire.Operations()
	require.Len(t, ops, 25)
	for i, op := range model.operations(t) {
		var route struct{ Method, URI string }
		require.True(t, model["com.amazonaws.appflow#"+op.name].trait("http", &route))
		require.Equal(t, op.name, ops[i].Name)
		require.Equal(t, route.Method, ops[i].Method)
		require.Equal(t, route.URI, ops[i].Path)
		got, _, result := wire.Match(route.Method, strings.Replace(route.URI, "{resourceArn}", "x", 1))
		require.Equal(t, wire.MatchFound, result)
		require.Equal(t, op.name, got.Name)
	}
	require.Nil(t, wire.OperationByName("Nonesuch"))
	for id, s := range model {
		var status int
		if s.trait("httpError", &status) {
			require.Equal(t, status, wire.ErrorStatus(localName(id)))
		}
	}
	require.Zero(t, wire.ErrorStatus("Nonesuch"))
}

func TestUntagResource_ReadsTheQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][]string{
		"tagKeys=b&tagKeys=a&x=y": {"b", "a"},
		"tagKeys=a%20b":           {"a b"},
		"tagKeys=":                {""},
		"":                        nil,
		"TagKeys=a":               nil,
	} {
		var in wire.UntagResourceInput
		require.NoError(t, in.Decode(&wire.Request{RawQuery: query, Params: wire.Params{"resourceArn": "x"}, Body: []byte("ignored")}))
		require.Equal(t, want, in.TagKeys, query)
	}
	for _, query := range []string{"tagKeys=%zz", "tagKeys=%ff", "a;b"} {
		var in wire.UntagResourceInput
		require.ErrorContains(t, in.Decode(&wire.Request{RawQuery: query}), "'tagKeys'", query)
	}
}

func TestTagResource_TakesTheARNFromThePathOnly(t *testing.T) {
	t.Parallel()
	var in wire.TagResourceInput
	require.NoError(t, in.Decode(&wire.Request{
		Params: wire.Params{"resourceArn": "arn:aws:appflow:r:1:flow/a"}, Body: []byte(`{"resourceArn":"other","tags":{"a":"b"}}`),
	}))
	require.Equal(t, "arn:aws:appflow:r:1:flow/a", *in.ResourceArn)
	require.Nil(t, in.Validate())
	require.JSONEq(t, `{"tags":{"a":"b"}}`, string(in.AppendJSON(nil)))
}

func TestConnectorType_NamesItsMember(t *testing.T) {
	t.Parallel()
	for _, v := range wire.ConnectorType("").Values() {
		typ := wire.ConnectorType(v)
		require.True(t, typ.Valid())
		require.True(t, strings.EqualFold(v, typ.Member()))
		require.Equal(t, typ, wire.ConnectorTypeOf(typ.Member()))
	}
	require.Equal(t, "GoogleAnalytics", wire.ConnectorTypeGoogleanalytics.Member())
	require.Equal(t, "ServiceNow", wire.ConnectorTypeServicenow.Member())
	require.Equal(t, "InforNexus", wire.ConnectorTypeInfornexus.Member())
	require.Equal(t, "SAPOData", wire.ConnectorTypeSAPOData.Member())
	require.Empty(t, wire.ConnectorType("SERVICENOW").Member())
	require.Empty(t, wire.ConnectorTypeOf("Servicenow"))
	require.False(t, wire.ConnectorType("").Valid())
}

func TestUnions_GiveAccessByName(t *testing.T) {
	t.Parallel()
	var source wire.SourceConnectorProperties
	require.Empty(t, source.Members())
	require.Nil(t, source.Member("S3"))
	require.Nil(t, source.NewMember("Nonesuch"))
	require.NoError(t, source.NewMember("Zendesk").DecodeJSON([]byte(`{"object":"tickets"}`)))
	source.NewMember("S3")
	require.Equal(t, []string{"S3", "Zendesk"}, source.Members())
	require.Equal(t, `{"object":"tickets"}`, string(source.Member("Zendesk").AppendJSON(nil)))
	require.Equal(t, `{"S3":{},"Zendesk":{"object":"tickets"}}`, string(source.AppendJSON(nil)))

	var operator wire.ConnectorOperator
	require.True(t, operator.SetMember("S3", "NO_OP"))
	require.False(t, operator.SetMember("Redshift", "NO_OP"))
	require.Equal(t, "NO_OP", *operator.Member("S3"))
	require.Nil(t, operator.Member("Slack"))
	require.Equal(t, []string{"S3"}, operator.Members())
}

func TestValidationError_ReadsLikeAWS(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{}`: "1 validation error detected: Value null at 'flowName' failed to satisfy constraint: Member must not be null",
		`{"flowName":"a b"}`: "1 validation error detected: Value 'a b' at 'flowName' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: ^[a-zA-Z0-9][\w!@#.-]+$`,
		`{"flowName":"ok","executionIds":["x",""]}`: "1 validation error detected: Value '' at 'executionIds.2.member' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: ^\S+$`,
		`{"executionIds":[" "]}`: "2 validation errors detected: Value ' ' at 'executionIds.1.member' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: ^\S+$; Value null at 'flowName' failed to satisfy constraint: Member must not be null`,
	} {
		var in wire.CancelFlowExecutionsInput
		require.NoError(t, in.DecodeJSON([]byte(body)))
		require.EqualError(t, in.Validate(), want)
	}
	var in wire.CreateFlowInput
	require.NoError(t, in.DecodeJSON([]byte(`{"tasks":[{"taskType":"Map","sourceFields":[],"connectorOperator":{"S3":"PROJECT"}}]}`)))
	require.ErrorContains(t, in.Validate(), "Value 'PROJECT' at 'tasks.1.member.connectorOperator.S3' failed to satisfy constraint: "+
		"Member must satisfy enum value set: [ADDITION, BETWEEN, ")
}

func TestValidationError_StaysSmallForHostileInputs(t *testing.T) {
	t.Parallel()
	var in wire.CreateFlowInput
	in.Description = new(strings.Repeat("½", 100_000))
	in.Tags = map[string]string{strings.Repeat("€", 100_000): strings.Repeat("*", 100_000)}
	in.Tasks = make([]wire.Task, 10_000)
	problem := in.Validate()
	require.LessOrEqual(t, len(problem.Violations), 50)
	require.Greater(t, problem.Count, 20_000)
	message := problem.Error()
	require.True(t, utf8.ValidString(message))
	require.Equal(t, 2048, utf8.RuneCountInString(message))
	require.True(t, strings.HasSuffix(message, "..."))
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	wire.WriteError(w, testRequestID, "ConflictException", 409, strings.Repeat("é", 3000)+"\xff")
	require.Equal(t, 409, w.Code)
	require.Equal(t, "ConflictException", w.Header().Get("X-Amzn-ErrorType"))
	require.Equal(t, testRequestID, w.Header().Get("x-amzn-RequestId"))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.JSONEq(t, `{"__type":"ConflictException","message":"`+strings.Repeat("é", 2045)+`..."}`, w.Body.String())

	w = httptest.NewRecorder()
	wire.WriteOutput(w, testRequestID, new(wire.DeleteFlowOutput))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, `{}`, w.Body.String())
}

func FuzzMatch(f *testing.F) {
	f.Add("GET", "/tags/arn%3Aaws")
	f.Add("POST", "/create-flow")
	f.Add("DELETE", "/tags/%")
	f.Fuzz(func(t *testing.T, method, path string) {
		op, params, result := wire.Match(method, path)
		if (op != nil) != (result == wire.MatchFound) {
			t.Fatalf("%q %q: %v with result %v", method, path, op, result)
		}
		if result == wire.MatchUnknownPath != (len(wire.Methods(path)) == 0) {
			t.Fatalf("%q: result %v, methods %v", path, result, wire.Methods(path))
		}
		if op == nil {
			return
		}
		if label, ok := params["resourceArn"]; ok {
			if label == "" || !utf8.ValidString(label) {
				t.Fatalf("label %q of %q", label, path)
			}
			if _, again, _ := wire.Match(method, "/tags/"+url.PathEscape(label)); again["resourceArn"] != label {
				t.Fatalf("label %q of %q does not survive escaping", label, path)
			}
		} else if path != op.Path {
			t.Fatalf("%q matched %s", path, op.Path)
		}
	})
}
