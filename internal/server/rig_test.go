package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/server/sigv4"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
)

const (
	account = "111122223333"
	keyID   = "WEIRTESTKEY"
	secret  = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	region  = "eu-west-1"
)

// rig is a server over a real store, with a runner that does what it is told.
type rig struct {
	t      testing.TB
	store  store.Store
	runner *runner
	clock  *clock
	server *server.Server
	http   *httptest.Server
	log    *lockedBuffer
}

type change func(o *server.Options)

func newRig(t testing.TB, changes ...change) *rig {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "weir.db"), sqlite.Options{})
	require.NoError(t, err)
	g := &rig{t: t, store: st, runner: &runner{store: st}, clock: &clock{now: time.Now()}, log: &lockedBuffer{}}
	options := server.Options{
		Store: st, Runner: g.runner, Connectors: connector.NewRegistry(s3Stub{}), Keys: oneKey{}, AccountID: account,
		Now: g.clock.Now, Logger: slog.New(slog.NewJSONHandler(g.log, nil)), Version: "test",
	}
	for _, c := range changes {
		c(&options)
	}
	g.server, err = server.New(t.Context(), options)
	require.NoError(t, err)
	g.http = httptest.NewServer(g.server)
	t.Cleanup(func() {
		g.http.Close()
		require.NoError(t, st.Close())
	})
	return g
}

// client is AWS's own, for a region.
func (g *rig) client(region string) *appflow.Client {
	return appflow.New(appflow.Options{
		Region: region, BaseEndpoint: &g.http.URL, Retryer: aws.NopRetryer{}, HTTPClient: g.http.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}, nil
		}),
	})
}

// answer is what came back over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

// message is the error's text.
func (a answer) message() string {
	var body struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal([]byte(a.body), &body)
	return body.Message
}

func (a answer) errorName() string { return a.header.Get("X-Amzn-ErrorType") }

// request makes a signed request; change runs before it is signed.
func (g *rig) request(method, target, body string, changes ...func(r *http.Request)) *http.Request {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), method, g.http.URL+target, strings.NewReader(body))
	require.NoError(g.t, err)
	for _, c := range changes {
		c(r)
	}
	signRequest(g.t, r, body, g.clock.Now())
	return r
}

func signRequest(t testing.TB, r *http.Request, body string, at time.Time) {
	t.Helper()
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), creds, r, hashText(body), "appflow", region, at))
}

func hashText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// send signs a request and sends it over the network.
func (g *rig) send(method, target, body string, changes ...func(r *http.Request)) answer {
	g.t.Helper()
	return g.do(g.request(method, target, body, changes...))
}

