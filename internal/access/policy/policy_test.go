package policy_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/access/policy"
)

const flowARN = "arn:aws:appflow:eu-west-1:111122223333:flow/"

func alice() *policy.Caller {
	return &policy.Caller{
		ARN: "arn:aws:iam::111122223333:user/alice", Name: "alice", Region: "eu-west-1", SourceIP: netip.MustParseAddr("203.0.113.7"),
		IsSecure: true, At: time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC),
	}
}

func action(t testing.TB, name string) policy.Action {
	t.Helper()
	a, ok := policy.ActionOf(name)
	require.True(t, ok, name)
	return a
}

func parse(t testing.TB, document string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(document))
	require.NoError(t, err, document)
	return p
}

// statement is a policy of one statement that allows; more members come in front.
func statement(members string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + members + `}]}`
}

// conditioned allows every action everywhere on a condition.
func conditioned(condition string) string {
	return statement(`"Action":"*","Resource":"*","Condition":` + condition)
}

func TestDecide_ActionsAndResources(t *testing.T) {
	t.Parallel()
	both := func(effects ...string) string {
		var list []string
		for _, e := range effects {
			list = append(list, "{"+e+"}")
		}
		return `{"Statement":[` + strings.Join(list, ",") + `]}`
	}
	cases := []struct {
		name, document, action, resource string
		want                             policy.Decision
	}{
		{"one action", statement(`"Action":"appflow:StartFlow","Resource":"*"`), "appflow:StartFlow", flowARN + "a", policy.Allowed},
		{"another action", statement(`"Action":"appflow:StartFlow","Resource":"*"`), "appflow:StopFlow", flowARN + "a", policy.Denied},
		{"case of an action", statement(`"Action":"APPFLOW:startflow","Resource":"*"`), "appflow:StartFlow", flowARN + "a", policy.Allowed},
		{"star", statement(`"Action":["appflow:Describe*"],"Resource":["*"]`), "appflow:DescribeFlow", flowARN + "a", policy.Allowed},
		{"question mark", statement(`"Action":"appflow:St??Flow","Resource":"*"`), "appflow:StopFlow", flowARN + "a", policy.Allowed},
		{"question mark, longer", statement(`"Action":"appflow:St??Flow","Resource":"*"`), "appflow:StartFlow", flowARN + "a", policy.Denied},
		{"all of a service", statement(`"Action":"appflow:*","Resource":"*"`), "weir:Backup", "*", policy.Denied},
		{"all", statement(`"Action":"*","Resource":"*"`), "weir:Backup", "*", policy.Allowed},
		{"not an action", statement(`"NotAction":"weir:*","Resource":"*"`), "appflow:ListFlows", flowARN + "*", policy.Allowed},
		{"not an action, that one", statement(`"NotAction":"weir:*","Resource":"*"`), "weir:ManageKeys", "*", policy.Denied},
		{"resource", statement(`"Action":"*","Resource":"arn:aws:appflow:*:111122223333:flow/team-*"`), "appflow:StartFlow", flowARN + "team-a", policy.Allowed},
		{"another resource", statement(`"Action":"*","Resource":"arn:aws:appflow:*:111122223333:flow/team-*"`), "appflow:StartFlow", flowARN + "a-team-a", policy.Denied},
		{"another account", statement(`"Action":"*","Resource":"arn:aws:appflow:*:222222222222:flow/*"`), "appflow:StartFlow", flowARN + "a", policy.Denied},
		{"a profile is no flow", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/*"`), "appflow:DeleteConnectorProfile", strings.Replace(flowARN, "flow/", "connectorprofile/", 1) + "x", policy.Denied},
		{"case of a resource", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/A"`), "appflow:StartFlow", flowARN + "a", policy.Denied},
		{"region of a resource does not count", statement(`"Action":"*","Resource":"arn:aws:appflow:us-east-1:*:flow/a"`), "appflow:StartFlow", flowARN + "a", policy.Allowed},
		{"ARN cut short by a star", statement(`"Action":"*","Resource":"arn:aws:appflow:*"`), "appflow:StartFlow", flowARN + "a", policy.Allowed},
		{"list of some", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/team-*"`), "appflow:ListFlows", flowARN + "*", policy.Denied},
		{"list of all flows", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/*"`), "appflow:ListFlows", flowARN + "*", policy.Allowed},
		{"no resource", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/*"`), "appflow:ListConnectors", "*", policy.Denied},
		{"not a resource", statement(`"Action":"*","NotResource":"arn:aws:appflow:*:*:flow/secret-*"`), "appflow:StartFlow", flowARN + "open", policy.Allowed},
		{"not a resource, that one", statement(`"Action":"*","NotResource":"arn:aws:appflow:*:*:flow/secret-*"`), "appflow:StartFlow", flowARN + "secret-1", policy.Denied},
		{"statement as an object", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, "appflow:StartFlow", flowARN + "a", policy.Allowed},
		{"deny wins", both(`"Effect":"Allow","Action":"*","Resource":"*"`, `"Effect":"Deny","Action":"appflow:DeleteFlow","Resource":"*"`), "appflow:DeleteFlow", flowARN + "a", policy.DeniedExplicitly},
		{"deny wins, first", both(`"Effect":"Deny","Action":"appflow:DeleteFlow","Resource":"*"`, `"Effect":"Allow","Action":"*","Resource":"*"`), "appflow:DeleteFlow", flowARN + "a", policy.DeniedExplicitly},
		{"deny of something else", both(`"Effect":"Allow","Action":"*","Resource":"*"`, `"Effect":"Deny","Action":"appflow:DeleteFlow","Resource":"*"`), "appflow:StartFlow", flowARN + "a", policy.Allowed},
		{"deny in another region", both(`"Effect":"Allow","Action":"*","Resource":"*"`, `"Effect":"Deny","Action":"*","Resource":"arn:aws:appflow:us-east-1:*:flow/a"`), "appflow:StartFlow", flowARN + "a", policy.DeniedExplicitly},
		{"deny in another region, cut short", both(`"Effect":"Allow","Action":"*","Resource":"*"`, `"Effect":"Deny","Action":"*","Resource":"arn:aws:appflow:us-east-1:*"`), "appflow:StartFlow", flowARN + "a", policy.DeniedExplicitly},
		{"variable", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/${aws:username}-*"`), "appflow:StartFlow", flowARN + "alice-1", policy.Allowed},
		{"variable of somebody else", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/${aws:username}-*"`), "appflow:StartFlow", flowARN + "bob-1", policy.Denied},
		{"literal star", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:connectorprofile/a${*}"`), "appflow:StartFlow", flowARN + "ab", policy.Denied},
		{"variable without a value", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/${aws:RequestTag/x}"`), "appflow:StartFlow", flowARN + "a", policy.Denied},
		{"default of a variable", statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/${aws:RequestTag/x, 'a'}"`), "appflow:StartFlow", flowARN + "a", policy.Allowed},
		{"predefined", `"read-only"`, "appflow:ListFlows", flowARN + "*", policy.Allowed},
		{"predefined, beyond", `"read-only"`, "appflow:StartFlow", flowARN + "a", policy.Denied},
		{"operator starts", `"operator"`, "appflow:StartFlow", flowARN + "a", policy.Allowed},
		{"operator does not create", `"operator"`, "appflow:CreateFlow", flowARN + "a", policy.Denied},
		{"admin manages keys", `"admin"`, "weir:ManageKeys", "*", policy.Allowed},
	}
	for _, c := range cases {
		r := &policy.Request{Action: action(t, c.action), Resource: c.resource, Caller: alice()}
		require.Equal(t, c.want, parse(t, c.document).Decide(r), c.name)
	}
	var none *policy.Policy
	require.Equal(t, policy.Allowed, none.Decide(&policy.Request{Action: action(t, "weir:Backup"), Resource: "*"}))
	require.Equal(t, policy.Denied, parse(t, `"admin"`).Decide(&policy.Request{Resource: "*", Caller: alice()}), "no action")
}

func TestDecide_Conditions(t *testing.T) {
	t.Parallel()
	team := map[string]string{"team": "sales", "stage": "prod"}
	cases := []struct {
		condition string
		resource  map[string]string
		request   policy.Tags
		want      bool
	}{
		{`{"StringEquals":{"aws:ResourceTag/team":"sales"}}`, team, policy.Tags{}, true},
		{`{"StringEquals":{"aws:ResourceTag/team":["hr","sales"]}}`, team, policy.Tags{}, true},
		{`{"StringEquals":{"aws:ResourceTag/team":"SALES"}}`, team, policy.Tags{}, false},
		{`{"StringEquals":{"aws:ResourceTag/team":"sal*"}}`, team, policy.Tags{}, false},
		{`{"StringEquals":{"aws:ResourceTag/TEAM":"sales"}}`, team, policy.Tags{}, true},
		{`{"StringEquals":{"aws:ResourceTag/team":"sales","aws:ResourceTag/stage":"dev"}}`, team, policy.Tags{}, false},
		{`{"StringEquals":{"aws:ResourceTag/team":"sales"},"StringNotEquals":{"aws:ResourceTag/stage":"prod"}}`, team, policy.Tags{}, false},
		{`{"StringEqualsIgnoreCase":{"aws:ResourceTag/team":"SALES"}}`, team, policy.Tags{}, true},
		{`{"StringNotEqualsIgnoreCase":{"aws:ResourceTag/team":"SALES"}}`, team, policy.Tags{}, false},
		{`{"StringLike":{"aws:ResourceTag/team":"s?l*"}}`, team, policy.Tags{}, true},
		{`{"StringNotLike":{"aws:ResourceTag/team":["x*","s*"]}}`, team, policy.Tags{}, false},
		{`{"StringEquals":{"aws:ResourceTag/none":"x"}}`, team, policy.Tags{}, false},
		{`{"StringNotEquals":{"aws:ResourceTag/none":"x"}}`, team, policy.Tags{}, true},
		{`{"StringEqualsIfExists":{"aws:ResourceTag/none":"x"}}`, team, policy.Tags{}, true},
		{`{"StringEqualsIfExists":{"aws:ResourceTag/team":"x"}}`, team, policy.Tags{}, false},
		{`{"Null":{"aws:ResourceTag/team":"false"}}`, team, policy.Tags{}, true},
		{`{"Null":{"aws:ResourceTag/team":"true"}}`, team, policy.Tags{}, false},
		{`{"Null":{"aws:ResourceTag/none":true}}`, team, policy.Tags{}, true},
		{`{"Null":{"aws:TagKeys":"true"}}`, nil, policy.Tags{}, true},
		{`{"StringEquals":{"aws:RequestTag/team":"sales"}}`, nil, policy.Tags{Values: team}, true},
		{`{"StringEquals":{"aws:RequestTag/team":"${aws:ResourceTag/team}"}}`, team, policy.Tags{Values: map[string]string{"team": "sales"}}, true},
		{`{"StringEquals":{"aws:RequestTag/team":"${aws:ResourceTag/team}"}}`, map[string]string{"team": "*"}, policy.Tags{Values: team}, false},
		{`{"StringLike":{"aws:RequestTag/team":"${aws:ResourceTag/team}"}}`, map[string]string{"team": "*"}, policy.Tags{Values: team}, false},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["team","stage"]}}`, nil, policy.Tags{Values: team}, true},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`, nil, policy.Tags{Values: team}, false},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`, nil, policy.Tags{}, true},
		{`{"ForAnyValue:StringEquals":{"aws:TagKeys":["team"]}}`, nil, policy.Tags{Keys: []string{"x", "team"}}, true},
		{`{"ForAnyValue:StringEquals":{"aws:TagKeys":["team"]}}`, nil, policy.Tags{}, false},
		{`{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":["team"]}}`, nil, policy.Tags{}, true},
		{`{"ForAllValues:StringNotLike":{"aws:TagKeys":["st*"]}}`, nil, policy.Tags{Values: team}, false},
		{`{"ForAnyValue:StringNotLike":{"aws:TagKeys":["st*"]}}`, nil, policy.Tags{Values: team}, true},
		{`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, nil, policy.Tags{}, true},
		{`{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.7"]}}`, nil, policy.Tags{}, true},
		{`{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}`, nil, policy.Tags{}, false},
		{`{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, nil, policy.Tags{}, false},
		{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a*"}}`, nil, policy.Tags{}, true},
		{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam:*:*:user/a*"}}`, nil, policy.Tags{}, true},
		{`{"ArnLike":{"aws:PrincipalArn":"arn:*:111122223333:x:y:user/a*"}}`, nil, policy.Tags{}, false},
		{`{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/alice"}}`, nil, policy.Tags{}, false},
		{`{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/alice"}}`, nil, policy.Tags{}, true},
		{`{"StringEquals":{"AWS:UserName":"alice"}}`, nil, policy.Tags{}, true},
		{`{"stringequals":{"aws:username":"bob"}}`, nil, policy.Tags{}, false},
		{`{"DateLessThan":{"aws:CurrentTime":"2026-05-17T12:00:00Z"}}`, nil, policy.Tags{}, false},
		{`{"DateLessThanEquals":{"aws:CurrentTime":"2026-05-17T12:00:00Z"}}`, nil, policy.Tags{}, true},
		{`{"DateGreaterThan":{"aws:CurrentTime":"2026-05-17"},"DateLessThan":{"aws:CurrentTime":"2026-05-18"}}`, nil, policy.Tags{}, true},
		{`{"DateGreaterThanEquals":{"aws:CurrentTime":1893456000}}`, nil, policy.Tags{}, false},
		{`{"DateEquals":{"aws:CurrentTime":"2026-05-17T14:00:00+02:00"}}`, nil, policy.Tags{}, true},
		{`{"DateNotEquals":{"aws:CurrentTime":"2026-05-17T12:00:00Z"}}`, nil, policy.Tags{}, false},
		{`{"Bool":{"aws:SecureTransport":"true"}}`, nil, policy.Tags{}, true},
		{`{"Bool":{"aws:SecureTransport":false}}`, nil, policy.Tags{}, false},
		{`{"StringEquals":{"aws:RequestedRegion":["eu-west-1","eu-north-1"]}}`, nil, policy.Tags{}, true},
		{`{"StringNotLike":{"aws:RequestedRegion":"eu-*"}}`, nil, policy.Tags{}, false},
	}
	for _, c := range cases {
		want := policy.Denied
		if c.want {
			want = policy.Allowed
		}
		r := &policy.Request{Action: action(t, "appflow:StartFlow"), Resource: flowARN + "a", Caller: alice(), Tags: c.request, ResourceTags: c.resource, KnowsTags: true}
		require.Equal(t, want, parse(t, conditioned(c.condition)).Decide(r), c.condition)
	}
}

// Without the resource's tags a decision is given only when they cannot change it.
func TestDecide_WithoutTags(t *testing.T) {
	t.Parallel()
	const tagged = `"Condition":{"StringEquals":{"aws:ResourceTag/team":"sales"}}`
	cases := []struct {
		statements string
		want       policy.Decision
	}{
		{`{"Effect":"Allow","Action":"*","Resource":"*",` + tagged + `}`, policy.Undecided},
		{`{"Effect":"Allow","Action":"*","Resource":"*",` + tagged + `},{"Effect":"Allow","Action":"*","Resource":"*"}`, policy.Allowed},
		{`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*",` + tagged + `}`, policy.Undecided},
		{`{"Effect":"Deny","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*",` + tagged + `}`, policy.DeniedExplicitly},
		{`{"Effect":"Deny","Action":"*","Resource":"*",` + tagged + `}`, policy.Denied},
		{`{"Effect":"Allow","Action":"appflow:StopFlow","Resource":"*",` + tagged + `}`, policy.Denied},
		{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:appflow:*:*:flow/b",` + tagged + `}`, policy.Denied},
		{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:appflow:*:*:flow/${aws:ResourceTag/team}"}`, policy.Undecided},
		{`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"sales","aws:username":"bob"}}}`, policy.Denied},
	}
	for _, c := range cases {
		p := parse(t, `{"Version":"2012-10-17","Statement":[`+c.statements+`]}`)
		require.Equal(t, c.want, p.Decide(&policy.Request{Action: action(t, "appflow:StartFlow"), Resource: flowARN + "a", Caller: alice()}), c.statements)
		require.True(t, p.AsksTags() || !strings.Contains(c.statements, "ResourceTag"), c.statements)
	}
}

func TestParse_SaysWhereAndWhat(t *testing.T) {
	t.Parallel()
	cases := []struct{ document, place, problem string }{
		{``, "the policy", "not JSON"},
		{`{"Statement":[]`, "the policy", "not JSON"},
		{`{"Statement":[]} x`, "the policy", "follows"},
		{`[]`, "the policy", `"read-only"`},
		{`"readonly"`, "the policy", "there are admin, operator, read-only"},
		{`{}`, "the policy", "Statement is missing"},
		{`{"Statement":[]}`, "Statement", "at least one"},
		{`{"Version":"2008-10-17","Statement":[]}`, "Version", "2012-10-17"},
		{`{"Statements":[]}`, "Statements", "did you mean Statement?"},
		{`{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}`, "Statement[0].Effect", "twice"},
		{`{"Statement":[{"effect":"Allow"}]}`, "Statement[0].effect", "did you mean Effect?"},
		{`{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}`, "Statement[0].Effect", `"Allow" or "Deny"`},
		{`{"Statement":[{"Action":"*","Resource":"*"}]}`, "Statement[0]", "Effect is missing"},
		{`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`, "Statement[0]", "Action is missing"},
		{`{"Statement":[{"Effect":"Allow","Action":"*"}]}`, "Statement[0]", "Resource is missing"},
		{`{"Statement":[{"Effect":"Allow","Action":"*","NotAction":"weir:*","Resource":"*"}]}`, "Statement[0]", "exclude each other"},
		{`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`, "Statement[0].Principal", "belongs to the key"},
		{`{"Statement":[1]}`, "Statement[0]", "an object here, not a number"},
		{statement(`"Action":[],"Resource":"*"`), "Statement[0].Action", "empty"},
		{statement(`"Action":[1],"Resource":"*"`), "Statement[0].Action[0]", "not a number"},
		{statement(`"Action":"appflow:StratFlow","Resource":"*"`), "Statement[0].Action", "did you mean appflow:StartFlow?"},
		{statement(`"Action":["*","StartFlow"],"Resource":"*"`), "Statement[0].Action[1]", "did you mean appflow:StartFlow?"},
		{statement(`"Action":"s3:GetObject","Resource":"*"`), "Statement[0].Action", "take the actions of s3 out"},
		{statement(`"Action":"*","Resource":"flow/a"`), "Statement[0].Resource", "no ARN"},
		{statement(`"Action":"*","Resource":"arn:aws:appflow:us-east-1*flow/a"`), "Statement[0].Resource", "no ARN"},
		{statement(`"Action":"*","Resource":["*","arn:aws:s3:::bucket/*"]`), "Statement[0].Resource[1]", "such an ARN"},
		{statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flows/a"`), "Statement[0].Resource", "such an ARN"},
		{statement(`"Action":"*","Resource":"arn:aws:appflow:*:${aws:username}:flow/a"`), "Statement[0].Resource", "no ARN"},
		{`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:appflow:*:*:flow/${aws:username}"}}`, "Statement.Resource", "Version"},
		{statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/${aws:username"`), "Statement[0].Resource", "not closed"},
		{statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/${saml:sub}"`), "Statement[0].Resource", `"saml:sub"`},
		{statement(`"Action":"*","Resource":"arn:aws:appflow:*:*:flow/${aws:username, x}"`), "Statement[0].Resource", "single quotes"},
		{conditioned(`[]`), "Statement[0].Condition", "an object here"},
		{conditioned(`{"StringEqual":{"aws:username":"x"}}`), "Statement[0].Condition.StringEqual", "did you mean StringEquals?"},
		{conditioned(`{"ForSomeValues:StringEquals":{"aws:username":"x"}}`), "Statement[0].Condition.ForSomeValues:StringEquals", "ForAnyValue:"},
		{conditioned(`{"NumericLessThan":{"aws:username":"1"}}`), "Statement[0].Condition.NumericLessThan", "no condition key of this server is a number"},
		{conditioned(`{"StringEquals":{}}`), "Statement[0].Condition.StringEquals", "keys here"},
		{conditioned(`{"StringEquals":{"aws:MultiFactorAuthPresent":"x"}}`), "Statement[0].Condition.StringEquals.aws:MultiFactorAuthPresent", "the keys are"},
		{conditioned(`{"StringEquals":{"aws:ResourceTag":"x"}}`), "Statement[0].Condition.StringEquals.aws:ResourceTag", "name the tag"},
		{conditioned(`{"StringEquals":{"aws:username/x":"x"}}`), "Statement[0].Condition.StringEquals.aws:username/x", "has no tag"},
		{conditioned(`{"StringEquals":{"aws:SourceIp":"203.0.113.0/24"}}`), "Statement[0].Condition.StringEquals.aws:SourceIp", "IpAddress"},
		{conditioned(`{"IpAddress":{"aws:SourceIp":"203.0.113.0/33"}}`), "Statement[0].Condition.IpAddress.aws:SourceIp", "no address"},
		{conditioned(`{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}`), "Statement[0].Condition.DateLessThan.aws:CurrentTime", "no time"},
		{conditioned(`{"Bool":{"aws:SecureTransport":"yes"}}`), "Statement[0].Condition.Bool.aws:SecureTransport", `"true" or "false"`},
		{conditioned(`{"Bool":{"aws:SecureTransport":["true","false"]}}`), "Statement[0].Condition.Bool.aws:SecureTransport", "one value"},
		{conditioned(`{"StringEquals":{"aws:TagKeys":"team"}}`), "Statement[0].Condition.StringEquals.aws:TagKeys", "ForAnyValue:StringEquals"},
		{conditioned(`{"NullIfExists":{"aws:TagKeys":"true"}}`), "Statement[0].Condition.NullIfExists", "stands alone"},
		{conditioned(`{"ArnLike":{"aws:PrincipalArn":"alice"}}`), "Statement[0].Condition.ArnLike.aws:PrincipalArn", "six parts"},
		{strings.Repeat(" ", 21_000), "the policy", "20480"},
		{strings.Repeat(`[`, 100), "the policy[0][0][0][0][0][0][0][0][0]", "nested"},
		{"\"\xff\"", "the policy", "UTF-8"},
	}
	for _, c := range cases {
		p, err := policy.Parse([]byte(c.document))
		require.Nil(t, p, c.document)
		var wrong *policy.Error
		require.ErrorAs(t, err, &wrong, c.document)
		require.Equal(t, strings.TrimPrefix(c.place, "the policy["), strings.TrimPrefix(wrong.Place, "["), c.document)
		require.Contains(t, wrong.Problem, c.problem, c.document)
	}
}

func TestCheckAccount(t *testing.T) {
	t.Parallel()
	p := parse(t, statement(`"Action":"*","Resource":["*","arn:aws:appflow:*:1111*:flow/a","arn:aws:appflow:*:*:flow/b"]`))
	require.NoError(t, p.CheckAccount("111122223333"))
	require.EqualError(t, p.CheckAccount("000000000000"), "Statement[0].Resource[1]: the account is 1111*, and this server's is 000000000000; write that one, or *")
}

func TestNames_AreAllGood(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"admin", "operator", "read-only"}, policy.Names())
	for _, name := range policy.Names() {
		text, ok := policy.Document(name)
		require.True(t, ok)
		require.NotNil(t, parse(t, text))
	}
}

// The policy that the guide shows is a good one, and does what it seems to.
func TestParse_TheGuidesExample(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../../docs/operating.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(guide), "## Policies")
	require.True(t, ok)
	_, rest, _ = strings.Cut(rest, "```json\n")
	document, _, _ := strings.Cut(rest, "```")
	p := parse(t, document)
	decide := func(name, flow, stage string) policy.Decision {
		return p.Decide(&policy.Request{
			Action: action(t, name), Resource: flowARN + flow, Caller: alice(), ResourceTags: map[string]string{"stage": stage}, KnowsTags: true,
		})
	}
	require.Equal(t, policy.Allowed, decide("appflow:DeleteFlow", "sales-eu", "dev"))
	require.Equal(t, policy.DeniedExplicitly, decide("appflow:DeleteFlow", "sales-eu", "prod"))
	require.Equal(t, policy.Denied, decide("appflow:StartFlow", "hr", "dev"))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(statement(`"Action":"appflow:*","Resource":"arn:aws:appflow:*:*:flow/${aws:username}"`)))
	f.Add([]byte(conditioned(`{"ForAllValues:StringLikeIfExists":{"aws:TagKeys":["a*"]},"IpAddress":{"aws:SourceIp":"::1/128"}}`)))
	f.Add([]byte(`"admin"`))
	f.Fuzz(func(t *testing.T, document []byte) {
		p, err := policy.Parse(document)
		require.Equal(t, err == nil, p != nil)
		if err == nil {
			start, _ := policy.ActionOf("appflow:StartFlow")
			r := &policy.Request{Action: start, Resource: flowARN + "a", Caller: alice(), KnowsTags: true}
			require.NotEqual(t, policy.Undecided, p.Decide(r))
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	var list []string
	for i := range 20 {
		list = append(list, fmt.Sprintf(`{"Effect":"Allow","Action":["appflow:Describe*","appflow:StartFlow"],"Resource":"arn:aws:appflow:*:111122223333:flow/team-%d-*"}`, i))
	}
	list = append(list, `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"},"StringEquals":{"aws:ResourceTag/stage":"prod"}}}`)
	p := parse(b, `{"Version":"2012-10-17","Statement":[`+strings.Join(list, ",")+`]}`)
	r := &policy.Request{Action: action(b, "appflow:DescribeFlow"), Resource: flowARN + "team-19-orders", Caller: alice(), ResourceTags: map[string]string{"stage": "prod"}, KnowsTags: true}
	b.ReportAllocs()
	for b.Loop() {
		if p.Decide(r) != policy.Allowed {
			b.Fatal("denied")
		}
	}
}
