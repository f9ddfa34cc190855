package server

import (
	"regexp"
	"strings"

	"weir.dev/weir/fault"
)

// Kinds of resources that have ARNs, as the ARNs spell them.
const (
	kindFlow      = "flow"
	kindProfile   = "connectorprofile"
	kindConnector = "connector"
)

// arn names a resource as the caller's region sees it: a signature for any region is accepted, and answered with that
// region's names.
func (c *call) arn(kind, name string) string {
	return "arn:aws:appflow:" + c.region + ":" + c.account + ":" + kind + "/" + name
}

func (c *call) flowARN(name string) string { return c.arn(kindFlow, name) }

func (c *call) profileARN(name string) string { return c.arn(kindProfile, name) }

// keyName is what a key may stand for: the user part of its ARN.
var keyName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

var regionPattern = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// resourceNames is what the model allows as names.
var resourceNames = map[string]*regexp.Regexp{
	kindFlow:      regexp.MustCompile(`^[a-zA-Z0-9][\w!@#.-]{1,255}$`),
	kindProfile:   regexp.MustCompile(`^[\w/!@#+=.-]{1,256}$`),
	kindConnector: regexp.MustCompile(`^[a-zA-Z0-9][\w!@#.-]{1,255}$`),
}

// resource is what an ARN names.
type resource struct{ kind, name string }

// resourceOfARN reads a resource ARN of this account. Any region will do, because all of them show the same.
func (c *call) resourceOfARN(arn string) (resource, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != "aws" || parts[2] != "appflow" || !regionPattern.MatchString(parts[3]) {
		return resource{}, fault.New(fault.Validation, "1 validation error detected: Value '%s' at 'resourceArn' failed to satisfy constraint: "+
			"Member must be an ARN of this service, such as %s", clip(arn), c.flowARN("my-flow"))
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	pattern := resourceNames[kind]
	switch {
	case parts[4] != c.account || pattern == nil:
		return resource{}, noResource(arn)
	case !pattern.MatchString(name):
		return resource{}, fault.New(fault.Validation, "1 validation error detected: Value '%s' at 'resourceArn' failed to satisfy constraint: "+
			"Member must name a %s, such as %s", clip(arn), kind, c.arn(kind, "my-"+kind))
	}
	return resource{kind, name}, nil
}

func noResource(arn string) error {
	return fault.New(fault.NotFound, "Resource %s does not exist.", clip(arn))
}
