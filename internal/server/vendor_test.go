package server_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/memory"
	"weir.dev/weir/connectors/s3"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/metadata"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// crm is the in-memory vendor in the clothes of Salesforce: a live application whose connector is in the build.
type crm struct {
	*memory.Vendor

	mu    sync.Mutex
	asked int
	fails error
}

func newCRM() *crm {
	v := &crm{Vendor: memory.New(memory.Options{Type: flow.Salesforce})}
	v.put("Phone")
	v.Put(memory.Table{Name: "Empty"})
	return v
}

// put makes the table Account, with more fields.
func (v *crm) put(more ...string) {
	text := []flow.Operator{flow.OpEqualTo, flow.OpContains}
	fields := []flow.Field{
		{Name: "Id", Label: "Account ID", VendorType: "id", Type: flow.TypeString, FilterOperators: text[:1], IsRetrievable: true, IsQueryable: true, IsPrimaryKey: true, WriteOperations: []string{"UPDATE", "DELETE"}},
		{Name: "Name", Label: "Account Name", Description: "Who it is", VendorType: "string", Type: flow.TypeString, FilterOperators: text, IsRetrievable: true, IsQueryable: true, IsCreatable: true, IsUpdatable: true, LengthRange: &flow.Range{Max: aws.Float64(255)}},
		{Name: "Changed", VendorType: "datetime", Type: flow.TypeDatetime, IsRetrievable: true, IsQueryable: true, IsTimestamp: true, IsDefaulted: true, DateFormat: "yyyy-MM-dd", CustomProperties: map[string]string{"k": "v"}},
	}
	for _, name := range more {
		fields = append(fields, flow.Field{Name: name, VendorType: "phone", Type: flow.TypeString, FilterOperators: text, IsRetrievable: true, IsQueryable: true, IsCreatable: true, IsUpdatable: true, DefaultValue: "none", ValuePattern: "[0-9]+"})
	}
	v.Put(memory.Table{Name: "Account", Fields: fields, Exact: true})
}

func (v *crm) Spec() *connector.Spec { return salesforce.Spec() }

func (v *crm) Connect(ctx context.Context, cfg connector.Config) (connector.Connection, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked++
	if v.fails != nil {
		return nil, v.fails
	}
	return v.Vendor.Connect(ctx, cfg)
}

func (v *crm) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fails = err
}

func (v *crm) questions() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked
}

// withCRM is a rig whose Salesforce can be asked, with a profile for it and one of a connector that is not in the build.
func withCRM(t *testing.T) (*rig, *crm) {
	t.Helper()
	v := newCRM()
	registry := connector.NewRegistry(s3.New(), v, connector.Described(&connector.Spec{Type: flow.Slack, NeedsProfile: true, CanBeSource: true}))
	g := newRig(t, func(o *server.Options) {
		m := metadata.Options{Now: o.Now, Open: func(ctx context.Context, c flow.ConnectorType, _, _ string) (connector.Connection, error) {
			return registry.Find(c).Connect(ctx, connector.Config{Buckets: noBuckets{}})
		}}
		m.ShareBy(o.Store)
		o.Connectors, o.Metadata = registry, metadata.New(m)
	})
	for name, c := range map[string]flow.ConnectorType{"crm": flow.Salesforce, "chat": flow.Slack} {
		require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
			return tx.ProfilePut(t.Context(), &store.Profile{Profile: flow.Profile{Name: name, Connector: c, Mode: flow.ModePublic, CreatedAt: g.clock.Now(), UpdatedAt: g.clock.Now()}})
		}))
	}
	return g, v
}

