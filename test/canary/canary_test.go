package canary_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/oauth/oauthtest"
	salesforce "weir.dev/weir/connectors/salesforce/fake"
	"weir.dev/weir/internal/cli"
	"weir.dev/weir/test/canary"
)

const asWeir = "CANARY_TEST_AS_WEIR"

func TestMain(m *testing.M) {
	if os.Getenv(asWeir) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// cage makes canaries and remembers them.
type cage struct {
	mu   sync.Mutex
	list []string
}

// canary is a text that nothing else holds, with signs in it that encodings change.
func (c *cage) canary(kind string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := "cAnArY/" + kind + "+" + rand.Text() + "=&~"
	c.list = append(c.list, text)
	return text
}

// sink keeps everything that is written to it.
type sink struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.Write(p)
}

func (s *sink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.data.Bytes())
}

// installation is a server in a process of its own, with all that it may write to.
type installation struct {
	t             *testing.T
	cage          *cage
	vendor        *oauthtest.Server
	dir, url      string
	id, secret    string
	process       *exec.Cmd
	logs, answers sink
	traces        sink
	traced        chan struct{}
	ended         chan struct{}
}

func start(t *testing.T) *installation {
	t.Helper()
	in := &installation{t: t, cage: &cage{}, vendor: oauthtest.New(t), dir: t.TempDir(), traced: make(chan struct{}, 1), ended: make(chan struct{})}
	in.id, in.secret = "AKIDCANARYTEST", in.cage.canary("key")
	in.vendor.ClientSecret, in.vendor.Prefix = in.cage.canary("app"), "cAnArYtoken"+rand.Text()+"+/"
	in.cage.list = append(in.cage.list, in.vendor.Prefix)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(z)
		}
		in.traces.Write(body)
		select {
		case in.traced <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(collector.Close)
	self, err := os.Executable()
	require.NoError(t, err)
	in.process = exec.Command(self, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(in.dir, "data"), "--log-level", "debug",
		"--allow-network", "127.0.0.0/8", "--bucket", "shop=file://"+filepath.Join(in.dir, "shop"))
	in.process.Dir = t.TempDir()
	in.process.Env = []string{
		asWeir + "=1", "WEIR_ACCESS_KEY_ID=" + in.id, "WEIR_SECRET_ACCESS_KEY=" + in.secret, "GOTRACEBACK=all",
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_BSP_SCHEDULE_DELAY=100",
		"WEIR_OAUTH_SALESFORCE_CLIENT_ID=" + in.vendor.ClientID, "WEIR_OAUTH_SALESFORCE_CLIENT_SECRET=" + in.vendor.ClientSecret,
		"WEIR_OAUTH_PARDOT_CLIENT_ID=" + in.vendor.ClientID, "WEIR_OAUTH_PARDOT_CLIENT_SECRET=" + in.vendor.ClientSecret,
	}
	org := httptest.NewServer(salesforce.New(salesforce.Options{})) // takes any token
	t.Cleanup(org.Close)
	in.process.Env = append(in.process.Env, "WEIR_ENDPOINT_URL_SALESFORCE="+org.URL, "WEIR_ENDPOINT_URL_SALESFORCE_AUTH="+in.vendor.URL)
	for _, vendor := range []string{"PARDOT", "MARKETO", "SLACK", "ZENDESK", "SERVICENOW", "SAPODATA", "GOOGLEANALYTICS"} {
		in.process.Env = append(in.process.Env, "WEIR_ENDPOINT_URL_"+vendor+"="+in.vendor.URL)
	}
	said, err := in.process.StderrPipe()
	require.NoError(t, err)
	in.process.Stdout = &in.logs
	require.NoError(t, in.process.Start())
	t.Cleanup(func() { _ = in.process.Process.Kill() })
	address := make(chan string, 1)
	go in.listen(said, address)
	select {
	case in.url = <-address:
	case <-in.ended:
		require.FailNow(t, "the server did not start", string(in.logs.bytes()))
	}
	return in
}

// listen keeps what the process says, and finds its address in it.
func (in *installation) listen(said io.Reader, address chan<- string) {
	defer close(in.ended)
	isKnown := false
	for buffer := make([]byte, 64<<10); ; {
		n, err := said.Read(buffer)
		in.logs.Write(buffer[:n])
		if _, after, ok := strings.Cut(string(in.logs.bytes()), "weir: serving on "); ok && !isKnown && strings.Contains(after, "\n") {
			isKnown = true
			address <- strings.SplitN(after, "\n", 2)[0]
		}
		if err != nil {
			return
		}
	}
}

