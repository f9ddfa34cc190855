package custom_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/custom/customtest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// keeper keeps secrets in memory.
type keeper struct{ last atomic.Pointer[custom.Kept] }

func (k *keeper) Keep(_ context.Context, s custom.Kept) (string, func(), error) {
	k.last.Store(&s)
	return "arn:aws:secretsmanager:eu-west-1:111122223333:secret:appflow!111122223333-" + s.Label + "-" + s.Profile + "-abcdef", func() {}, nil
}

// rig is the connector over one double.
type rig struct {
	f       *customtest.Function
	keeper  *keeper
	code    connector.Connector
	cfg     connector.Config
	invoked *custom.Invoker
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{f: customtest.New(t), keeper: &keeper{}}
	var err error
	r.invoked, err = custom.NewInvoker(custom.InvokerOptions{Endpoints: map[string]string{customtest.ARN: r.f.URL}})
	require.NoError(t, err)
	r.code = custom.New(custom.Options{Invoker: r.invoked, Local: r.keeper, Find: func(_ context.Context, label string) (*flow.Registration, error) {
		if label != "shop" {
			return nil, fault.New(fault.NotFound, "none")
		}
		return &flow.Registration{Label: label, LambdaArn: customtest.ARN, Config: flow.Properties(`{"supportedApiVersions":["v1"]}`)}, nil
	}})
	r.cfg = connector.Config{
		ProfileName: "main", Label: "shop", Pool: &batch.Pool{},
		ProfileProperties:  flow.Properties(`{"profileProperties":{"instanceUrl":"https://shop.example"}}`),
		ProfileCredentials: flow.Properties(`{"authenticationType":"APIKEY","apiKey":{"apiKey":"canary-key","apiSecretKey":"canary-half"}}`),
	}
	return r
}

func (r *rig) connect(t testing.TB) connector.Connection {
	t.Helper()
	c, err := r.code.Connect(t.Context(), r.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func object(fields, cells []string) string {
	m := map[string]string{}
	for i, f := range fields {
		m[f] = cells[i]
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func load(t *testing.T, d connectortest.Data, change func(*customtest.Function)) connectortest.Loaded {
	t.Helper()
	r := newRig(t)
	table := customtest.Table{Fields: d.Fields}
	for _, row := range d.Rows {
		table.Records = append(table.Records, object(d.Fields, row))
	}
	r.f.Put("Orders", table)
	if change != nil {
		change(r.f)
	}
	// The registry's one connector is shared by all loads: its label leads to this load's double.
	label := loads.add(r.f)
	r.cfg.Label = label
	return connectortest.Loaded{Config: r.cfg, Properties: flow.Properties(`{"entityName":"Orders"}`), Entity: "Orders", Close: r.f.Close}
}

func TestConnector_PassesTheSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, connectortest.Harness{
		Connector: loads.connector(t),
		Source: &connectortest.Source{
			Load: func(t *testing.T, d connectortest.Data) connectortest.Loaded { return load(t, d, nil) },
			Hang: func(t *testing.T, d connectortest.Data) connectortest.Loaded {
				return load(t, d, func(f *customtest.Function) { f.Hang = func(r *http.Request) { <-r.Context().Done() } })
			},
			Invalid: []flow.Properties{nil, flow.Properties(`{}`), flow.Properties(`{"entityName":7}`)},
		},
		Writer: &connectortest.Writer{
			New: func(t *testing.T) connectortest.Written {
				l := load(t, connectortest.Data{Fields: []string{"id", "name", "note"}}, func(f *customtest.Function) {
					f.Refuse = func(m map[string]any) string {
						if m["id"] == connectortest.Refused {
							return "not this one"
						}
						return ""
					}
				})
				return connectortest.Written{Config: l.Config, Properties: l.Properties, Rows: func(t *testing.T) [][]string {
					var rows [][]string
					for _, rec := range loads.of(l.Config.Label).Records("Orders") {
						var m map[string]string
						require.NoError(t, json.Unmarshal([]byte(rec), &m))
						rows = append(rows, []string{m["id"], m["name"], m["note"]})
					}
					return rows
				}}
			},
			Invalid: []flow.Properties{nil, flow.Properties(`{"entityName":"x","writeOperationType":"MERGE"}`), flow.Properties(`{"entityName":["x"]}`)},
		},
	})
}

func TestCheck_AsksAsTheProtocolSaysAndKeepsTheSecretApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.connect(t).(connector.Checker).Check(t.Context()))
	settings, creds := r.f.Calls("ValidateConnectorRuntimeSettings"), r.f.Calls("ValidateCredentials")
	require.Len(t, settings, 1)
	require.Equal(t, "CONNECTOR_PROFILE", settings[0].Scope)
	require.Len(t, creds, 1)
	require.Equal(t, "ApiKey", creds[0].Creds.Type)
	require.Contains(t, creds[0].Creds.SecretARN, "appflow!111122223333-shop-main")
	require.JSONEq(t, `{"apiKey":"canary-key","apiSecretKey":"canary-half","authenticationType":"ApiKey"}`, string(r.keeper.last.Load().Value))
}

func TestCheck_WhatTheConnectorSaysOfSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.f.Mood = func(q *customtest.Request) (string, bool) {
		return `{"isSuccess":false,"errorDetails":{"errorCode":"InvalidArgument","errorMessage":"no"},"errorsByInputField":{"instanceUrl":"is no shop; canary-key"}}`, q.Type == "ValidateConnectorRuntimeSettingsRequest"
	}
	err := r.connect(t).(connector.Checker).Check(t.Context())
	require.True(t, fault.Is(err, fault.Validation), "%v", err)
	require.ErrorContains(t, err, "instanceUrl: is no shop")
}

// tokens renews once.
type tokens struct{ renewed atomic.Int32 }

func (s *tokens) Token(context.Context) (string, error) {
	if s.renewed.Load() > 0 {
		return "token-two", nil
	}
	return "token-one", nil
}

func (s *tokens) Renew(_ context.Context, refused string) (string, error) {
	if refused != "token-one" {
		return "", fault.New(fault.ConnectorAuth, "nothing newer")
	}
	s.renewed.Add(1)
	return "token-two", nil
}

func TestCall_RefusedCredentialsAreRenewedOnce(t *testing.T) {
	t.Parallel()
	for _, isHopeless := range []bool{false, true} {
		r := newRig(t)
		source := &tokens{}
		r.cfg.Tokens = source
		r.cfg.ProfileCredentials = flow.Properties(`{"authenticationType":"OAUTH2","oauth2":{"accessToken":"given"}}`)
		r.f.Put("Orders", customtest.Table{Fields: []string{"id"}})
		r.f.Mood = func(*customtest.Request) (string, bool) {
			good := strings.Contains(string(r.keeper.last.Load().Value), "token-two") && !isHopeless
			return customtest.Failure("InvalidCredentials", "token-one and token-two are no good", 0), !good
		}
		_, err := r.connect(t).(connector.EntityLister).ListEntities(t.Context(), "")
		require.EqualValues(t, 1, source.renewed.Load())
		if !isHopeless {
			require.NoError(t, err)
			continue
		}
		require.True(t, fault.Is(err, fault.ConnectorAuth), "%v", err)
		require.NotContains(t, err.Error(), "token-", "a connector may repeat secrets; we do not")
		require.Len(t, r.f.Calls("ListEntities"), 2)
	}
}

func TestConnect_LabelsThatNobodyHasRegistered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Label = "Asana"
	c := r.connect(t)
	require.NoError(t, c.(connector.Checker).Check(t.Context()), "its profiles can be defined")
	_, err := c.(connector.EntityLister).ListEntities(t.Context(), "")
	require.True(t, fault.Is(err, fault.Unsupported))
	require.ErrorContains(t, err, "not in this build")
	r.cfg.Label = "nobody"
	require.True(t, fault.Is(r.connect(t).(connector.Checker).Check(t.Context()), fault.NotFound))
}

