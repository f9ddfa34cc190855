package server_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors"
	"weir.dev/weir/internal/server"
)

var updateGolden = flag.Bool("update", false, "write the golden files")

// everyConnector gives a rig the whole catalogue.
func everyConnector(o *server.Options) { o.Connectors = connectors.All() }

func TestDescribeConnector_AnswersOfAllTypes(t *testing.T) {
	t.Parallel()
	g := newRig(t, everyConnector)
	for _, spec := range connectors.All().Specs() {
		if spec.Type == "CustomConnector" {
			continue // it goes by label
		}
		t.Run(string(spec.Type), func(t *testing.T) {
			a := g.send("POST", "/describe-connector", `{"connectorType":"`+string(spec.Type)+`"}`)
			require.Equal(t, 200, a.status, a.body)
			var got bytes.Buffer
			require.NoError(t, json.Indent(&got, []byte(a.body), "", "  "))
			got.WriteByte('\n')
			file := filepath.Join("testdata", "connectors", string(spec.Type)+".json")
			if *updateGolden {
				require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
		})
	}
}

func TestDescribeConnectors_PagesThroughAllOrSomeTypes(t *testing.T) {
	t.Parallel()
	g := newRig(t, everyConnector)
	ctx, c := t.Context(), g.client(region)
	var seen []types.ConnectorType
	pages := appflow.NewDescribeConnectorsPaginator(c, &appflow.DescribeConnectorsInput{MaxResults: aws.Int32(7)})
	for n := 0; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		require.Len(t, page.ConnectorConfigurations, len(page.Connectors))
		require.LessOrEqual(t, len(page.Connectors), 7)
		for _, d := range page.Connectors {
			seen = append(seen, d.ConnectorType)
			full, ok := page.ConnectorConfigurations[string(d.ConnectorType)]
			require.True(t, ok, d.ConnectorType)
			require.Equal(t, d.ConnectorName, full.ConnectorName)
			require.Equal(t, d.ConnectorModes, full.ConnectorModes)
		}
	}
	require.Len(t, seen, 24)

	some, err := c.DescribeConnectors(ctx, &appflow.DescribeConnectorsInput{ConnectorTypes: []types.ConnectorType{types.ConnectorTypeMarketo, types.ConnectorTypeSalesforce}})
	require.NoError(t, err)
	require.Len(t, some.ConnectorConfigurations, 2)
	require.Nil(t, some.NextToken)
	salesforce, marketo := some.ConnectorConfigurations["Salesforce"], some.ConnectorConfigurations["Marketo"]
	require.Equal(t, []string{"api", "refresh_token", "id"}, salesforce.ConnectorMetadata.Salesforce.OAuthScopes)
	require.ElementsMatch(t, []types.TriggerType{types.TriggerTypeScheduled, types.TriggerTypeOndemand, types.TriggerTypeEvent}, salesforce.SupportedTriggerTypes)
	require.True(t, salesforce.IsPrivateLinkEnabled)
	require.NotContains(t, marketo.SupportedSchedulingFrequencies, types.ScheduleFrequencyTypeByminute)
	require.Contains(t, salesforce.SupportedSchedulingFrequencies, types.ScheduleFrequencyTypeByminute)

	first := g.post("/describe-connectors", `{"maxResults":1}`)
	g.refused("/describe-connectors", `{"nextToken":"`+first["nextToken"].(string)+`","connectorTypes":["S3"]}`, 400, "ValidationException", "nextToken")
	g.refused("/describe-connectors", `{"maxResults":101}`, 400, "ValidationException", "maxResults")
	g.refused("/describe-connectors", `{"connectorTypes":["Nothing"]}`, 400, "ValidationException", "connectorTypes")
}

func TestDescribeConnector_ByLabel(t *testing.T) {
	t.Parallel()
	g := newRig(t, everyConnector)
	ctx, c := t.Context(), g.client(region)
	_, err := c.DescribeConnector(ctx, &appflow.DescribeConnectorInput{ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("unknown")})
	var none *types.ResourceNotFoundException
	require.ErrorAs(t, err, &none)
	_, err = c.DescribeConnector(ctx, &appflow.DescribeConnectorInput{ConnectorType: types.ConnectorTypeCustomconnector})
	var invalid *types.ValidationException
	require.ErrorAs(t, err, &invalid)
	require.Contains(t, invalid.ErrorMessage(), "connectorLabel")
	out, err := c.DescribeConnector(ctx, &appflow.DescribeConnectorInput{ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("HubSpot")})
	require.NoError(t, err, "connectors that AWS has written need no registration")
	require.Equal(t, "HubSpot", *out.ConnectorConfiguration.ConnectorLabel)
	require.True(t, strings.Contains(*out.ConnectorConfiguration.ConnectorDescription, "not in this build"))
}
