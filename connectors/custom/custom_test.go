package custom

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

var update = flag.Bool("update", false, "write the golden files")

const arn = "arn:aws:lambda:eu-west-1:111122223333:function:shop"

func sound(t testing.TB) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/answer.json")
	require.NoError(t, err)
	return string(raw)
}

// emulator is a function behind the runtime interface emulator.
func emulator(t *testing.T, answer http.HandlerFunc) Registrar {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	i, err := NewInvoker(InvokerOptions{Endpoints: map[string]string{arn: srv.URL + "/2015-03-31/functions/function/invocations"}})
	require.NoError(t, err)
	return Registrar{Invoker: i}
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func TestSpec_PassesTheSuite(t *testing.T) {
	t.Parallel()
	connectortest.CheckSpec(t, Spec())
}

func TestConfiguration_IsAskedAsTheProtocolSays(t *testing.T) {
	t.Parallel()
	asked := make(chan map[string]string, 1)
	r := emulator(t, func(w http.ResponseWriter, req *http.Request) {
		var doc map[string]string
		if req.Method == http.MethodPost && json.NewDecoder(req.Body).Decode(&doc) == nil {
			asked <- doc
		}
		_, _ = io.WriteString(w, sound(t))
	})
	_, err := r.Configuration(t.Context(), "shop", arn)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"type": "DescribeConnectorConfigurationRequest", "locale": "en-US", "connectorLabel": "shop"}, <-asked)
}

func TestConfiguration_IsTurnedIntoTheAPIsWords(t *testing.T) {
	t.Parallel()
	got, err := emulator(t, says(sound(t))).Configuration(t.Context(), "shop", arn)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("testdata/configuration.golden.json", got, 0o644))
	}
	want, err := os.ReadFile("testdata/configuration.golden.json")
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
}

func TestConfiguration_AbsentListsMeanEverything(t *testing.T) {
	t.Parallel()
	got, err := emulator(t, says(`{"isSuccess":true,"connectorOwner":"o","connectorName":"n","connectorVersion":"1","connectorModes":["SOURCE"],
		"authenticationConfig":{"isBasicAuthSupported":true,"oAuth2Defaults":{"authURL":["b"]},"customAuthConfig":[{"authenticationType":""}]},"supportedApiVersions":["1"]}`)).Configuration(t.Context(), "l", arn)
	require.NoError(t, err)
	var c struct {
		Operators   []string `json:"supportedOperators"`
		Frequencies []string `json:"supportedSchedulingFrequencies"`
		Triggers    []string `json:"supportedTriggerTypes"`
		Transfers   []string `json:"supportedDataTransferTypes"`
	}
	require.NoError(t, got.Decode(&c))
	require.ElementsMatch(t, flow.OperatorsOf(flow.CustomConnector), asOperators(c.Operators))
	require.Equal(t, allFrequencies, c.Frequencies)
	require.Equal(t, []string{"OnDemand", "Scheduled"}, c.Triggers)
	require.Equal(t, []string{"RECORD"}, c.Transfers)
}

func asOperators(list []string) []flow.Operator {
	out := make([]flow.Operator, len(list))
	for i, v := range list {
		out[i] = flow.Operator(v)
	}
	return out
}