func TestConnect_SecretsOfRealLambdaNeedTheOperatorsWord(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	i, err := custom.NewInvoker(custom.InvokerOptions{})
	require.NoError(t, err)
	r.code = custom.New(custom.Options{Invoker: i, Local: r.keeper, Find: func(context.Context, string) (*flow.Registration, error) {
		return &flow.Registration{LambdaArn: customtest.ARN}, nil
	}})
	_, err = r.connect(t).(connector.EntityLister).ListEntities(t.Context(), "")
	require.True(t, fault.Is(err, fault.Unsupported))
	require.ErrorContains(t, err, "--connector-secrets=aws")
	require.Nil(t, r.keeper.last.Load())
}

// read reads everything an entity has.
func (r *rig) read(t testing.TB, req connector.ReadRequest) (rows int, err error) {
	t.Helper()
	reader := r.connect(t).(connector.Reader)
	splits, err := reader.Splits(t.Context(), req, 4)
	if err != nil {
		return 0, err
	}
	require.Len(t, splits, 1)
	pages, err := reader.Read(t.Context(), req, splits[0], nil)
	if err != nil {
		return 0, err
	}
	defer pages.Close()
	for {
		p, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		b, err := p.Decode()
		if err != nil {
			return rows, err
		}
		rows += b.Rows
		b.Release()
	}
}

func orders(fields ...flow.Field) connector.ReadRequest {
	req := connector.ReadRequest{Properties: flow.Properties(`{"entityName":"Orders","customProperties":{"archive":"true"}}`), Schema: flow.Schema{Entity: "Orders", Fields: fields}}
	for _, f := range fields {
		req.Fields = append(req.Fields, f.Name)
	}
	return req
}

func TestQuery_RequestCarriesWhatTheProtocolWants(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.f.Put("Orders", customtest.Table{Fields: []string{"id", "at"}, Types: map[string]string{"at": "DateTime"}, Records: []string{`{"id":"1"}`, `{"id":"2"}`}})
	r.f.PageRows = 1
	req := orders(flow.Field{Name: "id", Type: flow.TypeString, IsQueryable: true, FilterOperators: []flow.Operator{flow.OpEqualTo}}, flow.Field{Name: "at", Type: flow.TypeDatetime})
	req.Window, req.WindowBy = &flow.Window{From: time.Date(2024, 5, 1, 0, 0, 0, 1999, time.UTC), To: time.Date(2024, 5, 2, 2, 0, 0, 0, time.FixedZone("", 7200))}, "at"
	req.Filters = []connector.Filter{{Field: "id", Operator: flow.OpEqualTo, DataType: "string", Values: []string{"a", "b"}}}
	rows, err := r.read(t, req)
	require.NoError(t, err)
	require.Equal(t, 2, rows)
	calls := r.f.Calls("QueryData")
	require.Len(t, calls, 2)
	require.Equal(t, `(at >= 2024-05-01T00:00:00.000Z and at < 2024-05-02T00:00:00.000Z) and (id = "a" or id = "b")`, *calls[0].Filter)
	require.Equal(t, []string{"id", "at"}, calls[0].Fields)
	require.Equal(t, 1000, calls[0].Max)
	require.Nil(t, calls[0].Next)
	require.Equal(t, "1", *calls[1].Next)
	require.Equal(t, "v1", calls[1].Context.APIVersion)
	require.Equal(t, map[string]string{"instanceUrl": "https://shop.example", "archive": "true"}, calls[1].Context.Settings)
	require.Contains(t, string(calls[1].Context.Entity), `"fieldName":"at"`)
}