func TestListConnectorEntities_PagesThroughWhatAVendorHas(t *testing.T) {
	t.Parallel()
	g, v := withCRM(t)
	for i := range 5 {
		v.Put(memory.Table{Name: fmt.Sprintf("Custom%d", i)})
	}
	ctx, c := t.Context(), g.client(region)
	var names []string
	in := &appflow.ListConnectorEntitiesInput{ConnectorProfileName: aws.String("crm"), MaxResults: aws.Int32(3)}
	for {
		page, err := c.ListConnectorEntities(ctx, in)
		require.NoError(t, err)
		for _, e := range page.ConnectorEntityMap["Objects"] {
			names = append(names, *e.Name)
			require.NotEmpty(t, *e.Label)
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	require.Equal(t, []string{"Account", "Custom0", "Custom1", "Custom2", "Custom3", "Custom4", "Empty"}, names)
	require.Equal(t, 1, v.questions(), "three pages of one answer")

	first := g.post("/list-connector-entities", `{"connectorProfileName":"crm","maxResults":3}`)["nextToken"].(string)
	g.refused("/list-connector-entities", `{"connectorProfileName":"crm","entitiesPath":"Custom0","nextToken":"`+first+`"}`, 400, "ValidationException", "nextToken")
	v.Put(memory.Table{Name: "Aaa"})
	require.NoError(t, reset(g, `{"connectorProfileName":"crm"}`))
	next := g.post("/list-connector-entities", `{"connectorProfileName":"crm","maxResults":1,"nextToken":"`+first+`"}`)
	require.Contains(t, fmt.Sprint(next["connectorEntityMap"]), "Custom2", "a list that has grown meanwhile goes on after the last name")

	nested, err := c.ListConnectorEntities(ctx, &appflow.ListConnectorEntitiesInput{ConnectorProfileName: aws.String("crm"), EntitiesPath: aws.String("Account")})
	require.NoError(t, err)
	require.Empty(t, nested.ConnectorEntityMap["Objects"])
}

func reset(g *rig, body string) error {
	if a := g.send("POST", "/reset-connector-metadata-cache", body); a.status != 200 {
		return fmt.Errorf("%d %s", a.status, a.body)
	}
	return nil
}

func TestDescribeConnectorEntity_ShowsEverythingOfAField(t *testing.T) {
	t.Parallel()
	g, _ := withCRM(t)
	out, err := g.client(region).DescribeConnectorEntity(t.Context(), &appflow.DescribeConnectorEntityInput{ConnectorEntityName: aws.String("Account"), ConnectorProfileName: aws.String("crm"), ConnectorType: types.ConnectorTypeSalesforce})
	require.NoError(t, err)
	require.Len(t, out.ConnectorEntityFields, 4)
	id, name, changed, phone := out.ConnectorEntityFields[0], out.ConnectorEntityFields[1], out.ConnectorEntityFields[2], out.ConnectorEntityFields[3]
	require.True(t, id.IsPrimaryKey)
	require.Equal(t, "id", *id.SupportedFieldTypeDetails.V1.FieldType)
	require.Equal(t, []types.WriteOperationType{types.WriteOperationTypeUpdate, types.WriteOperationTypeDelete}, id.DestinationProperties.SupportedWriteOperations)
	require.Equal(t, "Account Name", *name.Label)
	require.Equal(t, "Who it is", *name.Description)
	require.Equal(t, []types.Operator{types.OperatorEqualTo, types.OperatorContains}, name.SupportedFieldTypeDetails.V1.FilterOperators)
	require.InDelta(t, 255, name.SupportedFieldTypeDetails.V1.FieldLengthRange.Maximum, 0)
	require.True(t, name.SourceProperties.IsQueryable)
	require.True(t, name.DestinationProperties.IsCreatable)
	require.True(t, changed.SourceProperties.IsTimestampFieldForIncrementalQueries)
	require.True(t, changed.DestinationProperties.IsDefaultedOnCreate)
	require.Equal(t, "yyyy-MM-dd", *changed.SupportedFieldTypeDetails.V1.SupportedDateFormat)
	require.Equal(t, map[string]string{"k": "v"}, changed.CustomProperties)
	require.Equal(t, "Changed", *changed.Label, "a field without a label goes by its name")
	require.Equal(t, "none", *phone.DefaultValue)
	require.Equal(t, "[0-9]+", *phone.SupportedFieldTypeDetails.V1.ValueRegexPattern)
}

func TestMetadata_EveryErrorArrivesAsItsType(t *testing.T) {
	t.Parallel()
	g, v := withCRM(t)
	for _, op := range []struct{ path, more string }{{"/list-connector-entities", ""}, {"/describe-connector-entity", `,"connectorEntityName":"Account"`}} {
		g.refused(op.path, `{"connectorProfileName":"nobody"`+op.more+`}`, 404, "ResourceNotFoundException", "Connector Profile with name nobody does not exist.")
		g.refused(op.path, `{"apiVersion":"1"`+op.more+`}`, 400, "ValidationException", "connectorProfileName or connectorType is needed")
		g.refused(op.path, `{"connectorType":"Salesforce"`+op.more+`}`, 400, "ValidationException", "connectorProfileName is missing")
		g.refused(op.path, `{"connectorType":"Slack","connectorProfileName":"crm"`+op.more+`}`, 400, "ValidationException", "is not that of the profile crm, which is Salesforce")
		g.refused(op.path, `{"connectorProfileName":"chat"`+op.more+`}`, 400, "ValidationException", "The connector Slack is not in this build")
		g.refused(op.path, `{"connectorType":"Marketo"`+op.more+`}`, 400, "ValidationException", "The connector Marketo is not in this build")
		for code, want := range map[fault.Code]struct {
			status int
			name   string
		}{
			fault.ConnectorAuth:   {401, "ConnectorAuthenticationException"},
			fault.AccessDenied:    {401, "ConnectorAuthenticationException"},
			fault.ConnectorServer: {400, "ConnectorServerException"},
			fault.Throttling:      {400, "ConnectorServerException"},
			fault.NotFound:        {404, "ResourceNotFoundException"},
			fault.Internal:        {500, "InternalServerException"},
		} {
			v.fail(fault.New(code, "because"))
			a := g.send("POST", op.path, `{"connectorProfileName":"crm"`+op.more+`}`)
			require.Equal(t, want.status, a.status, code)
			require.Equal(t, want.name, a.errorName(), code)
		}
		v.fail(nil)
	}
	g.refused("/describe-connector-entity", `{"connectorProfileName":"crm","connectorEntityName":"Nothing"}`, 400, "ValidationException", `there is none`)
	g.refused("/list-connector-entities", `{"connectorProfileName":"crm","maxResults":10001}`, 400, "ValidationException", "maxResults")
}

func TestResetConnectorMetadataCache_Combinations(t *testing.T) {
	t.Parallel()
	g, v := withCRM(t)
	list := func() { g.post("/list-connector-entities", `{"connectorProfileName":"crm"}`) }
	describe := func() {
		g.post("/describe-connector-entity", `{"connectorProfileName":"crm","connectorEntityName":"Account"}`)
	}
	list()
	describe()
	for _, c := range []struct {
		body  string
		again int
	}{
		{`{"connectorProfileName":"crm"}`, 1},
		{`{"connectorProfileName":"crm","connectorType":"Salesforce"}`, 1},
		{`{"connectorProfileName":"crm","connectorEntityName":"Account"}`, 1},
		{`{"connectorProfileName":"crm","connectorEntityName":"Lead"}`, 0},
		{`{"connectorProfileName":"crm","entitiesPath":"Folder"}`, 0},
		{`{"connectorType":"S3"}`, 0},
		{`{"connectorType":"S3","connectorProfileName":"ignored"}`, 0},
	} {
		before := v.questions()
		require.NoError(t, reset(g, c.body))
		list()
		describe()
		require.Equal(t, c.again, v.questions()-before, c.body)
	}
	g.refused("/reset-connector-metadata-cache", `{}`, 400, "ValidationException", "is needed")
	g.refused("/reset-connector-metadata-cache", `{"connectorType":"Salesforce"}`, 400, "ValidationException", "connectorProfileName is missing")
	g.refused("/reset-connector-metadata-cache", `{"connectorProfileName":"nobody"}`, 404, "ResourceNotFoundException", "nobody")
	useLabel(t, g, "shop")
	g.refused("/reset-connector-metadata-cache", `{"connectorProfileName":"of-shop"}`, 400, "ValidationException", "apiVersion is missing")
	require.NoError(t, reset(g, `{"connectorProfileName":"of-shop","apiVersion":"v1"}`))
	require.Contains(t, g.audit()[len(g.audit())-1].Operation, "ResetConnectorMetadataCache")
}

func TestMetadata_AProfileThatChangedIsAskedAnew(t *testing.T) {
	t.Parallel()
	g, v := withCRM(t)
	g.post("/list-connector-entities", `{"connectorProfileName":"crm"}`)
	require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
		p, err := tx.ProfileGet(t.Context(), "crm")
		require.NoError(t, err)
		p.UpdatedAt = p.UpdatedAt.Add(1e9)
		return tx.ProfilePut(t.Context(), p)
	}))
	g.post("/list-connector-entities", `{"connectorProfileName":"crm"}`)
	require.Equal(t, 2, v.questions())
}

