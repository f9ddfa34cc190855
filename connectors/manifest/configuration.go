package manifest

import (
	"encoding/json"
	"strings"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// configuration is what DescribeConnector shows of a custom connector, as far as a manifest decides it
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ConnectorConfiguration.html). The digest is none of the API's
// members: it makes the configuration differ whenever the manifest does.
type configuration struct {
	CanBeSource  bool                 `json:"canUseAsSource"`
	CanBeDest    bool                 `json:"canUseAsDestination"`
	Destinations []flow.ConnectorType `json:"supportedDestinationConnectors,omitempty"`
	Frequencies  []string             `json:"supportedSchedulingFrequencies"`
	Triggers     []flow.TriggerType   `json:"supportedTriggerTypes"`
	Owner        string               `json:"connectorOwner"`
	Name         string               `json:"connectorName"`
	Version      string               `json:"connectorVersion"`
	Modes        []string             `json:"connectorModes"`
	Auth         shownAuth            `json:"authenticationConfig"`
	Settings     []shownSetting       `json:"connectorRuntimeSettings"`
	Operators    []flow.Operator      `json:"supportedOperators"`
	WriteOps     []string             `json:"supportedWriteOperations,omitempty"`
	Transfers    []string             `json:"supportedDataTransferTypes"`
	Digest       string               `json:"manifestDigest,omitempty"`
}

type shownAuth struct {
	IsBasic  bool         `json:"isBasicAuthSupported"`
	IsAPIKey bool         `json:"isApiKeyAuthSupported"`
	IsOAuth2 bool         `json:"isOAuth2Supported"`
	IsCustom bool         `json:"isCustomAuthSupported"`
	OAuth2   *shownOAuth2 `json:"oAuth2Defaults,omitempty"`
}

type shownOAuth2 struct {
	Scopes    []string `json:"oauthScopes"`
	TokenURLs []string `json:"tokenUrls"`
	AuthURLs  []string `json:"authCodeUrls"`
	Grants    []string `json:"oauth2GrantTypesSupported"`
}

type shownSetting struct {
	Key      string `json:"key"`
	DataType string `json:"dataType"`
	Required bool   `json:"isRequired"`
	Label    string `json:"label"`
	About    string `json:"description"`
	Scope    string `json:"scope"`
}

// Configuration describes the connector as DescribeConnector shows custom connectors: the members that a registered one
// answers about itself. A manifest declares no versions of an API; flows need not name one.
func (c *Connector) Configuration() (flow.Properties, error) {
	m, digest := c.manifest, c.digest
	s := configuration{
		Frequencies: []string{"BYMINUTE", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "ONCE"}, Triggers: c.spec.Triggers,
		Owner: m.Owner, Name: m.Name, Version: m.Version, Modes: []string{}, Settings: []shownSetting{}, Operators: flow.OperatorsOf(c.spec.Type),
		Transfers: []string{"RECORD"}, Digest: digest, Auth: m.Auth.shown(),
	}
	if s.Owner == "" {
		s.Owner = "Manifest"
	}
	if s.Version == "" {
		s.Version = digest[:min(len(digest), 12)]
	}
	writes := map[string]bool{}
	for i := range m.Entities {
		e := &m.Entities[i]
		s.CanBeSource = s.CanBeSource || e.Read != nil
		for _, name := range operations {
			writes[name] = writes[name] || e.Write != nil && e.Write.operation(name) != nil
		}
	}
	for _, name := range operations {
		if writes[name] {
			s.WriteOps = append(s.WriteOps, name)
		}
	}
	if s.CanBeSource {
		s.Modes, s.Destinations = append(s.Modes, "SOURCE"), c.spec.Destinations
	}
	if s.CanBeDest = len(s.WriteOps) > 0; s.CanBeDest {
		s.Modes = append(s.Modes, "DESTINATION")
	}
	if strings.HasPrefix(m.Base, "{instanceUrl}") {
		s.Settings = append(s.Settings, shownSetting{
			Key: "instanceUrl", DataType: "String", Required: true, Label: "Instance URL", About: "The account's address, such as https://example.com.", Scope: "CONNECTOR_PROFILE",
		})
	}
	for _, x := range m.Settings {
		label := x.Label
		if label == "" {
			label = x.Name
		}
		s.Settings = append(s.Settings, shownSetting{Key: x.Name, DataType: "String", Required: !x.Optional, Label: label, About: x.Description, Scope: "CONNECTOR_PROFILE"})
	}
	raw, err := json.Marshal(s)
	return raw, fault.Wrap(fault.Internal, err, "describing the manifest of %s", m.Name)
}

func (a *Auth) shown() shownAuth {
	s := shownAuth{IsBasic: a.Kind == "basic", IsAPIKey: a.Kind == "apiKey", IsOAuth2: a.Kind == "oauth2"}
	if !s.IsOAuth2 {
		return s
	}
	s.OAuth2 = &shownOAuth2{Scopes: append([]string{}, a.Scopes...), TokenURLs: list(a.TokenURL), AuthURLs: list(a.AuthURL), Grants: a.Grants}
	if len(a.Grants) == 0 {
		s.OAuth2.Grants = []string{"AUTHORIZATION_CODE", "CLIENT_CREDENTIALS"}
	}
	return s
}

// list holds a text, or nothing when it is empty; the API shows empty lists.
func list(text string) []string {
	if text == "" {
		return []string{}
	}
	return []string{text}
}
