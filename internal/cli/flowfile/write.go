package flowfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Format is a form in which definitions are written.
type Format string

// The forms. JSON and YAML hold requests of the API, and are read back without loss.
const (
	JSON           Format = "json"
	YAML           Format = "yaml"
	Terraform      Format = "terraform"
	CloudFormation Format = "cloudformation"
)

// Formats are all forms.
var Formats = []Format{JSON, YAML, Terraform, CloudFormation}

// Write writes definitions in a form. The notes say what the form cannot express and what is left for the user to give:
// credentials are never written, only where they have to come from.
func Write(w io.Writer, f Format, defs []Definition) (notes []string, err error) {
	docs := make([]document, len(defs))
	for i := range defs {
		if docs[i], err = open(&defs[i]); err != nil {
			return nil, fmt.Errorf("writing %s %s: %w", defs[i].Kind, defs[i].Name, err)
		}
		notes = append(notes, docs[i].notes...)
	}
	var buf bytes.Buffer
	var more []string
	switch f {
	case JSON:
		writeJSON(&buf, docs)
	case YAML:
		err = writeYAML(&buf, docs)
	case Terraform:
		more = writeTerraform(&buf, docs)
	case CloudFormation:
		more = writeTemplate(&buf, docs)
	default:
		err = fmt.Errorf("format must be one of %q, not %q", Formats, f)
	}
	if err != nil {
		return nil, err
	}
	_, err = w.Write(buf.Bytes())
	return append(notes, more...), err
}

// document is a definition taken apart.
type document struct {
	*Definition
	m     map[string]any
	notes []string
}

// open decodes a definition, and puts references in place of a profile's credentials when it has none.
func open(d *Definition) (document, error) {
	doc := document{Definition: d}
	dec := json.NewDecoder(bytes.NewReader(d.Request))
	dec.UseNumber() // 1727773200 stays that
	if err := dec.Decode(&doc.m); err != nil {
		return doc, err
	}
	if d.Kind == Profile && !d.HasCredentials() {
		doc.addSecrets()
	}
	return doc, nil
}

// requestOf is what a request's file holds: the request, and the status that only we understand.
func (d *document) requestOf() map[string]any {
	if d.Kind == Flow && d.Status != "" {
		d.m["flowStatus"] = d.Status
	}
	if d.Kind == Profile {
		return render(escapeReferences(d.m), func(s secret) any { return "${env:" + s.variable() + "}" }).(map[string]any)
	}
	return d.m
}

// secret stands for a credential that the user has to give.
type secret struct{ profile, member string }

// variable is the environment variable that a credential is looked for in: CRM_PROD_ACCESS_TOKEN.
func (s secret) variable() string {
	return strings.ToUpper(identifier(s.profile) + "_" + snake(s.member))
}

// render replaces secrets.
func render(v any, each func(secret) any) any {
	switch v := v.(type) {
	case secret:
		return each(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = render(item, each)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = render(v[i], each)
		}
		return out
	}
	return v
}

// rank puts members in the order in which people write them; the rest follows by name.
var rank = func() map[string]int {
	order := []string{
		"flowName", "connectorProfileName", "connectorLabel", "description", "flowStatus", "triggerConfig", "triggerType", "triggerProperties",
		"scheduleExpression", "sourceFlowConfig", "destinationFlowConfigList", "connectorType", "connectionMode", "apiVersion",
		"sourceConnectorProperties", "destinationConnectorProperties", "connectorProfileConfig", "connectorProfileProperties", "connectorProfileCredentials",
		"taskType", "sourceFields", "destinationField", "connectorOperator", "taskProperties", "bucketName", "bucketPrefix", "object", "tasks",
		"metadataCatalogConfig", "kmsArn", "tags",
		"AWSTemplateFormatVersion", "Parameters", "Resources", "Outputs", "Type", "DependsOn", "Properties", "FlowName", "ConnectorProfileName", "ConnectorLabel",
		"Description", "FlowStatus", "TriggerConfig", "SourceFlowConfig", "DestinationFlowConfigList", "TaskType", "Tasks", "Key", "Value",
	}
	m := make(map[string]int, len(order))
	for i, name := range order {
		m[name] = i - len(order)
	}
	return m
}()

func ordered(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if rank[a] != rank[b] {
			return rank[a] - rank[b]
		}
		return strings.Compare(a, b)
	})
	return keys
}

// writeJSON writes one request as it is, several as a list.
func writeJSON(buf *bytes.Buffer, docs []document) {
	if len(docs) == 1 {
		appendJSON(buf, docs[0].requestOf(), "")
		buf.WriteByte('\n')
		return
	}
	list := make([]any, len(docs))
	for i := range docs {
		list[i] = docs[i].requestOf()
	}
	appendJSON(buf, list, "")
	buf.WriteByte('\n')
}

// appendJSON writes a value with its members in their order. Lists of plain values stay on one line.
func appendJSON(buf *bytes.Buffer, v any, indent string) {
	inner := indent + "  "
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			buf.WriteString("{}")
			return
		}
		buf.WriteString("{")
		for i, k := range ordered(v) {
			if i > 0 {
				buf.WriteByte(',')
			}
			buf.WriteString("\n" + inner + quoted(k) + ": ")
			appendJSON(buf, v[k], inner)
		}
		buf.WriteString("\n" + indent + "}")
	case []any:
		flat := !slices.ContainsFunc(v, isNested)
		buf.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				buf.WriteByte(',')
			}
			switch {
			case !flat:
				buf.WriteString("\n" + inner)
			case i > 0:
				buf.WriteByte(' ')
			}
			appendJSON(buf, item, inner)
		}
		if !flat {
			buf.WriteString("\n" + indent)
		}
		buf.WriteByte(']')
	case string:
		buf.WriteString(quoted(v))
	default:
		text, err := json.Marshal(v)
		if err != nil { // not a value that JSON decoded
			text = []byte("null")
		}
		buf.Write(text)
	}
}

func isNested(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// quoted is a JSON text, without the escapes that only HTML needs.
func quoted(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string builder takes everything
	return strings.TrimSuffix(b.String(), "\n")
}

// writeYAML writes a stream of one document per request.
func writeYAML(buf *bytes.Buffer, docs []document) error {
	enc := yaml.NewEncoder(buf)
	enc.SetIndent(2)
	for i := range docs {
		if err := enc.Encode(yamlNode(docs[i].requestOf())); err != nil {
			return err
		}
	}
	return enc.Close()
}

func yamlNode(v any) *yaml.Node {
	switch v := v.(type) {
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if len(v) == 0 {
			n.Style = yaml.FlowStyle
		}
		for _, k := range ordered(v) {
			n.Content = append(n.Content, yamlText(k), yamlNode(v[k]))
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if !slices.ContainsFunc(v, isNested) {
			n.Style = yaml.FlowStyle
		}
		for _, item := range v {
			n.Content = append(n.Content, yamlNode(item))
		}
		return n
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(v.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.String()}
	}
	return yamlText(fmt.Sprint(v))
}

// yamlText is a text in quotes wherever a reader could take it for something else.
func yamlText(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}
