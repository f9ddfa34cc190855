package flow

import (
	"slices"
	"strings"
)

// profileRule is what a connector's profiles have to hold beyond what the API's model requires of their structures.
type profileRule struct {
	needsProperties bool // the model requires some, so that the structure cannot be left out
	// mayLackCredentials says that a profile can be made without any.
	mayLackCredentials bool
	check              func(c *profileCheck)
}

// profileRules has a line per connector type that takes a profile
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ConnectorProfileCredentials.html).
var profileRules = map[ConnectorType]profileRule{
	Amplitude:       {},
	CustomConnector: {mayLackCredentials: true, check: checkCustom},
	Datadog:         {needsProperties: true},
	Dynatrace:       {needsProperties: true},
	GoogleAnalytics: {check: checkTokens},
	Honeycode:       {check: checkTokens},
	InforNexus:      {needsProperties: true},
	Marketo:         {needsProperties: true}, // its tokens come from clientId and clientSecret alone
	Pardot:          {check: checkTokens},
	Redshift:        {needsProperties: true, mayLackCredentials: true, check: checkRedshift},
	Salesforce:      {check: checkSalesforce},
	SAPOData:        {needsProperties: true, check: checkSAP},
	ServiceNow:      {needsProperties: true, check: checkServiceNow},
	Singular:        {},
	Slack:           {needsProperties: true, check: checkTokens},
	Snowflake:       {needsProperties: true},
	Trendmicro:      {},
	Veeva:           {needsProperties: true},
	Zendesk:         {needsProperties: true, check: checkTokens},
}

// authoredLabels are the labels of connectors that AWS has written for connector type CustomConnector; they need no
// registration (https://docs.aws.amazon.com/appflow/latest/userguide/app-specific.html). The list holds those that public
// code names.
var authoredLabels = []string{
	"AmazonRDSPostgreSQL", "Asana", "GitHub", "GoogleAds", "GoogleAnalytics4", "GoogleBigQuery", "HubSpot", "JDBCsmall",
	"Mailchimp", "MicrosoftDynamics365", "MicrosoftSharePointOnline", "SalesforceMarketingCloud",
}

// LabelWebhook is the label of profiles whose flows are sent events over HTTP. It is Weir's own, and needs no registration;
// no custom connector can be registered under it.
const LabelWebhook = "Webhook"

// IsAuthoredLabel reports whether a connector label is known without its being registered: to AppFlow, or to Weir alone.
func IsAuthoredLabel(label string) bool {
	return label == LabelWebhook || slices.Contains(authoredLabels, label)
}

// Check holds a profile against what its connector needs: which members belong together, and which credentials can give
// access. The shapes of the values have been checked before. Credentials are those of the request, under the connector's
// member name; nil when none were given, which is allowed for a profile that has some stored. No problem quotes a value
// of theirs.
func (p *Profile) Check(credentials Properties, hasStored bool) Problems {
	rule, takesProfile := profileRules[p.Connector]
	c := &profileCheck{profile: p}
	switch {
	case !takesProfile:
		c.problems.add("connectorType", "%s takes no connector profile", p.Connector)
		return c.problems
	case p.Connector == CustomConnector && p.Label == "":
		c.problems.add("connectorLabel", "connectorType CustomConnector needs a connectorLabel")
	case p.Connector != CustomConnector && p.Label != "":
		c.problems.add("connectorLabel", "a connectorLabel goes with connectorType CustomConnector only; remove it")
	}
	if p.Properties == nil && rule.needsProperties {
		c.problems.add(propertiesPath+p.Connector.Member(), "the properties are missing; connectorType %s needs them", p.Connector)
	}
	if credentials == nil && !hasStored && !rule.mayLackCredentials {
		c.problems.add(credentialsPath+p.Connector.Member(), "the credentials are missing; connectorType %s needs them", p.Connector)
	}
	if err := p.Properties.Decode(&c.props); err != nil {
		c.problems.add(propertiesPath+p.Connector.Member(), "the properties cannot be read")
	}
	if err := credentials.Decode(&c.creds); err != nil {
		c.problems.add(credentialsPath+p.Connector.Member(), "the credentials cannot be read") // err may quote them
	}
	c.given, c.stored = credentials != nil, hasStored
	if len(c.problems) == 0 && rule.check != nil {
		rule.check(c)
	}
	return c.problems
}