func TestConfiguration_UnsoundAnswersAreTheConnectorsFault(t *testing.T) {
	t.Parallel()
	with := func(old, replaced string) string {
		s := sound(t)
		require.Contains(t, s, old)
		return strings.Replace(s, old, replaced, 1)
	}
	for name, c := range map[string]struct{ body, want string }{
		"nothing":               {"", notUnderstood},
		"null":                  {"null", notUnderstood},
		"a list":                {"[]", notUnderstood},
		"empty":                 {"{}", notUnderstood},
		"refusal without cause": {`{"isSuccess":false}`, notUnderstood},
		"out of time":           {"Task timed out after 3.00 seconds", "its function ran out of time"},
		"exception":             {`{"errorMessage":"boom\u0007\n","errorType":"RuntimeError","stackTrace":["x"]}`, "its function failed with RuntimeError: boom"},
		"wrong type":            {with(`"2.1"`, `2.1`), "cannot be read"},
		"no owner":              {with(`"Example Shop"`, `""`), "connectorOwner must be"},
		"reserved name":         {with(`"ExampleShopOrders"`, `"AmazonOrders"`), "connectorName must not begin with amazon"},
		"no modes":              {with(`["SOURCE", "DESTINATION"]`, `[]`), "connectorModes is missing"},
		"unknown mode":          {with(`["SOURCE", "DESTINATION"]`, `["SINK"]`), "connectorModes holds SINK"},
		"mode twice":            {with(`["SOURCE", "DESTINATION"]`, `["SOURCE","SOURCE"]`), "SOURCE twice"},
		"unknown operator":      {with(`"BETWEEN"`, `"NEAR"`), "operatorsSupported holds NEAR"},
		"unknown frequency":     {with(`"Hourly"`, `"Yearly"`), "holds YEARLY"},
		"no write operations":   {with(`["INSERT", "UPSERT"]`, `null`), "supportedWriteOperations is missing"},
		"no versions":           {with(`["v2", "v1"]`, `[]`), "supportedApiVersions"},
		"spaced version":        {with(`"v2"`, `"v 2"`), "supportedApiVersions"},
		"key twice":             {with(`"archive", "dataType": "Boolean"`, `"instanceUrl", "dataType": "Boolean"`), ""},
		"unknown data type":     {with(`"Boolean"`, `"Money"`), "dataType Money"},
		"unknown scope":         {with(`"scope": "SOURCE"`, `"scope": "ELSEWHERE"`), "scope ELSEWHERE"},
		"no OAuth defaults":     {with(`"oAuth2Defaults"`, `"other"`), "oAuth2Defaults is missing"},
		"token URL":             {with(`https://{{shop}}.shop.example/oauth/token`, `file:///etc/passwd`), "tokenURL must hold URLs"},
		"grant":                 {with(`"AUTHORIZATION_CODE"`, `"PASSWORD"`), "holds PASSWORD"},
		"content type":          {with(`"APPLICATION_JSON"`, `"XML"`), "oAuth2ContentType is XML"},
		"custom auth":           {with(`"customAuthConfig"`, `"other"`), "customAuthConfig is missing"},
		"custom kind":           {with(`"PartnerKey"`, `"Partner Key"`), "needs an authenticationType"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := emulator(t, says(c.body)).Configuration(t.Context(), "shop", arn)
			if c.want == "" { // the same key in another scope is sound
				require.NoError(t, err)
				return
			}
			require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
			require.ErrorContains(t, err, c.want)
			require.NotRegexp(t, `[\x00-\x1f]`, err.Error())
		})
	}
}

func TestConfiguration_TheConnectorsOwnErrorsKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	failing := func(code, more string) string {
		return `{"isSuccess":false,"errorDetails":{"errorCode":"` + code + `","errorMessage":"because"` + more + `}}`
	}
	for code, want := range map[string]struct {
		code  fault.Code
		retry fault.Retry
	}{
		"InvalidCredentials": {fault.ConnectorAuth, fault.Never},
		"AccessDenied":       {fault.ConnectorAuth, fault.Never},
		"InvalidArgument":    {fault.ConnectorServer, fault.Never},
		"ClientError":        {fault.ConnectorServer, fault.Never},
		"RateLimitExceeded":  {fault.ConnectorServer, fault.Throttled},
		"ServiceUnavailable": {fault.ConnectorServer, fault.Transient},
		"SomethingElse":      {fault.ConnectorServer, fault.Never},
	} {
		_, err := emulator(t, says(failing(code, ""))).Configuration(t.Context(), "shop", arn)
		retry, _ := fault.RetryOf(err)
		require.Equal(t, want.code, fault.CodeOf(err), code)
		require.Equal(t, want.retry, retry, code)
		require.ErrorContains(t, err, "because")
	}
	_, err := emulator(t, says(failing("RateLimitExceeded", `,"retryAfterSeconds":7`))).Configuration(t.Context(), "shop", arn)
	_, after := fault.RetryOf(err)
	require.Equal(t, 7*time.Second, after)
	_, err = emulator(t, says(failing("InvalidCredentials", ""))).Configuration(t.Context(), "shop", arn)
	require.EqualError(t, err, `Error authenticating to connector: Failed to validate Connection while attempting "DescribeConnectorConfiguration with CustomConnector" with connector failure because`)
}

func TestInvoke_AnEndpointsAnswersAreBoundedAndJudged(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		code   fault.Code
	}{
		"missing":   {status(404), fault.NotFound},
		"forbidden": {status(403), fault.AccessDenied},
		"busy":      {status(400), fault.ConnectorServer},
		"broken":    {status(502), fault.ConnectorServer},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, fault.ConnectorServer},
		"endless": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxAnswer+1)) }, fault.ConnectorServer},
	} {
		_, err := emulator(t, c.answer).Configuration(t.Context(), "shop", arn)
		require.Equal(t, c.code, fault.CodeOf(err), "%s: %v", name, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hang := make(chan struct{})
	r := emulator(t, func(http.ResponseWriter, *http.Request) { <-hang })
	_, err := r.Configuration(ctx, "shop", arn)
	close(hang)
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "did not answer in time")
}

