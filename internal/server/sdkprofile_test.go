package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

func slackConfig(instance, token string) *types.ConnectorProfileConfig {
	config := &types.ConnectorProfileConfig{ConnectorProfileProperties: &types.ConnectorProfileProperties{
		Slack: &types.SlackConnectorProfileProperties{InstanceUrl: &instance},
	}}
	if token != "" {
		config.ConnectorProfileCredentials = &types.ConnectorProfileCredentials{Slack: &types.SlackConnectorProfileCredentials{
			ClientId: aws.String("client"), ClientSecret: aws.String("shh"), AccessToken: &token,
		}}
	}
	return config
}

func slackProfile(name string) *appflow.CreateConnectorProfileInput {
	return &appflow.CreateConnectorProfileInput{
		ConnectorProfileName: &name, ConnectorType: types.ConnectorTypeSlack, ConnectionMode: types.ConnectionModePublic,
		KmsArn: aws.String("arn:aws:kms:eu-west-1:111122223333:key/k"), ConnectorProfileConfig: slackConfig("https://acme.slack.com", "xoxb-1"),
	}
}

func slackUpdate(name, token string) *appflow.UpdateConnectorProfileInput {
	return &appflow.UpdateConnectorProfileInput{
		ConnectorProfileName: &name, ConnectionMode: types.ConnectionModePublic, ConnectorProfileConfig: slackConfig("https://other.slack.com", token),
	}
}

func slackFlow(name, profile string) *appflow.CreateFlowInput {
	in := onDemandFlow(name)
	in.SourceFlowConfig = &types.SourceFlowConfig{
		ConnectorType: types.ConnectorTypeSlack, ConnectorProfileName: &profile,
		SourceConnectorProperties: &types.SourceConnectorProperties{Slack: &types.SlackSourceProperties{Object: aws.String("conversations/C1")}},
	}
	in.Tasks = []types.Task{
		{TaskType: types.TaskTypeFilter, SourceFields: []string{"ts"}, ConnectorOperator: &types.ConnectorOperator{Slack: types.SlackConnectorOperatorProjection}},
		{TaskType: types.TaskTypeMap, SourceFields: []string{"ts"}, DestinationField: aws.String("ts"), ConnectorOperator: &types.ConnectorOperator{Slack: types.SlackConnectorOperatorNoOp}},
	}
	in.MetadataCatalogConfig = nil
	return in
}

// withSlack puts Slack into the build; without, a build can only describe it.
func withSlack(runs bool) change {
	spec := &connector.Spec{Type: flow.Slack, Name: "Slack (test)"}
	return func(o *server.Options) {
		if runs {
			o.Connectors = connector.NewRegistry(s3Stub{}, slackStub{spec: spec})
		} else {
			o.Connectors = connector.NewRegistry(s3Stub{}, connector.Described(spec))
		}
	}
}

type slackStub struct {
	s3Stub
	spec *connector.Spec
}

func (s slackStub) Spec() *connector.Spec { return s.spec }

func describeProfile(t *testing.T, c *appflow.Client, name string) types.ConnectorProfile {
	t.Helper()
	out, err := c.DescribeConnectorProfiles(t.Context(), &appflow.DescribeConnectorProfilesInput{ConnectorProfileNames: []string{name}})
	require.NoError(t, err)
	require.Len(t, out.ConnectorProfileDetails, 1)
	require.Nil(t, out.NextToken)
	return out.ConnectorProfileDetails[0]
}

