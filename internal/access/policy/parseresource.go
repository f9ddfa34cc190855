package policy

import "strings"

// namedAccount is an account number in an ARN of a document.
type namedAccount struct {
	place  place
	number string
}

// CheckAccount refuses a policy whose resources belong to another account than the server's: its statements would never
// apply. The error is an *[Error].
func (p *Policy) CheckAccount(account string) error {
	if p == nil {
		return nil
	}
	for _, a := range p.accounts {
		if !glob(a.number, account) {
			return a.place.wrong("the account is %s, and this server's is %s; write that one, or *", unwild(a.number), account)
		}
	}
	return nil
}

func (b *builder) parseResources(n node, parts elements, s *statement) error {
	element, isOpposite, err := either(n, parts, "Resource", "NotResource")
	if err != nil {
		return err
	}
	items, err := element.values()
	if err != nil {
		return err
	}
	s.notResources = isOpposite
	for _, item := range items {
		p, err := b.parsePattern(item, true)
		if err != nil {
			return err
		}
		if err := b.checkResource(item, &p); err != nil {
			return err
		}
		s.resources = append(s.resources, p)
	}
	return nil
}

// arnHelp shows how ARNs of this service look.
const arnHelp = "write * or an ARN with all its six parts, as arn:aws:appflow:*:*:flow/NAME, …:connectorprofile/NAME or …:connector/LABEL"

// checkResource makes sure that a pattern can match something, and takes the region out of it: every region shows the same
// flows, so that a statement that looked at the region could be walked around by signing for another one.
func (b *builder) checkResource(n node, p *pattern) error {
	head := &p.text
	if p.parts != nil {
		head = &p.parts[0].text
	}
	if *head == string([]byte{anyText}) && p.parts == nil {
		return nil
	}
	fields := strings.SplitN(*head, ":", 6)
	if len(fields) < 6 {
		last := fields[len(fields)-1]
		if p.parts != nil || last != string([]byte{anyText}) {
			return n.place.wrong("it is no ARN; %s", arnHelp)
		}
	}
	for i, want := range []string{"arn", "aws", "appflow"} {
		if i < len(fields) && !glob(fields[i], want) {
			return n.place.wrong("no resource of this server has such an ARN; %s", arnHelp)
		}
	}
	if len(fields) > 3 {
		fields[3] = string([]byte{anyText})
		*head = strings.Join(fields, ":")
	}
	if len(fields) < 6 {
		return nil
	}
	b.policy.accounts = append(b.policy.accounts, namedAccount{n.place, fields[4]})
	kind, _, _ := strings.Cut(fields[5], "/")
	if !isResourceKind(kind, p.parts != nil) {
		return n.place.wrong("no resource of this server has such an ARN; %s", arnHelp)
	}
	return nil
}

func isResourceKind(kind string, isOpen bool) bool {
	for _, known := range []string{"flow", "connectorprofile", "connector"} {
		if glob(kind, known) || isOpen && strings.HasPrefix(known, kind) {
			return true
		}
	}
	return false
}

// unwild shows a pattern as it was written.
func unwild(s string) string {
	s = strings.ReplaceAll(s, string([]byte{anyText}), "*")
	return strings.ReplaceAll(s, string([]byte{anyRune}), "?")
}

// parsePattern reads text with variables, and with wildcards where they count as such.
func (b *builder) parsePattern(n node, hasGlobs bool) (pattern, error) {
	plain := func(s string) string {
		if hasGlobs {
			return wildcards(s)
		}
		return s
	}
	before, rest, hasVariables := strings.Cut(n.text, "${")
	if !hasVariables {
		return pattern{text: plain(n.text)}, nil
	}
	if !b.hasVersion {
		return pattern{}, n.place.wrong("variables as ${aws:username} need \"Version\": %q at the policy's top; add it", version)
	}
	parts := []part{{text: plain(before)}}
	for hasVariables {
		var inner string
		var isClosed bool
		if inner, rest, isClosed = strings.Cut(rest, "}"); !isClosed {
			return pattern{}, n.place.wrong("a variable is not closed; write }")
		}
		v, err := b.parseVariable(n, inner)
		if err != nil {
			return pattern{}, err
		}
		before, rest, hasVariables = strings.Cut(rest, "${")
		parts = append(parts, v, part{text: plain(before)})
	}
	return joined(parts), nil
}

// joined drops the parts of a pattern that has only text.
func joined(parts []part) pattern {
	var text strings.Builder
	for _, p := range parts {
		if p.variable != nil {
			return pattern{parts: parts}
		}
		text.WriteString(p.text)
	}
	return pattern{text: text.String()}
}

// parseVariable reads what stands in ${…}: a key, perhaps with a default, or one of the signs * ? $ taken literally.
func (b *builder) parseVariable(n node, inner string) (part, error) {
	if inner == "*" || inner == "?" || inner == "$" {
		return part{text: inner}, nil
	}
	name, otherwise, hasDefault := strings.Cut(inner, ",")
	k, err := b.parseKey(n.place, strings.TrimSpace(name))
	if err != nil {
		return part{}, err
	}
	if k.name == keyTagKeys {
		return part{}, n.place.wrong("%s has several values and cannot be a variable", k.name)
	}
	v := part{variable: &k}
	if hasDefault {
		value := strings.TrimSpace(otherwise)
		if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
			return part{}, n.place.wrong("write a variable's default in single quotes, as ${aws:username, 'nobody'}")
		}
		value = value[1 : len(value)-1]
		v.otherwise = &value
	}
	return v, nil
}
