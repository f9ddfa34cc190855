package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

// prover stands for package profile: it "seals" by counting, and answers what it is told to.
type prover struct {
	mu     sync.Mutex
	calls  []proof
	answer func(p proof) error // nil finds everything right
}

// proof is what the server asked.
type proof struct {
	profile flow.Profile
	given   flow.Properties
	stored  []byte
}

func (v *prover) Prove(_ context.Context, p *flow.Profile, given flow.Properties, stored []byte) ([]byte, error) {
	v.mu.Lock()
	v.calls = append(v.calls, proof{*p, given, stored})
	n, answer := len(v.calls), v.answer
	v.mu.Unlock()
	if answer != nil {
		if err := answer(proof{*p, given, stored}); err != nil {
			return nil, err
		}
	}
	return fmt.Appendf(nil, "sealed %d", n), nil
}

func (v *prover) seen() []proof {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]proof(nil), v.calls...)
}

func (v *prover) fails(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = func(proof) error { return err }
}

func newProfileRig(t testing.TB, changes ...change) (*rig, *prover) {
	v := &prover{}
	return newRig(t, append([]change{func(o *server.Options) { o.Profiles = v }}, changes...)...), v
}

func (g *rig) profile(name string) *store.Profile {
	g.t.Helper()
	var p *store.Profile
	require.NoError(g.t, g.store.Read(g.t.Context(), func(tx store.ReadTx) (err error) {
		p, err = tx.ProfileGet(g.t.Context(), name)
		return err
	}))
	return p
}

// typedProfile is one connector type's members, filled as far as they go together. SECRET stands for a secret.
type typedProfile struct {
	connector    flow.ConnectorType
	label        string
	props, creds string
}

const (
	oAuthRequestJSON = `"oAuthRequest":{"authCode":"SECRET","redirectUri":"https://weir.example/callback","codeVerifier":"SECRET"}`
	tokensJSON       = `"accessToken":"SECRET","refreshToken":"SECRET",` + oAuthRequestJSON
	clientJSON       = `"clientId":"client","clientSecret":"SECRET"`
	instanceJSON     = `{"instanceUrl":"https://vendor.example"}`
	roleJSON         = `"arn:aws:iam::111122223333:role/weir"`
)

