// Package flowfile reads and writes definitions as people keep them. It reads requests of CreateFlow,
// CreateConnectorProfile and RegisterConnector as JSON or YAML, several of them in one list or YAML stream, what the
// describing operations answer, and CloudFormation templates such as CDK writes. It writes the same forms, and Terraform
// configuration. What comes out of reading is always a request of the API; nobody else needs to know the other forms.
//
// Credentials are references into the environment or into files, which are followed only when a request is about to be
// sent. Neither an error nor a comparison ever shows what they stand for.
package flowfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kind is what a definition describes.
type Kind int

// The kinds stand in the order in which they depend on each other: a flow needs its profiles, a profile its connector.
const (
	Connector Kind = iota // a registered custom connector
	Profile
	Flow
)

func (k Kind) String() string { return [...]string{"connector", "profile", "flow"}[k] }

// Definition is one flow, connector profile or connector registration.
type Definition struct {
	Kind Kind
	Name string // flowName, connectorProfileName or connectorLabel
	// Request is the body of CreateFlow, CreateConnectorProfile or RegisterConnector as JSON. References to secrets in
	// a profile stand in it as they were written; Resolved follows them.
	Request []byte
	// Status is what should become of a flow besides: Active, Suspended, Draft, or empty for no wish. It is
	// CloudFormation's FlowStatus and DescribeFlow's flowStatus; CreateFlow has no such member.
	Status string
	File   string // where it was read
}

// maxFile bounds a definition file. A flow of a hundred tasks takes some 30 kB, CDK templates have one MB at most.
const maxFile = 4 << 20

// Settings fill CloudFormation's references.
type Settings struct {
	Region     string
	AccountID  string
	Parameters map[string]string
}

// errNothing says that a document holds nothing for us.
var errNothing = errors.New("no flow, connector profile or connector definition found")

// Read reads all definitions of a file, or of a folder's files; "-" is standard input.
func Read(path string, s Settings) ([]Definition, error) {
	if path != "-" {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if info.IsDir() {
			return readFolder(path, s)
		}
	}
	return readFile(path, s)
}

// readFolder reads the definition files of a folder in the order of their names. In CDK's output only the templates are
// definitions; a template without anything of AppFlow is passed over, as stacks often have none.
func readFolder(dir string, s Settings) ([]Definition, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	isCDK := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "cdk.out" })
	var all []Definition
	for _, e := range entries {
		name := e.Name()
		template := strings.HasSuffix(name, ".template.json")
		if e.IsDir() || isCDK && !template || !slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(name)) {
			continue
		}
		defs, err := readFile(filepath.Join(dir, name), s)
		if template && errors.Is(err, errNothing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, defs...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("reading %s: %w", dir, errNothing)
	}
	return all, nil
}

func readFile(path string, s Settings) ([]Definition, error) {
	var r io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("reading %s: a definition file has %d bytes at most", path, maxFile)
	}
	defs, err := Parse(raw, s)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	for i := range defs {
		defs[i].File = path
	}
	return defs, nil
}

// Parse reads all definitions of a document. JSON is read as the YAML it is.
func Parse(raw []byte, s Settings) ([]Definition, error) {
	var defs []Definition
	values, err := documents(raw)
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		found, err := definitions(v, s)
		if err != nil {
			return nil, err
		}
		defs = append(defs, found...)
	}
	if len(defs) == 0 {
		return nil, errNothing
	}
	return defs, nil
}

// documents reads a YAML stream as plain values. A JSON file is a stream of one document.
func documents(raw []byte) ([]any, error) {
	var values []any
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, fmt.Errorf("not JSON or YAML: %w", err)
		}
		v, err := value(&node, 0)
		if err != nil {
			return nil, err
		}
		if v == nil { // "---" at the end of a stream
			continue
		}
		values = append(values, v)
	}
}

func definitions(v any, s Settings) ([]Definition, error) {
	switch v := v.(type) {
	case []any:
		var defs []Definition
		for _, item := range v {
			if _, ok := item.(map[string]any); !ok {
				return nil, errors.New("each definition of a list is an object")
			}
			found, err := definitions(item, s)
			if err != nil {
				return nil, err
			}
			defs = append(defs, found...)
		}
		return defs, nil
	case map[string]any:
		if _, ok := v["Resources"]; ok {
			return fromTemplate(v, s)
		}
		d, err := fromRequest(v)
		if err != nil {
			return nil, err
		}
		return []Definition{d}, nil
	}
	return nil, errors.New("a definition is a JSON or YAML object")
}
