package manifest

import (
	"slices"
	"sync"
)

// family is the versions of one manifest that this process has seen: a run keeps to the version that it began with, while
// new connections get the newest. What all versions share is here, too. Safe for concurrent use; a nil family, which is
// that of a manifest in the program, has no other versions.
type family struct {
	mu       sync.Mutex // guards all below
	versions []*Connector
	pins     map[string]*Connector // by execution, for those that write
	order    []string              // of pins
}

// Bounds of what is remembered: far more than the runs that are under way at one time, and edits within the life of one.
const (
	maxVersions = 32
	maxPins     = 4096
)

// add makes a connector the newest version.
func (f *family) add(c *Connector) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.family = f
	if len(f.versions) > 0 { // a vendor's budgets do not begin anew because a file was edited
		c.budgets = f.versions[0].budgets
	}
	if len(f.versions) == maxVersions {
		f.versions = slices.Delete(f.versions, 0, 1)
	}
	f.versions = append(f.versions, c)
}

// version finds a version by its digest; nil when this process does not have it.
func (f *family) version(digest string) *Connector {
	if f == nil || digest == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.versions {
		if c.digest == digest {
			return c
		}
	}
	return nil
}

// pinned is the version that an execution writes with: the one of its first writer in this process.
func (f *family) pinned(execution string, newest *Connector) *Connector {
	if f == nil || execution == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.pins[execution]; c != nil {
		return c
	}
	if f.pins == nil {
		f.pins = map[string]*Connector{}
	}
	if len(f.order) == maxPins {
		delete(f.pins, f.order[0])
		f.order = slices.Delete(f.order, 0, 1)
	}
	f.pins[execution], f.order = newest, append(f.order, execution)
	return newest
}

// as is the connection as another version of the manifest would have opened it.
func (c *connection) as(version *Connector) (*connection, error) {
	if version == nil || version == c.connector {
		return c, nil
	}
	return version.connect(c.cfg)
}
