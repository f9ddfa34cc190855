package wire_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/api/wire"
)

// realisticFlow is a CreateFlow request as infrastructure tools write it.
const realisticFlow = `{
  "flowName": "orders-to-lake", "description": "orders from the shop, each hour", "clientToken": "7d1c0ad7-5b8e-4a39-9a7a-2b1f6a7f3c11",
  "triggerConfig": {"triggerType": "Scheduled", "triggerProperties": {"Scheduled": {
    "scheduleExpression": "rate(1hours)", "dataPullMode": "Incremental", "scheduleStartTime": 1.69331372E9,
    "scheduleEndTime": 1893456000.125, "timezone": "Europe/Stockholm", "scheduleOffset": 0, "flowErrorDeactivationThreshold": 10}}},
  "sourceFlowConfig": {"connectorType": "Salesforce", "connectorProfileName": "crm/prod", "apiVersion": "v58.0",
    "sourceConnectorProperties": {"Salesforce": {"object": "Order", "enableDynamicFieldUpdate": false,
      "includeDeletedRecords": true, "dataTransferApi": "BULKV2"}},
    "incrementalPullConfig": {"datetimeTypeFieldName": "LastModifiedDate"}},
  "destinationFlowConfigList": [{"connectorType": "S3",
    "destinationConnectorProperties": {"S3": {"bucketName": "lake-bucket", "bucketPrefix": "raw/orders",
      "s3OutputFormatConfig": {"fileType": "PARQUET", "preserveSourceDataTyping": true,
        "prefixConfig": {"prefixType": "PATH_AND_FILENAME", "prefixFormat": "HOUR", "pathPrefixHierarchy": ["EXECUTION_ID", "SCHEMA_VERSION"]},
        "aggregationConfig": {"aggregationType": "SingleFile", "targetFileSize": 128}}}}}],
  "tasks": [
    {"taskType": "Filter", "sourceFields": ["Id", "Status", "Amount", "Customer", "CreatedDate"],
      "connectorOperator": {"Salesforce": "PROJECTION"}, "taskProperties": {}},
    {"taskType": "Filter", "sourceFields": ["Status"], "connectorOperator": {"Salesforce": "EQUAL_TO"},
      "taskProperties": {"DATA_TYPE": "picklist", "VALUES": "Activated,Draft"}},
    {"taskType": "Filter", "sourceFields": ["Amount"], "connectorOperator": {"Salesforce": "BETWEEN"},
      "taskProperties": {"DATA_TYPE": "currency", "LOWER_BOUND": "1", "UPPER_BOUND": "100000"}},
    {"taskType": "Map", "sourceFields": ["Id"], "destinationField": "id", "connectorOperator": {"Salesforce": "NO_OP"},
      "taskProperties": {"SOURCE_DATA_TYPE": "id", "DESTINATION_DATA_TYPE": "string"}},
    {"taskType": "Map", "sourceFields": ["Status"], "destinationField": "status", "connectorOperator": {"Salesforce": "NO_OP"},
      "taskProperties": {"SOURCE_DATA_TYPE": "picklist", "DESTINATION_DATA_TYPE": "string"}},
    {"taskType": "Map", "sourceFields": ["Amount"], "destinationField": "amount", "connectorOperator": {"Salesforce": "NO_OP"},
      "taskProperties": {"SOURCE_DATA_TYPE": "currency", "DESTINATION_DATA_TYPE": "double"}},
    {"taskType": "Mask", "sourceFields": ["Customer"], "connectorOperator": {"Salesforce": "MASK_FIRST_N"},
      "taskProperties": {"MASK_LENGTH": "5", "MASK_VALUE": "*"}},
    {"taskType": "Validate", "sourceFields": ["Id"], "connectorOperator": {"Salesforce": "VALIDATE_NON_NULL"},
      "taskProperties": {"VALIDATION_ACTION": "DropRecord"}},
    {"taskType": "Partition", "sourceFields": ["CreatedDate"], "connectorOperator": {"Salesforce": "NO_OP"},
      "taskProperties": {"ORDERED_PARTITION_KEYS_LIST": "CreatedDate"}},
    {"taskType": "Map_all", "sourceFields": [], "connectorOperator": {"Salesforce": "NO_OP"}}],
  "tags": {"team": "data", "cost-center": "4711"}, "somethingNew": {"a": [1, {"b": null}]}
}`

