package cli

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	zendesk "weir.dev/weir/connectors/zendesk/fake"
	"weir.dev/weir/internal/trial"
)

// deskProfile is a file with a profile of the double's, for the connector type and for a manifest of it.
func deskProfile(t *testing.T, url, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profiles.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
connectorProfileName: main
connectorType: Zendesk
connectionMode: Public
connectorProfileConfig:
  connectorProfileProperties: {Zendesk: {instanceUrl: "`+url+`"}}
  connectorProfileCredentials: {Zendesk: {clientId: c, clientSecret: s, accessToken: `+token+`}}
---
connectorProfileName: own
connectorType: CustomConnector
connectorLabel: zendesk
connectionMode: Public
connectorProfileConfig:
  connectorProfileProperties: {CustomConnector: {profileProperties: {instanceUrl: "`+url+`"}, oAuth2Properties: {tokenUrl: "`+url+`/oauth/tokens", oAuth2GrantType: AUTHORIZATION_CODE}}}
  connectorProfileCredentials: {CustomConnector: {authenticationType: OAUTH2, oauth2: {clientId: c, clientSecret: s, accessToken: `+token+`}}}
`), 0o600))
	return path
}

func TestConnectorTest_AConnectorAndAManifest(t *testing.T) {
	t.Parallel()
	desk := httptest.NewServer(zendesk.New(zendesk.Options{Seed: 1, Records: 150, Token: "canary-token"}))
	t.Cleanup(desk.Close)
	profile := deskProfile(t, desk.URL, "canary-token")
	for _, what := range []string{"zendesk", "../../connectors/zendesk/zendesk.yaml"} {
		var out bytes.Buffer
		code := execute(t.Context(), []string{"connector", "test", what, "--profile", profile, "--entity", "users", "--allow-network", "127.0.0.0/8", "-o", "json"}, &out, &out)
		require.Equal(t, exitDone, code, out.String())
		require.NotContains(t, out.String(), "canary-token")
		var report struct{ Findings []trial.Finding }
		require.NoError(t, json.Unmarshal(out.Bytes(), &report))
		passed := map[string]bool{}
		for _, f := range report.Findings {
			passed[f.Check] = f.Outcome == trial.Passed
		}
		require.True(t, passed["records are read, page by page"])
		require.True(t, passed["wrong credentials are refused"])
	}
	var out bytes.Buffer
	code := execute(t.Context(), []string{"connector", "test", "zendesk", "--profile", deskProfile(t, desk.URL, "another"), "--allow-network", "127.0.0.0/8"}, &out, &out)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out.String(), "failed   the profile is accepted")
}

func TestConnectorTest_BadUsage(t *testing.T) {
	t.Parallel()
	profile := deskProfile(t, "http://127.0.0.1:1", "x")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(bad, []byte("name: bad\n"), 0o600))
	for _, args := range [][]string{
		{"zendesk"},
		{"zendesk", "--profile", "none.yaml"},
		{"zendesk", "--profile", profile, "--profile-name", "another"},
		{"s3", "--profile", profile},
		{"nobody", "--profile", profile},
		{"none.yaml", "--profile", profile},
		{bad, "--profile", profile},
	} {
		var out bytes.Buffer
		require.Equal(t, exitUsage, execute(t.Context(), append([]string{"connector", "test"}, args...), &out, &out), "%v: %s", args, out.String())
	}
}
