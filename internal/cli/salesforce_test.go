package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	salesforce "weir.dev/weir/connectors/salesforce/fake"
)

// accountFlow moves accounts to a folder: some fields, one of them the owner's, those of banks and shops alone.
func accountFlow(properties, filter string) string {
	fields := []string{"Id", "Name", "Industry", "AnnualRevenue", "NumberOfEmployees", "Active__c", "BillingCity", "BillingLatitude", "Description", "CreatedDate", "Owner.Username"}
	tasks := []string{`{"sourceFields":["` + strings.Join(fields, `","`) + `"],"taskType":"Filter","taskProperties":{},"connectorOperator":{"Salesforce":"PROJECTION"}}`}
	for _, name := range fields {
		tasks = append(tasks, fmt.Sprintf(`{"sourceFields":[%q],"destinationField":%q,"taskType":"Map","taskProperties":{},"connectorOperator":{"Salesforce":"NO_OP"}}`, name, strings.ReplaceAll(name, ".", "_")))
	}
	return `{"flowName":"accounts","triggerConfig":{"triggerType":"OnDemand"},
		"sourceFlowConfig":{"connectorType":"Salesforce","connectorProfileName":"sample","sourceConnectorProperties":{"Salesforce":{"object":"account"` + properties + `}}},
		"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"lake","s3OutputFormatConfig":{"fileType":"CSV"}}}}],
		"tasks":[` + filter + strings.Join(tasks, ",") + `]}`
}

const banksAndShops = `{"sourceFields":["Industry"],"taskType":"Filter","taskProperties":{"DATA_TYPE":"picklist","VALUES":"Banking,Retail"},"connectorOperator":{"Salesforce":"EQUAL_TO"}},`

// moved runs a flow and returns the lines of the files that it makes, sorted.
func moved(t *testing.T, profile, define string) []string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "flow.json")
	require.NoError(t, os.WriteFile(file, []byte(define), 0o600))
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{
		"run", file, "--profile", profile, "--allow-network", "127.0.0.0/8", "--bucket", "lake=file://" + dir + "/lake", "-q", "-o", "json",
	}, &stdout, &stderr)
	require.Equal(t, exitDone, code, stderr.String())
	var lines []string
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "lake"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		lines = append(lines, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
		return err
	}))
	slices.Sort(lines)
	return lines
}

func TestSimulate_SalesforceByBothAPIs(t *testing.T) {
	t.Parallel()
	profile := filepath.Join(t.TempDir(), "profile.yaml")
	require.NoError(t, os.WriteFile(profile, []byte(simulated(t, "salesforce", "--seed", "9", "--records", "2500")), 0o600))
	want := moved(t, profile, accountFlow(`,"dataTransferApi":"REST_SYNC"`, banksAndShops))
	require.Greater(t, len(want), 400)
	require.Less(t, len(want), 1500)
	require.Contains(t, strings.Join(want, "\n"), "admin@example.com")
	require.Equal(t, want, moved(t, profile, accountFlow(`,"dataTransferApi":"BULKV2"`, banksAndShops)))
	require.Equal(t, want, moved(t, profile, accountFlow(``, banksAndShops)))
}

// assertion is a JWT that ends at a time; the org does not look at its signature.
func assertion(end time.Time) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"RS256"}`) + "." + part(fmt.Sprintf(`{"iss":"app","sub":"admin@example.com","aud":"https://login.salesforce.com","exp":%d}`, end.Unix())) + ".c2ln"
}

// The token's own address counts, refresh tokens rotate, and JWTs are exchanged; each before a run that then succeeds.
func TestRun_SalesforceGrants(t *testing.T) { // not parallel: it sets the environment
	org := salesforce.New(salesforce.Options{Accounts: 30, ClientID: "app", ClientSecret: "app-secret", RotateRefresh: true, Token: "of nobody"})
	server := httptest.NewServer(org)
	defer server.Close()
	t.Setenv("WEIR_ENDPOINT_URL_SALESFORCE_AUTH", server.URL)
	t.Setenv("WEIR_OAUTH_SALESFORCE_CLIENT_ID", "app")
	t.Setenv("WEIR_OAUTH_SALESFORCE_CLIENT_SECRET", "app-secret")
	org.AddRefreshToken("first-refresh")
	for name, credentials := range map[string]string{
		"refresh": `{accessToken: "expired", refreshToken: "first-refresh"}`,
		"JWT":     `{oAuth2GrantType: JWT_BEARER, jwtToken: "` + assertion(time.Now().Add(time.Minute)) + `"}`,
	} {
		profile := filepath.Join(t.TempDir(), "profile.yaml")
		text := `connectorProfileName: sample
connectorType: Salesforce
connectionMode: Public
connectorProfileConfig:
  connectorProfileProperties: {Salesforce: {instanceUrl: "` + server.URL + `"}}
  connectorProfileCredentials: {Salesforce: ` + credentials + `}
`
		require.NoError(t, os.WriteFile(profile, []byte(text), 0o600))
		lines := moved(t, profile, accountFlow("", ""))
		require.GreaterOrEqual(t, len(lines), 31, name)
	}
}