// fromCRM is a CreateFlow or UpdateFlow request from the CRM to S3.
func fromCRM(name, tasks string, more ...string) string {
	return `{"flowName":"` + name + `","triggerConfig":{"triggerType":"OnDemand"},
		"sourceFlowConfig":{"connectorType":"Salesforce","connectorProfileName":"crm",` + strings.Join(append(more, ""), ",") + `"sourceConnectorProperties":{"Salesforce":{"object":"Account"}}},
		"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"out-bkt"}}}],
		"tasks":[{"taskType":"Filter","sourceFields":["Id"],"connectorOperator":{"Salesforce":"PROJECTION"}},` + tasks + `]}`
}

// toCRM is one from S3, of which nothing is known, to the CRM.
func toCRM(name, props, tasks string) string {
	return `{"flowName":"` + name + `","triggerConfig":{"triggerType":"OnDemand"},
		"sourceFlowConfig":{"connectorType":"S3","sourceConnectorProperties":{"S3":{"bucketName":"in-bkt","bucketPrefix":"p"}}},
		"destinationFlowConfigList":[{"connectorType":"Salesforce","connectorProfileName":"crm","destinationConnectorProperties":{"Salesforce":{"object":"Account"` + props + `}}}],
		"tasks":[` + tasks + `]}`
}

