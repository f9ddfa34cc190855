package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// version is the only version of the language that is understood.
const version = "2012-10-17"

// Parse reads and compiles a document: an IAM policy as JSON, or a JSON string that names one of [Names]. Its error is an
// *[Error].
func Parse(document []byte) (*Policy, error) {
	top, err := readDocument(document)
	if err != nil {
		return nil, err
	}
	if top.kind == kindText {
		return named(top)
	}
	return parse(top)
}

func parse(top node) (*Policy, error) {
	if top.kind != kindObject {
		return nil, top.place.wrong(`write an IAM policy, as {"Version": %q, "Statement": […]}, or the name of a predefined one: %s`, version, quoted(Names()))
	}
	b := &builder{policy: &Policy{}}
	var statements *node
	for i, m := range top.members {
		switch m.name {
		case "Version":
			if m.value.kind != kindText || m.value.text != version {
				return nil, m.value.place.wrong("it must be %q; change it, or leave it out", version)
			}
			b.hasVersion = true
		case "Id":
			if m.value.kind != kindText {
				return nil, m.value.place.wrong("write a string here, not %s", m.value.kind)
			}
		case "Statement":
			statements = &top.members[i].value
		default:
			return nil, unknownElement(m, "Version", "Id", "Statement")
		}
	}
	if statements == nil {
		return nil, top.place.wrong(`Statement is missing; write for instance {"Statement": [{"Effect": "Allow", "Action": "appflow:Describe*", "Resource": "*"}]}`)
	}
	items := statements.items
	if statements.kind == kindObject {
		items = []node{*statements}
	}
	if len(items) == 0 {
		return nil, statements.place.wrong("write at least one statement")
	}
	for _, item := range items {
		if err := b.addStatement(item); err != nil {
			return nil, err
		}
	}
	return b.policy, nil
}

// unknownElement refuses a member that the language does not have.
func unknownElement(m member, known ...string) error {
	if m.name == "Principal" || m.name == "NotPrincipal" {
		return m.value.place.wrong("leave it out: the policy belongs to the key it is given to")
	}
	return m.value.place.wrong("no element has this name%s; the elements here are %s", didYouMean(m.name, known), strings.Join(known, ", "))
}

// builder compiles statements into a policy.
type builder struct {
	policy     *Policy
	hasVersion bool
}

// elements are a statement's members by name.
type elements map[string]node

var elementNames = []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}

func (b *builder) addStatement(n node) error {
	if n.kind != kindObject {
		return n.place.wrong("write an object here, not %s", n.kind)
	}
	parts := elements{}
	for _, m := range n.members {
		if !slices.Contains(elementNames, m.name) {
			return unknownElement(m, elementNames...)
		}
		parts[m.name] = m.value
	}
	if sid, ok := parts["Sid"]; ok && sid.kind != kindText {
		return sid.place.wrong("write a string here, not %s", sid.kind)
	}
	target, err := b.effect(n, parts)
	if err != nil {
		return err
	}
	actions, err := parseActions(n, parts)
	if err != nil {
		return err
	}
	s := &statement{}
	if err := b.parseResources(n, parts, s); err != nil {
		return err
	}
	if condition, ok := parts["Condition"]; ok {
		if s.conditions, err = b.parseConditions(condition); err != nil {
			return err
		}
	}
	for _, a := range actions {
		target[a] = append(target[a], s)
	}
	return nil
}

// effect is the table that the statement goes into.
func (b *builder) effect(n node, parts elements) (*[actionCount][]*statement, error) {
	effect, ok := parts["Effect"]
	switch {
	case !ok:
		return nil, n.place.wrong(`Effect is missing; write "Allow" or "Deny"`)
	case effect.kind == kindText && effect.text == "Allow":
		return &b.policy.allows, nil
	case effect.kind == kindText && effect.text == "Deny":
		return &b.policy.denies, nil
	}
	return nil, effect.place.wrong(`it must be "Allow" or "Deny"`)
}

// either returns the one of two members that is there.
func either(n node, parts elements, name, opposite string) (node, bool, error) {
	a, hasA := parts[name]
	b, hasB := parts[opposite]
	switch {
	case hasA && hasB:
		return node{}, false, n.place.wrong("%s and %s exclude each other; make two statements", name, opposite)
	case !hasA && !hasB:
		return node{}, false, n.place.wrong("%s is missing; write for instance \"*\"", name)
	case hasB:
		return b, true, nil
	}
	return a, false, nil
}

// parseActions resolves the names to the actions they stand for.
func parseActions(n node, parts elements) ([]Action, error) {
	element, isOpposite, err := either(n, parts, "Action", "NotAction")
	if err != nil {
		return nil, err
	}
	items, err := element.values()
	if err != nil {
		return nil, err
	}
	var named [actionCount]bool
	for _, item := range items {
		found := false
		glb := wildcards(strings.ToLower(item.text))
		for a := 1; a < actionCount; a++ {
			if glob(glb, strings.ToLower(actionNames[a])) {
				named[a], found = true, true
			}
		}
		if !found {
			return nil, item.place.wrong("%s", unknownAction(item.text))
		}
	}
	var out []Action
	for a := 1; a < actionCount; a++ {
		if named[a] != isOpposite {
			out = append(out, Action(a))
		}
	}
	return out, nil
}

func unknownAction(name string) string {
	service, _, hasService := strings.Cut(name, ":")
	switch {
	case !hasService:
		return "an action has the form service:Name, as appflow:StartFlow" + didYouMean(appflowPrefix+name, actionNames[1:])
	case !strings.EqualFold(service+":", appflowPrefix) && !strings.EqualFold(service+":", weirPrefix) && !strings.ContainsAny(service, "*?"):
		return "this server knows the services appflow and weir only; take the actions of " + service + " out"
	}
	return "no action has this name" + didYouMean(name, actionNames[1:])
}

func didYouMean(name string, known []string) string {
	if found := closest(name, known); found != "" {
		return "; did you mean " + found + "?"
	}
	return ""
}

// quoted lists names as they stand in JSON.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		raw, err := json.Marshal(name)
		if err != nil {
			return strings.Join(names, ", ")
		}
		out[i] = string(raw)
	}
	return strings.Join(out, ", ")
}

// closest finds the known name that differs from a misspelt one in few letters.
func closest(name string, known []string) string {
	best, found := len(name)/3+1, ""
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < best {
			best, found = d, k
		}
	}
	return found
}

// distance counts the letters to insert, drop or change to turn a into b (Levenshtein's).
func distance(a, b string) int {
	const most = 128 // names are short; what is longer is no slip of the pen
	if len(a) > most || len(b) > most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