func TestSDK_LifeOfAProfile(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t, withSlack(true))
	ctx, c := t.Context(), g.client(region)
	created, err := c.CreateConnectorProfile(ctx, slackProfile("team/chat"))
	require.NoError(t, err)
	require.Equal(t, "arn:aws:appflow:eu-west-1:111122223333:connectorprofile/team/chat", *created.ConnectorProfileArn)
	before := describeProfile(t, c, "team/chat")
	require.Equal(t, "https://acme.slack.com", *before.ConnectorProfileProperties.Slack.InstanceUrl)
	require.Equal(t, created.ConnectorProfileArn, before.ConnectorProfileArn)

	g.clock.advance(time.Minute)
	updated, err := c.UpdateConnectorProfile(ctx, slackUpdate("team/chat", "xoxb-2"))
	require.NoError(t, err)
	require.Equal(t, created.ConnectorProfileArn, updated.ConnectorProfileArn)
	after := describeProfile(t, c, "team/chat")
	require.Equal(t, "https://other.slack.com", *after.ConnectorProfileProperties.Slack.InstanceUrl)
	require.Equal(t, before.CreatedAt, after.CreatedAt)
	require.True(t, after.LastUpdatedAt.After(*before.LastUpdatedAt))
	require.Equal(t, before.CredentialsArn, after.CredentialsArn, "it never changes")
	require.Equal(t, "sealed 2", string(g.profile("team/chat").SealedCredentials))
	require.Equal(t, "arn:aws:kms:eu-west-1:111122223333:key/k", *g.profile("team/chat").KMSArn)

	// Without credentials the stored ones are proved again, with the new properties.
	_, err = c.UpdateConnectorProfile(ctx, slackUpdate("team/chat", ""))
	require.NoError(t, err)
	last := v.seen()[2]
	require.Nil(t, last.given)
	require.Equal(t, "sealed 2", string(last.stored))
	require.Equal(t, "sealed 3", string(g.profile("team/chat").SealedCredentials))

	_, err = c.CreateFlow(ctx, slackFlow("messages", "team/chat"))
	require.NoError(t, err)
	_, err = c.DeleteConnectorProfile(ctx, &appflow.DeleteConnectorProfileInput{ConnectorProfileName: aws.String("team/chat")})
	require.Equal(t, "Connector Profile team/chat is used by flow messages. Delete the flows first, or delete with forceDelete.", apiMessage(t, err, "ConflictException"))
	_, err = c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("messages")})
	require.NoError(t, err)
	started, _ := g.runner.seen()
	g.finish(started[0], flow.ExecutionSuccessful, nil)

	_, err = c.DeleteConnectorProfile(ctx, &appflow.DeleteConnectorProfileInput{ConnectorProfileName: aws.String("team/chat"), ForceDelete: true})
	require.NoError(t, err)
	got, err := c.DescribeFlow(ctx, &appflow.DescribeFlowInput{FlowName: aws.String("messages")})
	require.NoError(t, err, "the flow stays")
	require.Equal(t, "team/chat", *got.SourceFlowConfig.ConnectorProfileName)
	_, err = c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("messages")})
	require.Equal(t, "Connector Profile with name team/chat does not exist.", apiMessage(t, err, "ResourceNotFoundException"))
}

func TestSDK_DescribeProfilesFiltersAndPages(t *testing.T) {
	t.Parallel()
	g, _ := newProfileRig(t)
	ctx, c := t.Context(), g.client(region)
	n := 0
	for i := range 5 {
		_, err := c.CreateConnectorProfile(ctx, slackProfile(fmt.Sprint("slack-", i)))
		require.NoError(t, err)
		g.post("/create-connector-profile", typedProfile{flow.CustomConnector, []string{"Asana", "GitHub"}[i%2], `{}`, ``}.create(fmt.Sprint("custom-", i), &n))
	}
	names := func(in *appflow.DescribeConnectorProfilesInput) []string {
		var got []string
		pages := appflow.NewDescribeConnectorProfilesPaginator(c, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.ConnectorProfileDetails), 2)
			for _, p := range page.ConnectorProfileDetails {
				got = append(got, *p.ConnectorProfileName)
			}
		}
		return got
	}
	two := aws.Int32(2)
	custom := []string{"custom-0", "custom-1", "custom-2", "custom-3", "custom-4"}
	require.Equal(t, append(custom, "slack-0", "slack-1", "slack-2", "slack-3", "slack-4"), names(&appflow.DescribeConnectorProfilesInput{MaxResults: two}))
	require.Equal(t, custom, names(&appflow.DescribeConnectorProfilesInput{MaxResults: two, ConnectorType: types.ConnectorTypeCustomconnector}))
	require.Equal(t, []string{"custom-1", "custom-3"}, names(&appflow.DescribeConnectorProfilesInput{MaxResults: two, ConnectorLabel: aws.String("GitHub")}))
	some := []string{"none", "slack-3", "custom-3", "slack-1"}
	require.Equal(t, []string{"custom-3", "slack-1", "slack-3"}, names(&appflow.DescribeConnectorProfilesInput{MaxResults: two, ConnectorProfileNames: some}))
	require.Equal(t, []string{"custom-3"}, names(&appflow.DescribeConnectorProfilesInput{
		MaxResults: two, ConnectorProfileNames: some, ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("GitHub"),
	}))
	require.Empty(t, names(&appflow.DescribeConnectorProfilesInput{MaxResults: two, ConnectorProfileNames: some, ConnectorLabel: aws.String("Asana")}))

	page, err := c.DescribeConnectorProfiles(ctx, &appflow.DescribeConnectorProfilesInput{MaxResults: two, ConnectorProfileNames: some})
	require.NoError(t, err)
	_, err = c.DescribeConnectorProfiles(ctx, &appflow.DescribeConnectorProfilesInput{MaxResults: two, NextToken: page.NextToken})
	require.Contains(t, apiMessage(t, err, "ValidationException"), "'nextToken'")
	_, err = c.DescribeConnectorProfiles(ctx, &appflow.DescribeConnectorProfilesInput{MaxResults: aws.Int32(101)})
	require.Contains(t, apiMessage(t, err, "ValidationException"), "'maxResults'")
}

