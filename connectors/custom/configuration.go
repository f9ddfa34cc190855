package custom

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Registrar asks connectors what they are. Safe for concurrent use.
type Registrar struct{ Invoker *Invoker }

// Configuration asks the connector behind an ARN for its configuration, and returns it, checked, as the members of the
// API's ConnectorConfiguration that the connector decides
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ConnectorConfiguration.html). Members of the protocol that the
// API does not show are kept beside them, in the protocol's own words, for those who open connections.
func (r Registrar) Configuration(ctx context.Context, label, lambdaArn string) (flow.Properties, error) {
	const operation = "DescribeConnectorConfiguration"
	request, err := json.Marshal(struct {
		Type   string `json:"type"`
		Locale string `json:"locale"`
		Label  string `json:"connectorLabel"`
	}{operation + "Request", "en-US", label})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "asking connector %s for its configuration", label)
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTime)
	defer cancel()
	answer, err := r.Invoker.Invoke(ctx, lambdaArn, request)
	if err != nil {
		return nil, err
	}
	return parseConfiguration(operation, answer)
}

// answered is what connectors write (https://github.com/awslabs/aws-appflow-custom-connector-python): the answer to
// DescribeConnectorConfiguration. Absent and null mean the same.
type answered struct {
	Owner         string           `json:"connectorOwner"`
	Name          string           `json:"connectorName"`
	Version       string           `json:"connectorVersion"`
	Modes         []string         `json:"connectorModes"`
	Auth          *answeredAuth    `json:"authenticationConfig"`
	Settings      []runtimeSetting `json:"connectorRuntimeSetting"`
	APIVersions   []string         `json:"supportedApiVersions"`
	Operators     []string         `json:"operatorsSupported"`
	Triggers      []string         `json:"supportedTriggerTypes"`
	Frequencies   []string         `json:"triggerFrequenciesSupported"`
	WriteOps      []string         `json:"supportedWriteOperations"`
	TransferTypes []string         `json:"supportedDataTransferTypes"`
	LogoURL       string           `json:"logoURL"`
}

type answeredAuth struct {
	IsBasic  bool         `json:"isBasicAuthSupported"`
	IsAPIKey bool         `json:"isApiKeyAuthSupported"`
	IsOAuth2 bool         `json:"isOAuth2Supported"`
	IsCustom bool         `json:"isCustomAuthSupported"`
	OAuth2   *oAuth2      `json:"oAuth2Defaults"`
	Custom   []customAuth `json:"customAuthConfig"`
}

type oAuth2 struct {
	Scopes    []string `json:"oAuthScopes"`
	TokenURLs []string `json:"tokenURL"`
	AuthURLs  []string `json:"authURL"`
	Grants    []string `json:"oAuth2GrantTypesSupported"`
	// The two SDKs spell it differently.
	PropertiesJava   []parameter `json:"oauth2CustomProperties"`
	PropertiesPython []parameter `json:"oAuth2CustomProperties"`

	ContentType string `json:"oAuth2ContentType"`
	Method      string `json:"oAuth2MethodType"`
	BasicHeader bool   `json:"addBasicAuthHeader"`
}

type customAuth struct {
	Type       string      `json:"authenticationType"`
	Parameters []parameter `json:"authParameters"`
}

type parameter struct {
	Key       string   `json:"key"`
	Required  bool     `json:"required"`
	Sensitive bool     `json:"sensitiveField"`
	Label     string   `json:"label"`
	About     string   `json:"description"`
	Values    []string `json:"connectorSuppliedValues"`
	Type      any      `json:"type"` // a string; the Python SDK's enum object, too
}

type runtimeSetting struct {
	Key      string   `json:"key"`
	DataType string   `json:"dataType"`
	Required bool     `json:"required"`
	Label    string   `json:"label"`
	About    string   `json:"description"`
	Scope    string   `json:"scope"`
	Values   []string `json:"connectorSuppliedValueOptions"`
}