const (
	propertiesPath  = "connectorProfileConfig.connectorProfileProperties."
	credentialsPath = "connectorProfileConfig.connectorProfileCredentials."
)

// profileCheck is one profile under examination: its members under the names that the connectors share.
type profileCheck struct {
	profile *Profile
	given   bool // credentials
	stored  bool // likewise
	props   struct {
		DatabaseURL       string           `json:"databaseUrl"`
		ClusterIdentifier string           `json:"clusterIdentifier"`
		WorkgroupName     string           `json:"workgroupName"`
		IsServerless      bool             `json:"isRedshiftServerless"`
		DatabaseName      string           `json:"databaseName"`
		DataAPIRoleArn    string           `json:"dataApiRoleArn"`
		OAuthProperties   *struct{}        `json:"oAuthProperties"`
		OAuth2Properties  *oAuthProperties `json:"oAuth2Properties"`
	}
	creds struct {
		oAuthTokens
		Username  string `json:"username"`
		Password  string `json:"password"`
		GrantType string `json:"oAuth2GrantType"`
		JWTToken  string `json:"jwtToken"`

		OAuth2Credentials    *oAuthTokens `json:"oAuth2Credentials"` // ServiceNow's
		OAuthCredentials     *oAuthTokens `json:"oAuthCredentials"`  // SAP's
		BasicAuthCredentials *struct{}    `json:"basicAuthCredentials"`

		AuthenticationType string       `json:"authenticationType"` // of a custom connector, and its four kinds
		OAuth2             *oAuthTokens `json:"oauth2"`
		APIKey             any          `json:"apiKey"` // a string elsewhere
		Basic              *struct{}    `json:"basic"`
		Custom             *struct{}    `json:"custom"`
	}
	problems Problems
}

type oAuthProperties struct {
	GrantType string `json:"oAuth2GrantType"`
}

// oAuthTokens is what the OAuth credentials of all connectors have in common.
type oAuthTokens struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	Request      *struct {
		AuthCode string `json:"authCode"`
	} `json:"oAuthRequest"`
}

func (c *profileCheck) property(name, text string) {
	c.problems.add(propertiesPath+c.profile.Connector.Member()+"."+name, "%s", text)
}

func (c *profileCheck) credential(name, format string, args ...any) {
	c.problems.add(credentialsPath+c.profile.Connector.Member()+"."+name, format, args...)
}

// needTokens checks that there is a token, or a code to get one with.
func (c *profileCheck) needTokens(t *oAuthTokens) {
	if t.AccessToken == "" && t.RefreshToken == "" && (t.Request == nil || t.Request.AuthCode == "") {
		c.problems.quote(credentialsPath+c.profile.Connector.Member(),
			"Validation exception: AuthCode cannot be blank for connector: "+strings.ToUpper(string(c.profile.Connector)))
	}
}

func checkTokens(c *profileCheck) {
	if c.given {
		c.needTokens(&c.creds.oAuthTokens)
	}
}

func checkSalesforce(c *profileCheck) {
	switch {
	case !c.given:
	case c.creds.GrantType == "CLIENT_CREDENTIALS":
		c.credential("oAuth2GrantType", "Salesforce does not take CLIENT_CREDENTIALS; use AUTHORIZATION_CODE or JWT_BEARER")
	case c.creds.GrantType == "JWT_BEARER":
		if c.creds.JWTToken == "" {
			c.credential("jwtToken", "the grant type JWT_BEARER needs a jwtToken")
		}
	default:
		c.needTokens(&c.creds.oAuthTokens)
	}
}

