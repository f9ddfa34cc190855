package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// Library is a folder of manifests, each the custom connector whose label is the file's name. It looks at the folder
// again when it is asked and some time has passed: a manifest that is changed counts for the next connection, and for the
// next run. Safe for concurrent use.
type Library struct {
	dir  string
	only string // the label of the one file that counts; "" for all
	spec *connector.Spec
	log  *slog.Logger

	mu     sync.Mutex // guards all below
	looked time.Time
	files  map[string]*file
	passed map[string]bool // files that have been warned about
}

// file is one manifest of the folder.
type file struct {
	size      int64
	modTime   time.Time
	isGone    bool       // at the last look; it goes at the next one, when whoever replaces it has had time to
	connector *Connector // the last version that was sound; nil when there has been none
	since     time.Time  // when that was written
	problems  Problems   // of the file as it is now
	family    family
}

// lookAgain is how old a look at the folder may be.
const lookAgain = 2 * time.Second

// label is what a file's name may be before its suffix: what the API takes for a connector's label.
var label = regexp.MustCompile(`^[a-zA-Z0-9][\w!@#.-]{1,255}$`)

// OpenLibrary reads a folder; one that does not exist is empty. The spec is that of custom connectors. Its error is
// Validation: every problem of every manifest, which would otherwise show up when a flow runs.
func OpenLibrary(dir string, spec *connector.Spec, log *slog.Logger) (*Library, error) {
	l := &Library{dir: dir, spec: spec, log: log, files: map[string]*file{}, passed: map[string]bool{}}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

// open looks for the first time. Its error is Validation.
func (l *Library) open() error {
	if err := l.look(); err != nil {
		return fault.Wrap(fault.Validation, err, "reading the manifests of %s", l.dir)
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		for _, p := range l.files[name].problems {
			lines = append(lines, name+".yaml:"+p.String())
		}
	}
	if len(lines) > 0 {
		return fault.New(fault.Validation, "reading the manifests of %s:\n%s", l.dir, strings.Join(lines, "\n"))
	}
	return nil
}

// Shelved is a manifest of the folder, as it counts now.
type Shelved struct {
	Label     string
	Connector *Connector
	Since     time.Time // when the file was written that counts
	Problem   string    // why the file as it is now does not count, "" when it does
}

// Find is the connector of a label, or nil when the folder has none.
func (l *Library) Find(label string) *Connector {
	if s, ok := l.Get(label); ok {
		return s.Connector
	}
	return nil
}

// Get is the manifest of a label.
func (l *Library) Get(label string) (Shelved, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh()
	return l.shelved(label)
}

// All are the manifests of the folder, by label.
func (l *Library) All() []Shelved {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh()
	var list []Shelved
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		if s, ok := l.shelved(name); ok {
			list = append(list, s)
		}
	}
	return list
}

func (l *Library) shelved(name string) (Shelved, bool) {
	f := l.files[name]
	if f == nil || f.connector == nil {
		return Shelved{}, false
	}
	s := Shelved{Label: name, Connector: f.connector, Since: f.since}
	if len(f.problems) > 0 {
		s.Problem = name + ".yaml:" + f.problems[0].String()
	}
	return s, true
}

// Watch looks at the folder until ctx ends, so that the log tells of a change before somebody asks for it.
func (l *Library) Watch(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.All()
		}
	}
}

// refresh looks at the folder when the last look is old.
func (l *Library) refresh() {
	if time.Since(l.looked) < lookAgain {
		return
	}
	if err := l.look(); err != nil {
		l.log.Warn("the folder of manifests cannot be read; what was read before still counts", "folder", l.dir, "error", err)
	}
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
		if !isManifest || e.IsDir() || l.only != "" && name != l.only {
			continue
		}
		if !label.MatchString(name) {
			if !l.passed[e.Name()] {
				l.passed[e.Name()] = true
				l.log.Warn("a file's name is no label, so that it is passed over; a label has two letters, digits or signs at least", "file", e.Name())
			}
			continue
		}
		seen[name] = true
		if err := l.load(name, e); err != nil {
			return err
		}
	}
	for name, f := range l.files {
		switch {
		case seen[name]:
			f.isGone = false
		case f.isGone:
			delete(l.files, name)
			l.log.Info("a manifest is gone", "connector", name)
		default:
			f.isGone = true
		}
	}
	return nil
}

func (l *Library) load(name string, e fs.DirEntry) error {
	info, err := os.Stat(filepath.Join(l.dir, e.Name())) // not the entry's: a link may lead elsewhere by now
	if os.IsNotExist(err) {
		return nil // it is being replaced
	}
	if err != nil {
		return err
	}
	f := l.files[name]
	if f == nil {
		f = &file{}
	}
	if l.files[name] == f && f.size == info.Size() && f.modTime.Equal(info.ModTime()) {
		return nil
	}
	var text []byte
	if info.Size() <= maxText { // Parse refuses what is longer
		if text, err = os.ReadFile(filepath.Join(l.dir, e.Name())); err != nil {
			return err
		}
	} else {
		text = make([]byte, maxText+1)
	}
	isKnown := l.files[name] != nil
	f.size, f.modTime = info.Size(), info.ModTime()
	l.files[name] = f
	l.take(name, f, text, isKnown)
	return nil
}

// take makes the text of a file count, when it is sound and says something new.
func (l *Library) take(name string, f *file, text []byte, isKnown bool) {
	m, problems := Parse(text)
	f.problems = problems
	if m == nil {
		if isKnown {
			l.log.Warn("a changed manifest is wrong; the version before still counts", "connector", name, "problem", problems[0].String())
		}
		return
	}
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	if f.connector != nil && f.connector.digest == digest {
		return
	}
	next := f.family.version(digest) // it may be back to what it was
	if next == nil {
		spec := *l.spec
		spec.Name = m.Name
		next = New(m, &spec)
		next.digest = digest
		f.family.add(next)
	}
	f.connector, f.since = next, f.modTime
	if isKnown {
		l.log.Info("a manifest has changed", "connector", name)
	}
}