// parseConfiguration reads an answer to DescribeConnectorConfiguration. It takes nothing on trust.
func parseConfiguration(operation string, answer []byte) (flow.Properties, error) {
	var a answered
	if err := open(operation, answer, &a); err != nil {
		return nil, err
	}
	if wrong := a.check(); wrong != "" {
		return nil, fault.New(fault.ConnectorServer, "Error while communicating to connector: the connector describes itself wrongly: %s", wrong)
	}
	raw, err := json.Marshal(a.shown())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing a connector's configuration")
	}
	return flow.Properties(raw), nil
}

// Bounds of an answer, at or above the API's own.
const (
	maxName = 256
	maxText = 2048
	maxList = 200
)

var (
	settingKey   = regexp.MustCompile(`^[\w/!@#+=.-]{1,128}$`)
	versionText  = regexp.MustCompile(`^\S{1,256}$`)
	placeholders = regexp.MustCompile(`\{\{[A-Za-z0-9_.-]+\}\}`)

	allOperators = []string{
		"PROJECTION", "LESS_THAN", "GREATER_THAN", "BETWEEN", "LESS_THAN_OR_EQUAL_TO", "GREATER_THAN_OR_EQUAL_TO", "EQUAL_TO", "CONTAINS",
		"NOT_EQUAL_TO", "ADDITION", "SUBTRACTION", "MULTIPLICATION", "DIVISION", "MASK_ALL", "MASK_FIRST_N", "MASK_LAST_N",
		"VALIDATE_NON_NULL", "VALIDATE_NON_ZERO", "VALIDATE_NON_NEGATIVE", "VALIDATE_NUMERIC", "NO_OP",
	}
	allFrequencies = []string{"BYMINUTE", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "ONCE"}
	settingScopes  = []string{"CONNECTOR_PROFILE", "SOURCE", "DESTINATION", "SOURCE_AND_DESTINATION"}
	settingTypes   = []string{"String", "Date", "DateTime", "Long", "Integer", "Boolean", "Url"}
	grantTypes     = []string{"CLIENT_CREDENTIALS", "AUTHORIZATION_CODE", "JWT_BEARER"}
)

// check says what is wrong with the answer, "" when nothing is, and fills in what an absent list means.
func (a *answered) check() string {
	a.settle()
	for _, c := range []func() string{a.checkNames, a.checkAbilities, a.checkSettings, a.checkAuth} {
		if wrong := c(); wrong != "" {
			return wrong
		}
	}
	return ""
}

