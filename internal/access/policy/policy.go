// Package policy says what an access key may do. It reads IAM policy documents
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html), compiles them once, and decides
// requests by IAM's rules: everything is denied unless a statement allows it, and a statement that denies wins.
//
// What a document may say is closed: an action, condition key, operator or element that is not known here is refused
// when the document is read, with its place and what to write instead. A restriction that would be ignored is worse
// than none, because its author believes in it.
//
//	document → parse (strict JSON) → statements → compile (per action) → Policy
//	Policy + Request → Allowed | Denied | DeniedExplicitly | Undecided
//
// The package knows no store, no HTTP and no flows. Deciding does not allocate, except where a document uses policy
// variables.
package policy

import (
	"net/netip"
	"time"
)

// Policy is a compiled document. It never changes and may be used concurrently. A nil Policy allows everything: it is the
// policy of a key that has none.
type Policy struct {
	allows, denies [actionCount][]*statement
	accounts       []namedAccount // that resources name, for CheckAccount
	asksTags       bool
}

// statement is one compiled element of a document's Statement.
type statement struct {
	resources    []pattern
	notResources bool // the patterns are those of NotResource
	conditions   []condition
}

// Decision is what a policy says to a request.
type Decision uint8

// Decisions.
const (
	Denied           Decision = iota // no statement allows it
	DeniedExplicitly                 // a statement denies it
	Allowed
	Undecided // it depends on the resource's tags, which the request does not know yet
)

// Caller is who asks, and how.
type Caller struct {
	ARN      string
	Name     string
	Region   string
	SourceIP netip.Addr // the zero value is unknown
	IsSecure bool       // the request came over TLS
	At       time.Time
}

// Tags are those of a request or a resource. The zero value is no tags.
type Tags struct {
	Values map[string]string // read only
	Keys   []string          // where there are keys without values, as in UntagResource
}

// Request is a question to a policy.
type Request struct {
	Action   Action
	Resource string // an ARN, or "*" for what belongs to no resource
	Caller   *Caller
	Tags     Tags // that the request would set or remove

	ResourceTags map[string]string // that the resource has; nil for a resource that does not exist
	KnowsTags    bool              // ResourceTags have been looked up
}

// Decide answers a request. Undecided comes only for a request that does not know its resource's tags.
func (p *Policy) Decide(r *Request) Decision {
	if p == nil {
		return Allowed
	}
	denied := anyApplies(p.denies[r.Action], r)
	if denied == yes {
		return DeniedExplicitly
	}
	switch allowed := anyApplies(p.allows[r.Action], r); {
	case allowed == no:
		return Denied
	case allowed == unknown || denied == unknown:
		return Undecided
	}
	return Allowed
}

// AsksTags reports whether the policy has conditions on the tags of resources.
func (p *Policy) AsksTags() bool { return p != nil && p.asksTags }

// truth is the logic of conditions whose facts may be missing.
type truth uint8

const (
	no truth = iota
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func anyApplies(list []*statement, r *Request) truth {
	best := no
	for _, s := range list {
		if t := s.applies(r); t > best {
			best = t
		}
		if best == yes {
			break
		}
	}
	return best
}

// applies reports whether a statement that names the action is about the resource, and its conditions hold.
func (s *statement) applies(r *Request) truth {
	about := matchesAny(s.resources, r.Resource, r)
	if s.notResources {
		about = not(about)
	}
	for i := range s.conditions {
		if about == no {
			return no
		}
		about = min(about, s.conditions[i].holds(r))
	}
	return about
}

func not(t truth) truth { return yes - t }