func TestEcho_RealisticFlow(t *testing.T) {
	t.Parallel()
	var in wire.CreateFlowInput
	require.NoError(t, in.DecodeJSON([]byte(realisticFlow)))
	require.Nil(t, in.Validate())
	want := parse(t, []byte(realisticFlow)).(map[string]any)
	delete(want, "somethingNew")
	require.Equal(t, want, parse(t, in.AppendJSON(nil)))
}

func TestEcho_KeepsAbsentEmptyAndFilledApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sent, want string }{ // want is sent when empty
		{sent: `{}`},
		{"", `{}`},
		{" \n", `{}`},
		{`{"tasks":null,"tags":null,"flowName":null,"triggerConfig":null}`, `{}`},
		{sent: `{"tasks":[]}`},
		{sent: `{"tasks":[{}]}`},
		{sent: `{"tasks":[{"sourceFields":[]}]}`},
		{sent: `{"tasks":[{"sourceFields":[""]}]}`},
		{sent: `{"tasks":[{"sourceFields":["",""],"taskProperties":{}}]}`},
		{sent: `{"tasks":[{"connectorOperator":{},"destinationField":"","taskProperties":{"VALUE":""}}]}`},
		{`{"tasks":[{"sourceFields":null,"taskProperties":null}]}`, `{"tasks":[{}]}`},
		{sent: `{"tags":{}}`},
		{sent: `{"tags":{"":""}}`},
		{sent: `{"flowName":""}`},
		{sent: `{"sourceFlowConfig":{"sourceConnectorProperties":{"Salesforce":{"includeDeletedRecords":false}}}}`},
		{sent: `{"sourceFlowConfig":{"sourceConnectorProperties":{}}}`},
		{sent: `{"destinationFlowConfigList":[{"destinationConnectorProperties":{"LookoutMetrics":{}}}]}`},
		{`{"destinationFlowConfigList":[{"destinationConnectorProperties":{"LookoutMetrics":{"x":[[1]]},"Nonesuch":{}}}]}`,
			`{"destinationFlowConfigList":[{"destinationConnectorProperties":{"LookoutMetrics":{}}}]}`},
		{sent: `{"metadataCatalogConfig":{"glueDataCatalog":{"databaseName":"","tablePrefix":"x"}}}`},
		{`{"flowName":"a","flowName":"b"}`, `{"flowName":"b"}`},
		{`{"flowName":"a","flowName":null}`, `{}`},
		{`{"tags":{"a":"1","a":"2"}}`, `{"tags":{"a":"2"}}`},
		{`{"tasks":[{"taskType":"Map"}],"tasks":[{"sourceFields":["x"]}]}`, `{"tasks":[{"sourceFields":["x"]}]}`},
		{`{"triggerConfig":{"triggerType":"Event"},"triggerConfig":{}}`, `{"triggerConfig":{}}`},
		{`{"flow\u004eame":"\u00e9\ud83d\ude00\/\b\f"}`, `{"flowName":"é😀/\u0008\u000c"}`},
		{`{"description":"\u2028<&>\u007f\n\r\t\"\\"}`, "{\"description\":\"\u2028<&>\u007f\\n\\r\\t\\\"\\\\\"}"},
		{sent: `{"tags":{"a":"1","b":"2","c":"3"}}`},
	} {
		var in wire.CreateFlowInput
		require.NoError(t, in.DecodeJSON([]byte(c.sent)), c.sent)
		if c.want == "" {
			c.want = c.sent
		}
		require.Equal(t, c.want, string(in.AppendJSON(nil)))
	}
}

