package server_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// registrar is a stand-in for custom connectors: it answers for every function, and notes which were called.
type registrar struct {
	answer flow.Properties

	mu     sync.Mutex
	called []string
	fails  error
}

func (r *registrar) Configuration(_ context.Context, _, arn string) (flow.Properties, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.called = append(r.called, arn)
	return r.answer, r.fails
}

func (r *registrar) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails = err
}

func (r *registrar) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.called)
}

// withRegistrar gives a rig the catalogue and a connector that answers as the one in connectors/custom's test data.
func withRegistrar(t *testing.T, changes ...change) (*rig, *registrar) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "connectors", "custom", "testdata", "configuration.golden.json"))
	require.NoError(t, err)
	r := &registrar{answer: raw}
	return newRig(t, append([]change{func(o *server.Options) { o.Connectors, o.Registrar = connectors.All(), r }}, changes...)...), r
}

const shopARN = "arn:aws:lambda:eu-west-1:111122223333:function:shop"

func registering(label string, more ...func(in *appflow.RegisterConnectorInput)) *appflow.RegisterConnectorInput {
	in := &appflow.RegisterConnectorInput{
		ConnectorLabel: &label, ConnectorProvisioningType: types.ConnectorProvisioningTypeLambda,
		ConnectorProvisioningConfig: &types.ConnectorProvisioningConfig{Lambda: &types.LambdaConnectorProvisioningConfig{LambdaArn: aws.String(shopARN)}},
	}
	for _, m := range more {
		m(in)
	}
	return in
}

func TestRegistration_LivesItsLife(t *testing.T) {
	t.Parallel()
	g, r := withRegistrar(t)
	ctx, c := t.Context(), g.client(region)
	out, err := c.RegisterConnector(ctx, registering("shop", func(in *appflow.RegisterConnectorInput) { in.Description = aws.String("Our shop") }))
	require.NoError(t, err)
	require.Equal(t, "arn:aws:appflow:eu-west-1:111122223333:connector/shop", *out.ConnectorArn)

	described, err := c.DescribeConnector(ctx, &appflow.DescribeConnectorInput{ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("shop")})
	require.NoError(t, err)
	d := described.ConnectorConfiguration
	require.Equal(t, "ExampleShopOrders", *d.ConnectorName)
	require.Equal(t, "Our shop", *d.ConnectorDescription)
	require.Equal(t, *out.ConnectorArn, *d.ConnectorArn)
	require.Equal(t, shopARN, *d.ConnectorProvisioningConfig.Lambda.LambdaArn)
	require.Equal(t, "arn:aws:iam::111122223333:user/alice", *d.RegisteredBy)
	require.WithinDuration(t, g.clock.Now(), *d.RegisteredAt, 1e9)
	require.Equal(t, []string{"v2", "v1"}, d.SupportedApiVersions)
	require.Equal(t, []types.TriggerType{types.TriggerTypeOndemand, types.TriggerTypeScheduled}, d.SupportedTriggerTypes)
	require.Equal(t, []types.ScheduleFrequencyType{types.ScheduleFrequencyTypeHourly, types.ScheduleFrequencyTypeDaily}, d.SupportedSchedulingFrequencies)
	require.Equal(t, "PartnerKey", *d.AuthenticationConfig.CustomAuthConfigs[0].CustomAuthenticationType)
	require.True(t, d.AuthenticationConfig.CustomAuthConfigs[0].AuthParameters[1].IsSensitiveField)
	require.Equal(t, types.OAuth2CustomPropTypeTokenUrl, d.AuthenticationConfig.OAuth2Defaults.Oauth2CustomProperties[0].Type)
	require.Equal(t, "archive", *d.ConnectorRuntimeSettings[1].Key)
	require.Nil(t, d.LogoURL, "a script is no picture")

	other := "arn:aws:lambda:eu-west-1:111122223333:function:shop2"
	updated, err := c.UpdateConnectorRegistration(ctx, &appflow.UpdateConnectorRegistrationInput{
		ConnectorLabel:              aws.String("shop"),
		ConnectorProvisioningConfig: &types.ConnectorProvisioningConfig{Lambda: &types.LambdaConnectorProvisioningConfig{LambdaArn: &other}},
	})
	require.NoError(t, err)
	require.Equal(t, *out.ConnectorArn, *updated.ConnectorArn)
	_, err = c.UpdateConnectorRegistration(ctx, &appflow.UpdateConnectorRegistrationInput{ConnectorLabel: aws.String("shop")})
	require.NoError(t, err, "asks the present function anew")
	require.Equal(t, []string{shopARN, other, other}, r.called)

	listed, err := c.ListConnectors(ctx, &appflow.ListConnectorsInput{})
	require.NoError(t, err)
	require.Len(t, listed.Connectors, 1)
	require.Equal(t, "Our shop", *listed.Connectors[0].ConnectorDescription, "what an update leaves out stays")
	require.Equal(t, "2.1", *listed.Connectors[0].ConnectorVersion)
	require.Equal(t, []string{"SOURCE", "DESTINATION"}, listed.Connectors[0].ConnectorModes)

	_, err = c.UnregisterConnector(ctx, &appflow.UnregisterConnectorInput{ConnectorLabel: aws.String("shop")})
	require.NoError(t, err)
	listed, err = c.ListConnectors(ctx, &appflow.ListConnectorsInput{})
	require.NoError(t, err)
	require.Empty(t, listed.Connectors)
	require.Len(t, g.audit(), 4, "every change leaves a record")
}

