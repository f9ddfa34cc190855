package flowfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/cli/flowfile"
)

// stack is a template as CDK writes them: functions in their long form, resources that refer to each other, text for
// numbers.
const stack = `{
  "Parameters": {
    "Stage": {"Type": "String", "Default": "test"}, "Cidrs": {"Type": "CommaDelimitedList", "Default": "a, b"},
    "Key": {"Type": "String", "NoEcho": true}
  },
  "Mappings": {"Sizes": {"prod": {"Page": 500}, "test": {"Page": 5}}},
  "Conditions": {
    "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
    "Not": {"Fn::Not": [{"Condition": "IsProd"}]},
    "Both": {"Fn::And": [{"Condition": "Not"}, {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "Not"}]}]}
  },
  "Resources": {
    "Lake": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": ["lake-${S}-${AWS::AccountId}", {"S": {"Ref": "Stage"}}]}}},
    "Fn": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "erp"}},
    "Erp": {"Type": "AWS::AppFlow::Connector", "Properties": {"ConnectorLabel": "erp", "ConnectorProvisioningType": "LAMBDA",
      "ConnectorProvisioningConfig": {"Lambda": {"LambdaArn": {"Fn::GetAtt": ["Fn", "Arn"]}}}}},
    "Sap": {"Type": "AWS::AppFlow::ConnectorProfile", "Properties": {"ConnectorProfileName": "sap", "ConnectorType": "SAPOData", "ConnectionMode": "Public",
      "KMSArn": {"Ref": "AWS::NoValue"},
      "ConnectorProfileConfig": {
        "ConnectorProfileProperties": {"SAPOData": {"ApplicationHostUrl": "https://sap.example.com", "ApplicationServicePath": "/sap/opu", "PortNumber": "443", "ClientNumber": 100,
          "OAuthProperties": {"TokenUrl": "https://t", "AuthCodeUrl": "https://a", "OAuthScopes": ["x"]}}},
        "ConnectorProfileCredentials": {"SAPOData": {"OAuthCredentials": {"ClientId": "id", "ClientSecret": {"Ref": "Key"}, "ConnectorOAuthRequest": {"AuthCode": "c", "RedirectUri": "u"}}}}}}},
    "Custom": {"Type": "AWS::AppFlow::ConnectorProfile", "Properties": {"ConnectorProfileName": "custom", "ConnectorType": "CustomConnector", "ConnectorLabel": {"Ref": "Erp"}, "ConnectionMode": "Public",
      "ConnectorProfileConfig": {
        "ConnectorProfileProperties": {"CustomConnector": {"ProfileProperties": {"Some_Key": 5, "api_host": "h"}, "OAuth2Properties": {"TokenUrl": "t", "OAuth2GrantType": "CLIENT_CREDENTIALS", "TokenUrlCustomProperties": {"Audience": "a"}}}},
        "ConnectorProfileCredentials": {"CustomConnector": {"AuthenticationType": "CUSTOM", "Custom": {"CustomAuthenticationType": "T", "CredentialsMap": {"ApiKey": "k"}}}}}}},
    "Flow": {"Type": "AWS::AppFlow::Flow", "Condition": "Both", "Properties": {
      "FlowName": {"Fn::Join": ["-", ["sap", {"Ref": "Stage"}, {"Fn::Select": ["1", {"Ref": "Cidrs"}]}, {"Fn::Select": [0, {"Fn::Split": ["/", "x/y"]}]}]]},
      "FlowStatus": "Suspended",
      "TriggerConfig": {"TriggerType": "Scheduled", "TriggerProperties": {"ScheduleExpression": "rate(1days)", "ScheduleOffset": "0", "FirstExecutionFrom": 1727773200}},
      "SourceFlowConfig": {"ConnectorType": "SAPOData", "ConnectorProfileName": {"Ref": "Sap"}, "ApiVersion": 58.0,
        "SourceConnectorProperties": {"SAPOData": {"ObjectPath": "/o", "paginationConfig": {"maxPageSize": {"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Page"]}}, "parallelismConfig": {"maxParallelism": 2}}}},
      "DestinationFlowConfigList": [{"ConnectorType": "CustomConnector", "ConnectorProfileName": {"Ref": "Custom"},
        "DestinationConnectorProperties": {"CustomConnector": {"EntityName": {"Fn::If": ["IsProd", "orders", {"Fn::Sub": "orders-${Lake}-${Fn.Arn}-${!x}"}]},
          "ErrorHandlingConfig": {"FailOnFirstError": "true", "BucketName": {"Ref": "Lake"}}, "CustomProperties": {"Bulk": true}}}}],
      "Tasks": [{"TaskType": "Filter", "SourceFields": ["Id"], "ConnectorOperator": {"SAPOData": "PROJECTION"}, "TaskProperties": [{"Key": "VALUES", "Value": 5}]}],
      "Tags": [{"Key": "n", "Value": 1}]}},
    "Off": {"Type": "AWS::AppFlow::Flow", "Condition": "IsProd", "Properties": {"FlowName": "never"}},
    "Policy": {"Type": "AWS::IAM::Policy", "Properties": {"X": {"Fn::ImportValue": "y"}}}
  }}`