func TestEcho_Numbers(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`{"scheduleStartTime":1693313720}`:         `{"scheduleStartTime":1693313720}`,
		`{"scheduleStartTime":1.69331372E9}`:       `{"scheduleStartTime":1693313720}`,
		`{"scheduleStartTime":1693313720.500}`:     `{"scheduleStartTime":1693313720.5}`,
		`{"scheduleStartTime":1693313720.1234567}`: `{"scheduleStartTime":1693313720.123}`,
		`{"scheduleStartTime":1693313720.007}`:     `{"scheduleStartTime":1693313720.007}`,
		`{"scheduleStartTime":0}`:                  `{"scheduleStartTime":0}`,
		`{"scheduleStartTime":-0.001}`:             `{"scheduleStartTime":-0.001}`,
		`{"scheduleStartTime":-62135596800}`:       `{"scheduleStartTime":-62135596800}`,
		`{"scheduleStartTime":253402300799.999}`:   `{"scheduleStartTime":253402300799.999}`,
		`{"scheduleOffset":36000}`:                 `{"scheduleOffset":36000}`,
		`{"scheduleOffset":1.0}`:                   `{"scheduleOffset":1}`,
		`{"scheduleOffset":1e3}`:                   `{"scheduleOffset":1000}`,
		`{"scheduleOffset":-9223372036854775808}`:  `{"scheduleOffset":-9223372036854775808}`,
		`{"scheduleOffset":9223372036854775807}`:   `{"scheduleOffset":9223372036854775807}`,
	} {
		var in wire.ScheduledTriggerProperties
		require.NoError(t, in.DecodeJSON([]byte(sent)), sent)
		require.Equal(t, want, string(in.AppendJSON(nil)))
	}
}

