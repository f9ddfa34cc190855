package wire_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/api/wire"
)

// The tests of this package are driven by the model itself, read here once more and in another way than the generator
// reads it, so that a mistake of the generator does not hide itself.

type smithyModel map[string]*smithyShape

type smithyTarget struct {
	Target string                     `json:"target"`
	Traits map[string]json.RawMessage `json:"traits"`
}

type smithyShape struct {
	Type    string                     `json:"type"`
	Traits  map[string]json.RawMessage `json:"traits"`
	Members map[string]smithyTarget    `json:"members"`
	Member  smithyTarget               `json:"member"`
	Key     smithyTarget               `json:"key"`
	Value   smithyTarget               `json:"value"`
	Input   smithyTarget               `json:"input"`
	Output  smithyTarget               `json:"output"`
	Errors  []smithyTarget             `json:"errors"`
}

func loadModel(t testing.TB) smithyModel {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "model", "appflow-2020-08-23.contract.json"))
	require.NoError(t, err)
	var doc struct {
		Shapes smithyModel `json:"shapes"`
	}
	require.NoError(t, json.Unmarshal(data, &doc))
	return doc.Shapes
}

// operation is one of the model's operations, paired with the wire package's.
type operation struct {
	name          string
	input, output string // shape ids
	errors        []string
	wire          *wire.Operation
}

func (m smithyModel) operations(t testing.TB) []operation {
	t.Helper()
	var ops []operation
	for id, s := range m {
		if s.Type != "operation" {
			continue
		}
		op := operation{name: localName(id), input: s.Input.Target, output: s.Output.Target}
		for _, e := range s.Errors {
			op.errors = append(op.errors, localName(e.Target))
		}
		op.wire = wire.OperationByName(op.name)
		require.NotNil(t, op.wire, op.name)
		ops = append(ops, op)
	}
	slices.SortFunc(ops, func(a, b operation) int { return strings.Compare(a.name, b.name) })
	require.Len(t, ops, 25)
	return ops
}

func localName(id string) string { return id[strings.IndexByte(id, '#')+1:] }

func (s *smithyShape) trait(name string, v any) bool { return readTrait(s.Traits, name, v) }

func (s smithyTarget) trait(name string, v any) bool { return readTrait(s.Traits, name, v) }

func readTrait(traits map[string]json.RawMessage, name string, v any) bool {
	raw, ok := traits["smithy.api#"+name]
	if ok && v != nil {
		if err := json.Unmarshal(raw, v); err != nil {
			panic(err)
		}
	}
	return ok
}

type limits struct{ Min, Max *int }

// A tree is a value of a shape in general form: string, bool, int64, float64, time.Time, []any, map[string]any (for
// structures and maps).
type tree = any

// sampler makes valid trees with every member filled and, as far as constraints allow, no two values alike.
type sampler struct {
	model smithyModel
	count int
}

func (s *sampler) next() int { s.count++; return s.count }

func (s *sampler) sample(id string) tree {
	shape, ok := s.model[id]
	if !ok && strings.HasPrefix(id, "smithy.api#") {
		return nil
	}
	switch shape.Type {
	case "structure":
		v := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(shape.Members)) {
			v[name] = s.sample(shape.Members[name].Target)
		}
		return v
	case "list":
		return []any{s.sample(shape.Member.Target), s.sample(shape.Member.Target)}
	case "map":
		return map[string]any{
			s.sample(shape.Key.Target).(string): s.sample(shape.Value.Target),
			s.sample(shape.Key.Target).(string): s.sample(shape.Value.Target),
		}
	case "enum":
		values := shape.values()
		return values[s.next()%len(values)]
	case "string":
		return s.text(shape)
	case "boolean":
		return true
	case "integer", "long":
		return s.integer(shape)
	case "double":
		return float64(s.next()) + 0.25
	case "timestamp":
		return time.UnixMilli(1700000000_000 + 1001*int64(s.next())).UTC()
	}
	panic("no sample for " + id)
}

func (s *smithyShape) values() []string {
	var values []string
	for name, m := range s.Members {
		if !m.trait("enumValue", &name) {
			panic("enum without values")
		}
		values = append(values, name)
	}
	slices.Sort(values)
	return values
}

func (s *sampler) integer(shape *smithyShape) int64 {
	l := limits{new(1), new(1 << 30)}
	shape.trait("range", &l)
	span := *l.Max - *l.Min + 1
	return int64(*l.Min + s.next()%span)
}

