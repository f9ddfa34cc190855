package flowfile_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/cli/flowfile"
)

// definitions are the CreateFlow requests that the server is tested with.
func definitions(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "server", "testdata", "definitions", "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(paths), 30)
	all := map[string][]byte{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = text
	}
	return all
}

func parse(t *testing.T, text []byte) []flowfile.Definition {
	t.Helper()
	defs, err := flowfile.Parse(text, settings)
	require.NoError(t, err, "%s", text)
	return defs
}

func written(t *testing.T, f flowfile.Format, defs ...flowfile.Definition) (string, []string) {
	t.Helper()
	var out bytes.Buffer
	notes, err := flowfile.Write(&out, f, defs)
	require.NoError(t, err)
	return out.String(), notes
}

func TestWrite_IsReadBackUnchanged(t *testing.T) {
	t.Parallel()
	lossy := map[string]string{ // what CloudFormation's resource cannot hold
		"blog-salesforce-to-customer-profiles": "no destination CustomerProfiles",
		"console-s3-to-honeycode":              "no destination Honeycode",
	}
	for name, text := range definitions(t) {
		want := parse(t, text)
		for _, f := range []flowfile.Format{flowfile.JSON, flowfile.YAML, flowfile.CloudFormation} {
			out, notes := written(t, f, want...)
			if reason, ok := lossy[name]; ok && f == flowfile.CloudFormation {
				require.Contains(t, strings.Join(notes, "\n"), reason)
				continue
			}
			require.Empty(t, notes, name)
			got := parse(t, []byte(out))
			require.Len(t, got, 1)
			require.Equal(t, want[0].Name, got[0].Name)
			require.JSONEq(t, string(want[0].Request), string(got[0].Request), "%s as %s:\n%s", name, f, out)
		}
	}
}

func TestWrite_StatusAndSeveral(t *testing.T) {
	t.Parallel()
	defs := parse(t, []byte(`[{"flowName": "f1", "flowStatus": "Active", "triggerConfig": {"triggerType": "Event"}}, {"connectorProfileName": "crm", "connectorType": "Singular", "connectorProfileConfig": {"connectorProfileProperties": {"Singular": {}}, "connectorProfileCredentials": {"Singular": {"apiKey": "${env:K}"}}}},
		{"connectorLabel": "erp", "connectorProvisioningType": "LAMBDA", "connectorProvisioningConfig": {"lambda": {"lambdaArn": "arn:aws:lambda:eu-west-1:111122223333:function:erp"}}}]`))
	for _, f := range []flowfile.Format{flowfile.JSON, flowfile.YAML, flowfile.CloudFormation} {
		out, _ := written(t, f, defs...)
		byName := map[string]flowfile.Definition{}
		for _, d := range parse(t, []byte(out)) {
			byName[d.Name] = d
		}
		require.Len(t, byName, 3, out)
		for _, want := range defs {
			got := byName[want.Name]
			require.Equal(t, want.Kind, got.Kind)
			require.Equal(t, want.Status, got.Status)
			if want.Kind == flowfile.Profile && f != flowfile.CloudFormation { // a reference that is already one is no secret of ours
				require.Contains(t, string(got.Request), `$${env:K}`)
				continue
			}
			require.JSONEq(t, string(want.Request), string(got.Request), out)
		}
	}
}

func TestWrite_CredentialsAreReferences(t *testing.T) {
	t.Parallel()
	defs := parse(t, []byte(`connectorProfileName: crm/prod
connectorType: Servicenow
connectionMode: Public
connectorProfileProperties: {ServiceNow: {instanceUrl: "https://x.service-now.com"}}
credentialsArn: arn:aws:secretsmanager:x
createdAt: 12
`))
	require.False(t, defs[0].HasCredentials())
	out, notes := written(t, flowfile.YAML, defs...)
	require.Empty(t, notes)
	require.Contains(t, out, "username: ${env:CRM_PROD_USERNAME}")
	require.NotContains(t, out, "secretsmanager")

	out, _ = written(t, flowfile.CloudFormation, defs...)
	var template struct {
		Parameters map[string]map[string]any
		Resources  map[string]map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(out), &template))
	require.Equal(t, true, template.Parameters["CrmProdProfilePassword"]["NoEcho"])
	require.Contains(t, template.Resources, "CrmProdProfile")
	back, err := flowfile.Parse([]byte(out), flowfile.Settings{Parameters: map[string]string{"CrmProdProfilePassword": "p", "CrmProdProfileUsername": "u"}})
	require.NoError(t, err)
	require.JSONEq(t, `{"connectorProfileName":"crm/prod","connectorType":"Servicenow","connectionMode":"Public","connectorProfileConfig":{
		"connectorProfileProperties":{"ServiceNow":{"instanceUrl":"https://x.service-now.com"}},"connectorProfileCredentials":{"ServiceNow":{"username":"u","password":"p"}}}}`, string(back[0].Request))

	out, _ = written(t, flowfile.Terraform, defs...)
	require.Contains(t, out, "variable \"crm_prod_password\" {\n  type      = string\n  sensitive = true\n}")
	require.Contains(t, out, "password = var.crm_prod_password")
	require.Equal(t, "its credentials are missing (usually password, username)", flowfile.WantedCredentials(&defs[0]))
}

func TestWrite_Terraform(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join("testdata", "flows.tf"))
	require.NoError(t, err)
	defs := parse(t, []byte(`
connectorProfileName: crm
connectorType: Salesforce
connectionMode: Public
connectorProfileConfig: {connectorProfileProperties: {Salesforce: {isSandboxEnvironment: true, usePrivateLinkForMetadataAndAuthorization: false}}}
---
flowName: 2-crm
flowStatus: Active
description: every hour
triggerConfig: {triggerType: Scheduled, triggerProperties: {Scheduled: {scheduleExpression: rate(1hours), scheduleStartTime: 2026-01-31T08:00:00Z, flowErrorDeactivationThreshold: 3}}}
sourceFlowConfig: {connectorType: Salesforce, connectorProfileName: crm, sourceConnectorProperties: {Salesforce: {object: Account, enableDynamicFieldUpdate: true}}}
destinationFlowConfigList:
  - connectorType: S3
    destinationConnectorProperties: {S3: {bucketName: lake, s3OutputFormatConfig: {fileType: PARQUET, prefixConfig: {prefixType: PATH, pathPrefixHierarchy: [EXECUTION_ID]}}}}
tasks:
  - {taskType: Filter, sourceFields: [Id], connectorOperator: {Salesforce: PROJECTION}, taskProperties: {}}
  - {taskType: Map, sourceFields: [Id], destinationField: id, connectorOperator: {Salesforce: NO_OP}, taskProperties: {CONCAT_FORMAT: '${Id} "x"', SOURCE_DATA_TYPE: id}}
  - {taskType: Map_all, sourceFields: [], connectorOperator: {Pardot: NO_OP}}
tags: {"cost:center": "7", team: data}
`))
	out, notes := written(t, flowfile.Terraform, defs...)
	require.Equal(t, string(want), out)
	require.Equal(t, []string{
		"flow 2-crm: the provider cannot start a flow; start it with weir start or StartFlow",
		"flow 2-crm: aws_appflow_flow.trigger_config.trigger_properties.scheduled has no argument for flowErrorDeactivationThreshold; it is left out",
		"flow 2-crm: aws_appflow_flow.task.connector_operator has no argument for Pardot; it is left out",
	}, notes)
}
