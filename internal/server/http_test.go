package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/internal/server"
)

func TestHTTP_ClientMistakesAre4xx(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	const arn = "arn:aws:appflow:eu-west-1:111122223333:flow/orders"
	escaped := strings.NewReplacer(":", "%3A", "/", "%2F").Replace(arn)
	g.post("/create-flow", flowJSON("orders"))
	cases := []struct {
		name, method, target, body string
		status                     int
		errorName, message         string
	}{
		{"unknown path", "POST", "/no-such-operation", "{}", 404, "UnknownOperationException", "/no-such-operation"},
		{"path of another case", "POST", "/Create-Flow", "{}", 404, "UnknownOperationException", "/Create-Flow"},
		{"trailing slash", "POST", "/list-flows/", "{}", 404, "UnknownOperationException", "/list-flows/"},
		{"double slash", "POST", "//list-flows", "{}", 404, "UnknownOperationException", "//list-flows"},
		{"dots", "POST", "/x/../list-flows", "{}", 404, "UnknownOperationException", "/x/../list-flows"},
		{"long path", "POST", "/" + strings.Repeat("x", 10_000), "{}", 404, "UnknownOperationException", "xxx…"},
		{"root", "GET", "/", "", 404, "UnknownOperationException", "/"},
		{"wrong method", "GET", "/list-flows", "", 405, "UnknownOperationException", "the path takes POST, not GET"},
		{"wrong method on tags", "PUT", "/tags/" + escaped, "", 405, "UnknownOperationException", "not PUT"},
		{"OPTIONS", "OPTIONS", "/create-flow", "", 405, "UnknownOperationException", "not OPTIONS"},
		{"no label", "GET", "/tags/", "", 404, "UnknownOperationException", "/tags/"},
		{"label of other bytes", "GET", "/tags/%FF%FE", "", 400, "ValidationException", "'resourceArn'"},
		{"label of nothing much", "GET", "/tags/%20", "", 400, "ValidationException", "'resourceArn'"},
		{"other service's ARN", "GET", "/tags/arn%3Aaws%3As3%3Aeu-west-1%3A111122223333%3Ax", "", 400, "ValidationException", "'resourceArn'"},
		{"ARN without region", "GET", "/tags/arn%3Aaws%3Aappflow%3A%3A111122223333%3Aflow%2Forders", "", 400, "ValidationException", "'resourceArn'"},
		{"ARN of a bad name", "GET", "/tags/arn%3Aaws%3Aappflow%3Ar%3A111122223333%3Aflow%2Fa%20b", "", 400, "ValidationException", "'resourceArn'"},
		{"ARN of a profile", "GET", "/tags/arn%3Aaws%3Aappflow%3Ar%3A111122223333%3Aconnectorprofile%2Fcrm", "", 404, "ResourceNotFoundException", "connectorprofile/crm"},
		{"bad query", "DELETE", "/tags/" + escaped + "?tagKeys=%FF", "", 400, "ValidationException", "tagKeys"},
		{"no query", "DELETE", "/tags/" + escaped, "", 400, "ValidationException", "tagKeys"},
		{"empty body", "POST", "/describe-flow", "", 400, "ValidationException", "'flowName'"},
		{"null body", "POST", "/describe-flow", "null", 400, "ValidationException", ""},
		{"not JSON", "POST", "/describe-flow", "flowName=orders", 400, "ValidationException", "malformed"},
		{"list", "POST", "/describe-flow", "[]", 400, "ValidationException", "object"},
		{"cut off", "POST", "/describe-flow", `{"flowName":"ord`, 400, "ValidationException", "malformed at 'flowName'"},
		{"two values", "POST", "/describe-flow", `{"flowName":"orders"}{}`, 400, "ValidationException", "malformed"},
		{"other bytes", "POST", "/describe-flow", "{\"flowName\":\"\xff\xfe\"}", 400, "ValidationException", "UTF-8"},
		{"byte order mark", "POST", "/describe-flow", "\ufeff{}", 400, "ValidationException", "malformed (byte 0)"},
		{"compressed", "POST", "/describe-flow", "\x1f\x8b\x08\x00", 400, "ValidationException", "malformed"},
		{"NUL in a name", "POST", "/describe-flow", `{"flowName":"a\u0000b"}`, 400, "ValidationException", "'flowName'"},
		{"lone surrogate", "POST", "/describe-flow", `{"flowName":"\ud800"}`, 400, "ValidationException", "flowName"},
		{"deep unknown member", "POST", "/describe-flow", `{"x":` + strings.Repeat("[", 100_000), 400, "ValidationException", "nested deeper"},
		{"wrong type", "POST", "/describe-flow", `{"flowName":["orders"]}`, 400, "ValidationException", "'flowName'"},
		{"too large", "POST", "/describe-flow", strings.Repeat(" ", 1<<20+1), 413, "RequestEntityTooLargeException", "too large"},
	}
	for _, c := range cases {
		a := g.send(c.method, c.target, c.body)
		require.Equal(t, c.status, a.status, "%s: %s", c.name, a.body)
		require.Equal(t, c.errorName, a.errorName(), c.name)
		require.Contains(t, a.message(), c.message, c.name)
		require.Equal(t, "application/json", a.header.Get("Content-Type"), c.name)
		require.NotEmpty(t, a.header.Get("x-amzn-RequestId"), c.name)
		require.NotContains(t, g.log.String(), `"panic"`, c.name)
	}
	require.Equal(t, "POST", g.send("GET", "/list-flows", "").header.Get("Allow"))
	require.Equal(t, "GET, POST, DELETE", sortedAllow(g.send("PUT", "/tags/"+escaped, "").header.Get("Allow")))
}

