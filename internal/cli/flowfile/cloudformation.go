package flowfile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const flowResource = "AWS::AppFlow::Flow"

// fromTemplate takes the flows out of a CloudFormation template; other resources are left alone
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-appflow-flow.html).
func fromTemplate(t map[string]any, s Settings) ([]Definition, error) {
	resources, ok := t["Resources"].(map[string]any)
	if !ok {
		return nil, errors.New("the template's Resources must be an object")
	}
	r := resolver{settings: s, parameters: parameters(t, s)}
	var defs []Definition
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		res, ok := resources[id].(map[string]any)
		if !ok || res["Type"] != flowResource {
			continue
		}
		props, err := r.resolve(res["Properties"])
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		d, err := fromResource(props)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		defs = append(defs, d)
	}
	if len(defs) == 0 {
		return nil, fmt.Errorf("the template has no %s resource", flowResource)
	}
	return defs, nil
}

// fromResource turns a resource's properties into a CreateFlow request. The two differ in the case of names, in how maps
// and the schedule are written, and in two members' names.
func fromResource(props any) (Definition, error) {
	p, ok := props.(map[string]any)
	if !ok {
		return Definition{}, errors.New("the resource's Properties must be an object")
	}
	status, _ := p["FlowStatus"].(string)
	delete(p, "FlowStatus")
	if kms, ok := p["KMSArn"]; ok {
		delete(p, "KMSArn")
		p["KmsArn"] = kms
	}
	m, ok := lower(p, "").(map[string]any)
	if !ok {
		return Definition{}, errors.New("the resource's Properties must be an object")
	}
	d, err := request(m)
	d.Status = status
	return d, err
}

// unions are the objects whose members are connectors' names, which keep their capitals.
var unions = map[string]bool{"sourceConnectorProperties": true, "destinationConnectorProperties": true, "connectorOperator": true}

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
		if under == "customProperties" {
			return v
		}
		out := make(map[string]any, len(v))
		for k, item := range v {
			name := k
			if !unions[under] {
				name = memberName(k, under)
			}
			out[name] = lower(item, name)
		}
		if under == "triggerProperties" && len(out) > 0 {
			return map[string]any{"Scheduled": out}
		}
		return out
	}
	return v
}

func memberName(k, under string) string {
	switch {
	case k == "FailOnFirstError":
		return "failOnFirstDestinationError"
	case k == "TimeZone" && under == "triggerProperties":
		return "timezone"
	case k == "":
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
		m[key] = kv["Value"]
	}
	return m
}

// parameters are the template's defaults, overridden by the settings.
func parameters(t map[string]any, s Settings) map[string]any {
	out := map[string]any{}
	if declared, ok := t["Parameters"].(map[string]any); ok {
		for name, p := range declared {
			if m, ok := p.(map[string]any); ok {
				if def, ok := m["Default"]; ok {
					out[name] = def
				}
			}
		}
	}
	for k, v := range s.Parameters {
		out[k] = v
	}
	return out
}

// resolver replaces the functions that can be answered without an account.
type resolver struct {
	settings   Settings
	parameters map[string]any
}

func (r resolver) resolve(v any) (any, error) {
	switch v := v.(type) {
	case intrinsic:
		return r.call(v)
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			x, err := r.resolve(item)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			x, err := r.resolve(item)
			if err != nil {
				return nil, err
			}
			out[k] = x
		}
		return out, nil
	}
	return v, nil
}

func (r resolver) call(f intrinsic) (any, error) {
	switch f.name {
	case "Ref":
		name, _ := f.arg.(string)
		return r.ref(name)
	case "Sub":
		return r.sub(f.arg)
	case "Join":
		return r.join(f.arg)
	}
	return nil, fmt.Errorf("function %s cannot be resolved here; write the value, or give it with --parameter", f.name)
}

func (r resolver) ref(name string) (any, error) {
	switch name {
	case "AWS::Region":
		return r.settings.Region, nil
	case "AWS::AccountId":
		return r.settings.AccountID, nil
	case "AWS::Partition":
		return "aws", nil
	}
	if v, ok := r.parameters[name]; ok {
		return v, nil
	}
	return nil, fmt.Errorf("reference %q cannot be resolved here; give it with --parameter %s=VALUE", name, name)
}

var placeholder = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

func (r resolver) sub(arg any) (any, error) {
	text, ok := arg.(string)
	if !ok {
		return nil, errors.New("function Sub with a map cannot be resolved here; write the text")
	}
	var failed error
	out := placeholder.ReplaceAllStringFunc(text, func(m string) string {
		v, err := r.ref(m[2 : len(m)-1])
		if err != nil {
			failed = err
		}
		return fmt.Sprint(v)
	})
	return strings.ReplaceAll(out, "${!", "${"), failed
}

func (r resolver) join(arg any) (any, error) {
	list, ok := arg.([]any)
	if !ok || len(list) != 2 {
		return nil, errors.New("function Join needs a separator and a list")
	}
	sep, ok1 := list[0].(string)
	resolved, err := r.resolve(list[1])
	if err != nil {
		return nil, err
	}
	items, ok2 := resolved.([]any)
	if !ok1 || !ok2 {
		return nil, errors.New("function Join needs a separator and a list")
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = fmt.Sprint(item)
	}
	return strings.Join(parts, sep), nil
}