func TestDecode_NamesTheMemberAndBothTypes(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`[`, 64)
	for body, want := range map[string]string{
		`[]`:                             "Request body failed to satisfy constraint: Member must be of type object, found list",
		`null`:                           "Request body failed to satisfy constraint: Member must not be null",
		`"x"`:                            "Member must be of type object, found string",
		`{"flowName":1}`:                 "Value at 'flowName' failed to satisfy constraint: Member must be of type string, found number",
		`{"tasks":[{},{"taskType":{}}]}`: "Value at 'tasks.2.member.taskType' failed to satisfy constraint: Member must be of type string, found object",
		`{"tasks":{}}`:                   "Value at 'tasks' failed to satisfy constraint: Member must be of type list, found object",
		`{"tasks":[null]}`:               "Value at 'tasks.1.member' failed to satisfy constraint: Member must not be null",
		`{"tasks":[{"sourceFields":["a",null]}]}`:   "Value at 'tasks.1.member.sourceFields.2.member' failed to satisfy constraint: Member must not be null",
		`{"tasks":[{"sourceFields":["a",true]}]}`:   "Value at 'tasks.1.member.sourceFields.2.member' failed to satisfy constraint: Member must be of type string, found boolean",
		`{"tags":{"a":"b","k":null}}`:               "Value at 'tags.k.member' failed to satisfy constraint: Member must not be null",
		`{"tags":{"k":[]}}`:                         "Value at 'tags.k.member' failed to satisfy constraint: Member must be of type string, found list",
		`{"tags":[]}`:                               "Value at 'tags' failed to satisfy constraint: Member must be of type object, found list",
		`{"triggerConfig":{"triggerProperties":7}}`: "Value at 'triggerConfig.triggerProperties' failed to satisfy constraint: Member must be of type object, found number",
		`{"triggerConfig":{"triggerProperties":{"Scheduled":{"scheduleStartTime":"2020-01-01T00:00:00Z"}}}}`:  "'triggerConfig.triggerProperties.Scheduled.scheduleStartTime' failed to satisfy constraint: Member must be of type timestamp in epoch seconds, found string",
		`{"triggerConfig":{"triggerProperties":{"Scheduled":{"scheduleStartTime":1e300}}}}`:                   "Member must be of type timestamp in epoch seconds of the years 1 to 9999, found number",
		`{"triggerConfig":{"triggerProperties":{"Scheduled":{"scheduleStartTime":1e999}}}}`:                   "Member must be of type timestamp",
		`{"triggerConfig":{"triggerProperties":{"Scheduled":{"scheduleStartTime":NaN}}}}`:                     "a value is missing",
		`{"triggerConfig":{"triggerProperties":{"Scheduled":{"scheduleOffset":1.5}}}}`:                        "Member must be of type integer of 64 bits, found number",
		`{"triggerConfig":{"triggerProperties":{"Scheduled":{"scheduleOffset":9223372036854775808}}}}`:        "Member must be of type integer of 64 bits, found number",
		`{"triggerConfig":{"triggerProperties":{"Scheduled":{"flowErrorDeactivationThreshold":2147483648}}}}`: "Member must be of type integer of 32 bits, found number",
		`{"triggerConfig":{"triggerProperties":{"Scheduled":{"scheduleOffset":"1"}}}}`:                        "Member must be of type integer, found string",
		`{"sourceFlowConfig":{"sourceConnectorProperties":{"Salesforce":{"includeDeletedRecords":"true"}}}}`:  "Member must be of type boolean, found string",
		`{"flowName":"a"} {}`:            "text after the end",
		`{"flowName":"a",}`:              "expected a member name",
		`{"flowName":"a"`:                "expected ',' or '}'",
		`{"flowName"`:                    "expected ':'",
		`{"flowName":`:                   "a value is missing",
		`{"flowName":tru}`:               "a value is missing",
		`{"flowName":"a` + "\n" + `"}`:   "control character",
		`{"flowName":"a` + "\xff" + `"}`: "invalid UTF-8",
		`{"flowName":"\ud800"}`:          "invalid escape",
		`{"flowName":"\ud800\ud800"}`:    "invalid escape",
		`{"flowName":"\udc00"}`:          "invalid escape",
		`{"flowName":"\x"}`:              "invalid escape",
		`{"x":` + deep:                   "nested deeper than 64 levels",
		`{"x":01}`:                       "expected ',' or '}'",
		`{"x":1.}`:                       "invalid number",
		`{"x":-}`:                        "invalid number",
		`{"x":1e+}`:                      "invalid number",
		`{"x":[1,]}`:                     "expected a value",
		`{"x":{"a":1,}}`:                 "expected a member name",
		"\ufeff{}":                       "a value is missing",
	} {
		var in wire.CreateFlowInput
		err := in.DecodeJSON([]byte(body))
		require.ErrorContains(t, err, want, body)
		var decode *wire.DecodeError
		require.ErrorAs(t, err, &decode)
	}
	var in wire.CreateFlowInput
	require.NoError(t, in.DecodeJSON([]byte(`{"x":`+deep[:63]+strings.Repeat(`]`, 63)+`}`)), "64 levels are allowed")
}

func TestDecode_Doubles(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`{"maximum":1}`:         `{"maximum":1}`,
		`{"maximum":-0.1}`:      `{"maximum":-0.1}`,
		`{"maximum":1e21}`:      `{"maximum":1e+21}`,
		`{"minimum":null}`:      `{}`,
		`{"maximum":1e-400}`:    `{"maximum":0}`,
		`{"maximum":123456789}`: `{"maximum":1.23456789e+08}`,
	} {
		var v wire.Range
		require.NoError(t, v.DecodeJSON([]byte(sent)), sent)
		require.Equal(t, want, string(v.AppendJSON(nil)))
		require.Equal(t, parse(t, []byte(want)), parse(t, v.AppendJSON(nil)))
	}
	for _, sent := range []string{`{"maximum":1e999}`, `{"maximum":"1"}`, `{"maximum":true}`} {
		var v wire.Range
		require.ErrorContains(t, v.DecodeJSON([]byte(sent)), "Value at 'maximum'", sent)
	}
	require.Equal(t, `{}`, string((&wire.Range{Maximum: new(math.NaN()), Minimum: new(math.Inf(1))}).AppendJSON(nil)))
}