// settle fills in defaults and unifies spellings.
func (a *answered) settle() {
	if len(a.Operators) == 0 {
		a.Operators = allOperators
	}
	if len(a.Triggers) == 0 {
		a.Triggers = []string{"ONDEMAND", "SCHEDULED"}
	}
	if len(a.Frequencies) == 0 {
		a.Frequencies = allFrequencies
	}
	a.Frequencies = slices.Clone(a.Frequencies)
	for i, f := range a.Frequencies { // "Minutely" and "Daily" are found in the wild, besides the API's words
		if f = strings.ToUpper(f); f == "MINUTELY" {
			f = "BYMINUTE"
		}
		a.Frequencies[i] = f
	}
	if len(a.TransferTypes) == 0 {
		a.TransferTypes = []string{"RECORD"}
	}
	if a.Auth == nil {
		a.Auth = &answeredAuth{}
	}
	if !a.Auth.IsOAuth2 {
		a.Auth.OAuth2 = nil
	}
	if !a.Auth.IsCustom {
		a.Auth.Custom = nil
	}
	if u, err := url.Parse(a.LogoURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(a.LogoURL) > 512 {
		a.LogoURL = "" // a picture is not worth a refusal
	}
}

func (a *answered) checkNames() string {
	for _, n := range []struct{ member, value string }{
		{"connectorOwner", a.Owner}, {"connectorName", a.Name}, {"connectorVersion", a.Version},
	} {
		if n.value == "" || len(n.value) > maxName || clip(n.value) != n.value {
			return n.member + " must be a line of 1 to 256 characters"
		}
	}
	for _, n := range []struct{ member, value string }{{"connectorOwner", a.Owner}, {"connectorName", a.Name}} {
		for _, reserved := range []string{"aws", "amazon", "appflow"} {
			if strings.HasPrefix(strings.ToLower(n.value), reserved) {
				return n.member + " must not begin with " + reserved
			}
		}
	}
	return ""
}

func (a *answered) checkAbilities() string {
	for _, l := range []struct {
		member string
		list   []string
		of     []string
	}{
		{"connectorModes", a.Modes, []string{"SOURCE", "DESTINATION"}},
		{"operatorsSupported", a.Operators, allOperators},
		{"supportedTriggerTypes", a.Triggers, []string{"SCHEDULED", "ONDEMAND"}},
		{"triggerFrequenciesSupported", a.Frequencies, allFrequencies},
		{"supportedDataTransferTypes", a.TransferTypes, []string{"RECORD", "FILE"}},
	} {
		if len(l.list) == 0 {
			return l.member + " is missing"
		}
		if wrong := oneOfEach(l.member, l.list, l.of); wrong != "" {
			return wrong
		}
	}
	if wrong := oneOfEach("supportedWriteOperations", a.WriteOps, []string{"INSERT", "UPDATE", "UPSERT", "DELETE"}); wrong != "" {
		return wrong
	}
	if slices.Contains(a.Modes, "DESTINATION") && len(a.WriteOps) == 0 {
		return "supportedWriteOperations is missing; a connector with mode DESTINATION needs it"
	}
	if len(a.APIVersions) == 0 || len(a.APIVersions) > maxList {
		return "supportedApiVersions must hold 1 to 200 versions"
	}
	for _, v := range a.APIVersions {
		if !versionText.MatchString(v) {
			return "supportedApiVersions must hold texts of 1 to 256 characters without spaces"
		}
	}
	return ""
}

// oneOfEach checks that a list holds known words, each once.
func oneOfEach(member string, list, of []string) string {
	for i, v := range list {
		if !slices.Contains(of, v) {
			return member + " holds " + clip(v) + "; known are " + strings.Join(of, ", ")
		}
		if slices.Contains(list[:i], v) {
			return member + " holds " + v + " twice"
		}
	}
	return ""
}

func (a *answered) checkSettings() string {
	if len(a.Settings) > maxList {
		return "connectorRuntimeSetting holds more than 200 settings"
	}
	seen := map[string]bool{}
	for _, s := range a.Settings {
		switch {
		case !settingKey.MatchString(s.Key):
			return "connectorRuntimeSetting has a key that is not 1 to 128 letters, digits or signs"
		case seen[s.Scope+" "+s.Key]:
			return "connectorRuntimeSetting has the key " + s.Key + " twice in scope " + clip(s.Scope)
		case !slices.Contains(settingTypes, s.DataType):
			return "connectorRuntimeSetting " + s.Key + " has dataType " + clip(s.DataType) + "; known are " + strings.Join(settingTypes, ", ")
		case !slices.Contains(settingScopes, s.Scope):
			return "connectorRuntimeSetting " + s.Key + " has scope " + clip(s.Scope) + "; known are " + strings.Join(settingScopes, ", ")
		case !fits(s.Label, s.About) || !fits(s.Values...):
			return "connectorRuntimeSetting " + s.Key + " has texts that are too long"
		}
		seen[s.Scope+" "+s.Key] = true
	}
	return ""
}

// fits reports whether texts for people are few and short enough.
func fits(texts ...string) bool {
	return len(texts) <= maxList && !slices.ContainsFunc(texts, func(s string) bool { return len(s) > maxText })
}