func TestQuery_HostileAnswersAreTheConnectorsFault(t *testing.T) {
	t.Parallel()
	record := `"{\"id\":\"1\"}"`
	for name, test := range map[string]struct{ answer, want string }{
		"no JSON":            {`{"isSuccess":true,`, ""},
		"a web page":         {`<html>`, ""},
		"nothing":            {``, ""},
		"records of objects": {`{"isSuccess":true,"records":[{"id":"1"}]}`, "record 1 is an object"},
		"records of null":    {`{"isSuccess":true,"records":[null]}`, "record 1 is null"},
		"a second bad one":   {`{"isSuccess":true,"records":[` + record + `,7]}`, "record 2 is another value"},
		"records missing":    {`{"isSuccess":true}`, "records"},
		"records a text":     {`{"isSuccess":true,"records":"x"}`, "records"},
		"truncated":          {`{"isSuccess":true,"records":[` + record + `,"{\"id\":`, ""},
		"half an object":     {`{"isSuccess":true,"records":["{\"id\":1"]}`, "does not hold a JSON object"},
		"an empty text":      {`{"isSuccess":true,"records":[""]}`, "does not hold a JSON object"},
		"a text of null":     {`{"isSuccess":true,"records":["null"]}`, "does not hold a JSON object"},
		"two objects":        {`{"isSuccess":true,"records":["{},{}"]}`, "each must hold one"},
		"one object in two":  {`{"isSuccess":true,"records":["{\"a\":[{}","{}]}"]}`, ""},
		"bad escapes":        {`{"isSuccess":true,"records":["\x7b"]}`, ""},
		"nonsense inside":    {`{"isSuccess":true,"records":["{id:1}"]}`, ""},
		"a bare failure":     {`{"isSuccess":false}`, "No valid response"},
		"success is a text":  {`{"isSuccess":"true","records":[]}`, ""},
		"an exception":       {`{"errorMessage":"Exception while processing the request","errorType":"RuntimeError","stackTrace":["x"]}`, "its function failed with RuntimeError"},
		"out of time":        {`Task timed out after 30.00 seconds`, "ran out of time"},
		"the same token":     {`{"isSuccess":true,"records":[],"nextToken":"again"}`, "leads back"},
		"too large":          {`{"isSuccess":true,"records":["` + strings.Repeat("x", 6<<20) + `"]}`, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.f.Put("Orders", customtest.Table{Fields: []string{"id"}})
			r.f.Mood = func(q *customtest.Request) (string, bool) { return test.answer, q.Type == "QueryDataRequest" }
			_, err := r.read(t, orders(flow.Field{Name: "id", Type: flow.TypeString}))
			require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
			require.ErrorContains(t, err, test.want)
			require.Zero(t, r.cfg.Pool.InUse())
		})
	}
}

func TestQuery_ErrorCodesBecomeFaults(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct {
		code  fault.Code
		retry fault.Retry
	}{
		"InvalidArgument": {fault.ConnectorServer, fault.Never}, "InvalidCredentials": {fault.ConnectorAuth, fault.Never},
		"AccessDenied": {fault.ConnectorAuth, fault.Never}, "RequestTimeout": {fault.ConnectorServer, fault.Transient},
		"RateLimitExceeded": {fault.ConnectorServer, fault.Throttled}, "ServiceUnavailable": {fault.ConnectorServer, fault.Transient},
		"ClientError": {fault.ConnectorServer, fault.Never}, "ServerError": {fault.ConnectorServer, fault.Transient},
		"UnknownError": {fault.ConnectorServer, fault.Transient}, "ResourceNotFoundError": {fault.ConnectorServer, fault.Transient},
		"PartialWriteFailure": {fault.ConnectorServer, fault.Never}, "SomethingNew": {fault.ConnectorServer, fault.Never},
	} {
		r := newRig(t)
		r.f.Put("Orders", customtest.Table{Fields: []string{"id"}})
		for _, after := range []int{0, 7} {
			r.f.Mood = func(q *customtest.Request) (string, bool) {
				return customtest.Failure(code, "because of canary-half", after), q.Type == "QueryDataRequest"
			}
			_, err := r.read(t, orders(flow.Field{Name: "id", Type: flow.TypeString}))
			require.Equal(t, want.code, fault.CodeOf(err), code)
			retry, wait := fault.RetryOf(err)
			if after > 0 && want.retry != fault.Never {
				require.Equal(t, fault.Throttled, retry, code)
				require.Equal(t, 7*time.Second, wait, code)
			} else {
				require.Equal(t, want.retry, retry, code)
			}
			require.NotContains(t, err.Error(), "canary")
			require.ErrorContains(t, err, "because of")
		}
	}
}