func TestSDK_EveryProfileErrorArrivesAsItsType(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t, func(o *server.Options) { o.MaxProfiles = 2 })
	ctx, c := t.Context(), g.client(region)
	for _, name := range []string{"one", "two"} {
		_, err := c.CreateConnectorProfile(ctx, slackProfile(name))
		require.NoError(t, err)
	}
	asked := len(v.seen())
	of := func(_ any, err error) error { return err }
	require.ErrorAs(t, of(c.CreateConnectorProfile(ctx, slackProfile("one"))), new(*types.ConflictException))
	require.ErrorAs(t, of(c.CreateConnectorProfile(ctx, slackProfile("three"))), new(*types.ServiceQuotaExceededException))
	require.ErrorAs(t, of(c.UpdateConnectorProfile(ctx, slackUpdate("none", "t"))), new(*types.ResourceNotFoundException))
	require.Len(t, v.seen(), asked, "no vendor is asked in vain")
	delete := func(name string, force bool) error {
		return of(c.DeleteConnectorProfile(ctx, &appflow.DeleteConnectorProfileInput{ConnectorProfileName: &name, ForceDelete: force}))
	}
	require.ErrorAs(t, delete("none", true), new(*types.ResourceNotFoundException))
	require.NoError(t, delete("two", false))

	for code, want := range map[fault.Code]string{
		fault.ConnectorAuth: "ConnectorAuthenticationException", fault.ConnectorServer: "ConnectorAuthenticationException",
		fault.Throttling: "ConnectorAuthenticationException", fault.Validation: "ValidationException", fault.NotFound: "ValidationException",
		fault.AccessDenied: "ValidationException", fault.Internal: "InternalServerException",
	} {
		v.fails(fault.New(code, "slack says so"))
		_, createErr := c.CreateConnectorProfile(ctx, slackProfile("two"))
		_, updateErr := c.UpdateConnectorProfile(ctx, slackUpdate("one", "t"))
		for _, err := range []error{createErr, updateErr} {
			text := apiMessage(t, err, want)
			require.Equal(t, code != fault.Internal, strings.Contains(text, "slack says so"), text)
		}
	}
	require.Equal(t, "sealed 1", string(g.profile("one").SealedCredentials), "a refused update changes nothing")
	require.Equal(t, "https://acme.slack.com", *describeProfile(t, c, "one").ConnectorProfileProperties.Slack.InstanceUrl)
	require.ErrorContains(t, of(c.CreateConnectorProfile(ctx, &appflow.CreateConnectorProfileInput{
		ConnectorProfileName: aws.String("s3"), ConnectorType: types.ConnectorTypeS3, ConnectionMode: types.ConnectionModePublic,
		ConnectorProfileConfig: &types.ConnectorProfileConfig{ConnectorProfileProperties: &types.ConnectorProfileProperties{}},
	})), "S3 takes no connector profile")
}

