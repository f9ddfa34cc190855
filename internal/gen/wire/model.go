package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const modelFile = "appflow-2020-08-23.contract.json"

// model is the part of a Smithy 2.0 JSON model that AppFlow uses, by local shape name.
type model struct {
	shapes map[string]*shape
}

type shape struct {
	name   string
	kind   string // structure, string, enum, list, map, integer, long, double, boolean, timestamp, operation, service
	traits traits
	// members holds a structure's or an enum's members, by name.
	members []*member
	// item is a list's member or a map's value; key is a map's key.
	item, key string
	// Of operations:
	input, output string
	errors        []string
}

type member struct {
	name   string
	target string // shape name
	traits traits
}

// traits are what the model says about a shape or a member, by local trait name.
type traits map[string]json.RawMessage

func (t traits) has(name string) bool { _, ok := t[name]; return ok }

// read decodes a trait into v and reports whether it is there.
func (t traits) read(name string, v any) bool {
	raw, ok := t[name]
	if ok {
		if err := json.Unmarshal(raw, v); err != nil {
			panic(fmt.Sprintf("trait %s: %v", name, err)) //nolint:forbidigo // the model is pinned by its hash
		}
	}
	return ok
}

// bounds is the length or range trait.
type bounds struct {
	Min *int64 `json:"min"`
	Max *int64 `json:"max"`
}

// known traits: those that shape the output, and those that need none.
var knownTraits = []string{
	"length", "range", "pattern", "enumValue", "required", "sensitive", "requiredUnless",
	"http", "httpLabel", "httpQuery", "httpError", "error",
	"default", "idempotencyToken", "input", "output", "paginated", "service", "sigv4", "restJson1",
}

func loadModel(dir string) (*model, error) {
	path := filepath.Join(dir, modelFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := verify(data, path+".sha256"); err != nil {
		return nil, err
	}
	var doc struct {
		Smithy string                     `json:"smithy"`
		Shapes map[string]json.RawMessage `json:"shapes"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	m := &model{shapes: map[string]*shape{}}
	for id, raw := range doc.Shapes {
		s, err := parseShape(local(id), raw)
		if err != nil {
			return nil, fmt.Errorf("reading shape %s: %w", id, err)
		}
		m.shapes[s.name] = s
	}
	return m, nil
}

// verify compares data's hash with the first word of a file as sha256sum writes it.
func verify(data []byte, sumPath string) error {
	sum, err := os.ReadFile(sumPath)
	if err != nil {
		return err
	}
	want, _, _ := bytes.Cut(bytes.TrimSpace(sum), []byte(" "))
	if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != string(want) {
		return fmt.Errorf("the model's hash is %x, but %s says %s", got, sumPath, want)
	}
	return nil
}

func local(id string) string { return id[strings.IndexByte(id, '#')+1:] }

type target struct {
	Target string `json:"target"`
	Traits traits `json:"traits"`
}

func parseShape(name string, raw json.RawMessage) (*shape, error) {
	var doc struct {
		Type    string            `json:"type"`
		Traits  traits            `json:"traits"`
		Members map[string]target `json:"members"`
		Member  target            `json:"member"`
		Key     target            `json:"key"`
		Value   target            `json:"value"`
		Input   target            `json:"input"`
		Output  target            `json:"output"`
		Errors  []target          `json:"errors"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	s := &shape{name: name, kind: doc.Type, input: local(doc.Input.Target), output: local(doc.Output.Target)}
	var err error
	if s.traits, err = localTraits(doc.Traits); err != nil {
		return nil, err
	}
	for n, t := range doc.Members {
		m := &member{name: n, target: local(t.Target)}
		if m.traits, err = localTraits(t.Traits); err != nil {
			return nil, fmt.Errorf("member %s: %w", n, err)
		}
		s.members = append(s.members, m)
	}
	slices.SortFunc(s.members, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	for _, e := range doc.Errors {
		s.errors = append(s.errors, local(e.Target))
	}
	if len(doc.Member.Traits)+len(doc.Key.Traits)+len(doc.Value.Traits) > 0 {
		return nil, fmt.Errorf("traits on list items or map entries are not supported")
	}
	s.item, s.key = local(doc.Member.Target), local(doc.Key.Target)
	if s.kind == "map" {
		s.item = local(doc.Value.Target)
	}
	return s, nil
}

func localTraits(t traits) (traits, error) {
	out := traits{}
	for id, raw := range t {
		name := local(id)
		if !slices.Contains(knownTraits, name) {
			return nil, fmt.Errorf("unknown trait %s", id)
		}
		out[name] = raw
	}
	return out, nil
}

// byKind lists the shapes of a kind by name.
func (m *model) byKind(kind string) []*shape {
	var found []*shape
	for _, s := range m.shapes {
		if s.kind == kind {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *shape) int { return strings.Compare(a.name, b.name) })
	return found
}

func (s *shape) member(name string) *member {
	for _, m := range s.members {
		if m.name == name {
			return m
		}
	}
	return nil
}