// sortedAllow brings the three methods of a tag path into a fixed order.
func sortedAllow(header string) string {
	out := ""
	for _, m := range []string{"GET", "POST", "DELETE"} {
		if strings.Contains(header, m) {
			out += ", " + m
		}
	}
	return strings.TrimPrefix(out, ", ")
}

func TestHTTP_AcceptsWhatClientsSend(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.post("/create-flow", flowJSON("orders"))
	const arn = "arn:aws:appflow:eu-west-1:111122223333:flow/orders"
	describe := `{"flowName":"orders"}`
	cases := []struct {
		name, method, target, body string
		change                     func(r *http.Request)
	}{
		{"no content type", "POST", "/describe-flow", describe, nil},
		{"odd content type", "POST", "/describe-flow", describe, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		{"amz-json", "POST", "/describe-flow", describe, func(r *http.Request) { r.Header.Set("Content-Type", "application/x-amz-json-1.1") }},
		{"unknown members", "POST", "/describe-flow", `{"flowName":"orders","color":{"a":[1,null,"x"]}}`, nil},
		{"null member", "POST", "/start-flow", `{"flowName":"orders","clientToken":null}`, nil},
		{"empty body for no input", "POST", "/list-flows", "", nil},
		{"spaces", "POST", "/list-flows", " \n\t{ } ", nil},
		{"exponent timestamp", "POST", "/update-flow", strings.Replace(scheduledJSON("orders"), `"rate(1hours)"`, `"rate(1hours)","scheduleStartTime":1.69331372E9`, 1), nil},
		{"escaped ARN", "GET", "/tags/arn%3Aaws%3Aappflow%3Aeu-west-1%3A111122223333%3Aflow%2Forders", "", nil},
		{"lower-case escapes", "GET", "/tags/arn%3aaws%3aappflow%3aeu-west-1%3a111122223333%3aflow%2forders", "", nil},
		{"raw slash", "GET", "/tags/" + arn, "", nil},
		{"repeated query", "DELETE", "/tags/" + arn + "?tagKeys=a&tagKeys=b", "", nil},
		{"chunked", "POST", "/describe-flow", describe, func(r *http.Request) { r.ContentLength = -1 }},
		{"duplicate headers", "POST", "/describe-flow", describe, func(r *http.Request) { r.Header["X-Odd"] = []string{"a", "b  c"} }},
		{"query on a POST", "POST", "/describe-flow?x=1&x=2&y", describe, nil},
	}
	for _, c := range cases {
		var changes []func(r *http.Request)
		if c.change != nil {
			changes = append(changes, c.change)
		}
		a := g.send(c.method, c.target, c.body, changes...)
		require.Equal(t, 200, a.status, "%s: %s", c.name, a.body)
	}
}

func TestHTTP_ChunkedBodyBeyondTheLimit(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *server.Options) { o.MaxBody = 1000 })
	body := strings.Repeat(" ", 1001)
	a := g.send("POST", "/list-flows", body, func(r *http.Request) { r.ContentLength = -1 })
	require.Equal(t, 413, a.status, a.body)
	a = g.send("POST", "/list-flows", strings.Repeat(" ", 1000), func(r *http.Request) { r.ContentLength = -1 })
	require.Equal(t, 200, a.status, a.body)
}