func TestListConnectors_PagesByLabel(t *testing.T) {
	t.Parallel()
	g, _ := withRegistrar(t)
	ctx, c := t.Context(), g.client(region)
	for _, n := range []int{3, 0, 4, 1, 2} {
		_, err := c.RegisterConnector(ctx, registering(fmt.Sprintf("label-%d", n)))
		require.NoError(t, err)
	}
	var labels []string
	for p := appflow.NewListConnectorsPaginator(c, &appflow.ListConnectorsInput{MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		require.NoError(t, err)
		for _, d := range page.Connectors {
			labels = append(labels, *d.ConnectorLabel)
		}
	}
	require.Equal(t, []string{"label-0", "label-1", "label-2", "label-3", "label-4"}, labels)
}

func TestRegistration_EveryErrorArrivesAsItsType(t *testing.T) {
	t.Parallel()
	g, r := withRegistrar(t, func(o *server.Options) { o.MaxConnectors = 2 })
	ctx, c := t.Context(), g.client(region)
	_, err := c.RegisterConnector(ctx, registering("shop"))
	require.NoError(t, err)
	useLabel(t, g, "shop")
	register := func(label string, more ...func(in *appflow.RegisterConnectorInput)) func() error {
		return func() error { _, err := c.RegisterConnector(ctx, registering(label, more...)); return err }
	}
	update := func(label string) func() error {
		return func() error {
			_, err := c.UpdateConnectorRegistration(ctx, &appflow.UpdateConnectorRegistrationInput{ConnectorLabel: &label})
			return err
		}
	}
	unregister := func(label string) func() error {
		return func() error {
			_, err := c.UnregisterConnector(ctx, &appflow.UnregisterConnectorInput{ConnectorLabel: &label})
			return err
		}
	}
	for name, x := range map[string]struct {
		call    func() error
		fails   fault.Code // of the connector
		want    any
		message string
	}{
		"label twice":              {register("shop"), "", new(*types.ConflictException), "already exists"},
		"label of AWS":             {register("HubSpot"), "", new(*types.ConflictException), "written by AWS"},
		"no label":                 {register("x", func(in *appflow.RegisterConnectorInput) { in.ConnectorLabel = nil }), "", new(*types.ValidationException), "connectorLabel"},
		"no type":                  {register("new", func(in *appflow.RegisterConnectorInput) { in.ConnectorProvisioningType = "" }), "", new(*types.ValidationException), "connectorProvisioningType"},
		"no function":              {register("new", func(in *appflow.RegisterConnectorInput) { in.ConnectorProvisioningConfig = nil }), "", new(*types.ValidationException), "lambda"},
		"may not call":             {register("new"), fault.AccessDenied, new(*types.AccessDeniedException), "because"},
		"function missing":         {register("new"), fault.NotFound, new(*types.ResourceNotFoundException), "because"},
		"function fails":           {register("new"), fault.ConnectorServer, new(*types.ConnectorServerException), "because"},
		"connector lacks rights":   {register("new"), fault.ConnectorAuth, new(*types.ConnectorAuthenticationException), "because"},
		"Lambda is busy":           {register("new"), fault.Throttling, new(*types.ThrottlingException), "because"},
		"update, unknown":          {update("nobody"), "", new(*types.ResourceNotFoundException), "nobody"},
		"update, function fails":   {update("shop"), fault.ConnectorServer, new(*types.ConnectorServerException), "because"},
		"update, may not call":     {update("shop"), fault.AccessDenied, new(*types.AccessDeniedException), "because"},
		"unregister, unknown":      {unregister("nobody"), "", new(*types.ResourceNotFoundException), "nobody"},
		"unregister, with profile": {unregister("shop"), "", new(*types.ConflictException), "in use by connector profile"},
	} {
		r.fail(nil)
		if x.fails != "" {
			r.fail(fault.New(x.fails, "because"))
		}
		err := x.call()
		require.ErrorAs(t, err, x.want, name)
		require.ErrorContains(t, err, x.message, name)
	}
	r.fail(nil)
	require.NoError(t, register("second")())
	before := r.calls()
	var quota *types.ServiceQuotaExceededException
	require.ErrorAs(t, register("third")(), &quota)
	require.Equal(t, before, r.calls(), "what is refused anyway calls no function")

	_, err = c.UnregisterConnector(ctx, &appflow.UnregisterConnectorInput{ConnectorLabel: aws.String("shop"), ForceDelete: true})
	require.NoError(t, err)
}

// useLabel stores a profile of a custom connector.
func useLabel(t *testing.T, g *rig, label string) {
	t.Helper()
	require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
		return tx.ProfilePut(t.Context(), &store.Profile{Profile: flow.Profile{
			Name: "of-" + label, Connector: flow.CustomConnector, Label: label, Mode: flow.ModePublic, CreatedAt: g.clock.Now(), UpdatedAt: g.clock.Now(),
		}})
	}))
}

