package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const ifExistsSuffix = "IfExists"

func (b *builder) parseConditions(n node) ([]condition, error) {
	if n.kind != kindObject {
		return nil, n.place.wrong(`write an object here, as {"StringEquals": {"aws:ResourceTag/team": "sales"}}`)
	}
	var out []condition
	for _, m := range n.members {
		c, err := parseOperator(m)
		if err != nil {
			return nil, err
		}
		if m.value.kind != kindObject || len(m.value.members) == 0 {
			return nil, m.value.place.wrong(`write an object with keys here, as {"aws:ResourceTag/team": "sales"}`)
		}
		for _, entry := range m.value.members {
			one, err := b.parseCondition(c, m.name, entry)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
	}
	return out, nil
}

// parseOperator reads ForAnyValue:StringLikeIfExists and its like. Names have no case.
func parseOperator(m member) (condition, error) {
	var c condition
	name := m.name
	if quantity, rest, ok := strings.Cut(name, ":"); ok {
		switch {
		case strings.EqualFold(quantity, "ForAllValues"):
			c.quantity = forAll
		case strings.EqualFold(quantity, "ForAnyValue"):
			c.quantity = forAny
		default:
			return c, m.value.place.wrong("%s: is not known; the prefixes are ForAllValues: and ForAnyValue:", quantity)
		}
		name = rest
	}
	if n := len(name) - len(ifExistsSuffix); n > 0 && strings.EqualFold(name[n:], ifExistsSuffix) {
		name, c.ifExists = name[:n], true
	}
	known := slices.Sorted(maps.Keys(operators))
	for _, k := range known {
		if strings.EqualFold(k, name) {
			c.operator = operators[k]
			if c.operator.compare == isAbsent && (c.ifExists || c.quantity != oneValue) {
				return c, m.value.place.wrong("Null stands alone; leave ForAllValues:, ForAnyValue: and IfExists out")
			}
			return c, nil
		}
	}
	if strings.HasPrefix(strings.ToLower(name), "numeric") || strings.EqualFold(name, "BinaryEquals") {
		return c, m.value.place.wrong("no condition key of this server is a number or bytes, so this can compare nothing; take it out")
	}
	return c, m.value.place.wrong("no operator has this name%s; the operators are %s", didYouMean(name, known), strings.Join(known, ", "))
}

// parseCondition completes an operator with one of its keys and the values.
func (b *builder) parseCondition(c condition, operatorName string, entry member) (condition, error) {
	n := entry.value
	k, err := b.parseKey(n.place, entry.name)
	if err != nil {
		return c, err
	}
	c.key = k
	if c.operator.compare != isAbsent {
		if err := fits(c.operator, operatorName, k, n); err != nil {
			return c, err
		}
		if k.name == keyTagKeys && c.quantity == oneValue {
			return c, n.place.wrong("%s has several values; write ForAllValues:%[2]s or ForAnyValue:%[2]s", k.name, operatorName)
		}
	}
	values, err := n.values(kindBool, kindNumber)
	if err != nil {
		return c, err
	}
	for _, v := range values {
		if err := b.addValue(&c, v); err != nil {
			return c, err
		}
	}
	if (c.operator.kind == valueBool || c.operator.compare == isAbsent) && len(values) != 1 {
		return c, n.place.wrong(`write one value here, "true" or "false"`)
	}
	return c, nil
}

// parseKey reads a condition key, tag included. Names have no case, tags keep theirs.
func (b *builder) parseKey(at place, name string) (key, error) {
	base, tag, hasTag := strings.Cut(name, "/")
	known := slices.Sorted(maps.Keys(keyKinds))
	for _, k := range known {
		if !strings.EqualFold(string(k), base) {
			continue
		}
		found := key{name: k, tag: tag}
		switch {
		case found.hasTag() && tag == "":
			return key{}, at.wrong("name the tag, as %s/team", k)
		case !found.hasTag() && hasTag:
			return key{}, at.wrong("%s has no tag; leave out what follows the slash", k)
		}
		b.policy.asksTags = b.policy.asksTags || k == keyResourceTag
		return found, nil
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
		if (key{name: k}).hasTag() {
			names[i] += "/TAG"
		}
	}
	return key{}, at.wrong("no condition key is named %q%s; the keys are %s", name, didYouMean(name, names), strings.Join(names, ", "))
}

// fits refuses an operator that cannot compare a key's value.
func fits(o operator, name string, k key, n node) error {
	kind := keyKinds[k.name]
	if o.kind == kind || o.kind == valueText && kind == valueARN {
		return nil
	}
	example := map[valueKind]string{
		valueText: "StringEquals", valueARN: "ArnLike", valueIP: "IpAddress", valueTime: "DateLessThan", valueBool: "Bool",
	}[kind]
	return n.place.wrong("%s cannot compare %s, which is %s; use for instance %s", name, k.name, kind, example)
}

// addValue reads one value as its operator takes it.
func (b *builder) addValue(c *condition, v node) error {
	switch {
	case c.operator.compare == isAbsent || c.operator.kind == valueBool:
		wants, err := strconv.ParseBool(strings.ToLower(v.text))
		if err != nil || v.kind == kindNumber {
			return v.place.wrong(`write "true" or "false"`)
		}
		c.wants = wants
	case c.operator.kind == valueIP:
		prefix, err := parsePrefix(v.text)
		if err != nil {
			return v.place.wrong("it is no address; write for instance 203.0.113.0/24 or 2001:db8::/32")
		}
		c.prefixes = append(c.prefixes, prefix)
	case c.operator.kind == valueTime:
		t, err := parseTime(v.text)
		if err != nil {
			return v.place.wrong("it is no time; write for instance 2026-01-31T00:00:00Z")
		}
		c.times = append(c.times, t)
	default:
		p, err := b.parsePattern(v, c.operator.hasGlobs)
		if err != nil {
			return err
		}
		if c.operator.kind == valueARN && strings.Count(v.text, ":") < 5 {
			return v.place.wrong("an ARN has six parts; write for instance arn:aws:iam::*:user/NAME")
		}
		c.patterns = append(c.patterns, p)
	}
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// parseTime reads the forms of ISO 8601 that IAM takes, and seconds since 1970.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(seconds, 0), err
}
