package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// keyName is a condition key without its tag. The names are IAM's
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
type keyName string

const (
	keyResourceTag     keyName = "aws:ResourceTag"
	keyRequestTag      keyName = "aws:RequestTag"
	keyTagKeys         keyName = "aws:TagKeys"
	keySourceIP        keyName = "aws:SourceIp"
	keyPrincipalARN    keyName = "aws:PrincipalArn"
	keyUserName        keyName = "aws:username"
	keyCurrentTime     keyName = "aws:CurrentTime"
	keySecureTransport keyName = "aws:SecureTransport"
	keyRequestedRegion keyName = "aws:RequestedRegion"
)

// keyKinds says what a key's value is, which decides the operators that fit.
var keyKinds = map[keyName]valueKind{
	keyResourceTag: valueText, keyRequestTag: valueText, keyTagKeys: valueText, keySourceIP: valueIP, keyPrincipalARN: valueARN,
	keyUserName: valueText, keyCurrentTime: valueTime, keySecureTransport: valueBool, keyRequestedRegion: valueText,
}

// valueKind is what a key's value is.
type valueKind string

const (
	valueText valueKind = "a text"
	valueARN  valueKind = "an ARN"
	valueIP   valueKind = "an address"
	valueTime valueKind = "a time"
	valueBool valueKind = "true or false"
)

// key is a fact about a request.
type key struct {
	name keyName
	tag  string // of keyResourceTag and keyRequestTag
}

func (k key) hasTag() bool { return k.name == keyResourceTag || k.name == keyRequestTag }

// text is the value of a key that has one at most: no when it is missing, unknown when it has not been looked up.
func (k key) text(r *Request) (string, truth) {
	switch k.name {
	case keyResourceTag:
		if !r.KnowsTags {
			return "", unknown
		}
		return tagValue(r.ResourceTags, k.tag)
	case keyRequestTag:
		return tagValue(r.Tags.Values, k.tag)
	case keySourceIP:
		return r.Caller.SourceIP.String(), truthOf(r.Caller.SourceIP.IsValid())
	case keyPrincipalARN:
		return r.Caller.ARN, truthOf(r.Caller.ARN != "")
	case keyUserName:
		return r.Caller.Name, truthOf(r.Caller.Name != "")
	case keyCurrentTime:
		return r.Caller.At.UTC().Format(time.RFC3339), yes
	case keySecureTransport:
		return strconv.FormatBool(r.Caller.IsSecure), yes
	case keyRequestedRegion:
		return r.Caller.Region, truthOf(r.Caller.Region != "")
	}
	return "", no
}

// tagValue finds a tag. Condition keys have no case, tags have: the tag of the very name is preferred, another in other
// letters will do, so that a statement about "Team" is not dodged with "team".
func tagValue(tags map[string]string, name string) (string, truth) {
	if v, ok := tags[name]; ok {
		return v, yes
	}
	found, first := "", ""
	for key, v := range tags {
		if strings.EqualFold(key, name) && (first == "" || key < first) {
			first, found = key, v
		}
	}
	return found, truthOf(first != "")
}

// address is the caller's address as operators compare it.
func address(r *Request) (netip.Addr, bool) {
	a := r.Caller.SourceIP.Unmap().WithZone("")
	return a, a.IsValid()
}