func checkServiceNow(c *profileCheck) {
	isBasic := c.creds.Username != "" || c.creds.Password != ""
	switch {
	case !c.given:
	case isBasic && c.creds.OAuth2Credentials != nil:
		c.credential("oAuth2Credentials", "give either username and password or oAuth2Credentials, not both")
	case c.creds.OAuth2Credentials != nil:
		c.needTokens(c.creds.OAuth2Credentials)
	case c.creds.Username == "" || c.creds.Password == "":
		c.credential("username", "username and password are needed, or oAuth2Credentials")
	}
}

func checkSAP(c *profileCheck) {
	isOAuth := c.creds.OAuthCredentials != nil
	switch {
	case !c.given:
	case isOAuth && c.creds.BasicAuthCredentials != nil:
		c.credential("oAuthCredentials", "give either basicAuthCredentials or oAuthCredentials, not both")
	case !isOAuth && c.creds.BasicAuthCredentials == nil:
		c.credential("basicAuthCredentials", "basicAuthCredentials or oAuthCredentials are needed")
	case isOAuth && c.props.OAuthProperties == nil:
		c.property("oAuthProperties", "oAuthCredentials need oAuthProperties: tokenUrl, authCodeUrl and oAuthScopes")
	case isOAuth:
		c.needTokens(c.creds.OAuthCredentials)
	}
}

// checkRedshift knows three ways to a database: a direct connection, or the Data API of a cluster or of a workgroup.
func checkRedshift(c *profileCheck) {
	ways := 0
	for _, way := range []string{c.props.DatabaseURL, c.props.ClusterIdentifier, c.props.WorkgroupName} {
		if way != "" {
			ways++
		}
	}
	switch {
	case ways != 1:
		c.property("databaseUrl", "give exactly one of databaseUrl, clusterIdentifier and workgroupName")
		return
	case c.props.IsServerless && c.props.WorkgroupName == "":
		c.property("workgroupName", "isRedshiftServerless needs workgroupName")
	case !c.props.IsServerless && c.props.WorkgroupName != "":
		c.property("isRedshiftServerless", "workgroupName needs isRedshiftServerless to be true")
	}
	if c.props.DatabaseURL == "" {
		if c.props.DatabaseName == "" {
			c.property("databaseName", "clusterIdentifier and workgroupName need databaseName")
		}
		if c.props.DataAPIRoleArn == "" {
			c.property("dataApiRoleArn", "clusterIdentifier and workgroupName need dataApiRoleArn")
		}
		return
	}
	if (c.given || !c.stored) && (c.creds.Username == "" || c.creds.Password == "") {
		c.credential("username", "databaseUrl needs username and password")
	}
}

// checkCustom checks that exactly the member of the stated kind of authentication is there.
func checkCustom(c *profileCheck) {
	if !c.given {
		return
	}
	kinds := []struct {
		name, member string
		given        bool
	}{
		{"OAUTH2", "oauth2", c.creds.OAuth2 != nil},
		{"APIKEY", "apiKey", c.creds.APIKey != nil},
		{"BASIC", "basic", c.creds.Basic != nil},
		{"CUSTOM", "custom", c.creds.Custom != nil},
	}
	for _, k := range kinds {
		switch isMeant := k.name == c.creds.AuthenticationType; {
		case isMeant && !k.given:
			c.credential(k.member, "authenticationType %s needs the member %s", k.name, k.member)
		case !isMeant && k.given:
			c.credential(k.member, "the member %s does not belong to authenticationType %s", k.member, c.creds.AuthenticationType)
		}
	}
	if len(c.problems) > 0 || c.creds.OAuth2 == nil {
		return
	}
	if c.props.OAuth2Properties == nil {
		c.property("oAuth2Properties", "authenticationType OAUTH2 needs oAuth2Properties: tokenUrl and oAuth2GrantType")
		return
	}
	switch c.props.OAuth2Properties.GrantType {
	case "AUTHORIZATION_CODE":
		c.needTokens(c.creds.OAuth2)
	case "CLIENT_CREDENTIALS":
		if c.creds.OAuth2.ClientID == "" || c.creds.OAuth2.ClientSecret == "" {
			c.credential("oauth2", "the grant type CLIENT_CREDENTIALS needs clientId and clientSecret")
		}
	}
}