func TestErrors_NeverShowSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2 hunter2" // the space violates what secrets may hold
	for _, body := range []string{
		`{"CustomConnector":{"authenticationType":"CUSTOM","custom":{"customAuthenticationType":"x","credentialsMap":{"` + secret + `":"a"}}}}`,
		`{"CustomConnector":{"authenticationType":"CUSTOM","custom":{"customAuthenticationType":"x","credentialsMap":{"` + secret + `":"a b"}}}}`,
		`{"CustomConnector":{"authenticationType":"CUSTOM","custom":{"customAuthenticationType":"x","credentialsMap":{"` + secret + `":1}}}}`,
		`{"Redshift":{"password":"` + strings.Repeat(secret, 40) + `"}}`,
		`{"Redshift":{"password":["` + secret + `"]}}`,
		`{"Salesforce":{"refreshToken":"` + secret + `"}}`,
		`{"Salesforce":{"oAuthRequest":{"authCode":"` + secret + `"}}}`,
		`{"Salesforce":{"oAuthRequest":{"codeVerifier":"` + secret + `"}}}`,
		`{"Dynatrace":{"apiToken":"` + secret + `"}}`,
		`{"Datadog":{"apiKey":"` + secret + `","applicationKey":"` + secret + `"}}`,
		`{"InforNexus":{"accessKeyId":"` + secret + `","userId":"u","secretAccessKey":"` + secret + `","datakey":"` + secret + `"}}`,
		`{"Snowflake":{"username":"u","privateKey":"` + strings.Repeat(secret, 2000) + `"}}`,
	} {
		in := wire.UpdateConnectorProfileInput{}
		err := in.DecodeJSON([]byte(`{"connectorProfileConfig":{"connectorProfileProperties":{},"connectorProfileCredentials":` + body + `}}`))
		message := ""
		if err != nil {
			message = err.Error()
		} else {
			problem := in.Validate()
			require.NotNil(t, problem, body)
			message = problem.Error()
		}
		require.Contains(t, message, "connectorProfileCredentials", body)
		require.NotContains(t, message, "hunter2", body)
	}
}

func TestMembersOfNewerSDKs(t *testing.T) {
	t.Parallel()
	const body = `{"Snowflake":{"privateKey":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n","username":"u"},` +
		`"Zendesk":{"clientId":"i","clientSecret":"s","oAuthRequest":{"authCode":"c","codeVerifier":"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}}}`
	in := wire.UpdateConnectorProfileInput{ConnectorProfileConfig: &wire.ConnectorProfileConfig{
		ConnectorProfileCredentials: new(wire.ConnectorProfileCredentials),
		ConnectorProfileProperties:  new(wire.ConnectorProfileProperties),
	}, ConnectorProfileName: new("p"), ConnectionMode: new(wire.ConnectionModePublic)}
	credentials := in.ConnectorProfileConfig.ConnectorProfileCredentials
	require.NoError(t, credentials.DecodeJSON([]byte(body)))
	require.Equal(t, body, string(credentials.AppendJSON(nil)))
	require.Nil(t, in.Validate(), "with a private key no password is needed")

	credentials.Snowflake.PrivateKey = nil
	problem := in.Validate()
	require.NotNil(t, problem)
	require.Equal(t, "1 validation error detected: Value null at 'connectorProfileConfig.connectorProfileCredentials.Snowflake.password' "+
		"failed to satisfy constraint: Member must not be null", problem.Error())
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 59, 59, 123_999_999, time.UTC)
	stamp := wire.TimestampOf(at)
	require.Equal(t, at.Truncate(time.Millisecond), stamp.Time())
	require.Equal(t, "2026-03-29T01:59:59.123Z", stamp.String())
}

func BenchmarkCreateFlow(b *testing.B) {
	body := []byte(realisticFlow)
	var buf []byte
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var in wire.CreateFlowInput
		if err := in.Decode(&wire.Request{Body: body}); err != nil {
			b.Fatal(err)
		}
		if problem := in.Validate(); problem != nil {
			b.Fatal(problem)
		}
		buf = in.AppendJSON(buf[:0])
	}
}
