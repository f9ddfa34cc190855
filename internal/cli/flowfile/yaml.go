package flowfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds nesting, and with it what aliases can blow up to.
const maxDepth = 64

// intrinsic is a CloudFormation function written as a tag: !Ref X is intrinsic{"Ref", "X"}.
type intrinsic struct {
	name string
	arg  any
}

// value turns a node into plain JSON values. CloudFormation's tags become intrinsics; aliases are refused, because a
// small file of them can stand for a huge one.
func value(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: nested more than %d deep", n.Line, maxDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, errors.New("the document is empty")
		}
		return value(n.Content[0], depth)
	case yaml.AliasNode:
		return nil, fmt.Errorf("line %d: YAML aliases are not supported here; write the value out", n.Line)
	}
	if name, ok := functionTag(n.Tag); ok {
		plain := *n
		plain.Tag = ""
		if plain.Kind == yaml.ScalarNode {
			return intrinsic{name, n.Value}, nil
		}
		arg, err := value(&plain, depth+1)
		return intrinsic{name, arg}, err
	}
	switch n.Kind {
	case yaml.MappingNode:
		return mapping(n, depth)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			v, err := value(c, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	return scalar(n)
}

// mapping reads an object. An object with the single key Ref or Fn::… is a function in its long form.
func mapping(n *yaml.Node, depth int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a key must be a plain word", key.Line)
		}
		if _, twice := m[key.Value]; twice {
			return nil, fmt.Errorf("line %d: key %q appears twice", key.Line, key.Value)
		}
		v, err := value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	if len(m) == 1 {
		for k, v := range m {
			if name, ok := functionKey(k); ok {
				return intrinsic{name, v}, nil
			}
		}
	}
	return m, nil
}

func functionTag(tag string) (string, bool) {
	if len(tag) > 1 && tag[0] == '!' && tag[1] != '!' {
		return tag[1:], true
	}
	return "", false
}

func functionKey(k string) (string, bool) {
	if k == "Ref" || k == "Condition" {
		return k, true
	}
	if len(k) > 4 && k[:4] == "Fn::" {
		return k[4:], true
	}
	return "", false
}

// scalar reads a plain value. Dates stay text, as JSON has none.
func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && jsonNumber(n.Value) {
			return number{n.Value, f}, nil
		}
		var f float64
		err := n.Decode(&f)
		return f, err
	}
	return n.Value, nil
}

// numberOf reads a number of JSON's form.
func numberOf(text string) number {
	f, _ := strconv.ParseFloat(text, 64)
	return number{text, f}
}

// number keeps a number's spelling, so that 1e3 or 12345678901234567890 arrive as they were written.
type number struct {
	text string
	f    float64
}

// MarshalJSON writes the number as it stood.
func (n number) MarshalJSON() ([]byte, error) { return []byte(n.text), nil }

// jsonNumber reports whether YAML's number is JSON's as well.
func jsonNumber(s string) bool {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	return s != "" && (s[0] == '-' || digit(s[0])) && digit(s[len(s)-1]) && json.Valid([]byte(s))
}
