package flowfile

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// resolver answers CloudFormation's functions as far as that takes no account: from parameters, mappings, conditions, and
// the properties of resources in the same template.
type resolver struct {
	settings   Settings
	parameters map[string]any
	resources  map[string]any
	mappings   map[string]any
	conditions map[string]any
}

// absent is what AWS::NoValue leaves: a member that is not there.
type absent struct{}

// maxSteps bounds references that lead to references.
const maxSteps = 100

func newResolver(t, resources map[string]any, s Settings) *resolver {
	r := &resolver{settings: s, resources: resources, parameters: map[string]any{}}
	r.mappings, _ = t["Mappings"].(map[string]any)
	r.conditions, _ = t["Conditions"].(map[string]any)
	declared, _ := t["Parameters"].(map[string]any)
	for name, p := range declared {
		m, _ := p.(map[string]any)
		kind, _ := m["Type"].(string)
		if def, ok := m["Default"]; ok && !strings.HasPrefix(kind, "AWS::SSM::") { // those name a parameter in an account
			r.parameters[name] = typed(kind, def)
		}
	}
	for name, value := range s.Parameters {
		m, _ := declared[name].(map[string]any)
		kind, _ := m["Type"].(string)
		r.parameters[name] = typed(kind, value)
	}
	return r
}

// typed makes a parameter's value a list where its type says so.
func typed(kind string, v any) any {
	text, ok := v.(string)
	if !ok || kind != "CommaDelimitedList" && !strings.HasPrefix(kind, "List<") {
		return v
	}
	var list []any
	for part := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}

func (r *resolver) resolve(v any, steps int) (any, error) {
	if steps > maxSteps {
		return nil, errors.New("references lead in a circle, or nest too deep")
	}
	switch v := v.(type) {
	case intrinsic:
		return r.call(v, steps+1)
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			x, err := r.resolve(item, steps+1)
			if err != nil {
				return nil, err
			}
			if _, gone := x.(absent); !gone {
				out = append(out, x)
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			x, err := r.resolve(item, steps+1)
			if err != nil {
				return nil, err
			}
			if _, gone := x.(absent); !gone {
				out[k] = x
			}
		}
		return out, nil
	}
	return v, nil
}

func (r *resolver) call(f intrinsic, steps int) (any, error) {
	switch f.name {
	case "Ref":
		name, _ := f.arg.(string)
		return r.ref(name, steps)
	case "GetAtt":
		return r.getAtt(f.arg, steps)
	case "Sub":
		return r.sub(f.arg, steps)
	case "If":
		return r.choose(f.arg, steps)
	}
	arg, err := r.resolve(f.arg, steps)
	if err != nil {
		return nil, err
	}
	list, _ := arg.([]any)
	switch f.name {
	case "Join":
		return join(list)
	case "Select":
		return selected(list)
	case "Split":
		return split(list)
	case "FindInMap":
		return r.find(list)
	}
	return nil, fmt.Errorf("function %s cannot be resolved here; write the value, or give it with --parameter", f.name)
}

// ref is a parameter's value, or the name of a resource in the same template.
func (r *resolver) ref(name string, steps int) (any, error) {
	switch name {
	case "AWS::Region":
		return r.settings.Region, nil
	case "AWS::AccountId":
		return r.settings.AccountID, nil
	case "AWS::Partition":
		return "aws", nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	case "AWS::NoValue":
		return absent{}, nil
	}
	if v, ok := r.parameters[name]; ok {
		return v, nil
	}
	if v, ok, err := r.nameOf(name, steps); ok || err != nil {
		return v, err
	}
	return nil, fmt.Errorf("reference %q cannot be resolved here; give it with --parameter %s=VALUE", name, name)
}

// nameMembers are the properties that Ref stands for, where the template names the resource.
var nameMembers = map[string]string{
	flowResource: "FlowName", profileResource: "ConnectorProfileName", connectorResource: "ConnectorLabel", "AWS::S3::Bucket": "BucketName",
	"AWS::KMS::Alias": "AliasName", "AWS::Lambda::Function": "FunctionName", "AWS::IAM::Role": "RoleName", "AWS::Events::EventBus": "Name",
}

// nameOf is the physical name of a resource, when the template gives it one.
func (r *resolver) nameOf(id string, steps int) (any, bool, error) {
	res, _ := r.resources[id].(map[string]any)
	kind, _ := res["Type"].(string)
	props, _ := res["Properties"].(map[string]any)
	name, ok := props[nameMembers[kind]]
	if !ok {
		return nil, false, nil
	}
	v, err := r.resolve(name, steps+1)
	return v, true, err
}

// arnForms are the attributes that can be told from a resource's name.
var arnForms = map[string]string{
	flowResource + ".FlowArn":                "arn:aws:appflow:{region}:{account}:flow/{name}",
	profileResource + ".ConnectorProfileArn": "arn:aws:appflow:{region}:{account}:connectorprofile/{name}",
	connectorResource + ".ConnectorArn":      "arn:aws:appflow:{region}:{account}:connector/{name}",
	"AWS::S3::Bucket.Arn":                    "arn:aws:s3:::{name}",
	"AWS::Lambda::Function.Arn":              "arn:aws:lambda:{region}:{account}:function:{name}",
	"AWS::IAM::Role.Arn":                     "arn:aws:iam::{account}:role/{name}",
	"AWS::Events::EventBus.Arn":              "arn:aws:events:{region}:{account}:event-bus/{name}",
	"AWS::S3::Bucket.RegionalDomainName":     "{name}.s3.{region}.amazonaws.com",
}