func mapJSON(from, to string) string {
	return `{"taskType":"Map","sourceFields":["` + from + `"],"destinationField":"` + to + `"}`
}

func TestCreateFlow_AgainstTheVendorsFields(t *testing.T) {
	t.Parallel()
	g, v := withCRM(t)
	for i, c := range []struct {
		body string
		want []string // all of them in one answer; none means that the flow is created
	}{
		{fromCRM("f%d", mapJSON("Id", "id")+","+mapJSON("Phone", "phone")), nil},
		{fromCRM("f%d", mapJSON("Idd", "id")+","+mapJSON("Fax", "fax")), []string{
			`Create Flow request failed: [Task Validation Error: task 2 (Map Idd): the source entity "Account" has no field "Idd"; it has Id, Name, Changed, Phone (at tasks.2.member.sourceFields)`,
			`task 3 (Map Fax): the source entity "Account" has no field "Fax"`,
		}},
		{fromCRM("f%d", mapJSON("Id", "id")+`,{"taskType":"Filter","sourceFields":["Id"],"connectorOperator":{"Salesforce":"CONTAINS"},"taskProperties":{"DATA_TYPE":"id","VALUE":"x"}}`), []string{`"Id", which is id, cannot be filtered by CONTAINS; it allows EQUAL_TO`}},
		{fromCRM("f%d", mapJSON("Id", "id"), `"incrementalPullConfig":{"datetimeTypeFieldName":"Name"}`), []string{`source field "Name" does not tell when a record changed; use one of Changed`}},
		{strings.Replace(fromCRM("f%d", mapJSON("Id", "id")), `"object":"Account"`, `"object":"Acount"`, 1), []string{`finding entity "Acount": there is none (at sourceFlowConfig.sourceConnectorProperties.Salesforce)`}},
		{strings.Replace(fromCRM("f%d", mapJSON("any", "id")), `"object":"Account"`, `"object":"Empty"`, 1), nil},
		{toCRM("f%d", "", mapJSON("a", "Name")), nil},
		{toCRM("f%d", "", mapJSON("a", "Nam")+","+mapJSON("b", "Changed")), []string{`the destination entity "Account" has no field "Nam"`, `destination field "Changed" cannot be written by INSERT`}},
		{toCRM("f%d", `,"writeOperationType":"UPSERT","idFieldNames":["Name"]`, mapJSON("a", "Name")), []string{`destination field "Name" cannot be an id for UPSERT`}},
		{toCRM("f%d", `,"writeOperationType":"UPDATE","idFieldNames":["Id"]`, mapJSON("a", "Name")), []string{`no task maps a field to "Id"`}},
		{toCRM("f%d", `,"writeOperationType":"UPDATE","idFieldNames":["Id"]`, mapJSON("a", "Name")+","+mapJSON("b", "Id")), nil},
		{toCRM("f%d", `,"writeOperationType":"UPSERT","idFieldNames":["Id","Name"]`, `{"taskType":"Map_all","sourceFields":[]}`), []string{"Salesforce finds records by one field, 2 were given; name one", `destination field "Id" cannot be an id for UPSERT`}},
	} {
		body := strings.Replace(c.body, "f%d", fmt.Sprintf("flow-%d", i), 1)
		if c.want == nil {
			g.post("/create-flow", body)
			continue
		}
		for _, text := range c.want {
			g.refused("/create-flow", body, 400, "ValidationException", text)
		}
	}
	g.refused("/update-flow", fromCRM("flow-0", mapJSON("Fax", "fax")), 400, "ValidationException", `Update Flow request failed due to:[Task Validation Error: task 2 (Map Fax): the source entity "Account" has no field "Fax"`)
	g.post("/update-flow", fromCRM("flow-0", mapJSON("Name", "name")))
	require.LessOrEqual(t, v.questions(), 7, "answers are kept")
}

