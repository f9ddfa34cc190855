// Package flowfile reads flow definitions as people keep them: a CreateFlow request as JSON or YAML, several of them in
// one YAML stream, or a CloudFormation template with AWS::AppFlow::Flow resources, such as CDK writes. What comes out is
// always a CreateFlow request; nobody else needs to know the other forms.
package flowfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// Definition is one flow found in a file.
type Definition struct {
	Name    string // flowName
	Request []byte // CreateFlow's JSON body
	// Status is what a CloudFormation resource asks for besides: Active, Suspended, Draft, or empty.
	Status string
}

// maxFile bounds a definition file. A flow of a hundred tasks takes some 30 kB.
const maxFile = 4 << 20

// Settings fill CloudFormation's references.
type Settings struct {
	Region     string
	AccountID  string
	Parameters map[string]string
}

// Read reads all definitions of a file; "-" is standard input.
func Read(path string, s Settings) ([]Definition, error) {
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
	return defs, nil
}

// Parse reads all definitions of a document. JSON is read as the YAML it is.
func Parse(raw []byte, s Settings) ([]Definition, error) {
	var defs []Definition
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not JSON or YAML: %w", err)
		}
		v, err := value(&node, 0)
		if err != nil {
			return nil, err
		}
		found, err := definitions(v, s)
		if err != nil {
			return nil, err
		}
		defs = append(defs, found...)
	}
	if len(defs) == 0 {
		return nil, errors.New("no flow definition found")
	}
	return defs, nil
}

func definitions(v any, s Settings) ([]Definition, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("a flow definition is a JSON or YAML object")
	}
	if _, ok := m["Resources"]; ok {
		return fromTemplate(m, s)
	}
	d, err := request(m)
	if err != nil {
		return nil, err
	}
	return []Definition{d}, nil
}

func request(m map[string]any) (Definition, error) {
	name, ok := m["flowName"].(string)
	if !ok || name == "" {
		return Definition{}, errors.New("flowName is missing: the file must hold a CreateFlow request or a CloudFormation template")
	}
	body, err := json.Marshal(m)
	return Definition{Name: name, Request: body}, err
}