// typedProfiles has every member of every connector type's profile, in one profile or in several where members exclude
// each other.
var typedProfiles = []typedProfile{
	{flow.Amplitude, "", `{}`, `{"apiKey":"SECRET","secretKey":"SECRET"}`},
	{flow.Datadog, "", instanceJSON, `{"apiKey":"SECRET","applicationKey":"SECRET"}`},
	{flow.Dynatrace, "", instanceJSON, `{"apiToken":"SECRET"}`},
	{flow.GoogleAnalytics, "", `{}`, `{` + clientJSON + `,` + tokensJSON + `}`},
	{flow.Honeycode, "", `{}`, `{` + tokensJSON + `}`},
	{flow.InforNexus, "", instanceJSON, `{"accessKeyId":"SECRET","userId":"user","secretAccessKey":"SECRET","datakey":"SECRET"}`},
	{flow.Marketo, "", instanceJSON, `{` + clientJSON + `,"accessToken":"SECRET",` + oAuthRequestJSON + `}`},
	{flow.Pardot, "", `{"instanceUrl":"https://vendor.example","isSandboxEnvironment":false,"businessUnitId":"0Uv000000000001"}`,
		`{` + tokensJSON + `,"clientCredentialsArn":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:SECRET"}`},
	{flow.Redshift, "", `{"databaseUrl":"jdbc:redshift://h:5439/d","bucketName":"staging","bucketPrefix":"","roleArn":` + roleJSON + `}`,
		`{"username":"user","password":"SECRET"}`},
	{flow.Redshift, "", `{"clusterIdentifier":"c","databaseName":"d","dataApiRoleArn":` + roleJSON + `,"bucketName":"staging","bucketPrefix":"in","roleArn":` + roleJSON + `}`, ``},
	{flow.Redshift, "", `{"workgroupName":"w","isRedshiftServerless":true,"databaseName":"d","dataApiRoleArn":` + roleJSON + `,"bucketName":"staging","roleArn":` + roleJSON + `}`, ``},
	{flow.Salesforce, "", `{"instanceUrl":"https://acme.my.salesforce.com","isSandboxEnvironment":true,"usePrivateLinkForMetadataAndAuthorization":false}`,
		`{` + tokensJSON + `,"oAuth2GrantType":"JWT_BEARER","jwtToken":"aGVhZA.cGF5.SECRET","clientCredentialsArn":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:SECRET"}`},
	{flow.SAPOData, "", `{"applicationHostUrl":"https://sap.example","applicationServicePath":"/sap/opu","portNumber":443,"clientNumber":"100",` +
		`"logonLanguage":"EN","privateLinkServiceName":"com.amazonaws.vpce.eu-west-1.vpce-svc-1","disableSSO":false,` +
		`"oAuthProperties":{"tokenUrl":"https://sap.example/token","authCodeUrl":"https://sap.example/auth","oAuthScopes":["a","b"]}}`,
		`{"oAuthCredentials":{` + clientJSON + `,` + tokensJSON + `}}`},
	{flow.SAPOData, "", `{"applicationHostUrl":"https://sap.example","applicationServicePath":"/sap/opu","portNumber":443,"clientNumber":"100"}`,
		`{"basicAuthCredentials":{"username":"user","password":"SECRET"}}`},
	{flow.ServiceNow, "", instanceJSON, `{"username":"user","password":"SECRET"}`},
	{flow.ServiceNow, "", instanceJSON, `{"oAuth2Credentials":{` + clientJSON + `,` + tokensJSON + `}}`},
	{flow.Singular, "", `{}`, `{"apiKey":"SECRET"}`},
	{flow.Slack, "", instanceJSON, `{` + clientJSON + `,"accessToken":"SECRET",` + oAuthRequestJSON + `}`},
	{flow.Snowflake, "", `{"warehouse":"w","stage":"db.schema.stage","bucketName":"staging","bucketPrefix":"in",` +
		`"privateLinkServiceName":"com.amazonaws.vpce.eu-west-1.vpce-svc-1","accountName":"acct","region":"eu-west-1"}`,
		`{"username":"user","password":"SECRET","privateKey":"SECRET"}`},
	{flow.Trendmicro, "", `{}`, `{"apiSecretKey":"SECRET"}`},
	{flow.Veeva, "", instanceJSON, `{"username":"user","password":"SECRET"}`},
	{flow.Zendesk, "", instanceJSON, `{` + clientJSON + `,"accessToken":"SECRET",` + oAuthRequestJSON + `}`},
	{flow.CustomConnector, "HubSpot", `{"profileProperties":{"portal":"1","tier":"gold"},"oAuth2Properties":{"tokenUrl":"https://vendor.example/token",` +
		`"oAuth2GrantType":"AUTHORIZATION_CODE","tokenUrlCustomProperties":{"audience":"SECRET"}}}`,
		`{"authenticationType":"OAUTH2","oauth2":{` + clientJSON + `,` + tokensJSON + `}}`},
	{flow.CustomConnector, "Asana", `{}`, `{"authenticationType":"BASIC","basic":{"username":"user","password":"SECRET"}}`},
	{flow.CustomConnector, "GitHub", `{}`, `{"authenticationType":"APIKEY","apiKey":{"apiKey":"SECRET","apiSecretKey":"SECRET"}}`},
	{flow.CustomConnector, "JDBCsmall", `{}`, `{"authenticationType":"CUSTOM","custom":{"customAuthenticationType":"CUSTOM","credentialsMap":{"password":"SECRET","SECRET":"x"}}}`},
}