func TestSDK_ProfileTokensMakeRetriesSafe(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t)
	ctx, c := t.Context(), g.client(region)
	in := slackProfile("chat")
	in.ClientToken = aws.String("token")
	first, err := c.CreateConnectorProfile(ctx, in)
	require.NoError(t, err)
	again, err := c.CreateConnectorProfile(ctx, in)
	require.NoError(t, err)
	require.Equal(t, first.ConnectorProfileArn, again.ConnectorProfileArn)
	require.Len(t, v.seen(), 1, "the vendor is asked once")
	in.ConnectorProfileConfig = slackConfig("https://acme.slack.com", "another")
	_, err = c.CreateConnectorProfile(ctx, in)
	require.Contains(t, apiMessage(t, err, "ConflictException"), "clientToken was used before")
	up := slackUpdate("chat", "fresh")
	up.ClientToken = aws.String("token")
	for range 2 {
		_, err = c.UpdateConnectorProfile(ctx, up)
		require.NoError(t, err)
	}
	require.Len(t, v.seen(), 2)
	up.ConnectorProfileConfig = slackConfig("https://other.slack.com", "other")
	_, err = c.UpdateConnectorProfile(ctx, up)
	require.Contains(t, apiMessage(t, err, "ConflictException"), "clientToken was used before")

	n := 0
	body := strings.Replace(typedProfiles[0].create("later", &n), "{", `{"clientToken":"later",`, 1)
	g.post("/create-connector-profile", body)
	g.post("/create-connector-profile", body)
	g.clock.advance(8*time.Hour + time.Second)
	g.refused("/create-connector-profile", body, 409, "ConflictException", "already exists")
}

// The hash of a request with secrets in it is of no use for guessing them.
func TestProfiles_RequestHashesAreKeyed(t *testing.T) {
	t.Parallel()
	hash := func(secret string) string {
		g, _ := newProfileRig(t, func(o *server.Options) { o.Secret = []byte(secret) })
		require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
			return tx.SettingPut(t.Context(), "installation", "the same")
		}))
		s, err := server.New(t.Context(), g.server.Options)
		require.NoError(t, err)
		g.http.Config.Handler = s
		n := 0
		g.post("/create-connector-profile", strings.Replace(typedProfiles[0].create("crm", &n), "{", `{"clientToken":"t",`, 1))
		var token *store.Token
		require.NoError(t, g.store.Read(t.Context(), func(tx store.ReadTx) (err error) {
			token, err = tx.TokenGet(t.Context(), "CreateConnectorProfile "+region, "t")
			return err
		}))
		return token.RequestHash
	}
	require.Equal(t, hash("one"), hash("one"))
	require.NotEqual(t, hash("one"), hash("two"))
}

func TestSDK_PrivateProfilesSettleAtOnce(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t)
	ctx, c := t.Context(), g.client(region)
	private := func(name string) *appflow.CreateConnectorProfileInput {
		in := slackProfile(name)
		in.ConnectionMode = types.ConnectionModePrivate
		return in
	}
	_, err := c.CreateConnectorProfile(ctx, private("good"))
	require.NoError(t, err)
	state := describeProfile(t, c, "good").PrivateConnectionProvisioningState
	require.Equal(t, types.PrivateConnectionProvisioningStatusCreated, state.Status)
	require.Empty(t, state.FailureCause)
	for code, want := range map[fault.Code]types.PrivateConnectionProvisioningFailureCause{
		fault.ConnectorAuth: "CONNECTOR_AUTHENTICATION", fault.ConnectorServer: "CONNECTOR_SERVER", fault.AccessDenied: "ACCESS_DENIED",
		fault.Validation: "VALIDATION", fault.Throttling: "CONNECTOR_SERVER",
	} {
		v.fails(fault.New(code, "slack says so"))
		name := string(want) + string(code)
		_, err := c.CreateConnectorProfile(ctx, private(name))
		require.NoError(t, err)
		got := describeProfile(t, c, name)
		require.Equal(t, types.ConnectionModePrivate, got.ConnectionMode)
		require.Equal(t, types.PrivateConnectionProvisioningStatusFailed, got.PrivateConnectionProvisioningState.Status)
		require.Equal(t, want, got.PrivateConnectionProvisioningState.FailureCause)
		require.Equal(t, "slack says so", *got.PrivateConnectionProvisioningState.FailureMessage)
		require.Nil(t, g.profile(name).SealedCredentials)
	}
	v.fails(errors.New("the vault is away"))
	_, err = c.CreateConnectorProfile(ctx, private("own"))
	apiMessage(t, err, "InternalServerException")

	up := slackUpdate("good", "wrong")
	up.ConnectionMode = types.ConnectionModePrivate
	v.fails(fault.New(fault.ConnectorAuth, "slack says so"))
	_, err = c.UpdateConnectorProfile(ctx, up)
	require.NoError(t, err)
	require.Equal(t, types.PrivateConnectionProvisioningStatusFailed, describeProfile(t, c, "good").PrivateConnectionProvisioningState.Status)
	require.Equal(t, "sealed 1", string(g.profile("good").SealedCredentials), "the old ones stay")
	v.fails(nil)
	_, err = c.UpdateConnectorProfile(ctx, slackUpdate("good", "right"))
	require.NoError(t, err)
	require.Nil(t, describeProfile(t, c, "good").PrivateConnectionProvisioningState, "public again")
}

