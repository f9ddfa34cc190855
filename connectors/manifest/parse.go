package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxText bounds a manifest.
const maxText = 1 << 20

// Problem is what is wrong at one place of a manifest.
type Problem struct {
	Line, Column int
	Path         string // "entities[2].read.path"
	Message      string
}

// Problems are all that are wrong.
type Problems []Problem //nolint:errname // a list for people, which is an error on the way

func (p Problem) String() string {
	at := ""
	if p.Path != "" {
		at = p.Path + ": "
	}
	return fmt.Sprintf("%d:%d: %s%s", p.Line, p.Column, at, p.Message)
}

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// Parse reads a manifest. It takes nothing that it does not know, and reports everything that is wrong at once; the
// manifest is nil when anything is.
func Parse(text []byte) (*Manifest, Problems) {
	if len(text) > maxText {
		return nil, Problems{{Line: 1, Column: 1, Message: fmt.Sprintf("a manifest is not longer than %d bytes", maxText)}}
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var root yaml.Node
	if err := d.Decode(&root); err != nil || len(root.Content) == 0 {
		return nil, Problems{{Line: lineOf(err), Column: 1, Message: "it is no YAML document" + reason(err)}}
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, Problems{{Line: 1, Column: 1, Message: "it holds more than one document"}}
	}
	b := &binder{places: map[string]*yaml.Node{"": root.Content[0]}}
	m := &Manifest{}
	b.bind(root.Content[0], reflect.ValueOf(m).Elem(), "")
	if len(b.problems) == 0 {
		b.check(m)
	}
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return m, nil
}

// reason is what the YAML reader has to say, without its own prefix and line.
func reason(err error) string {
	if err == nil || errors.Is(err, io.EOF) {
		return ""
	}
	text := err.Error()
	if at := strings.LastIndex(text, ": "); at >= 0 {
		text = text[at+2:]
	}
	return ": " + text
}

// lineOf is the line that the YAML reader's error names: "yaml: line 7: …".
func lineOf(err error) int {
	if err == nil {
		return 1
	}
	_, after, ok := strings.Cut(err.Error(), "line ")
	digits, _, _ := strings.Cut(after, ":")
	n, aerr := strconv.Atoi(digits)
	if !ok || aerr != nil {
		return 1
	}
	return n
}

// binder puts nodes into fields, and remembers where everything stood.
type binder struct {
	problems Problems
	places   map[string]*yaml.Node
}

const maxProblems = 50

func (b *binder) refuse(n *yaml.Node, path, format string, args ...any) {
	if len(b.problems) < maxProblems {
		b.problems = append(b.problems, Problem{Line: n.Line, Column: n.Column, Path: path, Message: fmt.Sprintf(format, args...)})
	}
}

// at refuses what stands at a path, or the nearest thing around it.
func (b *binder) at(path, format string, args ...any) {
	for near := path; ; {
		if n := b.places[near]; n != nil {
			b.refuse(n, path, format, args...)
			return
		}
		near = near[:max(strings.LastIndexAny(near, ".["), 0)]
	}
}

func (b *binder) bind(n *yaml.Node, v reflect.Value, path string) {
	b.places[path] = n
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		b.refuse(n, path, "anchors and aliases are not taken")
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		b.duration(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		b.bind(n, v.Elem(), path)
	case reflect.Struct:
		b.object(n, v, path)
	case reflect.Map:
		b.mapping(n, v, path)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			b.refuse(n, path, "a list is needed here")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			b.bind(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		b.scalar(n, v, path)
	}
}

func (b *binder) object(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		b.refuse(n, path, "names with values are needed here")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		field, ok := fieldOf(v.Type(), name)
		switch {
		case !ok:
			b.refuse(n.Content[i], path, "there is no %q here; it takes %s", name, strings.Join(namesOf(v.Type()), ", "))
			continue
		case seen[name]:
			b.refuse(n.Content[i], path, "%q is given twice", name)
			continue
		}
		seen[name] = true
		below := join(path, name)
		b.bind(n.Content[i+1], v.FieldByIndex(field.Index), below)
		if values := field.Tag.Get("enum"); values != "" && n.Content[i+1].Kind == yaml.ScalarNode {
			if !contains(values, n.Content[i+1].Value) {
				b.refuse(n.Content[i+1], below, "%q is none of %s", n.Content[i+1].Value, strings.ReplaceAll(values, "|", ", "))
			}
		}
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("required") != "" && !seen[f.Tag.Get("yaml")] {
			b.refuse(n, path, "%q is missing", f.Tag.Get("yaml"))
		}
	}
}

func (b *binder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		b.refuse(n, path, "names with values are needed here")
		return
	}
	out := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i].Value, n.Content[i+1]
		b.places[join(path, name)] = value
		if _, twice := out[name]; twice {
			b.refuse(n.Content[i], path, "%q is given twice", name)
		}
		if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
			b.refuse(value, join(path, name), "a text is needed here")
			continue
		}
		out[name] = value.Value
	}
	v.Set(reflect.ValueOf(out))
}

func (b *binder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		b.refuse(n, path, "a %s is needed here", kindName(v.Kind()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Bool:
		if n.Tag != "!!bool" {
			b.refuse(n, path, "true or false is needed here")
			return
		}
		v.SetBool(n.Value == "true")
	case reflect.Int:
		number, err := strconv.Atoi(n.Value)
		if err != nil || number < 0 || number > 1_000_000_000 {
			b.refuse(n, path, "a number of 0 or more is needed here")
			return
		}
		v.SetInt(int64(number))
	}
}

func (b *binder) duration(n *yaml.Node, v reflect.Value, path string) {
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < 0 || n.Kind != yaml.ScalarNode {
		b.refuse(n, path, "a time such as 30s or 5m is needed here")
		return
	}
	v.SetInt(int64(d))
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "number"
	}
	return "text"
}

func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("yaml") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func namesOf(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("yaml")
	}
	return names
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func contains(list, value string) bool {
	for v := range strings.SplitSeq(list, "|") {
		if v == value {
			return true
		}
	}
	return false
}
