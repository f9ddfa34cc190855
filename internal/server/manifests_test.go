package server_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// folder stands for a folder of manifests.
type folder []string

func (f folder) Manifest(label string) *flow.Registration {
	for _, known := range f {
		if known == label {
			return &flow.Registration{Label: label, Config: flow.Properties(`{"connectorName":"` + label + `","connectorModes":["SOURCE"]}`), Description: aws.String("a manifest")}
		}
	}
	return nil
}

func (f folder) Manifests() (list []*flow.Registration) {
	for _, label := range f {
		list = append(list, f.Manifest(label))
	}
	return list
}

func TestManifests_AreListedAmongTheRegistered(t *testing.T) {
	t.Parallel()
	labels := folder{"aa", "cc", "shop-2", "zz"}
	hidden := folder{}
	g, _ := withRegistrar(t, func(o *server.Options) { o.Manifests = &hidden })
	ctx, c := t.Context(), g.client(region)
	for i := range 4 {
		_, err := c.RegisterConnector(ctx, registering(fmt.Sprintf("shop-%d", i)))
		require.NoError(t, err)
	}
	hidden = labels // from now on; one of them hides a registered connector
	var listed, descriptions []string
	for p := appflow.NewListConnectorsPaginator(c, &appflow.ListConnectorsInput{MaxResults: aws.Int32(3)}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		require.NoError(t, err)
		require.LessOrEqual(t, len(out.Connectors), 3)
		for _, x := range out.Connectors {
			listed = append(listed, *x.ConnectorLabel)
			if *x.ConnectorLabel == "shop-2" {
				descriptions = append(descriptions, aws.ToString(x.ConnectorDescription))
			}
		}
	}
	require.Equal(t, []string{"aa", "cc", "shop-0", "shop-1", "shop-2", "shop-3", "zz"}, listed)
	require.Equal(t, []string{"a manifest"}, descriptions)

	described, err := c.DescribeConnector(ctx, &appflow.DescribeConnectorInput{ConnectorType: types.ConnectorTypeCustomconnector, ConnectorLabel: aws.String("zz")})
	require.NoError(t, err)
	require.Nil(t, described.ConnectorConfiguration.ConnectorProvisioningConfig)
	_, err = c.TagResource(ctx, &appflow.TagResourceInput{ResourceArn: described.ConnectorConfiguration.ConnectorArn, Tags: map[string]string{"team": "data"}})
	var refused *types.ValidationException
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.ErrorMessage(), "is a manifest")
}

func TestTagResource_AProfilesBudgetHasToMakeSense(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	require.NoError(t, g.store.Write(t.Context(), func(tx store.Tx) error {
		return tx.ProfilePut(t.Context(), &store.Profile{Profile: flow.Profile{Name: "crm", Connector: flow.Zendesk}})
	}))
	arn := "arn:aws:appflow:eu-west-1:111122223333:connectorprofile/crm"
	c := g.client(region)
	_, err := c.TagResource(t.Context(), &appflow.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"weir:calls-per-day": "10000", "team": "data"}})
	require.NoError(t, err)
	for tag, value := range map[string]string{"weir:calls-per-minute": "none", "weir:drift": "fail"} {
		_, err = c.TagResource(t.Context(), &appflow.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{tag: value}})
		var refused *types.ValidationException
		require.ErrorAs(t, err, &refused)
		require.Contains(t, refused.ErrorMessage(), tag)
	}
}
