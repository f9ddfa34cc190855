package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"weir.dev/weir/internal/cli/flowfile"
)

// What a step does.
const (
	actionCreate    = "create"
	actionUpdate    = "update"
	actionDelete    = "delete"
	actionUnchanged = "unchanged"
)

// step brings one resource to what a file says.
type step struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Action  string   `json:"action"`
	Changes []change `json:"changes,omitempty"`
	// Blocked says why the server will not be able to do it.
	Blocked string `json:"blocked,omitempty"`
	// Credentials of a profile are never compared, as no operation shows them; they are sent with a create, with an
	// update, and whenever this is set.
	Credentials bool `json:"credentials,omitempty"`

	def    flowfile.Definition
	tags   *tagChange
	status string // operation that makes the wanted status: StartFlow, StopFlow or none
	stop   bool   // of a delete: the flow is active
	alter  bool   // the definition itself differs
}

type tagChange struct {
	arn        string
	have, want map[string]any
}

// caller calls an operation of the API: a *client, or a test's recorder.
type caller interface {
	call(ctx context.Context, operation string, in, out any) error
	retag(ctx context.Context, arn string, want, have map[string]any) error
}

// planOptions say what else a plan covers.
type planOptions struct {
	prune  string // KEY=VALUE of the tag that marks what may be deleted; empty deletes nothing
	rotate bool   // send credentials even when nothing else differs
}

// planSteps compares definitions with the server, and returns one step each in the order in which they have to happen.
func planSteps(ctx context.Context, c caller, defs []flowfile.Definition, o planOptions) ([]step, error) {
	if err := checkTwice(defs); err != nil {
		return nil, err
	}
	defs = slices.Clone(defs)
	slices.SortStableFunc(defs, func(a, b flowfile.Definition) int { return int(a.Kind) - int(b.Kind) })
	steps := make([]step, 0, len(defs))
	for _, d := range defs {
		s, err := planOne(ctx, c, d, o)
		if err != nil {
			return nil, fmt.Errorf("comparing %s %s (%s): %w", d.Kind, d.Name, d.File, err)
		}
		steps = append(steps, s)
	}
	if o.prune == "" {
		return steps, nil
	}
	deletes, err := planPrune(ctx, c, defs, o.prune)
	return append(steps, deletes...), err
}

func checkTwice(defs []flowfile.Definition) error {
	seen := map[string]string{}
	for _, d := range defs {
		key := d.Kind.String() + " " + d.Name
		if first, twice := seen[key]; twice {
			return usage("%s is defined twice: in %s and in %s", key, first, d.File)
		}
		seen[key] = d.File
	}
	return nil
}

func planOne(ctx context.Context, c caller, d flowfile.Definition, o planOptions) (step, error) {
	s := step{Kind: d.Kind.String(), Name: d.Name, Action: actionUnchanged, def: d}
	var want map[string]any
	if err := json.Unmarshal(d.Request, &want); err != nil {
		return s, err
	}
	var err error
	switch d.Kind {
	case flowfile.Profile:
		err = planProfile(ctx, c, &s, want, o)
	case flowfile.Connector:
		err = planConnector(ctx, c, &s, want)
	case flowfile.Flow:
		err = planFlow(ctx, c, &s, want)
	}
	return s, err
}

// definitionMembers are what UpdateFlow replaces.
var definitionMembers = []string{"description", "triggerConfig", "sourceFlowConfig", "destinationFlowConfigList", "tasks", "metadataCatalogConfig"}

