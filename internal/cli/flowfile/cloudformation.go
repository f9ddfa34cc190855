package flowfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The resources that a template may hold for us
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_AppFlow.html).
const (
	flowResource      = "AWS::AppFlow::Flow"
	profileResource   = "AWS::AppFlow::ConnectorProfile"
	connectorResource = "AWS::AppFlow::Connector"
)

// fromTemplate takes flows, profiles and connectors out of a CloudFormation template; other resources are left alone.
func fromTemplate(t map[string]any, s Settings) ([]Definition, error) {
	resources, ok := t["Resources"].(map[string]any)
	if !ok {
		return nil, errors.New("the template's Resources must be an object")
	}
	r := newResolver(t, resources, s)
	var defs []Definition
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		d, wanted, err := r.resource(id)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		if wanted {
			defs = append(defs, d)
		}
	}
	if len(defs) == 0 {
		return nil, fmt.Errorf("the template has no %s resource: %w", flowResource, errNothing)
	}
	return defs, nil
}

// resource reads one resource; wanted is false when it is none of ours or its condition does not hold.
func (r *resolver) resource(id string) (d Definition, wanted bool, err error) {
	res, _ := r.resources[id].(map[string]any)
	kind, _ := res["Type"].(string)
	if kind != flowResource && kind != profileResource && kind != connectorResource {
		return d, false, nil
	}
	if name, ok := res["Condition"].(string); ok {
		if holds, err := r.condition(name, 0); err != nil || !holds {
			return d, false, err
		}
	}
	props, err := r.resolve(res["Properties"], 0)
	if err != nil {
		return d, false, err
	}
	p, ok := props.(map[string]any)
	if !ok {
		return d, false, errors.New("the resource's Properties must be an object")
	}
	d, err = fromProperties(p)
	return d, err == nil, err
}

// fromProperties turns a resource's properties into a request. The two differ in the case of names, in how maps and the
// schedule are written, in a few members' names, and in CloudFormation's taking text for numbers and numbers for text.
func fromProperties(p map[string]any) (Definition, error) {
	if status, ok := p["FlowStatus"]; ok {
		delete(p, "FlowStatus")
		p["flowStatus"] = status
	}
	m, ok := lower(p, "").(map[string]any)
	if !ok {
		return Definition{}, errors.New("the resource's Properties must be an object")
	}
	return fromRequest(m)
}

// unions are the objects whose members are connectors' names, which keep their capitals.
var unions = map[string]bool{
	"sourceConnectorProperties": true, "destinationConnectorProperties": true, "connectorOperator": true,
	"connectorProfileProperties": true, "connectorProfileCredentials": true,
}

// freeMaps are the objects whose members' names are the user's.
var freeMaps = map[string]bool{"customProperties": true, "profileProperties": true, "credentialsMap": true, "tokenUrlCustomProperties": true}

// renamed are the members whose names differ in more than the case.
var renamed = map[string]string{
	"FailOnFirstError": "failOnFirstDestinationError", "TimeZone": "timezone", "KMSArn": "kmsArn", "ConnectorOAuthRequest": "oAuthRequest",
}

// lower walks the properties under the given (lower-case) name.
func lower(v any, under string) any {
	switch v := v.(type) {
	case []any:
		if under == "taskProperties" || under == "tags" {
			return pairs(v)
		}
		list := make([]any, len(v))
		for i := range v {
			list[i] = lower(v[i], "")
		}
		return list
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			switch {
			case freeMaps[under]:
				out[k] = scalarFor(k, item, true)
			case unions[under]:
				out[k] = lower(item, k)
			default:
				name := memberName(k)
				out[name] = lower(item, name)
			}
		}
		if under == "triggerProperties" && len(out) > 0 {
			return map[string]any{"Scheduled": out}
		}
		return out
	}
	return scalarFor(under, v, false)
}

func memberName(k string) string {
	if name, ok := renamed[k]; ok {
		return name
	}
	if k == "" {
		return k
	}
	return strings.ToLower(k[:1]) + k[1:]
}

// pairs turns a list of {Key, Value} into a map.
func pairs(list []any) any {
	m := make(map[string]any, len(list))
	for _, item := range list {
		kv, ok := item.(map[string]any)
		if !ok {
			return list
		}
		key, ok := kv["Key"].(string)
		if !ok {
			return list
		}
		m[key] = scalarFor(key, kv["Value"], true)
	}
	return m
}

// The members that are no text.
var (
	numberMembers = map[string]bool{
		"scheduleOffset": true, "scheduleStartTime": true, "scheduleEndTime": true, "firstExecutionFrom": true,
		"flowErrorDeactivationThreshold": true, "targetFileSize": true, "maxPageSize": true, "maxParallelism": true, "portNumber": true,
	}
	boolMembers = map[string]bool{
		"failOnFirstDestinationError": true, "preserveSourceDataTyping": true, "enableDynamicFieldUpdate": true, "includeDeletedRecords": true,
		"includeSourceFiles": true, "includeRenditions": true, "includeAllVersions": true, "isSandboxEnvironment": true,
		"usePrivateLinkForMetadataAndAuthorization": true, "isRedshiftServerless": true, "disableSSO": true,
	}
)

// scalarFor gives a value the type of its member, as CloudFormation does: "5" for a number is 5, 58.0 for a text "58.0".
func scalarFor(member string, v any, isText bool) any {
	switch x := v.(type) {
	case string:
		switch {
		case isText:
		case boolMembers[member] && (x == "true" || x == "false"):
			return x == "true"
		case numberMembers[member] && jsonNumber(x):
			return numberOf(x)
		}
	case bool:
		if isText || !boolMembers[member] {
			return fmt.Sprint(x)
		}
	case number:
		if isText || !numberMembers[member] {
			return x.text
		}
	}
	return v
}
