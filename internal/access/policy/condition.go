package policy

import (
	"net/netip"
	"strings"
	"time"
)

// condition is one key of one operator in a Condition element. Its values are alternatives; for a negated operator none
// of them may match (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_multi-value-conditions.html).
type condition struct {
	operator operator
	key      key
	quantity quantity
	ifExists bool

	patterns []pattern      // of texts and ARNs
	prefixes []netip.Prefix // of addresses
	times    []time.Time
	wants    bool // of Bool and Null
}

// operator is a way to compare.
type operator struct {
	kind      valueKind // of what is compared
	compare   comparison
	isNegated bool
	hasGlobs  bool // * and ? are wildcards in its values
}

type comparison uint8

const (
	same     comparison = iota
	sameFold            // but for the case of letters
	before
	notAfter
	after
	notBefore
	isAbsent // Null
)

// operators are IAM's (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html),
// but for those about numbers and bytes: no key here is one.
var operators = map[string]operator{
	"StringEquals":              {kind: valueText},
	"StringNotEquals":           {kind: valueText, isNegated: true},
	"StringEqualsIgnoreCase":    {kind: valueText, compare: sameFold},
	"StringNotEqualsIgnoreCase": {kind: valueText, compare: sameFold, isNegated: true},
	"StringLike":                {kind: valueText, hasGlobs: true},
	"StringNotLike":             {kind: valueText, hasGlobs: true, isNegated: true},
	"ArnEquals":                 {kind: valueARN, hasGlobs: true},
	"ArnLike":                   {kind: valueARN, hasGlobs: true},
	"ArnNotEquals":              {kind: valueARN, hasGlobs: true, isNegated: true},
	"ArnNotLike":                {kind: valueARN, hasGlobs: true, isNegated: true},
	"IpAddress":                 {kind: valueIP},
	"NotIpAddress":              {kind: valueIP, isNegated: true},
	"DateEquals":                {kind: valueTime},
	"DateNotEquals":             {kind: valueTime, isNegated: true},
	"DateLessThan":              {kind: valueTime, compare: before},
	"DateLessThanEquals":        {kind: valueTime, compare: notAfter},
	"DateGreaterThan":           {kind: valueTime, compare: after},
	"DateGreaterThanEquals":     {kind: valueTime, compare: notBefore},
	"Bool":                      {kind: valueBool},
	"Null":                      {kind: valueText, compare: isAbsent},
}

// quantity says how many of a key's values must match.
type quantity uint8

const (
	oneValue quantity = iota
	forAll
	forAny
)

func (c *condition) holds(r *Request) truth {
	switch {
	case c.operator.compare == isAbsent:
		return c.isAbsent(r)
	case c.key.name == keyTagKeys:
		return c.holdsForKeys(r)
	}
	var value string
	t := yes // of the other kinds, times and booleans are always there
	switch c.operator.kind {
	case valueText, valueARN:
		value, t = c.key.text(r)
	case valueIP:
		t = truthOf(r.Caller.SourceIP.IsValid())
	}
	switch t {
	case unknown:
		return unknown
	case no:
		return truthOf(c.ifExists || c.quantity == forAll || c.operator.isNegated && c.quantity == oneValue)
	}
	return c.signed(c.matches(value, r))
}

func (c *condition) isAbsent(r *Request) truth {
	present := truthOf(len(r.Tags.Values)+len(r.Tags.Keys) > 0)
	if c.key.name != keyTagKeys {
		_, present = c.key.text(r)
	}
	if c.wants {
		return not(present)
	}
	return present
}

// holdsForKeys asks about each tag key of the request.
func (c *condition) holdsForKeys(r *Request) truth {
	if len(r.Tags.Values)+len(r.Tags.Keys) == 0 {
		return truthOf(c.ifExists || c.quantity == forAll)
	}
	all, some := yes, no
	ask := func(name string) {
		t := c.signed(c.matches(name, r))
		all, some = min(all, t), max(some, t)
	}
	for name := range r.Tags.Values {
		ask(name)
	}
	for _, name := range r.Tags.Keys {
		ask(name)
	}
	if c.quantity == forAll {
		return all
	}
	return some
}

func (c *condition) signed(t truth) truth {
	if c.operator.isNegated {
		return not(t)
	}
	return t
}

// matches reports whether one of the condition's values fits, negation left aside.
func (c *condition) matches(value string, r *Request) truth {
	switch c.operator.kind {
	case valueIP:
		return truthOf(c.hasAddress(r))
	case valueTime:
		return truthOf(c.hasTime(r.Caller.At))
	case valueBool:
		return truthOf(r.Caller.IsSecure == c.wants)
	}
	best := no
	for i := range c.patterns {
		text, t := c.patterns[i].fill(r)
		if t == yes {
			t = truthOf(c.fits(text, value))
		}
		best = max(best, t)
	}
	return best
}

func (c *condition) fits(pattern, value string) bool {
	switch {
	case c.operator.kind == valueARN:
		return globARN(pattern, value)
	case c.operator.compare == sameFold:
		return strings.EqualFold(pattern, value)
	}
	return glob(pattern, value)
}

// globARN compares part by part, so that a wildcard stays within its part.
func globARN(pattern, arn string) bool {
	for range 5 {
		p, restP, okP := strings.Cut(pattern, ":")
		a, restA, okA := strings.Cut(arn, ":")
		if !okP || !okA || !glob(p, a) {
			return false
		}
		pattern, arn = restP, restA
	}
	return glob(pattern, arn)
}

func (c *condition) hasAddress(r *Request) bool {
	a, ok := address(r)
	if !ok {
		return false
	}
	for _, p := range c.prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func (c *condition) hasTime(at time.Time) bool {
	for _, t := range c.times {
		order := at.Compare(t)
		switch c.operator.compare {
		case before:
			if order < 0 {
				return true
			}
		case notAfter:
			if order <= 0 {
				return true
			}
		case after:
			if order > 0 {
				return true
			}
		case notBefore:
			if order >= 0 {
				return true
			}
		default:
			if order == 0 {
				return true
			}
		}
	}
	return false
}