func TestInvoke_OtherFunctionsAreLambdas(t *testing.T) {
	var path, invocation string
	answer := func(w http.ResponseWriter) { _, _ = io.WriteString(w, sound(t)) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, invocation = r.URL.EscapedPath(), r.Header.Get("Authorization")
		answer(w)
	}))
	defer srv.Close()
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", srv.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	i, err := NewInvoker(InvokerOptions{})
	require.NoError(t, err)
	r := Registrar{Invoker: i}
	got, err := r.Configuration(t.Context(), "shop", arn)
	require.NoError(t, err)
	require.Contains(t, string(got), "ExampleShopOrders")
	require.Contains(t, path, "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A111122223333%3Afunction%3Ashop/invocations")
	require.Contains(t, invocation, "/eu-west-1/lambda/", "the region of the ARN signs")

	refuse := func(status int, kind string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("X-Amzn-Errortype", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"Message":"no"}`)
		}
	}
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		code   fault.Code
	}{
		"missing":   {refuse(404, "ResourceNotFoundException"), fault.NotFound},
		"denied":    {refuse(403, "AccessDeniedException"), fault.AccessDenied},
		"throttled": {refuse(429, "TooManyRequestsException"), fault.Throttling},
		"too large": {refuse(413, "RequestTooLargeException"), fault.ConnectorServer},
		"broken":    {refuse(500, "ServiceException"), fault.ConnectorServer},
		"raised": {func(w http.ResponseWriter) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_, _ = io.WriteString(w, `{"errorMessage":"boom","errorType":"ValueError"}`)
		}, fault.ConnectorServer},
	} {
		answer = c.answer
		_, err := r.Configuration(t.Context(), "shop", arn)
		require.Equal(t, c.code, fault.CodeOf(err), "%s: %v", name, err)
	}
	_, err = r.Configuration(t.Context(), "shop", "arn:aws:s3:eu-west-1:111122223333:bucket:x")
	require.Equal(t, fault.Validation, fault.CodeOf(err))
}

func TestParseEndpoint_NeedsAnARNAndAURL(t *testing.T) {
	t.Parallel()
	a, u, err := ParseEndpoint(arn + "=http://localhost:9000/x?a=b")
	require.NoError(t, err)
	require.Equal(t, arn, a)
	require.Equal(t, "http://localhost:9000/x?a=b", u)
	_, _, err = ParseEndpoint("http://localhost:9000/")
	require.Equal(t, fault.Validation, fault.CodeOf(err))
	_, err = NewInvoker(InvokerOptions{Endpoints: map[string]string{arn: "localhost:9000"}})
	require.Equal(t, fault.Validation, fault.CodeOf(err))
}

// Whatever a connector answers, it is refused or gives a document that can be read again.
func FuzzParseConfiguration_NeverPanicsAndStaysBounded(f *testing.F) {
	f.Add([]byte(sound(f)))
	f.Add([]byte(`{"isSuccess":true}`))
	f.Add([]byte(`{"isSuccess":false,"errorDetails":{"errorCode":"x","retryAfterSeconds":1e308}}`))
	f.Add([]byte(`{"errorMessage":"x"}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		got, err := parseConfiguration("DescribeConnectorConfiguration", answer)
		if err != nil {
			if code := fault.CodeOf(err); code != fault.ConnectorServer && code != fault.ConnectorAuth {
				t.Fatalf("%s: %v", code, err)
			}
			if len(err.Error()) > 4096 {
				t.Fatalf("a message of %d bytes", len(err.Error()))
			}
			return
		}
		var back shown
		if err := got.Decode(&back); err != nil || back.Name == "" || len(back.Modes) == 0 || len(back.Operators) == 0 {
			t.Fatalf("%s: %v", got, err)
		}
	})
}

func planOf(t testing.TB) *rest.Plan {
	t.Helper()
	p, err := rest.NewPlan(flow.Schema{Entity: "e", Fields: []flow.Field{{Name: "a", Type: flow.TypeString}}}, rest.PlanOptions{Fields: []string{"a"}})
	require.NoError(t, err)
	return p
}
