package manifest

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Library is a folder of manifests, each the custom connector whose label is the file's name. It looks at the folder
// again when it is asked and some time has passed: a manifest that is changed counts for the next connection. Safe for
// concurrent use.
type Library struct {
	dir  string
	spec *connector.Spec
	log  *slog.Logger

	mu     sync.Mutex // guards all below
	looked time.Time
	files  map[string]file
}

// file is one manifest of the folder.
type file struct {
	size      int64
	modTime   time.Time
	connector *Connector // the last version that was sound; nil when there has been none
	problems  Problems
}

// lookAgain is how old a look at the folder may be.
const lookAgain = 2 * time.Second

// label is what a file's name may be before its suffix: what the API takes for a connector's label.
var label = regexp.MustCompile(`^[a-zA-Z0-9][\w!@#.-]{0,255}$`)

// OpenLibrary reads a folder; one that does not exist is empty. The spec is that of custom connectors. Its error is
// Validation: every problem of every manifest, which would otherwise show up when a flow runs.
func OpenLibrary(dir string, spec *connector.Spec, log *slog.Logger) (*Library, error) {
	l := &Library{dir: dir, spec: spec, log: log, files: map[string]file{}}
	if err := l.look(); err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading the manifests of %s", dir)
	}
	var lines []string
	for name, f := range l.files {
		for _, p := range f.problems {
			lines = append(lines, name+".yaml:"+p.String())
		}
	}
	if len(lines) > 0 {
		return nil, fault.New(fault.Validation, "reading the manifests of %s:\n%s", dir, strings.Join(lines, "\n"))
	}
	return l, nil
}

// Find is the connector of a label, or nil when the folder has none.
func (l *Library) Find(label string) *Connector {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.looked) > lookAgain {
		if err := l.look(); err != nil {
			l.log.Warn("the folder of manifests cannot be read; what was read before still counts", "folder", l.dir, "error", err)
		}
	}
	return l.files[label].connector
}

// look reads what has changed. A manifest that has become wrong keeps its last sound version.
func (l *Library) look() error {
	l.looked = time.Now()
	entries, err := os.ReadDir(l.dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		name, isManifest := strings.CutSuffix(e.Name(), ".yaml")
		if !isManifest || e.IsDir() || !label.MatchString(name) {
			continue
		}
		seen[name] = true
		if err := l.load(name, e); err != nil {
			return err
		}
	}
	for name := range l.files {
		if !seen[name] {
			delete(l.files, name)
		}
	}
	return nil
}

func (l *Library) load(name string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	old, known := l.files[name]
	if known && old.size == info.Size() && old.modTime.Equal(info.ModTime()) {
		return nil
	}
	next := file{size: info.Size(), modTime: info.ModTime(), connector: old.connector}
	var m *Manifest
	if info.Size() > maxText {
		next.problems = Problems{{Line: 1, Column: 1, Message: "it is too long"}}
	} else {
		text, err := os.ReadFile(filepath.Join(l.dir, e.Name()))
		if err != nil {
			return err
		}
		m, next.problems = Parse(text)
	}
	if m != nil {
		spec := *l.spec
		spec.Name = m.Name
		next.connector = New(m, &spec)
	} else if known {
		l.log.Warn("a changed manifest is wrong; the version before still counts", "connector", name, "problem", next.problems[0].String())
	}
	l.files[name] = next
	return nil
}

// Or is the connector of custom connectors that looks into the library first: a label that it has is a manifest's, every
// other one is the given connector's.
func (l *Library) Or(other connector.Connector) connector.Connector { return &either{l, other} }

type either struct {
	library *Library
	other   connector.Connector
}

var _ connector.PropertyChecker = (*either)(nil)

func (e *either) Spec() *connector.Spec { return e.other.Spec() }

// Connect opens a connection of the profile's label.
func (e *either) Connect(ctx context.Context, cfg connector.Config) (connector.Connection, error) {
	c := e.library.Find(cfg.Label)
	if c == nil {
		return e.other.Connect(ctx, cfg)
	}
	cfg, err := flat(cfg)
	if err != nil {
		return nil, err
	}
	return c.Connect(ctx, cfg)
}

// CheckSource and CheckDestination check what holds for every label: a definition does not name one.
func (e *either) CheckSource(props flow.Properties) error {
	if c, ok := e.other.(connector.PropertyChecker); ok {
		return c.CheckSource(props)
	}
	return nil
}

// CheckDestination is as CheckSource.
func (e *either) CheckDestination(props flow.Properties) error {
	if c, ok := e.other.(connector.PropertyChecker); ok {
		return c.CheckDestination(props)
	}
	return nil
}

// flat brings the structures of a custom connector's profile into the plain form that manifests read.
func flat(cfg connector.Config) (connector.Config, error) {
	var props struct {
		Settings map[string]string `json:"profileProperties"`
	}
	var credentials struct {
		Basic  map[string]string `json:"basic"`
		APIKey map[string]string `json:"apiKey"`
		OAuth  struct {
			Token string `json:"accessToken"`
		} `json:"oauth2"`
	}
	if cfg.ProfileProperties.Decode(&props) != nil || cfg.ProfileCredentials.Decode(&credentials) != nil {
		return cfg, fault.New(fault.Validation, "the properties or credentials of profile %q cannot be read", cfg.ProfileName)
	}
	plain := map[string]string{}
	for _, part := range []map[string]string{credentials.Basic, credentials.APIKey} {
		for name, value := range part {
			plain[name] = value
		}
	}
	if credentials.OAuth.Token != "" {
		plain["accessToken"] = credentials.OAuth.Token
	}
	var err error
	if cfg.ProfileProperties, err = json.Marshal(props.Settings); err == nil {
		cfg.ProfileCredentials, err = json.Marshal(plain)
	}
	return cfg, fault.Wrap(fault.Internal, err, "reading profile %q", cfg.ProfileName)
}