func (r *resolver) getAtt(arg any, steps int) (any, error) {
	id, attr := "", ""
	switch a := arg.(type) {
	case string:
		id, attr, _ = strings.Cut(a, ".")
	case []any:
		if len(a) == 2 {
			id, _ = a[0].(string)
			attr, _ = a[1].(string)
		}
	}
	if id == "" || attr == "" {
		return nil, errors.New("function GetAtt needs a resource and an attribute")
	}
	if v, ok := r.parameters[id+"."+attr]; ok {
		return v, nil
	}
	res, _ := r.resources[id].(map[string]any)
	kind, _ := res["Type"].(string)
	name, known, err := r.nameOf(id, steps)
	if err != nil {
		return nil, err
	}
	if form := arnForms[kind+"."+attr]; form != "" && known {
		return strings.NewReplacer("{region}", r.settings.Region, "{account}", r.settings.AccountID, "{name}", fmt.Sprint(name)).Replace(form), nil
	}
	return nil, fmt.Errorf("function GetAtt cannot be resolved for %s.%s; give it with --parameter %s.%s=VALUE", id, attr, id, attr)
}

var placeholder = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

func (r *resolver) sub(arg any, steps int) (any, error) {
	text, ok := arg.(string)
	own := map[string]any{}
	if list, isList := arg.([]any); isList && len(list) == 2 {
		text, ok = list[0].(string)
		resolved, err := r.resolve(list[1], steps)
		if err != nil {
			return nil, err
		}
		own, _ = resolved.(map[string]any)
	}
	if !ok {
		return nil, errors.New("function Sub needs a text, or a text and an object")
	}
	var failed error
	out := placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-1]
		if reference.MatchString(m) { // a secret of ours, followed later
			return m
		}
		v, ok := own[name]
		var err error
		switch {
		case ok:
		case strings.Contains(name, ".") && !strings.Contains(name, "::"):
			v, err = r.getAtt(name, steps)
		default:
			v, err = r.ref(name, steps)
		}
		if err != nil {
			failed = err
		}
		return textOf(v)
	})
	return strings.ReplaceAll(out, "${!", "${"), failed
}

func textOf(v any) string {
	if n, ok := v.(number); ok {
		return n.text
	}
	return fmt.Sprint(v)
}

// choose is Fn::If.
func (r *resolver) choose(arg any, steps int) (any, error) {
	list, _ := arg.([]any)
	if len(list) != 3 {
		return nil, errors.New("function If needs a condition and two values")
	}
	name, _ := list[0].(string)
	holds, err := r.condition(name, steps)
	if err != nil {
		return nil, err
	}
	if holds {
		return r.resolve(list[1], steps)
	}
	return r.resolve(list[2], steps)
}

func (r *resolver) condition(name string, steps int) (bool, error) {
	c, ok := r.conditions[name]
	if !ok {
		return false, fmt.Errorf("condition %q is not in the template", name)
	}
	return r.holds(c, steps+1)
}

// holds decides a condition.
func (r *resolver) holds(c any, steps int) (bool, error) {
	if steps > maxSteps {
		return false, errors.New("conditions lead in a circle, or nest too deep")
	}
	f, ok := c.(intrinsic)
	if !ok {
		return false, errors.New("a condition is a function such as Fn::Equals")
	}
	if f.name == "Condition" {
		name, _ := f.arg.(string)
		return r.condition(name, steps+1)
	}
	args, _ := f.arg.([]any)
	if f.name == "Equals" {
		both, err := r.resolve(f.arg, steps+1)
		list, _ := both.([]any)
		if err != nil || len(list) != 2 {
			return false, errors.Join(err, errIf(err == nil, "function Equals needs two values"))
		}
		return textOf(list[0]) == textOf(list[1]) || reflect.DeepEqual(list[0], list[1]), nil
	}
	any, all := false, true
	for _, a := range args {
		h, err := r.holds(a, steps+1)
		if err != nil {
			return false, err
		}
		any, all = any || h, all && h
	}
	switch f.name {
	case "Not":
		return !any, nil
	case "And":
		return all, nil
	case "Or":
		return any, nil
	}
	return false, fmt.Errorf("function %s cannot be resolved in a condition", f.name)
}

func errIf(is bool, text string) error {
	if is {
		return errors.New(text)
	}
	return nil
}

func join(list []any) (any, error) {
	if len(list) == 2 {
		sep, ok1 := list[0].(string)
		items, ok2 := list[1].([]any)
		if ok1 && ok2 {
			parts := make([]string, len(items))
			for i, item := range items {
				parts[i] = textOf(item)
			}
			return strings.Join(parts, sep), nil
		}
	}
	return nil, errors.New("function Join needs a separator and a list")
}

func selected(list []any) (any, error) {
	if len(list) == 2 {
		i, err := strconv.Atoi(textOf(list[0]))
		items, ok := list[1].([]any)
		if err == nil && ok && i >= 0 && i < len(items) {
			return items[i], nil
		}
	}
	return nil, errors.New("function Select needs an index and a list that is long enough")
}

func split(list []any) (any, error) {
	if len(list) == 2 {
		sep, ok1 := list[0].(string)
		text, ok2 := list[1].(string)
		if ok1 && ok2 && sep != "" {
			var parts []any
			for part := range strings.SplitSeq(text, sep) {
				parts = append(parts, part)
			}
			return parts, nil
		}
	}
	return nil, errors.New("function Split needs a separator and a text")
}

func (r *resolver) find(list []any) (any, error) {
	if len(list) == 3 {
		table, _ := r.mappings[textOf(list[0])].(map[string]any)
		row, _ := table[textOf(list[1])].(map[string]any)
		if v, ok := row[textOf(list[2])]; ok {
			return v, nil
		}
	}
	return nil, fmt.Errorf("function FindInMap finds nothing for %v", list)
}