// secretsOf replaces each SECRET by one of its own, none a part of another.
func secretsOf(text string, n *int) string {
	for strings.Contains(text, "SECRET") {
		*n++
		text = strings.Replace(text, "SECRET", fmt.Sprintf("hunter2_%04d", *n), 1)
	}
	return text
}

// request is the body of a create or an update; more members come in front.
func (p typedProfile) request(name, mode, more string, n *int) string {
	member := p.connector.Member()
	creds := ""
	if p.creds != "" {
		creds = `,"connectorProfileCredentials":{"` + member + `":` + secretsOf(p.creds, n) + `}`
	}
	return `{` + more + `"connectorProfileName":"` + name + `","connectionMode":"` + mode + `","connectorProfileConfig":{"connectorProfileProperties":{"` +
		member + `":` + secretsOf(p.props, n) + `}` + creds + `}}`
}

func (p typedProfile) create(name string, n *int) string {
	more := `"connectorType":"` + string(p.connector) + `",`
	if p.label != "" {
		more += `"connectorLabel":"` + p.label + `",`
	}
	return p.request(name, "Public", more, n)
}

func TestProfiles_EveryTypeRoundTrips(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t)
	n := 0
	for i, p := range typedProfiles {
		name := fmt.Sprintf("p/%02d", i)
		body := p.create(name, &n)
		out := g.post("/create-connector-profile", body)
		require.Equal(t, map[string]any{"connectorProfileArn": "arn:aws:appflow:eu-west-1:111122223333:connectorprofile/" + name}, out)

		described := g.post("/describe-connector-profiles", `{"connectorProfileNames":["`+name+`"]}`)
		list := described["connectorProfileDetails"].([]any)
		require.Len(t, list, 1, name)
		got := list[0].(map[string]any)
		var sent struct {
			Config struct {
				Properties  map[string]any             `json:"connectorProfileProperties"`
				Credentials map[string]json.RawMessage `json:"connectorProfileCredentials"`
			} `json:"connectorProfileConfig"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &sent))
		require.Equal(t, sent.Config.Properties, got["connectorProfileProperties"], name)
		require.Equal(t, string(p.connector), got["connectorType"])
		require.Equal(t, "Public", got["connectionMode"])
		prefix := "arn:aws:secretsmanager:eu-west-1:111122223333:secret:appflow!111122223333-"
		if p.label != "" {
			require.Equal(t, p.label, got["connectorLabel"])
			prefix += p.label + "-"
		} else {
			require.NotContains(t, got, "connectorLabel")
		}
		require.Regexp(t, "^"+prefix+name+"-[a-z0-9]{6}$", got["credentialsArn"])
		require.NotContains(t, got, "connectorProfileCredentials")
		require.NotContains(t, got, "privateConnectionProvisioningState")
		require.Equal(t, got["createdAt"], got["lastUpdatedAt"])

		proved := v.seen()[i]
		require.Equal(t, p.connector, proved.profile.Connector)
		require.Nil(t, proved.stored)
		if p.creds == "" {
			require.Nil(t, proved.given, name)
		} else {
			require.JSONEq(t, string(sent.Config.Credentials[p.connector.Member()]), string(proved.given), name)
		}
		require.Equal(t, fmt.Sprint("sealed ", i+1), string(g.profile(name).SealedCredentials))
	}
	requireEveryMember(t)
}

// requireEveryMember checks that the table has every member that the API has.
func requireEveryMember(t *testing.T) {
	t.Helper()
	props, creds := map[string]bool{}, map[string]bool{}
	for _, p := range typedProfiles {
		for text, c := range map[string]struct {
			union interface{ NewMember(string) wire.Shape }
			found map[string]bool
		}{p.props: {&wire.ConnectorProfileProperties{}, props}, p.creds: {&wire.ConnectorProfileCredentials{}, creds}} {
			shape := c.union.NewMember(p.connector.Member())
			require.NoError(t, shape.DecodeJSON([]byte(text)))
			noteMembers(reflect.ValueOf(shape), c.found)
		}
	}
	for union, found := range map[any]map[string]bool{&wire.ConnectorProfileProperties{}: props, &wire.ConnectorProfileCredentials{}: creds} {
		of := reflect.TypeOf(union).Elem()
		for i := range of.NumField() {
			requireMembers(t, of.Field(i).Type.Elem(), found)
		}
	}
}

// noteMembers notes the members that are set, as Structure.Member.
func noteMembers(v reflect.Value, found map[string]bool) {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return
	}
	found[v.Type().Name()] = true
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			found[v.Type().Name()+"."+v.Type().Field(i).Name] = true
			noteMembers(v.Field(i), found)
		}
	}
}

func requireMembers(t *testing.T, of reflect.Type, found map[string]bool) {
	t.Helper()
	require.True(t, found[of.Name()], "no profile has %s", of.Name())
	for i := range of.NumField() {
		field := of.Field(i)
		require.True(t, found[of.Name()+"."+field.Name], "no profile has %s.%s", of.Name(), field.Name)
		if field.Type.Kind() == reflect.Pointer && field.Type.Elem().Kind() == reflect.Struct {
			requireMembers(t, field.Type.Elem(), found)
		}
	}
}

// Whatever happens to a request with secrets in it, they are seen by the prover alone: not in an answer, not in the
// trail, not in the log, and not in the store, backup included.
func TestProfiles_SecretsStayHidden(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t, func(o *server.Options) { o.MaxProfiles = len(typedProfiles) + 1 })
	n := 0
	answers := &strings.Builder{}
	send := func(path, body string) {
		a := g.send("POST", path, body)
		answers.WriteString(a.body)
	}
	for i, p := range typedProfiles {
		name := fmt.Sprintf("p%02d", i)
		v.fails(fault.New(fault.ConnectorAuth, "the vendor says no"))
		send("/create-connector-profile", p.create(name, &n))
		v.fails(nil)
		send("/create-connector-profile", strings.Replace(p.create(name, &n), `{"conn`, `{"clientToken":"t`+name+`","conn`, 1))
		send("/create-connector-profile", strings.Replace(p.create(name, &n), `{"conn`, `{"clientToken":"t`+name+`","conn`, 1)) // other secrets
		send("/create-connector-profile", p.create(name, &n))                                                                   // the name is taken
		send("/create-connector-profile", p.create("more", &n))                                                                 // or the limit reached
		send("/update-connector-profile", p.request(name, "Public", ``, &n))
		send("/update-connector-profile", p.request("none", "Public", ``, &n))
		send("/update-connector-profile", p.request(name, "Nowhere", ``, &n)) // refused by its shape
		wrong := typedProfiles[(i+1)%len(typedProfiles)]
		send("/update-connector-profile", wrong.request(name, "Public", ``, &n)) // members of another connector, mostly
		send("/describe-connector-profiles", `{}`)
	}
	require.Greater(t, n, 500)
	for i := range typedProfiles {
		require.NotNil(t, g.profile(fmt.Sprintf("p%02d", i)))
	}
	require.Len(t, g.audit(), 9*len(typedProfiles))
	requireNoSecret := func(where, text string) {
		at := strings.Index(text, "hunter2")
		require.Negative(t, at, "%s: …%s", where, text[max(0, at-200):min(len(text), max(0, at+50))])
	}
	// tokenUrlCustomProperties are properties, which DescribeConnectorProfiles shows.
	requireNoSecret("answers", removeShown(answers.String()))
	requireNoSecret("log", g.log.String())
	var archive bytes.Buffer
	require.NoError(t, g.store.Backup(t.Context(), &archive))
	frame, err := zstd.NewReader(&archive)
	require.NoError(t, err)
	defer frame.Close()
	stored, err := io.ReadAll(frame)
	require.NoError(t, err)
	requireNoSecret("store", removeShown(string(stored)))
	for _, e := range g.audit() {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		requireNoSecret("trail of "+e.Operation, string(text))
		require.NotNil(t, e.Request)
	}
}

// removeShown cuts out the values of tokenUrlCustomProperties.
func removeShown(text string) string {
	for {
		before, rest, found := strings.Cut(text, `"tokenUrlCustomProperties":{`)
		if !found {
			return text
		}
		_, after, _ := strings.Cut(rest, `}`)
		text = before + after
	}
}

func TestProfiles_ShapesThatDoNotFit(t *testing.T) {
	t.Parallel()
	g, v := newProfileRig(t)
	const head = `{"connectorProfileName":"crm","connectionMode":"Public",`
	for body, want := range map[string]string{
		head + `"connectorType":"S3","connectorProfileConfig":{"connectorProfileProperties":{}}}`:                                                                                                             "S3 takes no connector profile",
		head + `"connectorType":"Slack","connectorProfileConfig":{"connectorProfileProperties":{"Zendesk":` + instanceJSON + `}}}`:                                                                            "connectorProfileProperties.Zendesk does not belong to connectorType Slack",
		head + `"connectorType":"Slack","connectorProfileConfig":{"connectorProfileProperties":{}}}`:                                                                                                          "Create Connector Profile request failed: [the properties are missing; connectorType Slack needs them",
		head + `"connectorType":"Singular","connectorProfileConfig":{"connectorProfileProperties":{},"connectorProfileCredentials":{}}}`:                                                                      "the credentials are missing; connectorType Singular needs them",
		head + `"connectorType":"Singular","connectorLabel":"acme","connectorProfileConfig":{"connectorProfileProperties":{}}}`:                                                                               "a connectorLabel goes with connectorType CustomConnector only",
		head + `"connectorType":"Slack","connectorProfileConfig":{}}`:                                                                                                                                         "'connectorProfileConfig.connectorProfileProperties'",
		head + `"connectorType":"Datadog","connectorProfileConfig":{"connectorProfileProperties":{"Datadog":{}}}}`:                                                                                            "'connectorProfileConfig.connectorProfileProperties.Datadog.instanceUrl'",
		head + `"connectorType":"CustomConnector","connectorLabel":"nobody","connectorProfileConfig":{"connectorProfileProperties":{}}}`:                                                                      "Connector with label nobody does not exist.",
		head + `"connectorType":"CustomConnector","connectorProfileConfig":{"connectorProfileProperties":{}}}`:                                                                                                "needs a connectorLabel",
		`{"connectorProfileName":"a b","connectionMode":"Public","connectorType":"S3","connectorProfileConfig":{"connectorProfileProperties":{}}}`:                                                            "'connectorProfileName'",
		head + `"connectorType":"Singular","connectorProfileConfig":{"connectorProfileProperties":{},"connectorProfileCredentials":{"Singular":{"apiKey":"k"},"Slack":{"clientId":"c","clientSecret":"s"}}}}`: "connectorProfileCredentials.Slack does not belong",
	} {
		g.refused("/create-connector-profile", body, 400, "ValidationException", want)
	}
	require.Empty(t, v.seen(), "no vendor is asked about a request that makes no sense")
	require.Equal(t, "Validation exception: AuthCode cannot be blank for connector: SALESFORCE", g.send("POST", "/create-connector-profile",
		head+`"connectorType":"Salesforce","connectorProfileConfig":{"connectorProfileProperties":{"Salesforce":{}},"connectorProfileCredentials":{"Salesforce":{"oAuthRequest":{}}}}}`).message())
	// Infrastructure tools leave out members that have nothing in them.
	g.post("/create-connector-profile", head+`"connectorType":"Singular","connectorProfileConfig":{"connectorProfileProperties":{},"connectorProfileCredentials":{"Singular":{"apiKey":"k"}}}}`)
	require.Nil(t, g.profile("crm").Properties)
	out := g.post("/describe-connector-profiles", `{}`)
	require.Equal(t, map[string]any{}, out["connectorProfileDetails"].([]any)[0].(map[string]any)["connectorProfileProperties"])
}
