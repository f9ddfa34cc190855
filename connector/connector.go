// Package connector is the seam between Weir and the vendors: what a connector says of itself, the few small interfaces
// it may implement, and the plain data that passes through them.
//
// A connector describes itself ([Spec]) and opens connections ([Connector.Connect]). What a connection can do beyond
// that, it shows by implementing the interfaces of abilities.go, and declares in its Spec; connectortest checks that both
// agree. A vendor's code does vendor work only: pacing, retries, counting and classification are the shared middle's.
//
// Nothing here knows any vendor, the store or Temporal.
package connector

import (
	"context"
	"net/http"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/flow"
)

// Connector is one vendor. Safe for concurrent use.
type Connector interface {
	Spec() *Spec
	// Connect opens a connection for one profile. It does not have to reach the vendor; [Checker] does that.
	Connect(ctx context.Context, cfg Config) (Connection, error)
}

// Connection is an open client of one vendor for one profile. Safe for concurrent use.
type Connection interface {
	Close() error
}

// Config is what a connection gets from Weir.
type Config struct {
	ProfileProperties  flow.Properties // as the API carries them under the connector's member name
	ProfileCredentials flow.Properties // opened just for this connection; never logged
	APIVersion         string
	Buckets            blob.Opener  // for connectors of files, and those that load through a bucket
	HTTP               *http.Client // paced, bounded and guarded; vendors use no other
	Pool               *batch.Pool
	Now                func() time.Time
}

// Spec is what a connector says of itself. It feeds the Describe operations, the console's forms, the documentation
// page and the conformance suite.
type Spec struct {
	Type            flow.ConnectorType
	Name            string // as people write it: "Amazon S3"
	Summary         string // one sentence
	DocsURL         string // the vendor's documentation
	CanBeSource     bool
	CanBeDest       bool
	NeedsProfile    bool
	Triggers        []flow.TriggerType // as a source
	MinInterval     time.Duration      // shortest period of a schedule
	WriteOperations []string           // as a destination
	Destinations    []flow.ConnectorType
	Settings        []Setting
	Limits          []string // one sentence each, for the page
}

// Setting documents one property of a source, destination or profile.
type Setting struct {
	Where       string // "source", "destination", "profile", "credentials"
	Name        string // dotted path inside the connector's member
	Description string
	Required    bool
	Values      []string // when it is one of a few
	Default     string
}

// Registry is the list of connectors in a build, in order.
type Registry struct {
	list   []Connector
	byType map[flow.ConnectorType]Connector
}

// NewRegistry makes a registry. Two connectors of one type are a programming error and panic at start.
func NewRegistry(list ...Connector) *Registry {
	r := &Registry{list: list, byType: make(map[flow.ConnectorType]Connector, len(list))}
	for _, c := range list {
		t := c.Spec().Type
		if r.byType[t] != nil {
			panic("connector: " + string(t) + " is registered twice") //nolint:forbidigo // the list is in the code: it shows at the first start
		}
		r.byType[t] = c
	}
	return r
}

// All returns the connectors in order.
func (r *Registry) All() []Connector { return r.list }

// Find returns the connector of a type, or nil when this build has none.
func (r *Registry) Find(t flow.ConnectorType) Connector { return r.byType[t] }
