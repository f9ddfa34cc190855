package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func TestConfigureOne_ReadsProfilesFromAFile(t *testing.T) {
	t.Parallel()
	const singular = `{"connectorProfileName":"s","connectorType":"Singular","connectionMode":"Public","connectorProfileConfig":{"connectorProfileProperties":{"Singular":{}},"connectorProfileCredentials":{"Singular":{"apiKey":"k"}}}}`
	for name, text := range map[string]string{
		"JSON":   singular,
		"a list": "[" + singular + "]",
		"YAML": `connectorProfileName: s
connectorType: Singular
connectionMode: Public
connectorProfileConfig:
  connectorProfileProperties: {Singular: {}}
  connectorProfileCredentials: {Singular: {apiKey: k}}
---
connectorProfileName: d
connectorType: Datadog
connectionMode: Public
connectorProfileConfig:
  connectorProfileProperties: {Datadog: {instanceUrl: https://api.datadoghq.com}}
  connectorProfileCredentials: {Datadog: {apiKey: a, applicationKey: b}}
`,
	} {
		path := filepath.Join(t.TempDir(), "profiles")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		configure, err := configureOne(Config{ProfileFile: path}, nil, connectors.All(), slog.New(slog.DiscardHandler))
		require.NoError(t, err, name)
		cfg, err := configure(t.Context(), flow.Singular, "s", "")
		require.NoError(t, err, name)
		require.JSONEq(t, `{"apiKey":"k"}`, string(cfg.ProfileCredentials), name)
		_, err = configure(t.Context(), flow.Singular, "none", "")
		require.True(t, fault.Is(err, fault.NotFound), name)
	}
	configure, err := configureOne(Config{}, nil, connectors.All(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, err = configure(t.Context(), flow.Singular, "s", "")
	require.ErrorContains(t, err, "--profile")
}

func TestReadProfiles_RefusesWithoutQuoting(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "there are none",
		"canary: [":              "neither JSON nor YAML",
		"canary":                 "profile 1",
		`{"connectorType":"S3"}`: "profile 1",
		`{"connectorProfileName":"v","connectorType":"Veeva","connectionMode":"Public","connectorProfileConfig":{"connectorProfileProperties":{"Veeva":{"instanceUrl":"https://v"}},"connectorProfileCredentials":{"Veeva":{"username":"u","password":["canary"]}}}}`: "password",
		`{"connectorProfileName":"n","connectorType":"Servicenow","connectionMode":"Public","connectorProfileConfig":{"connectorProfileProperties":{"ServiceNow":{"instanceUrl":"https://v"}},"connectorProfileCredentials":{"ServiceNow":{"password":"canary"}}}}`:   "username and password are needed",
	} {
		path := filepath.Join(t.TempDir(), "profiles")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := readProfiles(path)
		require.True(t, fault.Is(err, fault.Validation), text)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
	_, err := readProfiles(filepath.Join(t.TempDir(), "none"))
	require.True(t, fault.Is(err, fault.Validation))
}
