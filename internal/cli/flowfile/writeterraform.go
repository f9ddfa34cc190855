package flowfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// writeTerraform writes configuration for the provider hashicorp/aws. Credentials are variables. What the provider has no
// argument for is left out and noted.
func writeTerraform(buf *bytes.Buffer, docs []document) (notes []string) {
	labels := map[string]string{} // of profiles, by name
	taken := map[string]any{}
	for i := range docs {
		d := &docs[i]
		if i > 0 {
			buf.WriteByte('\n')
		}
		h := &hcl{buf: buf, profiles: labels, note: func(what string) {
			notes = append(notes, d.Kind.String()+" "+d.Name+": "+what)
		}}
		label := unused(taken, d.Kind.String()+"."+identifier(d.Name))
		taken[label] = nil
		_, label, _ = strings.Cut(label, ".")
		switch d.Kind {
		case Connector:
			h.note("the provider has no resource for connector registrations; register it with weir apply or the API")
			fmt.Fprintf(buf, "# connector %s: no resource of the provider registers connectors\n", d.Name)
		case Profile:
			for _, s := range d.secrets() {
				fmt.Fprintf(buf, "variable %q {\n  type      = string\n  sensitive = true\n}\n\n", variableName(s))
			}
			h.resource("aws_appflow_connector_profile", label, d.m, terraformProfile)
			labels[d.Name] = label // for the flows that follow
		case Flow:
			if d.Status == "Active" && triggered(d.m) {
				h.note("the provider cannot start a flow; start it with weir start or StartFlow")
			}
			h.resource("aws_appflow_flow", label, d.m, terraformFlow)
		}
	}
	return notes
}

func triggered(flow map[string]any) bool {
	t, _ := flow["triggerConfig"].(map[string]any)
	return t["triggerType"] != "OnDemand"
}

func variableName(s secret) string { return strings.ToLower(s.variable()) }

// hcl writes one resource.
type hcl struct {
	buf      *bytes.Buffer
	profiles map[string]string
	note     func(what string)
}

func (h *hcl) resource(kind, label string, m map[string]any, schema *block) {
	fmt.Fprintf(h.buf, "resource %q %q {\n", kind, label)
	h.body(m, schema, "  ", kind)
	h.buf.WriteString("}\n")
}

// terraformNames are the members whose arguments are not their name in small letters.
var terraformNames = map[string]string{
	"flowName": "name", "connectorProfileName": "connector_profile_name", "destinationFlowConfigList": "destination_flow_config", "tasks": "task",
	"pathPrefixHierarchy": "prefix_hierarchy", "SAPOData": "sapo_data", "usePrivateLinkForMetadataAndAuthorization": "use_privatelink_for_metadata_and_authorization",
}

// body writes an object's members: arguments first, aligned as `terraform fmt` does, then blocks.
func (h *hcl) body(m map[string]any, schema *block, indent, path string) {
	type argument struct{ name, value string }
	var args []argument
	var inner []string
	for _, member := range ordered(m) {
		name := terraformName(member, path)
		_, isArgument := schema.arguments[name]
		_, isBlock := schema.blocks[name]
		switch {
		case isArgument && (name != "source_fields" || !isEmpty(m[member])): // it is computed when absent; [] would differ for ever
			args = append(args, argument{name, h.value(m[member], member, indent)})
		case isBlock:
			inner = append(inner, member)
		case !isArgument:
			h.note(fmt.Sprintf("%s has no argument for %s; it is left out", path, member))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schema.arguments)) {
		if schema.arguments[name] && !slices.ContainsFunc(args, func(a argument) bool { return a.name == name }) {
			args = append(args, argument{name, `""`}) // required by the provider, though not by the API
		}
	}
	width := 0
	for _, a := range args {
		if !strings.Contains(a.value, "\n") {
			width = max(width, len(a.name))
		}
	}
	for _, a := range args {
		pad := width
		if strings.Contains(a.value, "\n") {
			pad = len(a.name)
		}
		fmt.Fprintf(h.buf, "%s%-*s = %s\n", indent, pad, a.name, a.value)
	}
	for i, member := range inner {
		name := terraformName(member, path)
		list, isList := m[member].([]any)
		if !isList {
			list = []any{m[member]}
		}
		for j, item := range list {
			obj, ok := item.(map[string]any)
			if !ok {
				continue
			}
			if len(args) > 0 || i > 0 || j > 0 {
				h.buf.WriteByte('\n')
			}
			fmt.Fprintf(h.buf, "%s%s {\n", indent, name)
			h.body(obj, schema.blocks[name], indent+"  ", path+"."+name)
			fmt.Fprintf(h.buf, "%s}\n", indent)
		}
	}
}

func isEmpty(v any) bool {
	list, ok := v.([]any)
	return ok && len(list) == 0
}

func terraformName(member, path string) string {
	if member == "connectorProfileName" && path == "aws_appflow_connector_profile" {
		return "name"
	}
	if name, ok := terraformNames[member]; ok {
		return name
	}
	return snake(member)
}

// value is an argument's expression.
func (h *hcl) value(v any, member, indent string) string {
	switch v := v.(type) {
	case secret:
		return "var." + variableName(v)
	case string:
		if label, ok := h.profiles[v]; ok && member == "connectorProfileName" {
			return "aws_appflow_connector_profile." + label + ".name"
		}
		return hclText(v)
	case json.Number:
		if moment(member) {
			return hclText(rfc3339(v))
		}
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = h.value(v[i], "", indent)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return h.object(v, indent)
	}
	return "null"
}

func (h *hcl) object(m map[string]any, indent string) string {
	if len(m) == 0 {
		return "{}"
	}
	keys, width := ordered(m), 0
	for _, k := range keys {
		width = max(width, len(hclKey(k)))
	}
	var b strings.Builder
	b.WriteString("{\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "%s  %-*s = %s\n", indent, width, hclKey(k), h.value(m[k], "", indent+"  "))
	}
	b.WriteString(indent + "}")
	return b.String()
}

// hclKey is a map's key: bare where it is an identifier.
func hclKey(k string) string {
	for i, r := range k {
		if r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r)) && (i == 0 || r != '-' && !unicode.IsDigit(r)) {
			return hclText(k)
		}
	}
	if k == "" {
		return `""`
	}
	return k
}

// hclText is a quoted template that stands for exactly this text.
func hclText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && i+1 < len(runes) && runes[i+1] == '{':
			b.WriteRune(r)
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func moment(member string) bool {
	return member == "scheduleStartTime" || member == "scheduleEndTime" || member == "firstExecutionFrom"
}

// rfc3339 writes seconds since 1970 as the provider does.
func rfc3339(n json.Number) string {
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return time.UnixMilli(int64(f * 1000)).UTC().Format(time.RFC3339)
}

// snake is a member's name as Terraform and environment variables have it: s3OutputFormatConfig → s3_output_format_config.
func snake(member string) string {
	member = strings.Replace(member, "oAuth", "oauth", 1)
	var b strings.Builder
	for i, r := range member {
		if unicode.IsUpper(r) {
			if i > 0 {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// identifier is a name in letters, digits and underscores that does not begin with a digit.
func identifier(name string) string {
	var b strings.Builder
	for i, r := range name {
		isDigit := r >= '0' && r <= '9'
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', isDigit && i > 0:
			b.WriteRune(r)
		case isDigit:
			b.WriteString("_" + string(r))
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}
