package wire_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/api/wire"
)

// breach is one way to violate one constraint of an input.
type breach struct {
	path       string // as AWS writes it
	constraint string // what the violation must say
	shape      string // id of the violated shape; "" for a missing member
	pattern    string // set when the breach is of a pattern
	at         place  // where the value goes
	isKey      bool   // the value is a map's key
	apply      func(root map[string]any)
}

// breaches walks an input's shape and lists a breach for every constraint in it.
type breaches struct {
	model smithyModel
	found []breach
}

// place leads to a value inside a tree: member names, map keys, list indices.
type place []any

func (p place) at(step any) place { return append(slices.Clone(p), step) }

// get is the value at the place.
func (p place) get(root any) any {
	for _, step := range p {
		switch x := root.(type) {
		case map[string]any:
			root = x[step.(string)]
		case []any:
			root = x[step.(int)]
		}
	}
	return root
}

// set replaces the value at the place; nil deletes it.
func (p place) set(root any, value any) {
	switch x := p[:len(p)-1].get(root).(type) {
	case map[string]any:
		if value == nil {
			delete(x, p[len(p)-1].(string))
		} else {
			x[p[len(p)-1].(string)] = value
		}
	case []any:
		x[p[len(p)-1].(int)] = value
	}
}

func (b *breaches) add(path, constraint, shape string, at place, value any) {
	b.found = append(b.found, breach{path: path, constraint: constraint, shape: shape, at: at,
		apply: func(root map[string]any) { at.set(root, value) }})
}

func (b *breaches) walk(id string, value tree, path string, at place) {
	shape := b.model[id]
	join := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch shape.Type {
	case "structure":
		for _, name := range slices.Sorted(maps.Keys(shape.Members)) {
			member := shape.Members[name]
			sub := at.at(name)
			if member.trait("required", nil) {
				b.add(join(name), "Member must not be null", "", sub, nil)
			}
			b.walk(member.Target, value.(map[string]any)[name], join(name), sub)
		}
	case "list":
		b.size(shape, id, value, path, at)
		b.walk(shape.Member.Target, value.([]any)[1], join("2.member"), at.at(1))
	case "map":
		b.size(shape, id, value, path, at)
		entries := value.(map[string]any)
		key := slices.Min(slices.Collect(maps.Keys(entries)))
		shown := key
		if b.model[shape.Key.Target].trait("sensitive", nil) {
			shown = "*"
		}
		b.walk(shape.Value.Target, entries[key], join(shown+".member"), at.at(key))
		keys := &breaches{model: b.model}
		keys.walk(shape.Key.Target, key, "", place{""})
		for _, k := range keys.found {
			b.found = append(b.found, breach{path: path, constraint: k.constraint, shape: shape.Key.Target, at: at, isKey: true,
				apply: func(root map[string]any) {
					bad := map[string]any{}
					k.apply(bad)
					at.set(root, map[string]any{bad[""].(string): entries[key]})
				}})
		}
	case "string":
		b.text(shape, id, path, at)
	case "enum":
		values := shape.values()
		b.add(path, "Member must satisfy enum value set: [", id, at, "unknown")
		b.add(path, "Member must satisfy enum value set: [", id, at, strings.ToUpper(values[0])+" ")
		b.add(path, "Member must satisfy enum value set: [", id, at, "")
	case "integer", "long":
		var l limits
		if shape.trait("range", &l) {
			b.add(path, fmt.Sprintf("Member must have value greater than or equal to %d", *l.Min), id, at, int64(*l.Min-1))
			b.add(path, fmt.Sprintf("Member must have value less than or equal to %d", *l.Max), id, at, int64(*l.Max+1))
		}
	}
}

func (b *breaches) size(shape *smithyShape, id string, value tree, path string, at place) {
	var l limits
	if !shape.trait("length", &l) || l.Max == nil {
		return
	}
	many := map[string]any{}
	var items []any
	for i := range *l.Max + 1 {
		switch x := value.(type) {
		case []any:
			items = append(items, x[0])
		case map[string]any:
			for _, v := range x {
				many["k"+strings.Repeat("x", i)] = v
			}
		}
	}
	var big any = items
	if shape.Type == "map" {
		big = many
	}
	b.add(path, fmt.Sprintf("Member must have length less than or equal to %d", *l.Max), id, at, big)
}

func (b *breaches) text(shape *smithyShape, id, path string, at place) {
	var l limits
	if shape.trait("length", &l) {
		if l.Max != nil {
			b.add(path, fmt.Sprintf("Member must have length less than or equal to %d", *l.Max), id, at, strings.Repeat("a", *l.Max+1))
			b.add(path, fmt.Sprintf("Member must have length less than or equal to %d", *l.Max), id, at, strings.Repeat("😀", *l.Max+1))
		}
		if l.Min != nil && *l.Min > 0 {
			b.add(path, fmt.Sprintf("Member must have length greater than or equal to %d", *l.Min), id, at, strings.Repeat("é", *l.Min-1))
		}
	}
	var pattern string
	if !shape.trait("pattern", &pattern) {
		return
	}
	match := oracle(pattern)
	for _, bad := range []string{"", " ", "a b", "\n", "\u0085", "\x0b", "é", "aws:x", "-", "a\nb", "com.amazonaws.vpce.x y", "http://a b", "12a", "\x01"} {
		if !match(bad) {
			b.add(path, "Member must satisfy regular expression pattern: "+pattern, id, at, bad)
			b.found[len(b.found)-1].pattern = pattern
		}
	}
}