// call sends a signed request and keeps the answer for the look, unless it is the one place where a secret is shown.
func (in *installation) call(method, path, body string) (int, []byte) {
	in.t.Helper()
	r, err := http.NewRequestWithContext(in.t.Context(), method, in.url+path, strings.NewReader(body))
	require.NoError(in.t, err)
	sum := sha256.Sum256([]byte(body))
	key := aws.Credentials{AccessKeyID: in.id, SecretAccessKey: in.secret}
	require.NoError(in.t, v4.NewSigner().SignHTTP(in.t.Context(), key, r, hex.EncodeToString(sum[:]), "appflow", "us-east-1", time.Now()))
	res, err := http.DefaultClient.Do(r)
	require.NoError(in.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(in.t, err)
	if method != http.MethodPost || path != "/weir/v1/keys" {
		in.answers.Write(text)
	}
	return res.StatusCode, text
}

// profile makes one, and says whether the server took it.
func (in *installation) profile(name, connector, member, props, credentials string) bool {
	in.t.Helper()
	status, text := in.call(http.MethodPost, "/create-connector-profile", fmt.Sprintf(
		`{"connectorProfileName":%q,"connectorType":%q,"connectionMode":"Public","clientToken":"t-%s","connectorProfileConfig":{"connectorProfileProperties":{%q:%s},"connectorProfileCredentials":{%q:%s}}%s}`,
		name, connector, name, member, props, member, credentials, map[bool]string{true: `,"connectorLabel":"HubSpot"`}[connector == "CustomConnector"]))
	if status != http.StatusOK {
		in.t.Logf("%s: %d %.300s", name, status, text)
	}
	return status == http.StatusOK
}

// Everything that an installation writes in its life is searched for marked secrets: database and journal, data
// directory, outputs, error files, logs at the finest level, traces, metrics, answers, audit trail, backup, and the dump of a
// crash.
func TestCanary_NoSecretIsWrittenAnywhere(t *testing.T) {
	t.Parallel()
	in := start(t)
	in.makeProfiles()
	in.makeBadRequests()
	in.makeKeys()
	in.runFlows()
	for _, page := range []string{"/metrics", "/weir/v1/audit", "/weir/v1/keys", "/healthz"} {
		status, _ := in.call(http.MethodGet, page, "")
		require.Equal(t, http.StatusOK, status, page)
	}
	status, text := in.call(http.MethodPost, "/describe-connector-profiles", `{}`)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(text), `"p-salesforce"`)
	_, backup := in.call(http.MethodGet, "/weir/v1/backup", "")
	require.Contains(t, string(canary.Unpack(backup)), "p-salesforce", "the backup holds the profiles")
	<-in.traced
	found, files, err := canary.ScanDir(filepath.Join(in.dir, "data"), in.cage.list)
	require.NoError(t, err)
	require.Greater(t, files, 3, "database, journal, key file, outputs")

	require.NoError(t, in.process.Process.Signal(syscall.SIGQUIT)) // Go ends with a dump of everything that runs
	<-in.ended
	_ = in.process.Wait() // it has crashed, as it was told to
	logs := in.logs.bytes()
	require.Contains(t, string(logs), "SIGQUIT: quit")
	require.Contains(t, string(logs), "operation=StartFlow")
	later, _, err := canary.ScanDir(filepath.Join(in.dir, "data"), in.cage.list)
	require.NoError(t, err)
	found = append(found, later...)
	for where, data := range map[string][]byte{"logs": logs, "answers": in.answers.bytes(), "traces": in.traces.bytes(), "backup": backup} {
		require.NotEmpty(t, data, where)
		found = append(found, canary.Scan(where, data, in.cage.list)...)
	}
	seen, _, err := canary.ScanDir(filepath.Join(in.dir, "data"), []string{"p-salesforce"})
	require.NoError(t, err)
	require.NotEmpty(t, seen, "the look reaches into the database")
	require.Empty(t, found)
	require.Greater(t, len(in.cage.list), 30)
}