func TestCreateFlow_ARefusalIsNeverForAnOldAnswer(t *testing.T) {
	t.Parallel()
	g, v := withCRM(t)
	g.post("/create-flow", fromCRM("first", mapJSON("Id", "id")))
	v.put("Phone", "Fax")
	g.refused("/create-flow", fromCRM("second", mapJSON("Fax", "fax")), 400, "ValidationException", `has no field "Fax"`)
	g.clock.advance(6e9)
	before := v.questions()
	g.post("/create-flow", fromCRM("second", mapJSON("Fax", "fax")))
	require.Equal(t, 1, v.questions()-before)
	g.clock.advance(6e9)
	before = v.questions()
	g.post("/create-flow", fromCRM("third", mapJSON("Fax", "fax")))
	require.Zero(t, v.questions()-before, "what is found in an old answer is good enough")
}

func TestCreateFlow_AVendorThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	g, v := withCRM(t)
	body := fromCRM("waiting", mapJSON("Id", "id"))
	v.fail(fault.New(fault.ConnectorServer, "the host does not answer"))
	g.refused("/create-flow", body, 400, "ConnectorServerException", "the host does not answer")
	v.fail(fault.New(fault.ConnectorAuth, "expired"))
	g.refused("/create-flow", body, 401, "ConnectorAuthenticationException", "expired")
	g.refused("/create-flow", fromCRM("waiting", mapJSON("Id", "")), 400, "ValidationException", "needs a destinationField")
	v.fail(nil)
	g.post("/create-flow", body)
	token := fromCRM("repeated", mapJSON("Id", "id"))
	token = strings.Replace(token, `{"flowName"`, `{"clientToken":"once","flowName"`, 1)
	g.post("/create-flow", token)
	require.NoError(t, reset(g, `{"connectorProfileName":"crm","connectorEntityName":"Account"}`))
	v.fail(fault.New(fault.ConnectorServer, "the host does not answer"))
	g.refused("/update-flow", body, 400, "ConnectorServerException", "the host does not answer")
	v.fail(fault.New(fault.ConnectorAuth, "revoked"))
	g.refused("/update-flow", body, 401, "ConnectorAuthenticationException", "revoked")
	g.post("/create-flow", token) // what was answered before is answered again, whatever the vendor says by now
}