// decodeTree sends a tree to an input as a client would, without an SDK that checks by itself.
func decodeTree(model smithyModel, op operation, root map[string]any) (wire.Input, error) {
	body := map[string]any{}
	req := &wire.Request{Params: wire.Params{}}
	for name, value := range root {
		member := model[op.input].Members[name]
		var param string
		switch {
		case member.trait("httpLabel", nil):
			req.Params[name] = value.(string)
		case member.trait("httpQuery", &param):
			query := url.Values{}
			for _, item := range value.([]any) {
				query.Add(param, item.(string))
			}
			req.RawQuery = query.Encode()
		default:
			body[name] = value
		}
	}
	req.Body = encodeTree(body)
	in := op.wire.NewInput()
	return in, in.Decode(req)
}

func TestValidate_NamesEveryViolatedConstraint(t *testing.T) {
	t.Parallel()
	model := loadModel(t)
	total := 0
	for _, op := range model.operations(t) {
		root := (&sampler{model: model}).sample(op.input).(map[string]any)
		in, err := decodeTree(model, op, root)
		require.NoError(t, err, op.name)
		require.Nil(t, in.Validate(), op.name)

		b := &breaches{model: model}
		b.walk(op.input, root, "", nil)
		total += len(b.found)
		for _, breach := range b.found {
			sound := breach.at.get(root)
			breach.apply(root)
			in, err := decodeTree(model, op, root)
			breach.at.set(root, sound)
			require.NoError(t, err, "%s %s", op.name, breach.path)
			problem := in.Validate()
			require.NotNil(t, problem, "%s: nothing found at %s: %s", op.name, breach.path, breach.constraint)
			require.True(t, breach.isIn(problem), "%s: want %s: %s, got %s", op.name, breach.path, breach.constraint, problem)
			for _, v := range problem.Violations {
				require.Equal(t, breach.path, v.Path, "%s: a violation elsewhere: %s", op.name, problem)
				if s := model[breach.shape]; s != nil && s.trait("sensitive", nil) {
					require.Nil(t, v.Value, "%s shows a sensitive value: %s", op.name, problem)
				}
			}
		}
	}
	require.Greater(t, total, 2000)
	t.Logf("%d violations", total)
}

// Every pattern is tried on random texts at the first member that has it.
func TestValidate_PatternsAgreeWithRegexp(t *testing.T) {
	t.Parallel()
	model := loadModel(t)
	seen := map[string]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "Z", "0", "_", "-", ".", "/", ":", "@", " ", "\t", "\n", "\x0b", "\r", "\u0085", "\u2028", "é", "😀", "\ufffe",
		"\x00", "aws:", "arn:aws:", "kms:", "iam:", "appflow:", "secretsmanager:", "12:", "http", "https", "ftp", "://", "upsolver-appflow",
		"com.amazonaws.vpce.", "a.b.", "secretsmanager:x:1:", "arn:aws:kms:x:1:", "iam:a:b:1:", "https://", "+", "=", "<", ";", ",", "!", "#", "?", "%", "~", "|", "&", "$", "\\", "123"}
	for _, op := range model.operations(t) {
		b := &breaches{model: model}
		b.walk(op.input, (&sampler{model: model}).sample(op.input), "", nil)
		for _, breach := range b.found {
			if breach.pattern == "" || breach.isKey || seen[breach.pattern] {
				continue
			}
			seen[breach.pattern] = true
			match, matched := oracle(breach.pattern), 0
			root := (&sampler{model: model}).sample(op.input).(map[string]any)
			for range 1000 {
				var text strings.Builder
				for range random.IntN(6) {
					text.WriteString(pieces[random.IntN(len(pieces))])
				}
				if ok := match(text.String()); ok {
					matched++
				} else if random.IntN(4) > 0 {
					continue // most random texts match nothing; the interesting ones do
				}
				breach.at.set(root, text.String())
				in, err := decodeTree(model, op, root)
				require.NoError(t, err)
				require.Equal(t, !match(text.String()), breach.isIn(in.Validate()), "%s on %q", breach.pattern, text.String())
			}
			t.Logf("%5d matched %s", matched, breach.pattern)
		}
	}
	require.Greater(t, len(seen), 20)
}

// isIn reports whether the error names the breach.
func (b breach) isIn(problem *wire.ValidationError) bool {
	return problem != nil && slices.ContainsFunc(problem.Violations, func(v wire.Violation) bool {
		return v.Path == b.path && strings.Contains(v.Constraint, b.constraint) &&
			strings.HasPrefix(v.Constraint, "Map keys must satisfy constraint: [") == b.isKey
	})
}