// rawExchange writes bytes to the server and returns its answer.
func rawExchange(t *testing.T, g *rig, text string, closeWrite bool) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.http.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	if closeWrite {
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// claimed is the start of a request that claims to be signed with the rig's key: only then its body is read.
func claimed(g *rig) string {
	at := g.clock.Now().UTC()
	return "POST /list-flows HTTP/1.1\r\nHost: x\r\nX-Amz-Date: " + at.Format("20060102T150405Z") + "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + keyID +
		at.Format("/20060102/") + region + "/appflow/aws4_request, SignedHeaders=host, Signature=0\r\n"
}

func TestHTTP_StrangersBodiesAreNotRead(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	res := rawExchange(t, g, "POST /list-flows HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", false)
	require.Equal(t, 403, res.StatusCode, "without waiting for the body")
	res = rawExchange(t, g, strings.Replace(claimed(g), keyID, "NOBODY", 1)+"Content-Length: 1000000\r\n\r\n", false)
	require.Equal(t, "UnrecognizedClientException", res.Header.Get("X-Amzn-ErrorType"))
}

func TestHTTP_BrokenBodies(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	short := rawExchange(t, g, claimed(g)+"Content-Length: 100\r\n\r\n{}", true)
	require.Equal(t, 400, short.StatusCode)
	require.Equal(t, "RequestAbortedException", short.Header.Get("X-Amzn-ErrorType"))
	chunks := rawExchange(t, g, claimed(g)+"Transfer-Encoding: chunked\r\n\r\nzz\r\n", false)
	require.Equal(t, 400, chunks.StatusCode)
	require.Equal(t, "MalformedHttpRequestException", chunks.Header.Get("X-Amzn-ErrorType"))
	declared := rawExchange(t, g, claimed(g)+"Content-Length: 99999999999\r\n\r\n", false)
	require.Equal(t, 413, declared.StatusCode, "without waiting for the body")
	both := rawExchange(t, g, "POST /list-flows HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", false)
	require.Equal(t, 400, both.StatusCode)
	header := rawExchange(t, g, "POST /list-flows HTTP/1.1\r\nHost: x\r\nX-Big: "+strings.Repeat("a", 2<<20)+"\r\n\r\n", false)
	require.Equal(t, 431, header.StatusCode)
}

func TestHTTP_SlowBodyTimesOut(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	srv := httptest.NewUnstartedServer(g.server)
	srv.Config.ReadTimeout = 50 * time.Millisecond
	srv.Start()
	t.Cleanup(srv.Close)
	g.http = srv
	res := rawExchange(t, g, claimed(g)+"Content-Length: 100\r\n\r\n{", false)
	require.Equal(t, 408, res.StatusCode)
	require.Equal(t, "RequestTimeoutException", res.Header.Get("X-Amzn-ErrorType"))
}

func TestHTTP_NothingButHealthIsOpen(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *server.Options) {
		reg := prometheus.NewRegistry()
		o.Metrics, o.Gatherer = reg, reg
	})
	unsigned := func(method, path string) answer {
		r, err := http.NewRequestWithContext(t.Context(), method, g.http.URL+path, nil)
		require.NoError(t, err)
		return g.do(r)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, 200, unsigned("GET", path).status, path)
		require.Equal(t, 200, unsigned("HEAD", path).status, path)
		require.Equal(t, 405, unsigned("POST", path).status, path)
	}
	for _, path := range []string{"/", "/list-flows", "/weir/v1/version", "/weir/v1/audit", "/weir/v1/keys", "/weir/v1/backup", "/tags/x", "/console/"} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE", "BREW"} {
			a := unsigned(method, path)
			require.Equal(t, 403, a.status, "%s %s", method, path)
			require.Equal(t, "MissingAuthenticationTokenException", a.errorName())
		}
	}
	require.Contains(t, unsigned("GET", "/metrics").body, `weir_api_requests_total{error="MissingAuthenticationTokenException",operation="-",status="403"}`)
}

func TestHTTP_SignatureIsChecked(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.request("POST", "/list-flows", "{}")
	r.URL.Path = "/describe-flow"
	require.Equal(t, "InvalidSignatureException", g.do(r).errorName())
	r = g.request("POST", "/list-flows", "{}")
	resign(t, g, r, "{}", "eu:west")
	require.Equal(t, "IncompleteSignatureException", g.do(r).errorName(), "a region ends up in ARNs")
	r = g.request("POST", "/list-flows", "{}")
	resign(t, g, r, "{}", strings.Repeat("a", 65))
	require.Equal(t, "IncompleteSignatureException", g.do(r).errorName())
	r = g.request("POST", "/list-flows", "{}")
	g.clock.advance(6 * time.Minute)
	a := g.do(r)
	require.Equal(t, 403, a.status)
	require.Contains(t, a.message(), "Signature expired")
}