func TestQuery_NullWhereTheConnectorSaysNever(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.f.Put("Orders", customtest.Table{Fields: []string{"id"}, Records: []string{`{"id":"1"}`, `{"other":1}`}})
	r.f.Mood = func(q *customtest.Request) (string, bool) {
		return `{"isSuccess":true,"entityDefinition":{"entity":{},"fields":[{"fieldName":"id","dataType":"String","readProperties":{"isNullable":false}}]}}`, q.Type == "DescribeEntityRequest"
	}
	_, err := r.read(t, orders(flow.Field{Name: "id", Type: flow.TypeString}))
	require.ErrorContains(t, err, `field "id" is null`)
	require.Zero(t, r.cfg.Pool.InUse())
}

func TestListEntities_LoopsAndDoublesAreRefused(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	for name, mood := range map[string]func(*customtest.Request) (string, bool){
		"a loop of two": func(*customtest.Request) (string, bool) {
			return `{"isSuccess":true,"entities":[],"nextToken":"` + string('a'+n.Add(1)%2) + `"}`, true
		},
		"twice": func(*customtest.Request) (string, bool) {
			return `{"isSuccess":true,"entities":[{"entityIdentifier":"a"},{"entityIdentifier":"a"}]}`, true
		},
		"no name": func(*customtest.Request) (string, bool) { return `{"isSuccess":true,"entities":[null]}`, true },
		"no list": func(*customtest.Request) (string, bool) { return `{"isSuccess":true,"entities":{}}`, true },
	} {
		r := newRig(t)
		r.f.Mood = mood
		_, err := r.connect(t).(connector.EntityLister).ListEntities(t.Context(), "")
		require.True(t, fault.Is(err, fault.ConnectorServer), "%s: %v", name, err)
	}
}

func TestMetadataTTL_IsTheConnectorsWithinBounds(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]time.Duration{
		`{"timeToLive":2,"timeToLiveUnit":"HOURS"}`: 2 * time.Hour, `{"timeToLive":1,"timeToLiveUnit":"SECONDS"}`: 10 * time.Minute,
		`{"timeToLive":1e9,"timeToLiveUnit":"DAYS"}`: 7 * 24 * time.Hour, `{"timeToLive":5,"timeToLiveUnit":"EONS"}`: 0, `null`: 0,
		`{"timeToLive":-5,"timeToLiveUnit":"DAYS"}`: 0,
	} {
		r := newRig(t)
		r.f.Mood = func(*customtest.Request) (string, bool) {
			return `{"isSuccess":true,"entities":[],"cacheControl":` + said + `}`, true
		}
		c := r.connect(t)
		_, err := c.(connector.EntityLister).ListEntities(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, want, c.(connector.MetadataTimer).MetadataTTL(), said)
	}
}

func TestWrite_CallsAreCutAndAnswersMatched(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.f.Put("Orders", customtest.Table{Fields: []string{"id", "name", "note"}})
	r.f.Refuse = func(m map[string]any) string {
		if m["id"] == "id-001500" {
			return "no room; canary-key"
		}
		return ""
	}
	w, err := r.connect(t).(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{ExecutionID: "e1", Split: 3, Properties: flow.Properties(`{"entityName":"Orders","writeOperationType":"UPSERT","idFieldNames":["id"]}`)})
	require.NoError(t, err)
	b := connectortest.Batch(batch.DefaultPool, connectortest.NewData(2500))
	defer b.Release()
	receipt, refused, err := w.Write(t.Context(), 7, b)
	require.NoError(t, err)
	require.EqualValues(t, 2499, receipt.Rows)
	require.Equal(t, []connector.Refusal{{Row: 1500, Reason: "no room; ***"}}, refused)
	calls := r.f.Calls("WriteData")
	require.Len(t, calls, 3)
	for i, q := range calls {
		require.Equal(t, "UPSERT", q.Op)
		require.Equal(t, []string{"id"}, q.IDFields)
		require.False(t, q.AllOr)
		require.Equal(t, "e1/3/7/"+string(rune('0'+i)), q.Token)
		require.Equal(t, "e1", *q.Context.Execution)
	}
	require.Len(t, calls[2].Records, 500)
}