func planFlow(ctx context.Context, c caller, s *step, want map[string]any) error {
	var have map[string]any
	err := c.call(ctx, "DescribeFlow", map[string]any{"flowName": s.Name}, &have)
	if isAPIError(err, "ResourceNotFoundException") {
		s.Action = actionCreate
		s.status = statusOperation(triggerType(want), "Draft", s.def.Status)
		return nil
	}
	if err != nil {
		return err
	}
	s.Changes = differences("", members(have, definitionMembers), members(want, definitionMembers))
	s.alter = len(s.Changes) > 0
	if want["kmsArn"] != nil && !reflect.DeepEqual(want["kmsArn"], have["kmsArn"]) {
		s.Blocked = "kmsArn cannot change; delete the flow first"
	}
	if tags, ok := want["tags"].(map[string]any); ok {
		old, _ := have["tags"].(map[string]any)
		if diff := differences("tags", orEmpty(old), tags); len(diff) > 0 {
			arn, _ := have["flowArn"].(string)
			s.tags = &tagChange{arn, old, tags}
			s.Changes = append(s.Changes, diff...)
		}
	}
	status, _ := have["flowStatus"].(string)
	after := statusAfterUpdate(triggerType(have), triggerType(want), status)
	if s.status = statusOperation(triggerType(want), after, s.def.Status); s.status != "" {
		s.Changes = append(s.Changes, change{"flowStatus", status, s.def.Status})
	}
	if len(s.Changes) > 0 {
		s.Action = actionUpdate
	}
	return nil
}

// statusAfterUpdate is what UpdateFlow makes of a status: a flow that gets a schedule or events has to be started anew.
func statusAfterUpdate(from, to, status string) string {
	switch {
	case from == "OnDemand" && to != "OnDemand":
		return "Draft"
	case from != "OnDemand" && to == "OnDemand":
		return "Active"
	}
	return status
}

// statusOperation is what brings a flow from a status to the wanted one. A flow on demand is always active; a draft does
// not run, which is all that Suspended asks for.
func statusOperation(trigger, status, want string) string {
	switch {
	case trigger == "OnDemand" || want == "":
	case want == "Active" && status != "Active":
		return "StartFlow"
	case want != "Active" && status == "Active":
		return "StopFlow"
	}
	return ""
}

func triggerType(flow map[string]any) string {
	t, _ := flow["triggerConfig"].(map[string]any)
	kind, _ := t["triggerType"].(string)
	return kind
}