func TestRegistration_ARepeatedTokenCallsNobody(t *testing.T) {
	t.Parallel()
	g, r := withRegistrar(t)
	ctx, c := t.Context(), g.client(region)
	token := func(in *appflow.RegisterConnectorInput) { in.ClientToken = aws.String("once") }
	first, err := c.RegisterConnector(ctx, registering("shop", token))
	require.NoError(t, err)
	r.fail(fault.New(fault.ConnectorServer, "gone"))
	again, err := c.RegisterConnector(ctx, registering("shop", token))
	require.NoError(t, err)
	require.Equal(t, *first.ConnectorArn, *again.ConnectorArn)
	require.Equal(t, 1, r.calls())
	var conflict *types.ConflictException
	_, err = c.RegisterConnector(ctx, registering("other", token))
	require.ErrorAs(t, err, &conflict)

	r.fail(nil)
	update := &appflow.UpdateConnectorRegistrationInput{ConnectorLabel: aws.String("shop"), ClientToken: aws.String("twice")}
	for range 2 {
		_, err = c.UpdateConnectorRegistration(ctx, update)
		require.NoError(t, err)
	}
	require.Equal(t, 2, r.calls())
}

func TestRegistration_WithoutAWayToCallConnectors(t *testing.T) {
	t.Parallel()
	g := newRig(t, everyConnector)
	_, err := g.client(region).RegisterConnector(t.Context(), registering("shop"))
	var failed *types.ConnectorServerException
	require.ErrorAs(t, err, &failed)
}

