package custom

import "slices"

// shown is a checked configuration in the API's words; what follows the blank line is the protocol's own.
type shown struct {
	CanBeSource  bool           `json:"canUseAsSource"`
	CanBeDest    bool           `json:"canUseAsDestination"`
	Destinations []string       `json:"supportedDestinationConnectors,omitempty"`
	Frequencies  []string       `json:"supportedSchedulingFrequencies"`
	Triggers     []string       `json:"supportedTriggerTypes"`
	Owner        string         `json:"connectorOwner"`
	Name         string         `json:"connectorName"`
	Version      string         `json:"connectorVersion"`
	Modes        []string       `json:"connectorModes"`
	Auth         shownAuth      `json:"authenticationConfig"`
	Settings     []shownSetting `json:"connectorRuntimeSettings"`
	APIVersions  []string       `json:"supportedApiVersions"`
	Operators    []string       `json:"supportedOperators"`
	WriteOps     []string       `json:"supportedWriteOperations,omitempty"`
	Transfers    []string       `json:"supportedDataTransferTypes"`
	LogoURL      string         `json:"logoURL,omitempty"`
}

type shownAuth struct {
	IsBasic  bool         `json:"isBasicAuthSupported"`
	IsAPIKey bool         `json:"isApiKeyAuthSupported"`
	IsOAuth2 bool         `json:"isOAuth2Supported"`
	IsCustom bool         `json:"isCustomAuthSupported"`
	OAuth2   *shownOAuth2 `json:"oAuth2Defaults,omitempty"`
	Custom   []shownKind  `json:"customAuthConfigs,omitempty"`
}

type shownOAuth2 struct {
	Scopes     []string         `json:"oauthScopes"`
	TokenURLs  []string         `json:"tokenUrls"`
	AuthURLs   []string         `json:"authCodeUrls"`
	Grants     []string         `json:"oauth2GrantTypesSupported"`
	Properties []shownParameter `json:"oauth2CustomProperties,omitempty"`

	ContentType string `json:"oAuth2ContentType,omitempty"`
	Method      string `json:"oAuth2MethodType,omitempty"`
	BasicHeader bool   `json:"addBasicAuthHeader,omitempty"`
}

type shownKind struct {
	Type       string           `json:"customAuthenticationType"`
	Parameters []shownParameter `json:"authParameters"`
}

type shownParameter struct {
	Key       string   `json:"key"`
	Required  bool     `json:"isRequired"`
	Label     string   `json:"label"`
	About     string   `json:"description"`
	Sensitive bool     `json:"isSensitiveField"`
	Values    []string `json:"connectorSuppliedValues"`
	Type      string   `json:"type,omitempty"`
}

type shownSetting struct {
	Key      string   `json:"key"`
	DataType string   `json:"dataType"`
	Required bool     `json:"isRequired"`
	Label    string   `json:"label"`
	About    string   `json:"description"`
	Scope    string   `json:"scope"`
	Values   []string `json:"connectorSuppliedValueOptions,omitempty"`
}

// shown writes a checked answer. Lists that the API always shows are empty rather than absent.
func (a *answered) shown() shown {
	s := shown{
		CanBeSource: slices.Contains(a.Modes, "SOURCE"), CanBeDest: slices.Contains(a.Modes, "DESTINATION"),
		Frequencies: a.Frequencies, Owner: a.Owner, Name: a.Name, Version: a.Version, Modes: a.Modes, APIVersions: a.APIVersions,
		Operators: a.Operators, WriteOps: a.WriteOps, Transfers: a.TransferTypes, LogoURL: a.LogoURL, Settings: []shownSetting{},
	}
	for _, t := range []struct{ theirs, ours string }{{"ONDEMAND", "OnDemand"}, {"SCHEDULED", "Scheduled"}} {
		if slices.Contains(a.Triggers, t.theirs) {
			s.Triggers = append(s.Triggers, t.ours)
		}
	}
	if s.CanBeSource {
		for _, d := range Spec().Destinations {
			s.Destinations = append(s.Destinations, string(d))
		}
	}
	for _, x := range a.Settings {
		s.Settings = append(s.Settings, shownSetting(x))
	}
	s.Auth = shownAuth{IsBasic: a.Auth.IsBasic, IsAPIKey: a.Auth.IsAPIKey, IsOAuth2: a.Auth.IsOAuth2, IsCustom: a.Auth.IsCustom}
	if o := a.Auth.OAuth2; o != nil {
		s.Auth.OAuth2 = &shownOAuth2{
			Scopes: full(o.Scopes), TokenURLs: full(o.TokenURLs), AuthURLs: full(o.AuthURLs), Grants: full(o.Grants),
			Properties: showParameters(o.parameters()), ContentType: o.ContentType, Method: o.Method, BasicHeader: o.BasicHeader,
		}
	}
	for _, c := range a.Auth.Custom {
		s.Auth.Custom = append(s.Auth.Custom, shownKind{Type: c.Type, Parameters: showParameters(c.Parameters)})
	}
	return s
}

func showParameters(list []parameter) []shownParameter {
	out := make([]shownParameter, len(list))
	for i, p := range list {
		out[i] = shownParameter{
			Key: p.Key, Required: p.Required, Label: p.Label, About: p.About, Sensitive: p.Sensitive, Values: full(p.Values), Type: urlKind(p.Type),
		}
	}
	return out
}

// full is the list, never nil.
func full(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