func (g *rig) do(r *http.Request) answer {
	g.t.Helper()
	res, err := g.http.Client().Transport.RoundTrip(r) // follows no redirect
	require.NoError(g.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(g.t, err)
	return answer{res.StatusCode, res.Header, string(text)}
}

// post sends an operation that must succeed and decodes its answer.
func (g *rig) post(path, body string) map[string]any {
	g.t.Helper()
	a := g.send(http.MethodPost, path, body)
	require.Equal(g.t, http.StatusOK, a.status, a.body)
	out := map[string]any{}
	require.NoError(g.t, json.Unmarshal([]byte(a.body), &out))
	return out
}

// refused sends an operation that must fail so.
func (g *rig) refused(path, body string, status int, name, message string) {
	g.t.Helper()
	a := g.send(http.MethodPost, path, body)
	require.Equal(g.t, status, a.status, "%s %s", path, a.body)
	require.Equal(g.t, name, a.errorName(), a.body)
	require.Contains(g.t, a.message(), message)
}

// audit is the whole trail.
func (g *rig) audit() []*store.AuditEvent {
	g.t.Helper()
	var list []*store.AuditEvent
	require.NoError(g.t, g.store.Read(g.t.Context(), func(tx store.ReadTx) (err error) {
		list, err = tx.AuditList(g.t.Context(), 0, 100_000)
		return err
	}))
	return list
}

func (g *rig) execution(id string) *flow.Execution {
	g.t.Helper()
	var x *flow.Execution
	require.NoError(g.t, g.store.Read(g.t.Context(), func(tx store.ReadTx) (err error) {
		x, err = tx.ExecutionGet(g.t.Context(), id)
		return err
	}))
	return x
}

// flowJSON is a CreateFlow or UpdateFlow request from S3 to S3; more members come in front of the rest.
func flowJSON(name string, more ...string) string {
	return `{"flowName":"` + name + `",` + strings.Join(append(more, ""), ",") + `
		"triggerConfig":{"triggerType":"OnDemand"},` + endsAndTasks + `}`
}

// scheduledJSON is the same with a schedule.
func scheduledJSON(name string, more ...string) string {
	return `{"flowName":"` + name + `",` + strings.Join(append(more, ""), ",") + `
		"triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"rate(1hours)"}}},` + endsAndTasks + `}`
}

const endsAndTasks = `
	"sourceFlowConfig":{"connectorType":"S3","sourceConnectorProperties":{"S3":{"bucketName":"in-bkt","bucketPrefix":"orders"}}},
	"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"out-bkt"}}}],
	"tasks":[{"taskType":"Map_all","sourceFields":[],"connectorOperator":{"S3":"NO_OP"},"taskProperties":{}}]`

// runner is a fake engine: it notes what it is asked, and finishes executions when told to.
type runner struct {
	store store.Store

	mu       sync.Mutex
	started  []string
	canceled []string
	obeys    bool  // a canceled execution ends at once
	fails    error // what Start and Cancel answer
}

func (r *runner) Start(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started = append(r.started, id)
	return r.fails
}

func (r *runner) Cancel(ctx context.Context, id string) error {
	r.mu.Lock()
	r.canceled = append(r.canceled, id)
	obeys, fails := r.obeys, r.fails
	r.mu.Unlock()
	if obeys && fails == nil {
		return r.finish(ctx, id, flow.ExecutionCanceled, time.Time{}, nil)
	}
	return fails
}

func (r *runner) seen() (started, canceled []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.started), slices.Clone(r.canceled)
}

// finish ends an execution as an engine would.
func (r *runner) finish(ctx context.Context, id string, status flow.ExecutionStatus, at time.Time, change func(x *flow.Execution)) error {
	return r.store.Write(ctx, func(tx store.Tx) error {
		x, err := tx.ExecutionGet(ctx, id)
		if err != nil {
			return err
		}
		x.Status, x.Outcome = status, status
		if !at.IsZero() {
			x.UpdatedAt = at
		}
		if change != nil {
			change(x)
		}
		if err := tx.ExecutionPut(ctx, x); err != nil {
			return err
		}
		f, err := tx.FlowGet(ctx, x.FlowName)
		if err != nil {
			return err
		}
		f.LastRun = &flow.LastRun{Message: x.Message, Time: x.StartedAt, Status: status}
		return tx.FlowPut(ctx, f)
	})
}

func (g *rig) finish(id string, status flow.ExecutionStatus, change func(x *flow.Execution)) {
	g.t.Helper()
	require.NoError(g.t, g.runner.finish(g.t.Context(), id, status, g.clock.Now().UTC(), change))
}

// s3Stub stands for the S3 connector: the server only asks whether it is there.
type s3Stub struct{}

func (s3Stub) Spec() *connector.Spec { return &connector.Spec{Type: flow.S3} }

func (s3Stub) Connect(context.Context, connector.Config) (connector.Connection, error) {
	return nil, io.ErrUnexpectedEOF
}

// oneKey is a keyring of one.
type oneKey struct{}

func (oneKey) Find(_ context.Context, id string) (sigv4.Key, *policy.Policy, error) {
	if id != keyID {
		return sigv4.Key{}, nil, sigv4.ErrUnknownKey
	}
	return sigv4.Key{ID: keyID, Secret: secret, Name: "alice"}, nil, nil
}

// clock is a clock that is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// scheduledBadly has a schedule that no source allows.
func scheduledBadly(name string, more ...string) string {
	return strings.Replace(scheduledJSON(name, more...), "rate(1hours)", "rate(0hours)", 1)
}

// resign signs a request for another region.
func resign(t testing.TB, g *rig, r *http.Request, body, region string) {
	t.Helper()
	r.Header.Del("Authorization")
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), creds, r, hashText(body), "appflow", region, g.clock.Now()))
}
