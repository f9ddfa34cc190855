package server

import (
	"context"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// describeConnector describes one connector type, or one registered connector
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_DescribeConnector.html).
func (s *Server) describeConnector(ctx context.Context, c *call, in *wire.DescribeConnectorInput) (*wire.DescribeConnectorOutput, error) {
	t := flow.ConnectorType(*in.ConnectorType)
	spec := s.Connectors.Spec(t)
	if spec == nil {
		return nil, fault.New(fault.NotFound, "Connector %s does not exist.", t)
	}
	if t != flow.CustomConnector {
		return &wire.DescribeConnectorOutput{ConnectorConfiguration: ptr(configurationOut(spec))}, nil
	}
	if in.ConnectorLabel == nil {
		return nil, fault.New(fault.Validation, "1 validation error detected: Value at 'connectorLabel' failed to satisfy constraint: "+
			"Member must not be null when connectorType is CustomConnector")
	}
	label := *in.ConnectorLabel
	var r *flow.Registration
	err := s.Store.Read(ctx, func(tx store.ReadTx) (err error) {
		r, err = registrationByLabel(ctx, tx, label)
		return err
	})
	if fault.Is(err, fault.NotFound) && flow.IsAuthoredLabel(label) {
		return &wire.DescribeConnectorOutput{ConnectorConfiguration: ptr(authoredOut(spec, label))}, nil
	}
	if err != nil {
		return nil, err
	}
	return &wire.DescribeConnectorOutput{ConnectorConfiguration: ptr(registrationOut(c, r))}, nil
}

// configurationOut is what a connector says of itself, in the API's words.
func configurationOut(s *connector.Spec) wire.ConnectorConfiguration {
	out := wire.ConnectorConfiguration{
		ConnectorType: ptr(wire.ConnectorType(s.Type)), ConnectorName: ptr(s.Name), ConnectorDescription: ptr(s.Summary),
		CanUseAsSource: ptr(s.CanBeSource), CanUseAsDestination: ptr(s.CanBeDest), ConnectorModes: s.Modes(),
		IsPrivateLinkEnabled: ptr(s.PrivateLink), IsPrivateLinkEndpointUrlRequired: ptr(false),
		SupportedDestinationConnectors: convertList[wire.ConnectorType](s.Destinations),
		SupportedTriggerTypes:          convertList[wire.TriggerType](s.Triggers),
		SupportedSchedulingFrequencies: convertList[wire.ScheduleFrequencyType](s.Frequencies()),
		SupportedOperators:             convertList[wire.Operators](flow.OperatorsOf(s.Type)),
		SupportedWriteOperations:       convertList[wire.WriteOperationType](s.WriteOperations),
		SupportedDataTransferTypes:     convertList[wire.SupportedDataTransferType](s.Moves()),
		SupportedApiVersions:           s.APIVersions,
		ConnectorMetadata:              metadataOut(s),
		AuthenticationConfig:           authenticationOut(&s.Auth),
	}
	for _, name := range s.TransferAPIs {
		kind := wire.DataTransferApiType("AUTOMATIC")
		switch name {
		case "BULKV2":
			kind = "ASYNC"
		case "REST_SYNC":
			kind = "SYNC"
		}
		out.SupportedDataTransferApis = append(out.SupportedDataTransferApis, wire.DataTransferApi{Name: ptr(name), Type: ptr(kind)})
	}
	return out
}

// metadataOut fills the member of ConnectorMetadata that the connector has; some types have none.
func metadataOut(s *connector.Spec) *wire.ConnectorMetadata {
	out := &wire.ConnectorMetadata{}
	member := out.NewMember(s.Type.Member())
	if member == nil {
		return nil
	}
	var scopes []string
	var grants []wire.OAuth2GrantType
	if o := s.Auth.OAuth; o != nil {
		scopes, grants = o.Scopes, convertList[wire.OAuth2GrantType](o.Grants)
	}
	switch m := member.(type) {
	case *wire.GoogleAnalyticsMetadata:
		m.OAuthScopes = scopes
	case *wire.HoneycodeMetadata:
		m.OAuthScopes = convertList[string](scopes)
	case *wire.SalesforceMetadata:
		m.OAuthScopes, m.Oauth2GrantTypesSupported = scopes, grants
		m.DataTransferApis = convertList[wire.SalesforceDataTransferApi](s.TransferAPIs)
	case *wire.SlackMetadata:
		m.OAuthScopes = scopes
	case *wire.SnowflakeMetadata:
		m.SupportedRegions = convertList[string](s.Regions)
	case *wire.ZendeskMetadata:
		m.OAuthScopes = scopes
	}
	return out
}

// authenticationOut says how profiles authenticate; nil for a connector that takes none.
func authenticationOut(a *connector.Auth) *wire.AuthenticationConfig {
	if len(a.Kinds) == 0 {
		return nil
	}
	out := &wire.AuthenticationConfig{
		IsBasicAuthSupported: ptr(false), IsApiKeyAuthSupported: ptr(false), IsOAuth2Supported: ptr(false), IsCustomAuthSupported: ptr(false),
	}
	for _, kind := range a.Kinds {
		switch kind {
		case connector.AuthBasic:
			*out.IsBasicAuthSupported = true
		case connector.AuthAPIKey:
			*out.IsApiKeyAuthSupported = true
		case connector.AuthOAuth2:
			*out.IsOAuth2Supported = true
		case connector.AuthCustom:
			*out.IsCustomAuthSupported = true
		}
	}
	if o := a.OAuth; o != nil {
		out.OAuth2Defaults = &wire.OAuth2Defaults{
			OauthScopes: convertList[string](o.Scopes), AuthCodeUrls: convertList[string](o.AuthURLs), TokenUrls: convertList[string](o.TokenURLs),
			Oauth2GrantTypesSupported: convertList[wire.OAuth2GrantType](o.Grants),
		}
	}
	return out
}

// authoredOut describes a connector of AWS's own that goes by a label. Its code is not public: what this build knows is
// that flows and profiles may name it.
func authoredOut(s *connector.Spec, label string) wire.ConnectorConfiguration {
	out := configurationOut(s)
	out.ConnectorLabel, out.ConnectorName, out.ConnectorOwner = ptr(label), ptr(label), ptr("AWS")
	out.ConnectorDescription = ptr("A connector written by AWS. It is not in this build: its profiles and flows can be defined, and not run.")
	return out
}