func TestParse_CDKStack(t *testing.T) {
	t.Parallel()
	with := settings
	with.Parameters = map[string]string{"Key": "${env:SAP_KEY}"}
	defs, err := flowfile.Parse([]byte(stack), with)
	require.NoError(t, err)
	got := map[string]flowfile.Definition{}
	for _, d := range defs {
		got[d.Kind.String()+" "+d.Name] = d
	}
	require.Len(t, got, 4)
	for name, want := range map[string]string{
		"connector erp": `{"connectorLabel":"erp","connectorProvisioningType":"LAMBDA","connectorProvisioningConfig":{"lambda":{"lambdaArn":"arn:aws:lambda:eu-north-1:111122223333:function:erp"}}}`,
		"profile sap": `{"connectorProfileName":"sap","connectorType":"SAPOData","connectionMode":"Public","connectorProfileConfig":{
			"connectorProfileProperties":{"SAPOData":{"applicationHostUrl":"https://sap.example.com","applicationServicePath":"/sap/opu","portNumber":443,"clientNumber":"100","oAuthProperties":{"tokenUrl":"https://t","authCodeUrl":"https://a","oAuthScopes":["x"]}}},
			"connectorProfileCredentials":{"SAPOData":{"oAuthCredentials":{"clientId":"id","clientSecret":"${env:SAP_KEY}","oAuthRequest":{"authCode":"c","redirectUri":"u"}}}}}}`,
		"profile custom": `{"connectorProfileName":"custom","connectorType":"CustomConnector","connectorLabel":"erp","connectionMode":"Public","connectorProfileConfig":{
			"connectorProfileProperties":{"CustomConnector":{"profileProperties":{"Some_Key":"5","api_host":"h"},"oAuth2Properties":{"tokenUrl":"t","oAuth2GrantType":"CLIENT_CREDENTIALS","tokenUrlCustomProperties":{"Audience":"a"}}}},
			"connectorProfileCredentials":{"CustomConnector":{"authenticationType":"CUSTOM","custom":{"customAuthenticationType":"T","credentialsMap":{"ApiKey":"k"}}}}}}`,
		"flow sap-test-b-x": `{"flowName":"sap-test-b-x","triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"rate(1days)","scheduleOffset":0,"firstExecutionFrom":1727773200}}},
			"sourceFlowConfig":{"connectorType":"SAPOData","connectorProfileName":"sap","apiVersion":"58.0","sourceConnectorProperties":{"SAPOData":{"objectPath":"/o","paginationConfig":{"maxPageSize":5},"parallelismConfig":{"maxParallelism":2}}}},
			"destinationFlowConfigList":[{"connectorType":"CustomConnector","connectorProfileName":"custom","destinationConnectorProperties":{"CustomConnector":{
				"entityName":"orders-lake-test-111122223333-arn:aws:lambda:eu-north-1:111122223333:function:erp-${x}","errorHandlingConfig":{"failOnFirstDestinationError":true,"bucketName":"lake-test-111122223333"},"customProperties":{"Bulk":"true"}}}}],
			"tasks":[{"taskType":"Filter","sourceFields":["Id"],"connectorOperator":{"SAPOData":"PROJECTION"},"taskProperties":{"VALUES":"5"}}],"tags":{"n":"1"}}`,
	} {
		require.JSONEq(t, want, string(got[name].Request), name)
	}
	require.Equal(t, "Suspended", got["flow sap-test-b-x"].Status)
}