// makeProfiles has credentials of every kind kept, and some updated.
func (in *installation) makeProfiles() {
	t, c := in.t, in.cage.canary
	const at = `{"instanceUrl":"https://v.example.com"}`
	code := func() string {
		return fmt.Sprintf(`"oAuthRequest":{"authCode":%q,"redirectUri":"http://here/"}`, in.vendor.Code("http://here/", ""))
	}
	access, refresh := in.vendor.Grant()
	client := fmt.Sprintf(`"clientId":%q,"clientSecret":%q`, in.vendor.ClientID, in.vendor.ClientSecret)
	for _, p := range []struct{ name, connector, member, props, credentials string }{
		{"p-salesforce", "Salesforce", "Salesforce", `{}`, "{" + code() + "}"},
		{"p-tokens", "Salesforce", "Salesforce", `{}`, fmt.Sprintf(`{"accessToken":%q,"refreshToken":%q}`, access, refresh)},
		{"p-refresh", "Pardot", "Pardot", `{"businessUnitId":"0Uv000000000001AAA"}`, func() string { _, r := in.vendor.Grant(); return fmt.Sprintf(`{"refreshToken":%q}`, r) }()},
		{"p-marketo", "Marketo", "Marketo", at, "{" + client + "}"},
		{"p-slack", "Slack", "Slack", at, fmt.Sprintf(`{"clientId":"x","clientSecret":%q,"accessToken":%q}`, c("cs"), c("at"))},
		{"p-zendesk", "Zendesk", "Zendesk", at, "{" + client + "," + code() + "}"},
		{"p-google", "Googleanalytics", "GoogleAnalytics", `{}`, "{" + client + "," + code() + "}"},
		{"p-now-basic", "Servicenow", "ServiceNow", at, fmt.Sprintf(`{"username":"u","password":%q}`, c("pw"))},
		{"p-now-oauth", "Servicenow", "ServiceNow", at, `{"oAuth2Credentials":{` + client + "," + code() + `}}`},
		{"p-amplitude", "Amplitude", "Amplitude", `{}`, fmt.Sprintf(`{"apiKey":%q,"secretKey":%q}`, c("ak"), c("sk"))},
		{"p-datadog", "Datadog", "Datadog", at, fmt.Sprintf(`{"apiKey":%q,"applicationKey":%q}`, c("ak"), c("apk"))},
		{"p-dynatrace", "Dynatrace", "Dynatrace", at, fmt.Sprintf(`{"apiToken":%q}`, c("tok"))},
		{"p-nexus", "Infornexus", "InforNexus", at, fmt.Sprintf(`{"accessKeyId":"a","userId":"u","secretAccessKey":%q,"datakey":%q}`, c("sak"), c("dk"))},
		{"p-singular", "Singular", "Singular", `{}`, fmt.Sprintf(`{"apiKey":%q}`, c("ak"))},
		{"p-trend", "Trendmicro", "Trendmicro", `{}`, fmt.Sprintf(`{"apiSecretKey":%q}`, c("ask"))},
		{"p-veeva", "Veeva", "Veeva", at, fmt.Sprintf(`{"username":"u","password":%q}`, c("pw"))},
		{"p-snow", "Snowflake", "Snowflake", `{"warehouse":"w","stage":"db.public.s","bucketName":"shop"}`, fmt.Sprintf(`{"username":"u","password":%q}`, c("pw"))},
		{"p-sap", "SAPOData", "SAPOData", `{"applicationHostUrl":"https://sap.example.com","applicationServicePath":"/sap","portNumber":443,"clientNumber":"100"}`, fmt.Sprintf(`{"basicAuthCredentials":{"username":"u","password":%q}}`, c("pw"))},
		{"p-c-key", "CustomConnector", "CustomConnector", `{}`, fmt.Sprintf(`{"authenticationType":"APIKEY","apiKey":{"apiKey":%q,"apiSecretKey":%q}}`, c("ak"), c("ask"))},
		{"p-c-basic", "CustomConnector", "CustomConnector", `{}`, fmt.Sprintf(`{"authenticationType":"BASIC","basic":{"username":"u","password":%q}}`, c("pw"))},
		{"p-c-custom", "CustomConnector", "CustomConnector", `{}`, fmt.Sprintf(`{"authenticationType":"CUSTOM","custom":{"customAuthenticationType":"T","credentialsMap":{"secret":%q}}}`, c("map"))},
		{"p-c-client", "CustomConnector", "CustomConnector", fmt.Sprintf(`{"oAuth2Properties":{"tokenUrl":"%s/token","oAuth2GrantType":"CLIENT_CREDENTIALS"}}`, in.vendor.URL), `{"authenticationType":"OAUTH2","oauth2":{` + client + `}}`},
	} {
		require.True(t, in.profile(p.name, p.connector, p.member, p.props, p.credentials), p.name)
	}
	status, text := in.call(http.MethodPost, "/update-connector-profile", fmt.Sprintf(
		`{"connectorProfileName":"p-veeva","connectionMode":"Public","connectorProfileConfig":{"connectorProfileProperties":{"Veeva":%s},"connectorProfileCredentials":{"Veeva":{"username":"u","password":%q}}}}`, at, c("pw2")))
	require.Equal(t, http.StatusOK, status, string(text))
}

