package flowfile

import "strings"

// credentialMembers are what each connector's profile usually signs in with. An account does not tell which of several
// ways a profile uses, so a written definition names the usual one, and its reader changes it.
var credentialMembers = map[string]string{
	"Amplitude":       "apiKey secretKey",
	"Datadog":         "apiKey applicationKey",
	"Dynatrace":       "apiToken",
	"GoogleAnalytics": "clientId clientSecret accessToken refreshToken",
	"Honeycode":       "accessToken refreshToken",
	"InforNexus":      "accessKeyId userId secretAccessKey datakey",
	"Marketo":         "clientId clientSecret",
	"Pardot":          "accessToken refreshToken",
	"Redshift":        "username password",
	"Salesforce":      "accessToken refreshToken",
	"ServiceNow":      "username password",
	"Singular":        "apiKey",
	"Slack":           "clientId clientSecret accessToken",
	"Snowflake":       "username password",
	"Trendmicro":      "apiSecretKey",
	"Veeva":           "username password",
	"Zendesk":         "clientId clientSecret accessToken",
}

// connectorMember is the name under which a connector's properties stand, where it is not the type itself.
var connectorMember = map[string]string{"Googleanalytics": "GoogleAnalytics", "Servicenow": "ServiceNow", "Infornexus": "InforNexus"}

// addSecrets puts references where a profile's credentials belong.
func (d *document) addSecrets() {
	kind, _ := d.m["connectorType"].(string)
	member := kind
	if m, ok := connectorMember[kind]; ok {
		member = m
	}
	cfg, _ := d.m["connectorProfileConfig"].(map[string]any)
	if cfg == nil {
		cfg = map[string]any{}
		d.m["connectorProfileConfig"] = cfg
	}
	all, _ := cfg["connectorProfileProperties"].(map[string]any)
	props, _ := all[member].(map[string]any)
	credentials := d.secretsOf(member, props)
	if credentials == nil {
		d.notes = append(d.notes, "profile "+d.Name+": give its credentials with --credentials; which members they have depends on the connector")
		return
	}
	cfg["connectorProfileCredentials"] = map[string]any{member: credentials}
}

func (d *document) secretsOf(member string, props map[string]any) map[string]any {
	each := func(names string) map[string]any {
		out := map[string]any{}
		for _, name := range strings.Fields(names) {
			out[name] = secret{d.Name, name}
		}
		return out
	}
	switch member {
	case "SAPOData":
		if props["oAuthProperties"] != nil {
			return map[string]any{"oAuthCredentials": each("clientId clientSecret accessToken refreshToken")}
		}
		return map[string]any{"basicAuthCredentials": each("username password")}
	case "CustomConnector":
		if props["oAuth2Properties"] != nil {
			return map[string]any{"authenticationType": "OAUTH2", "oauth2": each("clientId clientSecret accessToken refreshToken")}
		}
		return nil
	}
	names, ok := credentialMembers[member]
	if !ok {
		return nil
	}
	return each(names)
}

// secrets lists a profile's references, sorted by member.
func (d *document) secrets() []secret {
	var found []secret
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case secret:
			found = append(found, v)
		case map[string]any:
			for _, k := range ordered(v) {
				walk(v[k])
			}
		}
	}
	walk(d.m)
	return found
}

// WantedCredentials says in a line what a profile without credentials usually needs.
func WantedCredentials(d *Definition) string {
	doc, err := open(d)
	if err != nil {
		return "its credentials are missing"
	}
	var names []string
	for _, s := range doc.secrets() {
		names = append(names, s.member)
	}
	if len(names) == 0 {
		return "its credentials are missing"
	}
	return "its credentials are missing (usually " + strings.Join(names, ", ") + ")"
}