// A worker rotates the tokens while an update of the properties asks the vendor: the update must not bring the old ones
// back. The hook also shows that no transaction is open meanwhile: it could not write.
func TestSDK_UpdateDoesNotUndoARotation(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t)
	ctx, c := t.Context(), g.client(region)
	_, err := c.CreateConnectorProfile(ctx, slackProfile("chat"))
	require.NoError(t, err)
	rotations := 1
	v.answer = func(p proof) error {
		if rotations == 0 {
			return nil
		}
		rotations--
		revision := g.profile("chat").Revision
		return g.store.Write(context.WithoutCancel(ctx), func(tx store.Tx) error {
			return tx.ProfileSaveCredentials(ctx, "chat", revision, []byte(fmt.Sprint("rotated ", rotations)))
		})
	}
	_, err = c.UpdateConnectorProfile(ctx, slackUpdate("chat", ""))
	require.NoError(t, err)
	calls := v.seen()
	require.Len(t, calls, 3)
	require.Equal(t, "sealed 1", string(calls[1].stored))
	require.Equal(t, "rotated 0", string(calls[2].stored), "asked again with what is stored now")
	require.Equal(t, "sealed 3", string(g.profile("chat").SealedCredentials))

	rotations = 100
	_, err = c.UpdateConnectorProfile(ctx, slackUpdate("chat", ""))
	require.Contains(t, apiMessage(t, err, "ConflictException"), "being changed by another request")
	rotations = 1
	asked := len(v.seen())
	_, err = c.UpdateConnectorProfile(ctx, slackUpdate("chat", "fresh"))
	require.NoError(t, err)
	require.Len(t, v.seen(), asked+1, "credentials of the request win, and a code in them works only once")
	require.Equal(t, fmt.Sprint("sealed ", asked+1), string(g.profile("chat").SealedCredentials))
}

// Two requests create the same profile at once, both having asked the vendor.
func TestSDK_CreateChecksTheNameAgain(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t)
	ctx, c := t.Context(), g.client(region)
	v.answer = func(p proof) error {
		return g.store.Write(ctx, func(tx store.Tx) error {
			return tx.ProfilePut(ctx, &store.Profile{Profile: flow.Profile{Name: p.profile.Name, Connector: flow.Zendesk}})
		})
	}
	_, err := c.CreateConnectorProfile(ctx, slackProfile("chat"))
	require.Contains(t, apiMessage(t, err, "ConflictException"), "already exists")
	require.Equal(t, flow.Zendesk, g.profile("chat").Connector)
}