// makeBadRequests has credentials refused for all kinds of reasons, each of which is told.
func (in *installation) makeBadRequests() {
	c := in.cage.canary
	const at = `{"instanceUrl":"https://v.example.com"}`
	for _, p := range []struct{ name, connector, member, props, credentials string }{
		{"p-veeva", "Veeva", "Veeva", at, fmt.Sprintf(`{"username":"u","password":%q}`, c("taken"))},
		{"b-code", "Salesforce", "Salesforce", `{}`, fmt.Sprintf(`{"oAuthRequest":{"authCode":%q,"redirectUri":"http://here/"}}`, c("code"))},
		{"b-refresh", "Salesforce", "Salesforce", `{}`, fmt.Sprintf(`{"refreshToken":%q}`, c("rt"))},
		{"b-jwt", "Salesforce", "Salesforce", `{}`, `{"oAuth2GrantType":"JWT_BEARER","jwtToken":"` + strings.Repeat("cAnArYjwt", 4) + `.b.c"}`},
		{"b-client", "Marketo", "Marketo", at, fmt.Sprintf(`{"clientId":"x","clientSecret":%q}`, c("cs"))},
		{"b-long", "Veeva", "Veeva", at, fmt.Sprintf(`{"username":"u","password":%q}`, strings.Repeat(c("long"), 40))},
		{"b-shape", "Veeva", "Veeva", at, fmt.Sprintf(`{"username":"u","password":[%q]}`, c("shape"))},
		{"b-member", "Veeva", "Amplitude", `{}`, fmt.Sprintf(`{"apiKey":%q,"secretKey":"x"}`, c("member"))},
		{"b-space", "Singular", "Singular", `{}`, fmt.Sprintf(`{"apiKey":%q}`, c("with")+" "+c("space"))},
		{"b-arn", "Salesforce", "Salesforce", `{}`, fmt.Sprintf(`{"refreshToken":%q,"clientCredentialsArn":"arn:aws:secretsmanager:::x"}`, c("rt"))},
		{"b-inside", "CustomConnector", "CustomConnector", `{"oAuth2Properties":{"tokenUrl":"http://10.1.2.3/t","oAuth2GrantType":"CLIENT_CREDENTIALS"}}`, fmt.Sprintf(`{"authenticationType":"OAUTH2","oauth2":{"clientId":"i","clientSecret":%q}}`, c("cs"))},
	} {
		require.False(in.t, in.profile(p.name, p.connector, p.member, p.props, p.credentials), p.name)
	}
	in.cage.list = append(in.cage.list, "cAnArYjwtcAnArYjwt")
	in.call(http.MethodPost, "/create-connector-profile", `{"connectorProfileName":"b-torn","connectorProfileConfig":{"connectorProfileCredentials":{"Veeva":{"password":"`+c("torn"))
}

// makeKeys makes an access key, whose secret is shown once, and has it fail.
func (in *installation) makeKeys() {
	status, text := in.call(http.MethodPost, "/weir/v1/keys", `{"name":"ci"}`)
	require.Equal(in.t, http.StatusOK, status, string(text))
	var key struct{ ID, Secret string }
	require.NoError(in.t, json.Unmarshal(text, &key))
	require.NotEmpty(in.t, key.Secret)
	in.cage.list = append(in.cage.list, key.Secret)
	id, secret := in.id, in.secret
	in.id, in.secret = key.ID, key.Secret
	status, _ = in.call(http.MethodPost, "/list-flows", `{}`)
	require.Equal(in.t, http.StatusOK, status)
	in.secret = in.cage.canary("wrong")
	status, _ = in.call(http.MethodPost, "/list-flows", `{}`)
	require.Equal(in.t, http.StatusForbidden, status)
	in.id, in.secret = id, secret
}

