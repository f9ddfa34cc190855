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
	"net"
	"net/http"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
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
	ProfileName        string          // for messages
	Label              string          // of a CustomConnector
	APIVersion         string
	// Tokens is set for OAuth profiles; ProfileCredentials then need not be read for tokens.
	Tokens TokenSource
	// Endpoint answers the operator's URL for a host that the vendor fixes ("" for the vendor itself, else a sub-service
	// such as "AUTH"), or "" when there is none. Nil answers none. See the connector's page for its sub-services.
	Endpoint func(sub string) string
	Buckets  blob.Opener  // for connectors of files, and those that load through a bucket
	HTTP     *http.Client // paced, bounded and guarded; vendors use no other
	// Dial opens a connection to a host and port as HTTP may reach them, for vendors that speak another protocol. Plain
	// says that no TLS will be spoken on it. Nil opens none.
	Dial func(ctx context.Context, address string, plain bool) (net.Conn, error)
	Pool *batch.Pool
	Now  func() time.Time
	// Shared is what this process shares with the others of the installation; nil is nothing. Budgets of calls are made
	// over it.
	Shared Shared
	// Budget is what the profile's user grants Weir of the account, beside what the connector knows of the vendor. HTTP
	// keeps to it already; connectors that reach their vendor in another way take from it before each call. Nil is no bound.
	Budget Taker
}

// Taker hands out calls of a budget.
type Taker interface {
	// Take waits until n calls may be made, and returns what ends them.
	Take(ctx context.Context, n int) (release func(), err error)
}

// Registry is the list of connector types, in order: those whose code is in this build, and those it can only describe.
type Registry struct {
	list   []Connector
	specs  []*Spec
	byType map[flow.ConnectorType]Connector
	specOf map[flow.ConnectorType]*Spec
}

// NewRegistry makes a registry. Two connectors of one type are a programming error and panic at start.
func NewRegistry(list ...Connector) *Registry {
	r := &Registry{byType: map[flow.ConnectorType]Connector{}, specOf: map[flow.ConnectorType]*Spec{}}
	for _, c := range list {
		spec := c.Spec()
		if r.specOf[spec.Type] != nil {
			panic("connector: " + string(spec.Type) + " is registered twice") //nolint:forbidigo // the list is in the code: it shows at the first start
		}
		r.specs = append(r.specs, spec)
		r.specOf[spec.Type] = spec
		if _, only := c.(described); !only {
			r.list = append(r.list, c)
			r.byType[spec.Type] = c
		}
	}
	return r
}

// All returns the connectors whose code is in this build, in order.
func (r *Registry) All() []Connector { return r.list }

// Find returns the connector of a type, or nil when its code is not in this build.
func (r *Registry) Find(t flow.ConnectorType) Connector { return r.byType[t] }

// Specs returns what the connector types say of themselves, in order, whether or not their code is in this build.
func (r *Registry) Specs() []*Spec { return r.specs }

// Spec returns what a connector type says of itself, or nil for one that the registry does not know.
func (r *Registry) Spec(t flow.ConnectorType) *Spec { return r.specOf[t] }

// described is a connector type that a build can only describe: its profiles and flows can be defined, and not run.
type described struct{ spec *Spec }

// Described puts a connector type into a registry whose code is not in this build.
func Described(spec *Spec) Connector { return described{spec} }

func (d described) Spec() *Spec { return d.spec }

func (d described) Connect(context.Context, Config) (Connection, error) {
	return nil, fault.New(fault.Unsupported, "the connector %s is not in this build", d.spec.Name)
}