func TestHTTP_EveryOperationOfTheModelIsAnswered(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	operations := wire.Operations()
	require.Len(t, operations, 25)
	for _, op := range operations {
		target := strings.Replace(op.Path, "{resourceArn}", "arn:aws:s3:::x", 1)
		a := g.send(op.Method, target, `{"connectorProfileConfig":{"connectorProfileCredentials":{"Slack":{"clientSecret":"hush-hush"}}}}`)
		require.NotEqual(t, "UnknownOperationException", a.errorName(), op.Name)
		require.NotContains(t, a.body, "not in this build", op.Name)
		require.Less(t, a.status, 500, op.Name)
	}
	require.NotContains(t, g.log.String(), "hush-hush")
	for _, e := range g.audit() {
		require.NotContains(t, string(e.Request), "hush-hush", e.Operation)
	}
}

func TestHTTP_EchoKeepsAbsentAndEmptyApart(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	s3 := `{"connectorType":"S3","%sConnectorProperties":{"S3":{"bucketName":"bkt"%s}}}`
	ends := func(dst string) string {
		return `"sourceFlowConfig":` + fmt.Sprintf(s3, "source", "") + `,"destinationFlowConfigList":[` + fmt.Sprintf(s3, "destination", dst) + `]`
	}
	bodies := []string{
		`"triggerConfig":{"triggerType":"OnDemand"},"tasks":[{"taskType":"Passthrough","sourceFields":[]}],` + ends(""),
		`"description":"","triggerConfig":{"triggerType":"OnDemand","triggerProperties":{}},"tasks":[{"taskType":"Map_all","sourceFields":[]}],` + ends(`,"bucketPrefix":""`),
		`"triggerConfig":{"triggerType":"OnDemand"},"metadataCatalogConfig":{},"tasks":[{"taskType":"Map_all","sourceFields":[""],"connectorOperator":{},"taskProperties":{}}],` + ends(`,"s3OutputFormatConfig":{}`),
		`"triggerConfig":{"triggerType":"OnDemand"},"tasks":[{"taskType":"Map","sourceFields":["a"],"destinationField":"b","connectorOperator":{"CustomConnector":"NO_OP"}}],` +
			ends(`,"s3OutputFormatConfig":{"prefixConfig":{"pathPrefixHierarchy":[]},"aggregationConfig":{},"preserveSourceDataTyping":false}`),
		`"triggerConfig":{"triggerType":"OnDemand"},"tasks":[{"taskType":"Filter","sourceFields":["<a>&\u2028é😀"],"connectorOperator":{"S3":"PROJECTION"},"taskProperties":{}},` +
			`{"taskType":"Map","sourceFields":["<a>&\u2028é😀"],"destinationField":""}` + `],` + ends(""),
	}
	for i, body := range bodies[:4] {
		name := fmt.Sprintf("flow-%d", i)
		g.post("/create-flow", `{"flowName":"`+name+`",`+body+`}`)
		requireSameDefinition(t, `{`+body+`}`, g.post("/describe-flow", `{"flowName":"`+name+`"}`))
		g.post("/update-flow", `{"flowName":"`+name+`",`+body+`}`)
		got := g.post("/describe-flow", `{"flowName":"`+name+`"}`)
		require.EqualValues(t, 1, got["schemaVersion"])
		require.Equal(t, map[string]any{}, got["tags"])
		requireSameDefinition(t, `{`+body+`}`, got)
	}
	good := strings.Replace(bodies[4], `"destinationField":""`, `"destinationField":"x\ty"`, 1)
	g.post("/create-flow", `{"flowName":"odd",`+good+`}`)
	requireSameDefinition(t, `{`+good+`}`, g.post("/describe-flow", `{"flowName":"odd"}`))
}