func members(m map[string]any, names []string) map[string]any {
	out := map[string]any{}
	for _, n := range names {
		if v, ok := m[n]; ok && v != nil {
			out[n] = v
		}
	}
	return out
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func planProfile(ctx context.Context, c caller, s *step, want map[string]any, o planOptions) error {
	var answer struct {
		Details []map[string]any `json:"connectorProfileDetails"`
	}
	if err := c.call(ctx, "DescribeConnectorProfiles", map[string]any{"connectorProfileNames": []string{s.Name}}, &answer); err != nil {
		return err
	}
	s.Credentials = s.def.HasCredentials()
	if len(answer.Details) == 0 {
		s.Action = actionCreate
		return nil
	}
	have := answer.Details[0]
	for _, fixed := range []string{"connectorType", "connectorLabel"} {
		if want[fixed] != nil && !reflect.DeepEqual(want[fixed], have[fixed]) {
			s.Blocked = fixed + " cannot change; delete the profile first"
			s.Changes = append(s.Changes, change{fixed, have[fixed], want[fixed]})
		}
	}
	if want["connectionMode"] != nil {
		s.Changes = append(s.Changes, differences("connectionMode", have["connectionMode"], want["connectionMode"])...)
	}
	cfg, _ := want["connectorProfileConfig"].(map[string]any)
	s.Changes = append(s.Changes, differences("connectorProfileProperties", plain(have["connectorProfileProperties"]), plain(cfg["connectorProfileProperties"]))...)
	s.alter = len(s.Changes) > 0 || o.rotate && s.Credentials
	s.Credentials = s.alter && s.Credentials
	if s.alter {
		s.Action = actionUpdate
	}
	return nil
}

// plain is a profile's properties without what says nothing: an answer has false and empty objects where a file has none.
func plain(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, item := range m {
		item = plain(item)
		if inner, ok := item.(map[string]any); ok && len(inner) == 0 || item == false || item == nil {
			continue
		}
		out[k] = item
	}
	return out
}

func planConnector(ctx context.Context, c caller, s *step, want map[string]any) error {
	var answer struct {
		Config map[string]any `json:"connectorConfiguration"`
	}
	err := c.call(ctx, "DescribeConnector", map[string]any{"connectorType": "CustomConnector", "connectorLabel": s.Name}, &answer)
	if isAPIError(err, "ResourceNotFoundException") {
		s.Action = actionCreate
		return nil
	}
	if err != nil {
		return err
	}
	if want["description"] != nil {
		s.Changes = differences("description", answer.Config["connectorDescription"], want["description"])
	}
	s.Changes = append(s.Changes, differences("connectorProvisioningConfig", answer.Config["connectorProvisioningConfig"], want["connectorProvisioningConfig"])...)
	if s.alter = len(s.Changes) > 0; s.alter {
		s.Action = actionUpdate
	}
	return nil
}

// planPrune finds the flows that bear a tag and are in no file. Every flow of the files has to bear it as well: else it
// would be nobody's as soon as it is taken out of them, and a mistyped tag would delete what others own.
func planPrune(ctx context.Context, c caller, defs []flowfile.Definition, tag string) ([]step, error) {
	key, value, ok := strings.Cut(tag, "=")
	if !ok || key == "" {
		return nil, usage("--prune takes KEY=VALUE, a tag that all flows of the files bear, not %q", tag)
	}
	kept := map[string]bool{}
	for _, d := range defs {
		if d.Kind != flowfile.Flow {
			continue
		}
		var m struct{ Tags map[string]string }
		if err := json.Unmarshal(d.Request, &m); err != nil || m.Tags[key] != value {
			return nil, usage("--prune %s: flow %s of %s does not bear this tag, so nothing is deleted", tag, d.Name, d.File)
		}
		kept[d.Name] = true
	}
	if len(kept) == 0 {
		return nil, usage("--prune %s: the files hold no flow, so nothing is deleted", tag)
	}
	flows, err := listedFlows(ctx, c)
	if err != nil {
		return nil, err
	}
	var steps []step
	for _, f := range flows {
		if got, has := f.Tags[key]; has && got == value && !kept[f.FlowName] {
			steps = append(steps, step{Kind: "flow", Name: f.FlowName, Action: actionDelete, stop: f.FlowStatus == "Active" && f.Trigger != "OnDemand"})
		}
	}
	return steps, nil
}

// take does what a step says.
func (s *step) take(ctx context.Context, c caller) error {
	switch {
	case s.Blocked != "":
		return errors.New(s.Blocked)
	case s.Action == actionUnchanged:
		return nil
	case s.Action == actionDelete:
		if s.stop {
			if err := c.call(ctx, "StopFlow", map[string]any{"flowName": s.Name}, nil); err != nil {
				return err
			}
		}
		return c.call(ctx, "DeleteFlow", map[string]any{"flowName": s.Name, "forceDelete": false}, nil)
	}
	body, err := s.def.Resolved()
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		return err
	}
	if s.Action == actionCreate || s.alter {
		if err := c.call(ctx, s.operation(), without(in, s.immutable()...), nil); err != nil {
			return err
		}
	}
	if s.tags != nil {
		if err := c.retag(ctx, s.tags.arn, s.tags.want, s.tags.have); err != nil {
			return err
		}
	}
	if s.status == "" {
		return nil
	}
	return c.call(ctx, s.status, map[string]any{"flowName": s.Name}, nil)
}

// operation is what makes a new resource, or changes one.
func (s *step) operation() string {
	create := s.Action == actionCreate
	switch s.def.Kind {
	case flowfile.Profile:
		return map[bool]string{true: "CreateConnectorProfile", false: "UpdateConnectorProfile"}[create]
	case flowfile.Connector:
		return map[bool]string{true: "RegisterConnector", false: "UpdateConnectorRegistration"}[create]
	}
	return map[bool]string{true: "CreateFlow", false: "UpdateFlow"}[create]
}

// immutable are the members that the updating operation lacks.
func (s *step) immutable() []string {
	if s.Action == actionCreate {
		return nil
	}
	switch s.def.Kind {
	case flowfile.Profile:
		return []string{"connectorType", "connectorLabel", "kmsArn"}
	case flowfile.Connector:
		return []string{"connectorProvisioningType"}
	}
	return []string{"tags", "kmsArn"}
}

func without(m map[string]any, names ...string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	for _, n := range names {
		delete(out, n)
	}
	return out
}

// isAPIError reports whether a call was refused with an error of that name.
func isAPIError(err error, name string) bool {
	var ae *apiError
	return errors.As(err, &ae) && ae.Type == name
}
