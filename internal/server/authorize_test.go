package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// keyed makes a key with a policy and returns what sends requests with it.
func keyed(g *rig, name, document string) func(method, target, body string) answer {
	g.t.Helper()
	a := g.send("POST", "/weir/v1/keys", `{"name":"`+name+`","policy":`+document+`}`)
	require.Equal(g.t, 200, a.status, a.body)
	var key server.KeyView
	require.NoError(g.t, json.Unmarshal([]byte(a.body), &key))
	return func(method, target, body string) answer {
		g.t.Helper()
		r, err := http.NewRequestWithContext(g.t.Context(), method, g.http.URL+target, strings.NewReader(body))
		require.NoError(g.t, err)
		creds := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
		require.NoError(g.t, v4.NewSigner().SignHTTP(g.t.Context(), creds, r, hashText(body), "appflow", region, g.clock.Now()))
		return g.do(r)
	}
}

func TestAuthorize_PoliciesDecide(t *testing.T) {
	t.Parallel()
	g := newRig(t, withKeyring)
	for _, name := range []string{"team-a", "team-b", "secret"} {
		g.post("/create-flow", flowJSON(name, `"tags":{"owner":"`+name+`"}`))
	}
	runB := g.post("/start-flow", `{"flowName":"team-b"}`)["executionId"].(string)
	const arns = `arn:aws:appflow:*:` + account + `:`
	allow := func(action, resource string) string {
		return `{"Effect":"Allow","Action":` + action + `,"Resource":"` + resource + `"}`
	}
	one := func(statements ...string) string {
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	steps := []struct {
		name, document       string
		method, target, body string
		allowed              bool
		action               string // that is refused
		explicit             bool
	}{
		{"own flow", one(allow(`"appflow:*"`, arns+"flow/team-a")), "POST", "/describe-flow", `{"flowName":"team-a"}`, true, "", false},
		{"another flow", one(allow(`"appflow:*"`, arns+"flow/team-a")), "POST", "/describe-flow", `{"flowName":"team-b"}`, false, "appflow:DescribeFlow", false},
		{"no flow", one(allow(`"appflow:*"`, arns+"flow/team-a")), "POST", "/describe-flow", `{"flowName":"none"}`, false, "appflow:DescribeFlow", false},
		{"list needs all", one(allow(`"appflow:*"`, arns+"flow/team-a")), "POST", "/list-flows", `{}`, false, "appflow:ListFlows", false},
		{"list of all", one(allow(`"appflow:ListFlows"`, "*")), "POST", "/list-flows", `{}`, true, "", false},
		{"connectors belong to nobody", one(allow(`"appflow:*"`, arns+"flow/*")), "POST", "/list-connectors", `{}`, false, "appflow:ListConnectors", false},
		{"explicit deny", one(allow(`"*"`, "*"), `{"Effect":"Deny","Action":"appflow:StartFlow","Resource":"`+arns+`flow/secret"}`), "POST", "/start-flow", `{"flowName":"secret"}`, false, "appflow:StartFlow", true},
		{"tags of an ARN", one(allow(`"appflow:ListTagsForResource"`, arns+"flow/team-a")), "GET", "/tags/arn:aws:appflow:us-east-1:" + account + ":flow/team-a", "", true, "", false},
		{"tags of another ARN", one(allow(`"appflow:ListTagsForResource"`, arns+"flow/team-a")), "GET", "/tags/arn:aws:appflow:us-east-1:" + account + ":flow/team-b", "", false, "appflow:ListTagsForResource", false},
		{"create one's own", one(allow(`"appflow:CreateFlow"`, arns+"flow/mine-*")), "POST", "/create-flow", flowJSON("mine-1"), true, "", false},
		{"create another's", one(allow(`"appflow:CreateFlow"`, arns+"flow/mine-*")), "POST", "/create-flow", flowJSON("yours-1"), false, "appflow:CreateFlow", false},
		{"create with tags", one(allow(`"appflow:CreateFlow"`, "*")), "POST", "/create-flow", flowJSON("mine-2", `"tags":{"a":"b"}`), false, "appflow:TagResource", false},
		{"create with a profile", one(allow(`"appflow:CreateFlow"`, "*")), "POST", "/create-flow", strings.Replace(flowJSON("mine-3"), `{"connectorType":"S3","source`, `{"connectorType":"S3","connectorProfileName":"crm","source`, 1), false, "appflow:UseConnectorProfile", false},
		{"update with a profile", one(allow(`"appflow:UpdateFlow"`, "*")), "POST", "/update-flow", strings.Replace(flowJSON("team-a"), `{"connectorType":"S3","destination`, `{"connectorType":"S3","connectorProfileName":"crm","destination`, 1), false, "appflow:UseConnectorProfile", false},
		{"request tags", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/owner":"${aws:username}"},"ForAllValues:StringEquals":{"aws:TagKeys":"owner"}}}`), "POST", "/create-flow", flowJSON("mine-4", `"tags":{"owner":"request tags"}`), false, "appflow:CreateFlow", false},
		{"by tag", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"team-a"}}}`), "POST", "/describe-flow", `{"flowName":"team-a"}`, true, "", false},
		{"by another tag", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"team-a"}}}`), "POST", "/describe-flow", `{"flowName":"team-b"}`, false, "appflow:DescribeFlow", false},
		{"by tag of nothing", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"team-a"}}}`), "POST", "/delete-flow", `{"flowName":"none"}`, false, "appflow:DeleteFlow", false},
		{"by tag, changing", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"team-a"}}}`), "POST", "/update-flow", flowJSON("team-a"), true, "", false},
		{"not by tag", one(allow(`"*"`, "*"), `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"secret"}}}`), "POST", "/delete-flow", `{"flowName":"secret"}`, false, "appflow:DeleteFlow", true},
		{"execution of a flow", one(allow(`"weir:ReadExecutions"`, arns+"flow/team-b")), "GET", "/weir/v1/executions/" + runB, "", true, "", false},
		{"execution of another flow", one(allow(`"weir:ReadExecutions"`, arns+"flow/team-a")), "GET", "/weir/v1/executions/" + runB, "", false, "weir:ReadExecutions", false},
		{"execution of none", one(allow(`"weir:ReadExecutions"`, arns+"flow/team-a")), "GET", "/weir/v1/executions/nope", "", false, "weir:ReadExecutions", false},
		{"outputs", one(allow(`"weir:ReadExecutions"`, "*")), "GET", "/weir/v1/executions/" + runB + "/outputs", "", true, "", false},
		{"rejects hold records", one(allow(`"weir:ReadExecutions"`, "*")), "GET", "/weir/v1/executions/" + runB + "/rejects", "", false, "weir:ReadRejectedRecords", false},
		{"audit", `"operator"`, "GET", "/weir/v1/audit", "", false, "weir:ReadAudit", false},
		{"backup", `"operator"`, "GET", "/weir/v1/backup", "", false, "weir:Backup", false},
		{"keys", `"operator"`, "POST", "/weir/v1/keys", `{"name":"x"}`, false, "weir:ManageKeys", false},
		{"version", `"read-only"`, "GET", "/weir/v1/version", "", true, "", false},
		{"operator", `"operator"`, "POST", "/start-flow", `{"flowName":"team-a"}`, true, "", false},
		{"admin", `"admin"`, "GET", "/weir/v1/audit", "", true, "", false},
		{"from here", one(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},"Bool":{"aws:SecureTransport":"false"}}}`), "POST", "/list-flows", "{}", true, "", false},
	}
	for _, s := range steps {
		a := keyed(g, strings.ReplaceAll(strings.ReplaceAll(s.name, " ", "-"), "'", ""), s.document)(s.method, s.target, s.body)
		if s.allowed {
			require.Equal(t, 200, a.status, "%s: %s", s.name, a.body)
			continue
		}
		require.Equal(t, 403, a.status, "%s: %s", s.name, a.body)
		require.Equal(t, "AccessDeniedException", a.errorName(), s.name)
		require.Contains(t, a.message(), " is not authorized to perform: "+s.action+" on resource: ", s.name)
		if s.explicit {
			require.Contains(t, a.message(), "with an explicit deny in an identity-based policy", s.name)
		} else {
			require.Contains(t, a.message(), "because no identity-based policy allows the "+s.action+" action", s.name)
		}
	}
	require.Equal(t, `{"__type":"AccessDeniedException","message":"User: arn:aws:iam::111122223333:user/reader is not authorized to perform: appflow:StartFlow `+
		`on resource: arn:aws:appflow:eu-west-1:111122223333:flow/team-a because no identity-based policy allows the appflow:StartFlow action"}`,
		keyed(g, "reader", `"read-only"`)("POST", "/start-flow", `{"flowName":"team-a"}`).body)
	last := g.audit()[len(g.audit())-1]
	require.Equal(t, "StartFlow AccessDeniedException arn:aws:iam::111122223333:user/reader", last.Operation+" "+last.ErrorCode+" "+last.Principal)
}

