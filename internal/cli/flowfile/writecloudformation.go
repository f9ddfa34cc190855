package flowfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
)

// lowerProperties are the few properties that CloudFormation writes small, by their member.
var lowerProperties = map[string]bool{
	"maxPageSize": true, "maxParallelism": true, "paginationConfig": true, "parallelismConfig": true,
	"isSandboxEnvironment": true, "usePrivateLinkForMetadataAndAuthorization": true,
}

// raised are renamed the other way.
var raised = map[string]string{"failOnFirstDestinationError": "FailOnFirstError", "timezone": "TimeZone", "kmsArn": "KMSArn"}

// missingProperties are members that the resources lack.
var missingProperties = map[string]string{
	"destinationConnectorProperties.CustomerProfiles": "AWS::AppFlow::Flow has no destination CustomerProfiles",
	"destinationConnectorProperties.Honeycode":        "AWS::AppFlow::Flow has no destination Honeycode",
	"connectorProfileCredentials.Honeycode":           "AWS::AppFlow::ConnectorProfile knows no Honeycode",
}

// writeTemplate writes a CloudFormation template as JSON. Credentials are parameters that are not echoed.
func writeTemplate(buf *bytes.Buffer, docs []document) (notes []string) {
	template := map[string]any{"AWSTemplateFormatVersion": "2010-09-09"}
	parameters, resources := map[string]any{}, map[string]any{}
	ids := map[string]string{} // kind and name → logical id
	for i := range docs {
		d := &docs[i]
		id := unused(resources, logicalID(d.Name, d.Kind))
		ids[d.Kind.String()+" "+d.Name] = id
		m := render(d.m, func(s secret) any {
			name := unused(map[string]any{}, logicalID(s.profile, Profile)+logicalID(s.member, Connector))
			parameters[name] = map[string]any{"Type": "String", "NoEcho": true, "Description": fmt.Sprintf("%s of connector profile %s", s.member, s.profile)}
			return map[string]any{"Ref": name}
		}).(map[string]any)
		props := raise(m, "", func(what string) { notes = append(notes, d.Kind.String()+" "+d.Name+": "+what+"; it is left out") }).(map[string]any)
		resource := map[string]any{"Type": resourceTypes[d.Kind], "Properties": props}
		switch d.Kind {
		case Flow:
			if d.Status != "" {
				props["FlowStatus"] = d.Status
			}
			if after := dependencies(m, ids); len(after) > 0 {
				resource["DependsOn"] = after
			}
		case Connector, Profile:
		}
		resources[id] = resource
	}
	if len(parameters) > 0 {
		template["Parameters"] = parameters
	}
	template["Resources"] = resources
	appendJSON(buf, template, "")
	buf.WriteByte('\n')
	return notes
}

var resourceTypes = map[Kind]string{Flow: flowResource, Profile: profileResource, Connector: connectorResource}

// dependencies are the profiles of a flow that stand in the same template.
func dependencies(flow map[string]any, ids map[string]string) []any {
	var after []any
	ends, _ := flow["destinationFlowConfigList"].([]any)
	for _, end := range append([]any{flow["sourceFlowConfig"]}, ends...) {
		m, _ := end.(map[string]any)
		if name, ok := m["connectorProfileName"].(string); ok {
			if id, ok := ids["profile "+name]; ok {
				after = append(after, id)
			}
		}
	}
	return after
}

// raise is lower, the other way.
func raise(v any, under string, missing func(what string)) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = raise(v[i], "", missing)
		}
		return out
	case map[string]any:
		switch {
		case under == "taskProperties" || under == "tags":
			list := make([]any, 0, len(v))
			for _, k := range ordered(v) {
				list = append(list, map[string]any{"Key": k, "Value": v[k]})
			}
			return list
		case under == "triggerProperties":
			if scheduled, ok := v["Scheduled"].(map[string]any); ok {
				v = scheduled
			}
		case freeMaps[under]:
			return v
		}
		if _, isRef := v["Ref"]; isRef && len(v) == 1 {
			return v
		}
		out := make(map[string]any, len(v))
		for _, k := range ordered(v) {
			if what, gone := missingProperties[under+"."+k]; gone {
				missing(what)
				continue
			}
			name := k
			if !unions[under] {
				name = propertyName(k)
			}
			out[name] = raise(v[k], k, missing)
		}
		return out
	}
	return v
}

func propertyName(member string) string {
	if name, ok := raised[member]; ok {
		return name
	}
	if lowerProperties[member] || member == "" {
		return member
	}
	return strings.ToUpper(member[:1]) + member[1:]
}

// logicalID is a name in the letters and digits that CloudFormation allows: crm/prod → CrmProdProfile.
func logicalID(name string, kind Kind) string {
	var b strings.Builder
	up := true
	for _, r := range name {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			up = true
			continue
		}
		if up {
			r = unicode.ToUpper(r)
		}
		up = false
		b.WriteRune(r)
	}
	switch kind {
	case Flow:
		return b.String() + "Flow"
	case Profile:
		return b.String() + "Profile"
	}
	return b.String()
}

// unused is a name that the map does not have yet.
func unused(taken map[string]any, name string) string {
	for i, try := 2, name; ; i++ {
		if _, is := taken[try]; !is {
			return try
		}
		try = fmt.Sprintf("%s%d", name, i)
	}
}
