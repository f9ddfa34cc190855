package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
	"weir.dev/weir/internal/trial"
)

// TrialOptions say which connector is put to the test.
type TrialOptions struct {
	Connector string // a manifest's file, a label of Config.Connectors, or a connector type of this build
	Profile   string // a name in Config.ProfileFile; "" is the only one that fits
	Entity    string
	Pages     int
	IsStandIn bool // that takes any credentials
}

// Try puts a connector to the test with a profile. Its errors are Validation: what there is to try could not be found. What
// the vendor says is in the findings.
func Try(ctx context.Context, cfg Config, o TrialOptions, log *slog.Logger) ([]trial.Finding, error) {
	cfg.defaults()
	if cfg.ProfileFile == "" {
		return nil, fault.New(fault.Validation, "a file of profiles is needed; name it with --profile")
	}
	t, err := findTried(cfg, o.Connector, log)
	if err != nil {
		return nil, err
	}
	given, err := readProfiles(cfg.ProfileFile)
	if err != nil {
		return nil, err
	}
	if o.Profile, err = pickProfile(given, t, o.Profile); err != nil {
		return nil, err
	}
	configure, err := configureOne(cfg, nil, t.list, log)
	if err != nil {
		return nil, err
	}
	config, err := configure(ctx, t.kind, o.Profile, "")
	if err != nil {
		return []trial.Finding{{Check: "the profile is accepted", Outcome: trial.Failed, Detail: err.Error()}}, nil
	}
	x := trial.Exam{Connector: t.connector, Config: config, ObjectKey: flow.TraitsOf(t.kind).ObjectKey, Entity: o.Entity, Pages: o.Pages, IsStandIn: o.IsStandIn}
	t.manifested(&x)
	return trial.Run(ctx, x), nil
}

// tried is the connector to try.
type tried struct {
	list      *connector.Registry
	kind      flow.ConnectorType
	label     string // of a custom connector
	connector connector.Connector
	manifest  *manifest.Connector // nil for one in Go
}

// findTried finds what a name stands for.
func findTried(cfg Config, name string, log *slog.Logger) (*tried, error) {
	var library *manifest.Library
	var err error
	t := &tried{kind: flow.CustomConnector, label: name}
	if strings.HasSuffix(name, ".yaml") {
		library, t.label, err = manifest.OpenFile(name, custom.Spec(), log)
	} else {
		library, err = openManifests(cfg.Connectors, log)
	}
	if err != nil {
		return nil, err
	}
	t.list = connectors.All(connectors.Settings{Manifests: library})
	if library != nil {
		if t.manifest = library.Find(t.label); t.manifest != nil {
			t.connector = t.manifest.OfProfiles()
			return t, nil
		}
	}
	for _, c := range t.list.All() {
		if spec := c.Spec(); strings.EqualFold(string(spec.Type), name) && spec.Type != flow.CustomConnector {
			t.kind, t.label, t.connector = spec.Type, "", c
			t.manifest, _ = c.(*manifest.Connector)
			return t, nil
		}
	}
	return nil, fault.New(fault.Validation, "%q is no manifest's file, no label in the folder --connectors, and no connector type of this build; custom connectors that are functions are for weir connector certify", name)
}

// pickProfile is the profile's name, or the name of the only one that is for the connector.
func pickProfile(given []profile.Given, t *tried, name string) (string, error) {
	var fit []string
	for i := range given {
		if p := &given[i].Profile; p.Connector == t.kind && p.Label == t.label {
			fit = append(fit, p.Name)
		}
	}
	want := string(t.kind)
	if t.label != "" {
		want += " with connectorLabel " + t.label
	}
	switch {
	case name != "" && !slices.Contains(fit, name):
		return "", fault.New(fault.Validation, "the file has no profile %q for connectorType %s", name, want)
	case name != "":
		return name, nil
	case len(fit) == 0:
		return "", fault.New(fault.Validation, "the file has no profile for connectorType %s", want)
	case len(fit) > 1:
		return "", fault.New(fault.Validation, "the file has several profiles for connectorType %s: %s; name one with --profile-name", want, strings.Join(fit, ", "))
	}
	return fit[0], nil
}

// manifested adds what a manifest says beyond the connector's interfaces.
func (t *tried) manifested(x *trial.Exam) {
	if t.manifest == nil {
		return
	}
	x.Pushed = func(name string) []trial.Condition {
		var list []trial.Condition
		for _, p := range t.manifest.Pushed(name) {
			list = append(list, trial.Condition(p))
		}
		return list
	}
	x.Resized = func(name string, records int) connector.Connector {
		c := t.manifest.Resized(name, records)
		switch {
		case c == nil:
			return nil
		case t.kind == flow.CustomConnector:
			return c.OfProfiles()
		}
		return c
	}
}