// The tags that count are those that the change itself meets: a flow that is made anew under its name between the first look
// and the change is judged anew.
func TestAuthorize_TagsAreThoseOfTheTransaction(t *testing.T) {
	t.Parallel()
	before := func() {} // runs ahead of the next writing transaction
	g := newRig(t, withKeyring, func(o *server.Options) { o.Store = hookedStore{o.Store, func() { before() }} })
	g.post("/create-flow", flowJSON("orders", `"tags":{"owner":"me"}`))
	send := keyed(g, "me", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"me"}}}}`)
	plain := g.store
	before = func() {
		before = func() {}
		require.NoError(t, plain.Write(t.Context(), func(tx store.Tx) error {
			f, err := tx.FlowGet(t.Context(), "orders")
			if err != nil {
				return err
			}
			f.Tags = map[string]string{"owner": "you"}
			return tx.FlowPut(t.Context(), f)
		}))
	}
	a := send("POST", "/delete-flow", `{"flowName":"orders"}`)
	require.Equal(t, 403, a.status, a.body)
	require.NoError(t, plain.Read(t.Context(), func(tx store.ReadTx) error {
		f, err := tx.FlowGet(t.Context(), "orders")
		require.Equal(t, flow.StatusActive, f.Status)
		return err
	}))
}

// hookedStore calls a function before each writing transaction.
type hookedStore struct {
	store.Store
	before func()
}

func (s hookedStore) Write(ctx context.Context, fn func(store.Tx) error) error {
	s.before()
	return s.Store.Write(ctx, fn)
}

func TestThrottle_LimitsEachKeyAndSDKsComeBack(t *testing.T) {
	t.Parallel()
	g := newRig(t, withKeyring, func(o *server.Options) { o.RateLimit, o.WriteLimit = 5, 2 })
	other := keyed(g, "other", `"admin"`) // the first of the key's calls that change something
	for range 9 {
		require.Equal(t, 200, g.send("POST", "/list-flows", "{}").status)
	}
	refused := g.send("POST", "/list-flows", "{}")
	require.Equal(t, 429, refused.status)
	require.Equal(t, "ThrottlingException", refused.errorName())
	require.Equal(t, "1", refused.header.Get("Retry-After"))
	declared := g.send("POST", "/cancel-flow-executions", `{"flowName":"orders"}`)
	require.Equal(t, 429, declared.status, declared.body)
	require.Equal(t, 429, g.send("GET", "/weir/v1/version", "").status)
	require.Equal(t, 200, other("POST", "/list-flows", "{}").status, "each key has its own")

	g.clock.advance(time.Second)
	require.Equal(t, 404, g.send("POST", "/stop-flow", `{"flowName":"none"}`).status)
	g.clock.advance(time.Minute)
	for range 4 {
		require.Equal(t, 404, g.send("POST", "/stop-flow", `{"flowName":"none"}`).status)
	}
	require.Equal(t, "ThrottlingException", g.send("POST", "/stop-flow", `{"flowName":"none"}`).errorName(), "writes have a limit of their own")
	require.Equal(t, 200, g.send("POST", "/list-flows", "{}").status, "that does not hold reads up")

	retries := 0
	client := g.client(region)
	for i := 0; ; i++ {
		_, err := client.ListFlows(t.Context(), &appflow.ListFlowsInput{})
		var ae smithy.APIError
		if err != nil {
			require.ErrorAs(t, err, &ae)
			require.Equal(t, "ThrottlingException", ae.ErrorCode())
			break
		}
		require.Less(t, i, 20)
	}
	_, err := client.ListFlows(t.Context(), &appflow.ListFlowsInput{}, func(o *appflow.Options) {
		o.Retryer = countingRetryer{Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}), retried: func() { retries++; g.clock.advance(time.Second) }}
	})
	require.NoError(t, err)
	require.Positive(t, retries, "the SDK took the refusal as one to come back from")
}

// countingRetryer is AWS's own, and tells when it retries.
type countingRetryer struct {
	aws.Retryer
	retried func()
}

func (r countingRetryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	r.retried()
	return r.Retryer.RetryDelay(attempt, err)
}

func TestThrottle_GuessesAtASecret(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	wrong := func() answer {
		return g.do(func() *http.Request {
			r := g.request("POST", "/list-flows", "{}")
			r.Header.Set("Authorization", r.Header.Get("Authorization")+"0")
			return r
		}())
	}
	for range 50 {
		require.Equal(t, "InvalidSignatureException", wrong().errorName())
	}
	a := wrong()
	require.Equal(t, 429, a.status)
	require.Equal(t, "ThrottlingException", a.errorName())
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Equal(t, 429, g.send("POST", "/list-flows", "{}").status, "the owner at that address waits too")
	g.clock.advance(time.Second)
	require.Equal(t, 200, g.send("POST", "/list-flows", "{}").status)

	for range 300 { // made-up keys are cheap, and leave the log when there are too many
		r := g.request("POST", "/list-flows", "{}")
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), keyID, "NOBODY", 1))
		require.Equal(t, "UnrecognizedClientException", g.do(r).errorName())
	}
	require.Less(t, strings.Count(g.log.String(), "UnrecognizedClientException"), 120)
}

func TestOrigin_TrustedProxiesAreBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		proxies []netip.Prefix
		header  []string
		want    string
	}{
		{nil, []string{"203.0.113.7"}, "127.0.0.1"},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"203.0.113.7"}, "127.0.0.1"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil, "127.0.0.1"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"203.0.113.7"}, "203.0.113.7"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}, []string{"198.51.100.1", "203.0.113.7, 10.0.0.1"}, "203.0.113.7"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"2001:db8::1"}, "2001:db8::1"},
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"203.0.113.7, nonsense"}, "127.0.0.1"},
	} {
		g := newRig(t, func(o *server.Options) { o.Proxies = c.proxies })
		r := g.request("POST", "/create-flow", flowJSON("orders"))
		r.Header["X-Forwarded-For"] = c.header
		require.Equal(t, 200, g.do(r).status)
		require.Equal(t, c.want, g.audit()[0].SourceIP, "%v %v", c.proxies, c.header)
	}
}
