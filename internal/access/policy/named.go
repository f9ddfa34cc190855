package policy

import (
	"maps"
	"slices"
	"strings"
)

// predefined are policies that have names, for those who do not want to write one. A key that has one by name follows it
// into later releases.
var predefined = map[string]string{
	"read-only": `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*", "Action": [
		"appflow:Describe*", "appflow:List*", "weir:ReadExecutions"]}}`,
	"operator": `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*", "Action": [
		"appflow:Describe*", "appflow:List*", "appflow:StartFlow", "appflow:StopFlow", "appflow:CancelFlowExecutions",
		"appflow:ResetConnectorMetadataCache", "weir:ReadExecutions", "weir:ReadRejectedRecords"]}}`,
	"admin": `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*", "Action": "*"}}`,
}

// Names are the names of the predefined policies.
func Names() []string { return slices.Sorted(maps.Keys(predefined)) }

// Document is the text of a predefined policy.
func Document(name string) (string, bool) {
	text, ok := predefined[name]
	return text, ok
}

func named(n node) (*Policy, error) {
	text, ok := predefined[n.text]
	if !ok {
		return nil, n.place.wrong("no predefined policy has the name %q; there are %s", n.text, strings.Join(Names(), ", "))
	}
	return Parse([]byte(text))
}
