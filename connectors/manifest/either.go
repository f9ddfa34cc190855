package manifest

import (
	"context"
	"encoding/json"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Or is the connector of custom connectors that looks into the library first: a label that it has is a manifest's, every
// other one is the given connector's.
func (l *Library) Or(other connector.Connector) connector.Connector { return &either{l, other} }

type either struct {
	library *Library
	other   connector.Connector
}

var (
	_ connector.PropertyChecker = (*either)(nil)
	_ connector.OAuthRefiner    = (*either)(nil)
)

// RefineOAuth implements [connector.OAuthRefiner]: a manifest gives the scopes.
func (e *either) RefineOAuth(ctx context.Context, label string, o connector.OAuthEndpoint) (connector.OAuthEndpoint, error) {
	if c := e.library.Find(label); c != nil {
		o.Scopes = c.manifest.Auth.Scopes
		return o, nil
	}
	if other, ok := e.other.(connector.OAuthRefiner); ok {
		return other.RefineOAuth(ctx, label, o)
	}
	return o, nil
}

func (e *either) Spec() *connector.Spec { return e.other.Spec() }

// Connect opens a connection of the profile's label.
func (e *either) Connect(ctx context.Context, cfg connector.Config) (connector.Connection, error) {
	c := e.library.Find(cfg.Label)
	if c == nil {
		return e.other.Connect(ctx, cfg)
	}
	return flattened{c}.Connect(ctx, cfg)
}

// CheckSource and CheckDestination check what holds for every label: a definition does not name one.
func (e *either) CheckSource(props flow.Properties) error {
	if c, ok := e.other.(connector.PropertyChecker); ok {
		return c.CheckSource(props)
	}
	return nil
}

// CheckDestination is as CheckSource.
func (e *either) CheckDestination(props flow.Properties) error {
	if c, ok := e.other.(connector.PropertyChecker); ok {
		return c.CheckDestination(props)
	}
	return nil
}

// Connect opens a connection.
func (f flattened) Connect(ctx context.Context, cfg connector.Config) (connector.Connection, error) {
	cfg, err := flat(cfg)
	if err != nil {
		return nil, err
	}
	return f.Connector.Connect(ctx, cfg)
}

// flat brings the structures of a custom connector's profile into the plain form that manifests read.
func flat(cfg connector.Config) (connector.Config, error) {
	var props struct {
		Settings map[string]string `json:"profileProperties"`
	}
	var credentials struct {
		Basic  map[string]string `json:"basic"`
		APIKey map[string]string `json:"apiKey"`
		OAuth  struct {
			Token string `json:"accessToken"`
		} `json:"oauth2"`
	}
	if cfg.ProfileProperties.Decode(&props) != nil || cfg.ProfileCredentials.Decode(&credentials) != nil {
		return cfg, fault.New(fault.Validation, "the properties or credentials of profile %q cannot be read", cfg.ProfileName)
	}
	plain := map[string]string{}
	for _, part := range []map[string]string{credentials.Basic, credentials.APIKey} {
		for name, value := range part {
			plain[name] = value
		}
	}
	if credentials.OAuth.Token != "" {
		plain["accessToken"] = credentials.OAuth.Token
	}
	var err error
	if cfg.ProfileProperties, err = json.Marshal(props.Settings); err == nil {
		cfg.ProfileCredentials, err = json.Marshal(plain)
	}
	return cfg, fault.Wrap(fault.Internal, err, "reading profile %q", cfg.ProfileName)
}