func TestWrite_AnswersThatCannotBeMatched(t *testing.T) {
	t.Parallel()
	one := `{"isSuccess":false,"recordId":"","errorMessage":"duplicate"}`
	for name, test := range map[string]struct {
		answer  string
		refused int
		want    string
	}{
		"all written, without results":    {`{"isSuccess":true,"writeRecordResults":null}`, 0, ""},
		"partly":                          {`{"isSuccess":false,"errorDetails":{"errorCode":"PartialWriteFailure","errorMessage":"x"},"writeRecordResults":[` + one + `,{"isSuccess":true}]}`, 1, ""},
		"success with a refusal":          {`{"isSuccess":true,"writeRecordResults":[{"isSuccess":true},` + one + `]}`, 1, ""},
		"too few":                         {`{"isSuccess":true,"writeRecordResults":[` + one + `]}`, 0, "1 results to 2 records"},
		"partly, without results":         {customtest.Failure("PartialWriteFailure", "x", 0), 0, "0 results to 2 records"},
		"partly, but all are well":        {`{"isSuccess":false,"errorDetails":{"errorCode":"PartialWriteFailure","errorMessage":"x"},"writeRecordResults":[{"isSuccess":true},{"isSuccess":true}]}`, 0, "PartialWriteFailure"},
		"another failure in spite of all": {`{"isSuccess":false,"errorDetails":{"errorCode":"ServerError","errorMessage":"x"},"writeRecordResults":[` + one + `,` + one + `]}`, 0, "ServerError"},
		"results of another kind":         {`{"isSuccess":true,"writeRecordResults":"two"}`, 0, "cannot be read"},
	} {
		r := newRig(t)
		r.f.Put("Orders", customtest.Table{Fields: []string{"id", "name", "note"}})
		r.f.Mood = func(q *customtest.Request) (string, bool) { return test.answer, q.Type == "WriteDataRequest" }
		w, err := r.connect(t).(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{ExecutionID: "e1", Properties: flow.Properties(`{"entityName":"Orders"}`)})
		require.NoError(t, err)
		b := connectortest.Batch(batch.DefaultPool, connectortest.NewData(2))
		receipt, refused, err := w.Write(t.Context(), 0, b)
		b.Release()
		if test.want != "" {
			require.ErrorContains(t, err, test.want, name)
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, refused, test.refused, name)
		require.EqualValues(t, 2-test.refused, receipt.Rows, name)
	}
}

func TestWrite_FailOnFirstIsAllOrNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.f.Put("Orders", customtest.Table{Fields: []string{"id", "name", "note"}})
	r.f.Refuse = func(m map[string]any) string { return map[bool]string{true: "no"}[m["id"] == "id-000003"] }
	w, err := r.connect(t).(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{ExecutionID: "e1", Properties: flow.Properties(`{"entityName":"Orders","errorHandlingConfig":{"failOnFirstDestinationError":true}}`)})
	require.NoError(t, err)
	b := connectortest.Batch(batch.DefaultPool, connectortest.NewData(1200))
	defer b.Release()
	receipt, refused, err := w.Write(t.Context(), 0, b)
	require.NoError(t, err)
	require.Len(t, r.f.Calls("WriteData"), 1, "what comes behind is not sent")
	require.True(t, r.f.Calls("WriteData")[0].AllOr)
	require.Len(t, refused, 201)
	require.EqualValues(t, 999, receipt.Rows)
}