// runFlows moves rows with a masked field: once well, once with rows refused, once to its end in failure.
func (in *installation) runFlows() {
	var rows, bad strings.Builder
	rows.WriteString("id,card,amount\n")
	bad.WriteString("id,card,amount\n")
	for i := range 200 {
		card := strings.NewReplacer("=", "", "&", "").Replace(in.cage.canary("card"))
		if i < 3 {
			in.cage.list = append(in.cage.list, card)
		}
		fmt.Fprintf(&rows, "%d,%s,%d\n", i, card, i)
		fmt.Fprintf(&bad, "%d,%s,x%d\n", i, card, i)
	}
	for name, text := range map[string]string{"good": rows.String(), "bad": bad.String()} {
		path := filepath.Join(in.dir, "shop", name, "1.csv")
		require.NoError(in.t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(in.t, os.WriteFile(path, []byte(text), 0o600))
	}
	for name, f := range map[string]struct{ prefix, tasks, want string }{
		"masked":  {"good", ``, "Successful"},
		"refused": {"bad", `,{"taskType":"Validate","sourceFields":["amount"],"connectorOperator":{"S3":"VALIDATE_NUMERIC"},"taskProperties":{"VALIDATION_ACTION":"DropRecord"}}`, ""},
		"ended":   {"bad", `,{"taskType":"Validate","sourceFields":["card"],"connectorOperator":{"S3":"VALIDATE_NUMERIC"},"taskProperties":{"VALIDATION_ACTION":"DropDataset"}}`, ""},
		"added":   {"bad", `,{"taskType":"Arithmetic","sourceFields":["card","amount"],"destinationField":"sum","connectorOperator":{"S3":"ADDITION"},"taskProperties":{"DESTINATION_DATA_TYPE":"double","MATH_OPERATION_FIELDS_ORDER":"card,amount"}}`, ""},
	} {
		in.runFlow(name, f.prefix, f.tasks, f.want)
	}
}

func (in *installation) runFlow(name, prefix, tasks, want string) {
	t := in.t
	definition := fmt.Sprintf(`{"flowName":%q,"triggerConfig":{"triggerType":"OnDemand"},
		"sourceFlowConfig":{"connectorType":"S3","sourceConnectorProperties":{"S3":{"bucketName":"shop","bucketPrefix":%q,"s3InputFormatConfig":{"s3InputFileType":"CSV"}}}},
		"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"lake"}}}],
		"tasks":[{"taskType":"Filter","sourceFields":["id","card","amount"],"connectorOperator":{"S3":"PROJECTION"}},
		{"taskType":"Map","sourceFields":["id"],"destinationField":"id","connectorOperator":{"S3":"NO_OP"}},
		{"taskType":"Map","sourceFields":["amount"],"destinationField":"amount","connectorOperator":{"S3":"NO_OP"}},
		{"taskType":"Mask","sourceFields":["card"],"connectorOperator":{"S3":"MASK_ALL"},"taskProperties":{"MASK_VALUE":"*"}},
		{"taskType":"Map","sourceFields":["card"],"destinationField":"card","connectorOperator":{"S3":"NO_OP"}}%s]}`, name, prefix, tasks)
	status, text := in.call(http.MethodPost, "/create-flow", definition)
	require.Equal(t, http.StatusOK, status, "%s: %s", name, text)
	status, text = in.call(http.MethodPost, "/start-flow", fmt.Sprintf(`{"flowName":%q}`, name))
	require.Equal(t, http.StatusOK, status, "%s: %s", name, text)
	var started struct {
		ExecutionID string `json:"executionId"`
	}
	require.NoError(t, json.Unmarshal(text, &started))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, text = in.call(http.MethodGet, "/weir/v1/executions/"+started.ExecutionID, "")
		var x struct{ Status, Message string }
		require.NoError(t, json.Unmarshal(text, &x))
		if x.Status != "InProgress" {
			t.Logf("%s: %s %s", name, x.Status, x.Message)
			if want != "" {
				require.Equal(t, want, x.Status, x.Message)
			}
			in.call(http.MethodGet, "/weir/v1/executions/"+started.ExecutionID+"/rejects", "")
			in.call(http.MethodPost, "/describe-flow-execution-records", fmt.Sprintf(`{"flowName":%q}`, name))
			return
		}
		select {
		case <-ctx.Done():
			require.FailNow(t, "the run does not end", name)
		case <-tick.C:
		}
	}
}

// The look itself finds what is there, in every form that it knows.
func TestScan_FindsEveryForm(t *testing.T) {
	t.Parallel()
	const secret = "cAnArY/x+y=&~"
	for name, data := range map[string]string{
		"clear":     "a " + secret + " b",
		"base64":    base64.StdEncoding.EncodeToString([]byte(secret)),
		"shifted":   base64.StdEncoding.EncodeToString([]byte("user:" + secret + "!")),
		"shifted 2": base64.URLEncoding.EncodeToString([]byte("user7:" + secret)),
		"hex":       hex.EncodeToString([]byte("x" + secret)),
		"query":     "a=cAnArY%2Fx%2By%3D%26~",
		"JSON":      `{"a":"cAnArY/x+y=\u0026~"}`,
	} {
		require.NotEmpty(t, canary.Scan(name, []byte(data), []string{secret}), name)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write([]byte(secret))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NotEmpty(t, canary.Scan("gzip", packed.Bytes(), []string{secret}))
	require.Empty(t, canary.Scan("else", []byte("cAnArY is not here, nor its "+base64.StdEncoding.EncodeToString([]byte("hash"))), []string{secret}))
}