// text finds a string that the shape allows, with a running number in it where there is room.
func (s *sampler) text(shape *smithyShape) string {
	n := s.next()
	for _, format := range []string{
		"v%d", "arn:aws:secretsmanager:eu-west-1:111122223333:s%d", "arn:aws:kms:eu-west-1:111122223333:key/k%d",
		"arn:aws:iam:eu-west-1:111122223333:role/r%d", "arn:aws:appflow:eu-west-1:111122223333:flow/f%d",
		"https://h%d.example/x", "a.b.c%d", "upsolver-appflow-%d", "%03d", "com.amazonaws.vpce.v%d", "tag.%d", "v%d-long-enough",
	} {
		if v := fmt.Sprintf(format, n); shape.allows(v) {
			return v
		}
	}
	if v := strconv.Itoa(n % 10); shape.allows(v) {
		return v
	}
	panic(fmt.Sprintf("no sample for %+v", shape))
}

func (s *smithyShape) allows(v string) bool {
	var l limits
	s.trait("length", &l)
	n := utf8.RuneCountInString(v)
	if l.Min != nil && n < *l.Min || l.Max != nil && n > *l.Max {
		return false
	}
	var p string
	return !s.trait("pattern", &p) || oracle(p)(v)
}

// oracle is what a pattern of the model means, by Go's own regular expressions. The few constructs that differ between
// Java and Go are translated by hand.
func oracle(pattern string) func(string) bool {
	match, _ := oracles.LoadOrStore(pattern, sync.OnceValue(func() func(string) bool { return newOracle(pattern) }))
	return match.(func() func(string) bool)()
}

var oracles sync.Map // compiling an expression for every sample would take most of the tests' time

func newOracle(pattern string) func(string) bool {
	switch pattern {
	case `^(?!aws:)[a-zA-Z+-=._:/]+$`:
		re := regexp.MustCompile(`^[a-zA-Z+-=._:/]+$`)
		return func(s string) bool { return !strings.HasPrefix(s, "aws:") && re.MatchString(s) }
	case `^[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*$`:
		return regexp.MustCompile(`^[\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}\t]*$`).MatchString
	case `^.+$`:
		return regexp.MustCompile(`^[^\n\r\x{85}\x{2028}\x{2029}]+$`).MatchString
	}
	re := strings.ReplaceAll(pattern, `\S`, `[^\t\n\x0B\f\r ]`)
	return regexp.MustCompile(strings.ReplaceAll(re, `\s`, `\t\n\x0B\f\r `)).MatchString
}

// fill sets a Go value, of this package or of AWS's SDK, from a tree.
func (m smithyModel) fill(v reflect.Value, id string, value tree) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		m.fill(v.Elem(), id, value)
		return
	}
	switch x := value.(type) {
	case string:
		v.SetString(x)
	case bool:
		v.SetBool(x)
	case int64:
		v.SetInt(x)
	case float64:
		v.SetFloat(x)
	case time.Time:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(x))
		} else {
			v.SetInt(x.UnixMilli())
		}
	case []any:
		v.Set(reflect.MakeSlice(v.Type(), len(x), len(x)))
		for i := range x {
			m.fill(v.Index(i), m[id].Member.Target, x[i])
		}
	case map[string]any:
		if m[id].Type == "structure" {
			for name, member := range x {
				m.fill(v.FieldByName(strings.ToUpper(name[:1])+name[1:]), m[id].Members[name].Target, member)
			}
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for key, item := range x {
			elem := reflect.New(v.Type().Elem()).Elem()
			m.fill(elem, m[id].Value.Target, item)
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
		}
	default:
		panic(fmt.Sprintf("filling %s from %T", id, value))
	}
}

// read is fill's inverse: the tree of a Go value, without what is nil.
func (m smithyModel) read(v reflect.Value, id string) tree {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch m[id].Type {
	case "string", "enum":
		return v.String()
	case "boolean":
		return v.Bool()
	case "integer", "long":
		return v.Int()
	case "double":
		return v.Float()
	case "timestamp":
		if x, ok := v.Interface().(time.Time); ok {
			return x.UTC()
		}
		return time.UnixMilli(v.Int()).UTC()
	case "list":
		items := []any{}
		for i := range v.Len() {
			items = append(items, m.read(v.Index(i), m[id].Member.Target))
		}
		return items
	case "map":
		out := map[string]any{}
		for key, item := range v.Seq2() {
			out[key.String()] = m.read(item, m[id].Value.Target)
		}
		return out
	case "structure":
		out := map[string]any{}
		for name, member := range m[id].Members {
			if x := m.read(v.FieldByName(strings.ToUpper(name[:1])+name[1:]), member.Target); x != nil {
				out[name] = x
			}
		}
		return out
	}
	panic("reading " + id)
}

// encodeTree writes a tree as JSON.
func encodeTree(value tree) []byte {
	b, err := json.Marshal(plainTree(value))
	if err != nil {
		panic(err)
	}
	return b
}

func plainTree(value tree) any {
	switch x := value.(type) {
	case time.Time:
		return json.Number(strconv.FormatFloat(float64(x.UnixMilli())/1000, 'f', -1, 64))
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = plainTree(x[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, v := range x {
			out[k] = plainTree(v)
		}
		return out
	}
	return value
}