func TestSDK_FlowsNeedTheirProfiles(t *testing.T) {
	t.Parallel()
	g, _ := newProfileRig(t, withSlack(false))
	ctx, c := t.Context(), g.client(region)
	n := 0
	g.post("/create-connector-profile", typedProfile{flow.Singular, "", `{}`, `{"apiKey":"SECRET"}`}.create("ads", &n))
	_, err := c.CreateConnectorProfile(ctx, slackProfile("chat"))
	require.NoError(t, err)
	_, err = c.CreateFlow(ctx, slackFlow("messages", "none"))
	require.Equal(t, "Connector Profile with name none does not exist.", apiMessage(t, err, "ResourceNotFoundException"))
	_, err = c.CreateFlow(ctx, slackFlow("messages", "ads"))
	require.Equal(t, "Create Flow request failed: [Connector Profile ads is of connectorType Singular, not Slack (at sourceFlowConfig.connectorProfileName)]",
		apiMessage(t, err, "ValidationException"))
	in := slackFlow("messages", "chat")
	in.SourceFlowConfig.ConnectorProfileName = nil
	_, err = c.CreateFlow(ctx, in)
	require.Contains(t, apiMessage(t, err, "ValidationException"), "Slack needs a connector profile")
	_, err = c.CreateFlow(ctx, slackFlow("messages", "chat"))
	require.NoError(t, err)
	_, err = c.UpdateFlow(ctx, updateOf(slackFlow("messages", "ads")))
	require.Contains(t, apiMessage(t, err, "ValidationException"), "Update Flow request failed due to:[Connector Profile ads is of connectorType Singular")
	_, err = c.StartFlow(ctx, &appflow.StartFlowInput{FlowName: aws.String("messages")})
	require.Equal(t, "The connector Slack (test) is not in this build of Weir, so the flow cannot run yet.", apiMessage(t, err, "ConflictException"))
	_, err = c.CreateFlow(ctx, onDemandFlow("files")) // its source names a profile that S3 does not take
	require.NoError(t, err)
}

func TestSDK_TagsOfProfilesAndConnectors(t *testing.T) {
	t.Parallel()
	g, _ := newProfileRig(t)
	ctx, c := t.Context(), g.client(region)
	_, err := c.CreateConnectorProfile(ctx, slackProfile("team/chat"))
	require.NoError(t, err)
	require.NoError(t, g.store.Write(ctx, func(tx store.Tx) error {
		return tx.RegistrationPut(ctx, &flow.Registration{Label: "acme"})
	}))
	for _, arn := range []string{
		"arn:aws:appflow:eu-west-1:111122223333:connectorprofile/team/chat", "arn:aws:appflow:eu-west-1:111122223333:connector/acme",
	} {
		tags := func() map[string]string {
			out, err := c.ListTagsForResource(ctx, &appflow.ListTagsForResourceInput{ResourceArn: &arn})
			require.NoError(t, err, arn)
			return out.Tags
		}
		require.Empty(t, tags())
		_, err = c.TagResource(ctx, &appflow.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"team": "data", "x": ""}})
		require.NoError(t, err, arn)
		_, err = c.UntagResource(ctx, &appflow.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"x", "none"}})
		require.NoError(t, err, arn)
		require.Equal(t, map[string]string{"team": "data"}, tags())
		_, err = c.TagResource(ctx, &appflow.TagResourceInput{ResourceArn: aws.String(arn + "x"), Tags: map[string]string{"a": "b"}})
		require.Contains(t, apiMessage(t, err, "ResourceNotFoundException"), arn+"x does not exist")
	}
	require.Equal(t, "sealed 1", string(g.profile("team/chat").SealedCredentials))
	_, err = c.UpdateConnectorProfile(ctx, slackUpdate("team/chat", "t"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"team": "data"}, g.profile("team/chat").Tags)
	for arn, code := range map[string]string{
		"arn:aws:appflow:eu-west-1:111122223333:connectorprofile/a%20b": "ValidationException",
		"arn:aws:appflow:eu-west-1:111122223333:connectorprofile/":      "ValidationException",
		"arn:aws:appflow:eu-west-1:111122223333:table/x":                "ResourceNotFoundException",
	} {
		_, err = c.ListTagsForResource(ctx, &appflow.ListTagsForResourceInput{ResourceArn: &arn})
		apiMessage(t, err, code)
	}
}

func TestSDK_WithoutAVaultNoProfiles(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	_, err := g.client(region).CreateConnectorProfile(t.Context(), slackProfile("chat"))
	require.Contains(t, apiMessage(t, err, "ValidationException"), "keeps no credentials")
}