func TestParse_TemplatesThatCannotBeResolved(t *testing.T) {
	t.Parallel()
	flow := func(name string) string {
		return `Resources: {B: {Type: "AWS::S3::Bucket"}, F: {Type: "AWS::AppFlow::Flow", Properties: {FlowName: ` + name + `}}}`
	}
	for doc, want := range map[string]string{
		flow(`!Ref B`):                  "--parameter B=VALUE",
		flow(`!GetAtt B.Arn`):           "--parameter B.Arn=VALUE",
		flow(`!Sub "${B.Arn}"`):         "--parameter B.Arn=VALUE",
		flow(`{"Fn::ImportValue": x}`):  "function ImportValue cannot be resolved",
		flow(`!If [No, a, b]`):          `condition "No" is not in the template`,
		flow(`!Select [4, [a]]`):        "Select needs",
		flow(`!FindInMap [a, b, c]`):    "FindInMap finds nothing",
		flow(`x, FlowStatus: Sleeping`): "flowStatus must be Active, Suspended or Draft",
		`Conditions: {A: !Condition A}
Resources: {F: {Type: "AWS::AppFlow::Flow", Condition: A, Properties: {FlowName: x}}}`: "circle",
	} {
		_, err := flowfile.Parse([]byte(doc), settings)
		require.ErrorContains(t, err, want, doc)
	}
	defs, err := flowfile.Parse([]byte(flow(`!Join ["-", [!Ref B, !GetAtt B.Arn]]`)), flowfile.Settings{Parameters: map[string]string{"B": "lake", "B.Arn": "arn"}})
	require.NoError(t, err)
	require.Equal(t, "lake-arn", defs[0].Name)
}

func TestRead_FolderOfCDK(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"cdk.out": `{"version": "48.0.0"}`, "manifest.json": `{"version": "48.0.0"}`, "tree.json": `{}`, "Data.assets.json": `{}`,
		"Data.template.json": `{"Resources": {"F": {"Type": "AWS::AppFlow::Flow", "Properties": {"FlowName": "f-1"}}}}`,
		"Net.template.json":  `{"Resources": {"V": {"Type": "AWS::EC2::VPC"}}}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	defs, err := flowfile.Read(dir, settings)
	require.NoError(t, err)
	require.Len(t, defs, 1)
	require.Equal(t, filepath.Join(dir, "Data.template.json"), defs[0].File)
	_, err = flowfile.Read(t.TempDir(), settings)
	require.ErrorContains(t, err, "no flow, connector profile or connector definition found")
}

func TestParse_WhatIsDescribed(t *testing.T) {
	t.Parallel()
	defs, err := flowfile.Parse([]byte(`{"flowName": "f-1", "flowArn": "arn", "flowStatus": "Active", "createdAt": 1.5, "kmsArn": null, "schemaVersion": 3,
		"triggerConfig": {"triggerType": "Scheduled", "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(1hours)", "scheduleStartTime": "2026-01-31T08:00:00+02:00"}}}, "tasks": [], "ResponseMetadata": {}}`), settings)
	require.NoError(t, err)
	require.Equal(t, "Active", defs[0].Status)
	require.JSONEq(t, `{"flowName":"f-1","tasks":[],"triggerConfig":{"triggerType":"Scheduled","triggerProperties":{"Scheduled":{"scheduleExpression":"rate(1hours)","scheduleStartTime":1769839200}}}}`, string(defs[0].Request))
	_, err = flowfile.Parse([]byte(`{flowName: f, triggerConfig: {triggerProperties: {Scheduled: {scheduleStartTime: tomorrow}}}}`), settings)
	require.ErrorContains(t, err, `scheduleStartTime: write seconds since 1970`)
}
