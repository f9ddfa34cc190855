package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

const (
	maxDocument = 20 << 10 // bytes; IAM's own bound for a user's policies is a tenth of that
	maxDepth    = 8
)

// node is a JSON value with its place in the document. Unlike encoding/json's own maps it keeps members in order, and a
// repeated member is an error: one of the two would be ignored.
type node struct {
	place   place
	kind    kind
	text    string // of a string, number or boolean
	items   []node
	members []member
}

type member struct {
	name  string
	value node
}

type kind string

const (
	kindObject kind = "an object"
	kindList   kind = "a list"
	kindText   kind = "a string"
	kindNumber kind = "a number"
	kindBool   kind = "true or false"
	kindNull   kind = "null"
)

// place is where something stands in a document, as .Statement[0].Action.
type place struct{ path string }

func (p place) at(name string) place { return place{path: p.path + "." + name} }

func (p place) item(i int) place { return place{path: p.path + "[" + strconv.Itoa(i) + "]"} }

// wrong is the error of a document: where it is wrong, and what to write.
func (p place) wrong(format string, args ...any) error {
	where := p.path
	if len(where) > 0 && where[0] == '.' {
		where = where[1:]
	}
	if where == "" {
		where = "the policy"
	}
	return &Error{Place: where, Problem: fmt.Sprintf(format, args...)}
}

// Error is a mistake in a document.
type Error struct {
	Place   string // as Statement[0].Condition.StringLike
	Problem string // with what to write instead
}

func (e *Error) Error() string { return e.Place + ": " + e.Problem }

// readDocument reads JSON strictly: UTF-8, one value, bounded in size and depth, no member twice.
func readDocument(raw []byte) (node, error) {
	top := place{}
	if len(raw) > maxDocument {
		return node{}, top.wrong("it has %d bytes; at most %d are allowed", len(raw), maxDocument)
	}
	if !utf8.Valid(raw) {
		return node{}, top.wrong("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	n, err := readNode(d, top, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return node{}, top.wrong("something follows after its end; write one JSON object")
	}
	return n, nil
}

func readNode(d *json.Decoder, at place, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, at.wrong("it is nested deeper than %d levels", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return node{}, at.wrong("it is not JSON (near byte %d)", d.InputOffset())
	}
	n := node{place: at}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return readObject(d, n, depth)
		}
		return readList(d, n, depth)
	case string:
		n.kind, n.text = kindText, v
	case json.Number:
		n.kind, n.text = kindNumber, v.String()
	case bool:
		n.kind, n.text = kindBool, strconv.FormatBool(v)
	default:
		n.kind = kindNull
	}
	return n, nil
}

func readObject(d *json.Decoder, n node, depth int) (node, error) {
	n.kind = kindObject
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, isText := token.(string)
		if err != nil || !isText {
			return node{}, n.place.wrong("it is not JSON (near byte %d)", d.InputOffset())
		}
		if seen[name] {
			return node{}, n.place.at(name).wrong("it is there twice; join the two")
		}
		seen[name] = true
		value, err := readNode(d, n.place.at(name), depth+1)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, member{name, value})
	}
	return n, closing(d, n.place)
}

func readList(d *json.Decoder, n node, depth int) (node, error) {
	n.kind = kindList
	for i := 0; d.More(); i++ {
		value, err := readNode(d, n.place.item(i), depth+1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, value)
	}
	return n, closing(d, n.place)
}

func closing(d *json.Decoder, at place) error {
	if _, err := d.Token(); err != nil {
		return at.wrong("it is not JSON (near byte %d)", d.InputOffset())
	}
	return nil
}

// values are the strings of a node that may be one or a list of them.
func (n node) values(more ...kind) ([]node, error) {
	items := n.items
	if n.kind != kindList {
		items = []node{n}
	}
	if len(items) == 0 {
		return nil, n.place.wrong("the list is empty; name at least one")
	}
	for _, item := range items {
		isFit := item.kind == kindText
		for _, k := range more {
			isFit = isFit || item.kind == k
		}
		if !isFit {
			return nil, item.place.wrong("write a string here, not %s", item.kind)
		}
	}
	return items, nil
}
