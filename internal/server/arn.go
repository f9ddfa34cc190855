package server

import (
	"regexp"
	"strings"

	"weir.dev/weir/fault"
)

// flowARN names a flow as the caller's region sees it: a signature for any region is accepted, and answered with that
// region's names.
func (c *call) flowARN(name string) string {
	return "arn:aws:appflow:" + c.region + ":" + c.account + ":flow/" + name
}

// keyName is what a key may stand for: the user part of its ARN.
var keyName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

var regionPattern = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

var flowNamePattern = regexp.MustCompile(`^[a-zA-Z0-9][\w!@#.-]{1,255}$`)

// flowOfARN reads the flow's name from a resource ARN of this account. Any region will do, because all of them show the
// same flows. Other resources of the service cannot be tagged in this build.
func (c *call) flowOfARN(arn string) (string, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != "aws" || parts[2] != "appflow" || !regionPattern.MatchString(parts[3]) {
		return "", fault.New(fault.Validation, "1 validation error detected: Value '%s' at 'resourceArn' failed to satisfy constraint: "+
			"Member must be an ARN of this service, such as %s", clip(arn), c.flowARN("my-flow"))
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[4] != c.account || kind != "flow":
		return "", fault.New(fault.NotFound, "Resource %s does not exist.", clip(arn))
	case !flowNamePattern.MatchString(name):
		return "", fault.New(fault.Validation, "1 validation error detected: Value '%s' at 'resourceArn' failed to satisfy constraint: "+
			"Member must name a flow, such as %s", clip(arn), c.flowARN("my-flow"))
	}
	return name, nil
}
