// Package connectortest is the conformance suite of connectors: what every vendor's code must do, whatever the vendor.
//
// A vendor's test gives a [Harness]: how to make a connection to a double of the vendor, how to load rows there, and how
// to see what was written. The suite loads rows of text of its own making, so that every vendor can hold them, and checks
// the seam: the spec, pages, splits, cursors, cancellation, memory and goroutines. What a vendor alone has (types,
// error codes, limits) its own tests check.
package connectortest

import (
	"fmt"
	"testing"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Harness is what a connector's test gives the suite.
type Harness struct {
	Connector connector.Connector
	Source    *Source      // when the connector can be a source
	Writer    *Writer      // when it can be a destination of rows
	Files     *FileHarness // when it can be a destination of files
	Waivers   []Waiver     // checks that the connector does not pass, for a while
}

// Source is how the suite uses a connector as a source.
type Source struct {
	// Load makes an entity of its own with the rows, in order, and returns how to read it. It may put several entities
	// or files behind one name; their order is the rows'.
	Load func(t *testing.T, d Data) Loaded
	// Hang loads the rows in such a way that fetching any page but the first takes until its context ends; nil skips the
	// check.
	Hang func(t *testing.T, d Data) Loaded
	// Invalid are properties that Describe refuses with Validation.
	Invalid []flow.Properties
	// Fields are three fields of text that the entity has, in the order of its schema, where they cannot be called as
	// NewData calls them. The first holds unique values.
	Fields []string
	// Moods are for connectors of HTTP APIs: the same double, seen through a bad day. Nil skips those checks.
	Moods *Moods
	// Timed is for sources that can be read by the time of change; nil skips those checks.
	Timed *Timed
}

// Loaded is an entity that has been loaded.
type Loaded struct {
	Config     connector.Config // with a pool of its own; what it holds is closed in t.Cleanup
	Properties flow.Properties
	Entity     string // its name for DescribeEntity
	Path       string // where ListEntities shows something; empty for the top
	ChunkBytes int    // makes pages of some dozen rows; 0 where pages do not depend on it
	// Close ends what Load started, before the suite looks for goroutines that are left. May be nil.
	Close func()
}

// Writer is how the suite uses a connector as a destination of rows.
type Writer struct {
	// New makes an empty object to write to, where a row whose first cell is Refused is refused.
	New func(t *testing.T) Written
	// Invalid are properties that OpenWriter refuses with Validation.
	Invalid []flow.Properties
	// Fields are as a source's.
	Fields []string
	// Keyed says that the properties make writes find records by the first field, so that a row that is written again
	// takes the place of itself.
	Keyed bool
}

// Refused is the first cell of rows that the destination is to refuse.
const Refused = "refuse me"

// Written is an object to write to.
type Written struct {
	Config     connector.Config
	Properties flow.Properties
	Rows       func(t *testing.T) [][]string // what the destination holds, in the order written
}

// FileHarness is how the suite uses a connector as a destination of files.
type FileHarness struct {
	// New returns a configuration and properties that are valid.
	New func(t *testing.T) (connector.Config, flow.Properties)
	// Invalid are properties that Target refuses with Validation.
	Invalid []flow.Properties
}

// Data is rows of text. No cell is empty: formats differ in whether they can tell empty from null.
type Data struct {
	Fields []string
	Rows   [][]string
}

// NewData makes n rows. Ids are unique and rise in byte order; the other cells hold what quoting and escaping are for.
func NewData(n int) Data {
	odd := []string{"plain", "comma, quote \" and 'apostrophe'", "line\nbreak", "ünïcödé 日本 🙂", `back\slash`, " spaces ", "0012", "null", "{\"a\":[1]}"}
	d := Data{Fields: []string{"id", "name", "note"}}
	for i := range n {
		d.Rows = append(d.Rows, []string{fmt.Sprintf("id-%06d", i), odd[i%len(odd)], fmt.Sprintf("a longer note, number %d, of row %d", i*7, i)})
	}
	return d
}

// named is d under other names.
func (d Data) named(fields []string) Data {
	if len(fields) == len(d.Fields) {
		d.Fields = fields
	}
	return d
}

func (s *Source) data(n int) Data { return NewData(n).named(s.Fields) }

func (w *Writer) data(n int) Data { return NewData(n).named(w.Fields) }

// Run checks a connector against the seam's contracts.
func Run(t *testing.T, h Harness) {
	h.checkWaivers(t)
	t.Run("Spec", func(t *testing.T) { testSpec(t, h) })
	if h.Source != nil {
		t.Run("Source", func(t *testing.T) { testSource(t, h) })
	}
	if h.Source != nil && h.Source.Timed != nil {
		t.Run("Timed", func(t *testing.T) { testTimed(t, h) })
	}
	if h.Source != nil && h.Source.Moods != nil {
		t.Run("Moods", func(t *testing.T) { testMoods(t, h) })
	}
	if h.Writer != nil {
		t.Run("Writer", func(t *testing.T) { testWriter(t, h) })
	}
	if h.Files != nil {
		t.Run("Files", func(t *testing.T) { testFiles(t, h) })
	}
}