func TestCreateFlow_WhatTheConnectorsSayWithoutBeingAsked(t *testing.T) {
	t.Parallel()
	g := newRig(t, everyConnector)
	for name, c := range map[string]flow.ConnectorType{"sap": flow.SAPOData, "vault": flow.Veeva, "ga": flow.GoogleAnalytics, "desk": flow.Zendesk, "dog": flow.Datadog, "trace": flow.Dynatrace} {
		require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
			return tx.ProfilePut(t.Context(), &store.Profile{Profile: flow.Profile{Name: name, Connector: c, Mode: flow.ModePublic, CreatedAt: g.clock.Now(), UpdatedAt: g.clock.Now()}})
		}))
	}
	scheduled := func(expression, mode string) string {
		return `"triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"` + expression + `","dataPullMode":"` + mode + `"}}},`
	}
	const onDemand = `"triggerConfig":{"triggerType":"OnDemand"},`
	source := func(member, connectorType, profile, props string) string {
		return `"sourceFlowConfig":{"connectorType":"` + connectorType + `","connectorProfileName":"` + profile + `","sourceConnectorProperties":{"` + member + `":{` + props + `}}},`
	}
	s3Source := `"sourceFlowConfig":{"connectorType":"S3","sourceConnectorProperties":{"S3":{"bucketName":"in-bkt","bucketPrefix":"p"}}},`
	dest := func(member, profile, props string) string {
		return `"destinationFlowConfigList":[{"connectorType":"` + member + `"` + profile + `,"destinationConnectorProperties":{"` + member + `":{` + props + `}}}],`
	}
	toS3 := dest("S3", "", `"bucketName":"out-bkt"`)
	tasks := func(member string, more ...string) string {
		return `"tasks":[` + strings.Join(append([]string{`{"taskType":"Filter","sourceFields":["id"],"connectorOperator":{"` + member + `":"PROJECTION"}}`, `{"taskType":"Map","sourceFields":["id"],"destinationField":"id"}`}, more...), ",") + `]`
	}
	filter := func(member, op, props string) string {
		return `{"taskType":"Filter","sourceFields":["t"],"connectorOperator":{"` + member + `":"` + op + `"},"taskProperties":{` + props + `}}`
	}
	sap, documents := source("SAPOData", "SAPOData", "sap", `"objectPath":"/a/b"`), source("Veeva", "Veeva", "vault", `"object":"documents"`)
	var dimensions []string
	for i := range 10 {
		dimensions = append(dimensions, fmt.Sprintf(`"ga:d%d|DIMENSION"`, i))
	}
	gaTasks := `"tasks":[{"taskType":"Filter","sourceFields":[` + strings.Join(dimensions, ",") + `],"connectorOperator":{"GoogleAnalytics":"PROJECTION"}},{"taskType":"Map","sourceFields":["ga:d1|DIMENSION"],"destinationField":"d"}]`
	for i, c := range []struct{ body, want string }{
		{scheduled("rate(5minutes)", "Incremental") + sap + toS3 + tasks("SAPOData"), ""},
		{scheduled("rate(5minutes)", "Complete") + sap + toS3 + tasks("SAPOData"), "SAPOData allows a run that takes everything (dataPullMode Complete) every 24h0m0s at most; rate(5minutes) is more often"},
		{scheduled("rate(5minutes)", "Incremental") + documents + toS3 + tasks("Veeva"), "Veeva allows a run of this object every 1h0m0s at most"},
		{onDemand + documents + dest("Zendesk", `,"connectorProfileName":"desk"`, `"object":"tickets"`) + tasks("Veeva", `{"taskType":"Mask","sourceFields":["id"],"connectorOperator":{"Veeva":"MASK_ALL"}}`), "documents of Veeva go to S3 only"},
		{onDemand + documents + toS3 + tasks("Veeva", `{"taskType":"Mask","sourceFields":["id"],"connectorOperator":{"Veeva":"MASK_ALL"}}`), "task 3 (Mask MASK_ALL id): documents of Veeva are not changed"},
		{onDemand + source("GoogleAnalytics", "Googleanalytics", "ga", `"object":"1"`) + toS3 + gaTasks, "Google Analytics gives at most 9 dimensions, the tasks use 10"},
		{onDemand + source("GoogleAnalytics", "Googleanalytics", "ga", `"object":"1"`) + dest("S3", "", `"bucketName":"out-bkt","s3OutputFormatConfig":{"fileType":"CSV"}`) + gaTasks, "files from Google Analytics have to be JSON, not CSV"},
		{onDemand + s3Source + dest("Zendesk", `,"connectorProfileName":"desk"`, `"object":"tickets","writeOperationType":"DELETE","idFieldNames":["id"]`) + tasks("S3"), ""},
		{onDemand + s3Source + dest("LookoutMetrics", "", "") + tasks("S3"), "destination LookoutMetrics is not allowed with trigger type OnDemand; it needs Scheduled"},
		{scheduled("rate(7minutes)", "Complete") + s3Source + dest("LookoutMetrics", "", "") + tasks("S3"), "Lookout for Metrics takes data every 5 or 10 minutes"},
		{scheduled("rate(10minutes)", "Complete") + s3Source + dest("LookoutMetrics", "", "") + tasks("S3"), ""},
		{onDemand + source("Datadog", "Datadog", "dog", `"object":"log-queries"`) + toS3 + tasks("Datadog"), "needs a Filter task with EQUAL_TO that gives the query"},
		{onDemand + source("Dynatrace", "Dynatrace", "trace", `"object":"problem"`) + toS3 + tasks("Dynatrace"), "needs a Filter task with BETWEEN on a time"},
		{onDemand + source("Dynatrace", "Dynatrace", "trace", `"object":"problem"`) + toS3 + tasks("Dynatrace", filter("Dynatrace", "BETWEEN", `"DATA_TYPE":"datetime","LOWER_BOUND":"1700000000000","UPPER_BOUND":"1703000000000"`)), "task 3 (Filter BETWEEN t): Dynatrace gives at most 30 days"},
		{onDemand + s3Source + dest("Upsolver", "", `"bucketName":"other-bucket-name","s3OutputFormatConfig":{"prefixConfig":{}}`) + tasks("S3"), "upsolver-appflow"},
	} {
		body := fmt.Sprintf(`{"flowName":"flow-%d",%s}`, i, c.body)
		if c.want == "" {
			g.post("/create-flow", body)
			continue
		}
		g.refused("/create-flow", body, 400, "ValidationException", c.want)
	}
}

// noBuckets is a store of objects where no bucket has been made yet.
type noBuckets struct{}

func (noBuckets) OpenBucket(_ context.Context, name string) (blob.Bucket, error) {
	return nil, fault.New(fault.NotFound, "bucket %q does not exist", name)
}
