package flowfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// What a request may hold. Files often are what a describing operation answered, with members that no request takes.
var (
	flowMembers      = []string{"flowName", "description", "kmsArn", "triggerConfig", "sourceFlowConfig", "destinationFlowConfigList", "tasks", "tags", "metadataCatalogConfig"}
	profileMembers   = []string{"connectorProfileName", "connectorType", "connectorLabel", "connectionMode", "kmsArn", "connectorProfileConfig"}
	connectorMembers = []string{"connectorLabel", "description", "connectorProvisioningType", "connectorProvisioningConfig"}
)

// Answer makes a definition of what DescribeFlow, DescribeConnectorProfiles (one item of it) or DescribeConnector (its
// connectorConfiguration) said.
func Answer(m map[string]any) (Definition, error) {
	if c, ok := m["connectorDescription"]; ok && m["connectorProvisioningConfig"] != nil {
		m = maps.Clone(m)
		m["description"] = c
	}
	return fromRequest(m)
}

// fromRequest tells by its members what an object is.
func fromRequest(m map[string]any) (Definition, error) {
	m = withoutNulls(m).(map[string]any)
	switch {
	case named(m, "flowName"):
		return flowRequest(m)
	case named(m, "connectorProfileName"):
		return profileRequest(m)
	case named(m, "connectorLabel") && m["connectorProvisioningConfig"] != nil:
		return definition(Connector, m, "connectorLabel", connectorMembers)
	}
	return Definition{}, errors.New("flowName is missing: the file must hold requests of CreateFlow, CreateConnectorProfile or RegisterConnector, or a CloudFormation template")
}

func named(m map[string]any, member string) bool {
	name, ok := m[member].(string)
	return ok && name != ""
}

func definition(kind Kind, m map[string]any, name string, members []string) (Definition, error) {
	body, err := json.Marshal(only(m, members))
	return Definition{Kind: kind, Name: m[name].(string), Request: body}, err
}

func only(m map[string]any, members []string) map[string]any {
	out := make(map[string]any, len(members))
	for _, k := range members {
		if v, ok := m[k]; ok {
			out[k] = v
		}
	}
	return out
}

func flowRequest(m map[string]any) (Definition, error) {
	status := ""
	if s, ok := m["flowStatus"]; ok {
		status, _ = s.(string)
		switch status {
		case "Active", "Suspended", "Draft":
		default:
			return Definition{}, fmt.Errorf("flow %s: flowStatus must be Active, Suspended or Draft, not %v", m["flowName"], s)
		}
	}
	if err := moments(m); err != nil {
		return Definition{}, fmt.Errorf("flow %s: %w", m["flowName"], err)
	}
	d, err := definition(Flow, m, "flowName", flowMembers)
	d.Status = status
	return d, err
}

// moments turns a schedule's times, which people write as text, into the API's seconds.
func moments(m map[string]any) error {
	trigger, _ := m["triggerConfig"].(map[string]any)
	props, _ := trigger["triggerProperties"].(map[string]any)
	scheduled, _ := props["Scheduled"].(map[string]any)
	for _, member := range []string{"scheduleStartTime", "scheduleEndTime", "firstExecutionFrom"} {
		text, ok := scheduled[member].(string)
		if !ok {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return fmt.Errorf("%s: write seconds since 1970, or a time such as 2026-01-31T08:00:00Z, not %q", member, text)
		}
		scheduled[member] = float64(at.UnixMilli()) / 1000
	}
	return nil
}

func profileRequest(m map[string]any) (Definition, error) {
	if props, ok := m["connectorProfileProperties"]; ok && m["connectorProfileConfig"] == nil { // as it is described
		m["connectorProfileConfig"] = map[string]any{"connectorProfileProperties": props}
	}
	return definition(Profile, m, "connectorProfileName", profileMembers)
}

// withoutNulls copies a value without members that are null, which the API takes as absent.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			if item != nil {
				out[k] = withoutNulls(item)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutNulls(v[i])
		}
		return out
	}
	return v
}

// Credentials are what the profiles of a file of credentials sign in with: profile name → connectorProfileCredentials.
type Credentials map[string]any

// ParseCredentials reads a file of credentials: an object with a member per profile, which holds what
// CreateConnectorProfile takes as connectorProfileCredentials. Its errors show no values.
func ParseCredentials(raw []byte) (Credentials, error) {
	docs, err := documents(raw)
	if err != nil {
		return nil, errors.New("a file of credentials is JSON or YAML: profile name, then connectorProfileCredentials")
	}
	all := Credentials{}
	for _, doc := range docs {
		m, ok := doc.(map[string]any)
		if !ok {
			return nil, errors.New("a file of credentials is an object: profile name, then connectorProfileCredentials")
		}
		for name, c := range m {
			if _, ok := c.(map[string]any); !ok {
				return nil, fmt.Errorf("the credentials of profile %q must be an object", name)
			}
			all[name] = c
		}
	}
	return all, nil
}

// Add gives a profile the credentials that a file has for it.
func (c Credentials) Add(d *Definition) error {
	found, ok := c[d.Name]
	if d.Kind != Profile || !ok {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(d.Request, &m); err != nil {
		return err
	}
	cfg, ok := m["connectorProfileConfig"].(map[string]any)
	if !ok {
		cfg = map[string]any{"connectorProfileProperties": map[string]any{}}
		m["connectorProfileConfig"] = cfg
	}
	cfg["connectorProfileCredentials"] = found
	body, err := json.Marshal(m)
	d.Request = body
	return err
}

// HasCredentials reports whether a profile's request says how to sign in.
func (d *Definition) HasCredentials() bool {
	var m struct {
		Config struct {
			Credentials map[string]any `json:"connectorProfileCredentials"`
		} `json:"connectorProfileConfig"`
	}
	return json.Unmarshal(d.Request, &m) == nil && len(m.Config.Credentials) > 0
}

// quotePath makes a path of members readable: a.b.c.
func quotePath(path []string) string { return strings.Join(path, ".") }