// requireSameDefinition holds a DescribeFlow answer against the definition's part of a request.
func requireSameDefinition(t *testing.T, sent string, got map[string]any) {
	t.Helper()
	want := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(sent), &want))
	delete(want, "flowName")
	delete(want, "clientToken")
	for _, own := range []string{
		"flowArn", "flowName", "flowStatus", "schemaVersion", "createdAt", "lastUpdatedAt", "createdBy", "lastUpdatedBy",
		"lastRunExecutionDetails", "flowStatusMessage",
	} {
		delete(got, own)
	}
	if _, ok := want["tags"]; !ok {
		delete(got, "tags")
	}
	require.Equal(t, want, got)
}

// FuzzServer_NeverAnswers5xx sends signed requests of any shape.
func FuzzServer_NeverAnswers5xx(f *testing.F) {
	g := newRig(f)
	g.runner.obeys = true // else a forced delete waits
	paths := []string{
		"/create-flow", "/update-flow", "/describe-flow", "/delete-flow", "/list-flows", "/start-flow", "/stop-flow", "/cancel-flow-executions",
		"/describe-flow-execution-records", "/tags/arn:aws:appflow:r:111122223333:flow/orders", "/weir/v1/keys", "/weir/v1/audit", "/weir/v1/executions/x",
	}
	methods := []string{"POST", "GET", "DELETE"}
	for i := range paths {
		f.Add(byte(i), byte(0), "", flowJSON("orders"))
		f.Add(byte(i), byte(i), "tagKeys=a&after=%2", scheduledJSON("orders", `"clientToken":"t"`))
		f.Add(byte(i), byte(0), "", `{"flowName":"orders","maxResults":1,"nextToken":"x","executionIds":[""],"tags":{"":""},"name":"x"}`)
	}
	for _, text := range definitions(f) {
		f.Add(byte(0), byte(0), "", text)
		f.Add(byte(1), byte(0), "", text)
	}
	f.Fuzz(func(t *testing.T, path, method byte, query, body string) {
		r := httptest.NewRequest(methods[int(method)%len(methods)], "http://weir.test/", strings.NewReader(body))
		r.URL.Path, r.URL.RawQuery, r.RequestURI = paths[int(path)%len(paths)], query, ""
		r.Header.Set("X-Amz-Content-Sha256", hashText(body))
		signRequest(t, r, body, g.clock.Now())
		w := httptest.NewRecorder()
		g.server.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 || w.Code >= 300 && w.Code < 400 {
			t.Fatalf("%s %s answers %d %s", r.Method, r.URL, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), secret) {
			t.Fatal("the secret is shown")
		}
	})
}

// panickingRunner is a programming error come true.
type panickingRunner struct{}

func (panickingRunner) Start(context.Context, string) error  { panic("boom") }
func (panickingRunner) Cancel(context.Context, string) error { panic("boom") }

func TestHTTP_PanicIsAnInternalErrorAndTheServerGoesOn(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *server.Options) { o.Runner = panickingRunner{} })
	g.post("/create-flow", flowJSON("orders"))
	a := g.send("POST", "/start-flow", `{"flowName":"orders"}`)
	require.Equal(t, 500, a.status)
	require.Equal(t, "InternalServerException", a.errorName())
	require.NotContains(t, a.body, "boom")
	require.Contains(t, g.log.String(), "boom")
	g.post("/describe-flow", `{"flowName":"orders"}`)
}

func TestHTTP_AccessLogHasOneLineForEachRequest(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	a := g.send("POST", "/describe-flow", `{"flowName":"orders"}`)
	g.send("GET", "/healthz", "")
	var line map[string]any
	text := strings.TrimSpace(g.log.String())
	require.NoError(t, json.Unmarshal([]byte(text), &line), "one line: %s", text)
	for name, want := range map[string]any{
		"msg": "request", "request": a.header.Get("x-amzn-RequestId"), "operation": "DescribeFlow", "method": "POST", "path": "/describe-flow",
		"status": 404.0, "error": "ResourceNotFoundException", "key": keyID, "ip": "127.0.0.1", "bytes": float64(len(a.body)),
	} {
		require.Equal(t, want, line[name], name)
	}
	require.NotContains(t, text, secret)
}

// A client that hangs up is not the server's failure.
func TestHTTP_ClientThatHangsUpIsNoServerError(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	g.server.ServeHTTP(w, g.request("POST", "/create-flow", flowJSON("orders")).WithContext(ctx))
	require.Equal(t, 400, w.Code)
	require.Equal(t, "RequestAbortedException", w.Header().Get("X-Amzn-ErrorType"))
	require.NotContains(t, g.log.String(), `"ERROR"`)
	require.Len(t, g.audit(), 1, "the attempt is in the trail")
}
