package wire

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Operation is one of the API's calls.
type Operation struct {
	Name      string   // CreateFlow
	Method    string   // HTTP method
	Path      string   // /create-flow; a label stands in braces, as in /tags/{resourceArn}
	Errors    []string // the errors that the model declares for it; see [ErrorStatus]
	NewInput  func() Input
	NewOutput func() Output
}

// Input is a request's content; every operation has its own type.
type Input interface {
	Shape
	// Decode fills the empty input from a request. Its error is a *[DecodeError].
	Decode(r *Request) error
	// Validate returns every violated constraint of the model, nil when there is none.
	Validate() *ValidationError
}

// Output is an answer's content; every operation has its own type.
type Output interface{ Shape }

// Shape is a structure of the API.
type Shape interface {
	// AppendJSON appends the structure as a JSON object to dst. Members bound to the path or the query are not part of it.
	AppendJSON(dst []byte) []byte
	// DecodeJSON sets the members that data, a JSON object, names; empty data names none. Its error is a *[DecodeError].
	DecodeJSON(data []byte) error
}

// Request is what an input is decoded from.
type Request struct {
	Params   Params // from [Match]
	RawQuery string // the URL's query, still escaped
	Body     []byte // the whole body; it is copied where needed
}

// Params holds the labels of a matched path, unescaped.
type Params map[string]string

// MatchResult says whether a path leads to an operation.
type MatchResult int

// Match results.
const (
	MatchFound       MatchResult = iota
	MatchUnknownPath             // no operation has this path
	MatchWrongMethod             // the path is right, see [Methods]
	MatchMalformed               // the path's label is not valid percent-encoded UTF-8
)

// Match finds the operation for a method and the escaped path of a URL (in Go: r.URL.EscapedPath(), since an ARN's
// slashes are not to be taken for the path's). A label takes everything behind the path's fixed part, so that clients
// that do not escape an ARN's slashes are understood too. The operation is nil unless the result is MatchFound.
func Match(method, escapedPath string) (*Operation, Params, MatchResult) {
	at, label, param := locate(escapedPath)
	if len(at) == 0 {
		return nil, nil, MatchUnknownPath
	}
	for _, i := range at {
		op := &operations[i]
		if op.Method != method {
			continue
		}
		if label == "" {
			return op, nil, MatchFound
		}
		value, err := url.PathUnescape(param)
		if err != nil || !utf8.ValidString(value) {
			return nil, nil, MatchMalformed
		}
		return op, Params{label: value}, MatchFound
	}
	return nil, nil, MatchWrongMethod
}

// locate finds the operations of a path, as indices, with the label's name and escaped value where there is one.
func locate(escapedPath string) (at []int, label, param string) {
	if at = fixedPaths(escapedPath); at != nil {
		return at, "", ""
	}
	for i := range labelPaths {
		p := &labelPaths[i]
		if param, ok := strings.CutPrefix(escapedPath, p.prefix); ok && param != "" {
			return p.operations, p.label, param
		}
	}
	return nil, "", ""
}

// labelPath is a path that ends in a label.
type labelPath struct {
	prefix     string // with the slash before the label
	label      string
	operations []int
}

// Methods lists the HTTP methods that a path allows, for an Allow header; none for an unknown path.
func Methods(escapedPath string) []string {
	at, _, _ := locate(escapedPath)
	var methods []string
	for _, i := range at {
		methods = append(methods, operations[i].Method)
	}
	return methods
}

// Operations lists all operations by name. The caller must not change what the elements point to.
func Operations() []Operation { return slices.Clone(operations[:]) }

// OperationByName finds an operation, nil when there is none.
func OperationByName(name string) *Operation {
	for i := range operations {
		if operations[i].Name == name {
			return &operations[i]
		}
	}
	return nil
}

// label takes a path's label; an input decoded without one leaves the member absent, which Validate reports.
func (r *Request) label(name string) *string {
	if v, ok := r.Params[name]; ok {
		return &v
	}
	return nil
}

// queryList takes the values of a repeated query parameter, nil when there is none.
func (r *Request) queryList(name string) ([]string, error) {
	query, err := url.ParseQuery(r.RawQuery)
	if err != nil {
		return nil, &DecodeError{Path: name, Expected: "well-formed query parameters", Found: "a malformed query"}
	}
	for _, v := range query[name] {
		if !utf8.ValidString(v) {
			return nil, &DecodeError{Path: name, Expected: "UTF-8 text", Found: "other bytes"}
		}
	}
	return query[name], nil
}
