package flowfile_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/cli/flowfile"
)

var settings = flowfile.Settings{Region: "eu-north-1", AccountID: "111122223333"}

func TestParse_ReadsEveryForm(t *testing.T) {
	t.Parallel()
	const want = `{"flowName":"orders","triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"rate(1hours)","timezone":"Europe/Oslo","scheduleStartTime":1727773200}}},
	 "sourceFlowConfig":{"connectorType":"S3","sourceConnectorProperties":{"S3":{"bucketName":"in-bkt-111122223333","bucketPrefix":"orders","s3InputFormatConfig":{"s3InputFileType":"CSV"}}}},
	 "destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"out-bkt","s3OutputFormatConfig":{"fileType":"PARQUET","aggregationConfig":{"aggregationType":"SingleFile"}}}}}],
	 "tasks":[{"taskType":"Map","sourceFields":["id"],"connectorOperator":{"S3":"NO_OP"},"destinationField":"id","taskProperties":{"SOURCE_DATA_TYPE":"string"}}],
	 "tags":{"team":"lake"}}`
	template := `
Parameters:
  Out: {Type: String, Default: out-bkt}
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Orders:
    Type: AWS::AppFlow::Flow
    Properties:
      FlowName: orders
      FlowStatus: Active
      TriggerConfig:
        TriggerType: Scheduled
        TriggerProperties: {ScheduleExpression: rate(1hours), TimeZone: Europe/Oslo, ScheduleStartTime: 1727773200}
      SourceFlowConfig:
        ConnectorType: S3
        SourceConnectorProperties:
          S3: {BucketName: !Sub "in-bkt-${AWS::AccountId}", BucketPrefix: orders, S3InputFormatConfig: {S3InputFileType: CSV}}
      DestinationFlowConfigList:
        - ConnectorType: S3
          DestinationConnectorProperties:
            S3:
              BucketName: {Ref: Out}
              S3OutputFormatConfig: {FileType: PARQUET, AggregationConfig: {AggregationType: SingleFile}}
      Tasks:
        - TaskType: Map
          SourceFields: [id]
          ConnectorOperator: {S3: NO_OP}
          DestinationField: id
          TaskProperties: [{Key: SOURCE_DATA_TYPE, Value: string}]
      Tags: [{Key: team, Value: lake}]
`
	defs, err := flowfile.Parse([]byte(template), settings)
	require.NoError(t, err)
	require.Len(t, defs, 1)
	require.Equal(t, "Active", defs[0].Status)
	require.JSONEq(t, want, string(defs[0].Request))

	defs, err = flowfile.Parse([]byte(want), settings)
	require.NoError(t, err)
	require.Equal(t, "orders", defs[0].Name)
	require.JSONEq(t, want, string(defs[0].Request))

	defs, err = flowfile.Parse([]byte("flowName: a\ntasks: []\n---\nflowName: b\ntags: {n: \"01\"}\n"), settings)
	require.NoError(t, err)
	require.Len(t, defs, 2)
	require.JSONEq(t, `{"flowName":"b","tags":{"n":"01"}}`, string(defs[1].Request))
}

func TestParse_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"":                          "no flow, connector profile or connector definition found",
		"[1]":                       "each definition of a list is an object",
		"{":                         "not JSON or YAML",
		"name: x":                   "flowName is missing",
		"a: 1\na: 2":                `key "a" appears twice`,
		"a: &x 1\nflowName: *x":     "aliases are not supported",
		"Resources: {T: {Type: X}}": "no AWS::AppFlow::Flow resource",
		"Resources: {F: {Type: 'AWS::AppFlow::Flow', Properties: {FlowName: !Ref Nope}}}":      "--parameter Nope=VALUE",
		"Resources: {F: {Type: 'AWS::AppFlow::Flow', Properties: {FlowName: !GetAtt X.Name}}}": "function GetAtt cannot be resolved",
	} {
		_, err := flowfile.Parse([]byte(doc), settings)
		require.ErrorContains(t, err, want, doc)
	}
}

func FuzzParse_NeverPanics(f *testing.F) {
	f.Add([]byte("flowName: a\ntasks: [{taskType: Map}]"))
	f.Add([]byte(`Resources: {F: {Type: "AWS::AppFlow::Flow", Properties: {FlowName: !Sub "${AWS::Region}"}}}`))
	f.Fuzz(func(_ *testing.T, doc []byte) { _, _ = flowfile.Parse(doc, settings) })
}