// What a custom connector has declared holds for the flows that use it.
func TestCreateFlow_AgainstWhatACustomConnectorDeclared(t *testing.T) {
	t.Parallel()
	g, _ := withRegistrar(t)
	_, err := g.client(region).RegisterConnector(t.Context(), registering("shop"))
	require.NoError(t, err)
	useLabel(t, g, "shop")
	useLabel(t, g, "forgotten")
	source := func(profile, version, custom string) string {
		return `"sourceFlowConfig":{"connectorType":"CustomConnector","connectorProfileName":"` + profile + `"` + version +
			`,"sourceConnectorProperties":{"CustomConnector":{"entityName":"Orders"` + custom + `}}},`
	}
	const onDemand, minutely, hourly = `"triggerConfig":{"triggerType":"OnDemand"},`,
		`"triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"rate(5minutes)"}}},`,
		`"triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"rate(2hours)"}}},`
	const toS3 = `"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"out-bkt"}}}],`
	toShop := func(props string) string {
		return `"destinationFlowConfigList":[{"connectorType":"CustomConnector","connectorProfileName":"of-shop","apiVersion":"v2","destinationConnectorProperties":{"CustomConnector":{"entityName":"Orders"` + props + `}}}],`
	}
	tasks := func(more string) string {
		return `"tasks":[{"taskType":"Filter","sourceFields":["id"],"connectorOperator":{"CustomConnector":"PROJECTION"}},{"taskType":"Map","sourceFields":["id"],"destinationField":"id"}` + more + `]`
	}
	const v2 = `,"apiVersion":"v2"`
	for i, c := range []struct{ body, want string }{
		{onDemand + source("of-shop", v2, "") + toS3 + tasks(""), ""},
		{hourly + source("of-shop", v2, `,"customProperties":{"archive":"true"}`) + toS3 + tasks(""), ""},
		{minutely + source("of-forgotten", "", "") + toS3 + tasks(""), ""}, // nothing is known of it
		{onDemand + source("of-shop", "", "") + toS3 + tasks(""), "apiVersion is missing; the custom connector ExampleShopOrders has v2, v1 (at sourceFlowConfig.apiVersion)"},
		{onDemand + source("of-shop", `,"apiVersion":"v3"`, "") + toS3 + tasks(""), "has no version v3; it has v2, v1"},
		{minutely + source("of-shop", v2, "") + toS3 + tasks(""), "cannot be scheduled by rate(5minutes); it supports HOURLY, DAILY"},
		{onDemand + source("of-shop", v2, "") + toS3 + tasks(`,{"taskType":"Mask","sourceFields":["id"],"connectorOperator":{"CustomConnector":"MASK_ALL"}}`), "task 3 (Mask MASK_ALL id): the custom connector ExampleShopOrders does not support operator MASK_ALL; it supports PROJECTION, EQUAL_TO, BETWEEN, NO_OP"},
		{onDemand + source("of-shop", v2, `,"customProperties":{"archive":"maybe"}`) + toS3 + tasks(""), "property archive must be one of true, false"},
		{onDemand + source("of-shop", v2, `,"customProperties":{"colour":"red"}`) + toS3 + tasks(""), "has no property colour for this; remove it"},
		{onDemand + source("of-shop", v2, "") + toShop(`,"writeOperationType":"DELETE","idFieldNames":["id"]`) + tasks(""), "does not support DELETE; it supports INSERT, UPSERT"},
		{onDemand + source("of-shop", v2, "") + toShop(`,"writeOperationType":"UPSERT","idFieldNames":["nr"]`) + tasks(""), `no task maps a field to "nr", by which UPSERT finds records`},
		{onDemand + source("of-shop", v2, "") + toShop("") + tasks(""), ""},
	} {
		body := fmt.Sprintf(`{"flowName":"flow-%d",%s}`, i, c.body)
		if c.want == "" {
			g.post("/create-flow", body)
			continue
		}
		g.refused("/create-flow", body, 400, "ValidationException", c.want)
	}
}
