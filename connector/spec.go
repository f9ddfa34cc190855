package connector

import (
	"slices"
	"time"

	"weir.dev/weir/flow"
)

// Spec is what a connector says of itself. It feeds the Describe operations, the console's forms, the documentation
// page and the conformance suite. A Spec is read by many and changed by nobody.
type Spec struct {
	Type         flow.ConnectorType
	Name         string // as people write it: "Amazon S3"
	Summary      string // one sentence
	DocsURL      string // what its owner writes about it
	CanBeSource  bool
	CanBeDest    bool
	NeedsProfile bool
	Auth         Auth
	PrivateLink  bool     // profiles may have connection mode Private
	APIVersions  []string // of the vendor's API, the newest first; empty where a flow does not choose one
	Regions      []string // of the vendor's service, where it says

	// As a source.

	Triggers    []flow.TriggerType
	MinInterval time.Duration // shortest period of a schedule; 0 when no source
	// MinIntervalFor is the shortest period for one definition, where that depends on it; nil: MinInterval.
	MinIntervalFor func(d *flow.Definition) time.Duration
	Transfers      []Transfer           // what a run moves; records when empty
	TransferAPIs   []string             // the vendor's ways to move records, the default first; empty when there is one
	Destinations   []flow.ConnectorType // where AppFlow lets its records go; Weir allows more, see its pages

	// As a destination.

	WriteOperations []string // as writeOperationType spells them, the default first
	// DestTriggers are the triggers that a flow to this connector may have; empty means all.
	DestTriggers []flow.TriggerType

	// SourceRules and DestRules say what else is wrong with a definition from this source, or to this destination, whose
	// shape and tasks have been checked. They need no connection. Nil: nothing.
	SourceRules, DestRules func(d *flow.Definition) flow.Problems

	Settings    []Setting
	SubServices []SubService // which hosts an operator may redirect, besides the vendor's own
	Limits      []string     // one sentence each, for the page
	Retired     string       // one sentence, when the vendor has ended the service; its flows can still be defined
}

// Transfer is a kind of thing that a run moves, as the API's SupportedDataTransferType spells it.
type Transfer string

// Kinds of transfer.
const (
	TransferRecords Transfer = "RECORD"
	TransferFiles   Transfer = "FILE"
)

// SubService is a host that the vendor fixes beside its main one, such as its authorization server. The operator's
// setting for it is WEIR_ENDPOINT_URL_<CONNECTORTYPE>_<Name>.
type SubService struct {
	Name        string // upper case: "AUTH"
	Description string // one sentence
}

// Frequencies lists how often a flow from this source may be scheduled, as the API's ScheduleFrequencyType spells it.
func (s *Spec) Frequencies() []string {
	if !slices.Contains(s.Triggers, flow.TriggerScheduled) {
		return nil
	}
	all := []string{"BYMINUTE", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "ONCE"}
	switch {
	case s.MinInterval > time.Hour:
		return all[2:]
	case s.MinInterval > time.Minute:
		return all[1:]
	}
	return all
}

// Moves lists what a run moves, [TransferRecords] when the spec does not say.
func (s *Spec) Moves() []Transfer {
	if len(s.Transfers) == 0 {
		return []Transfer{TransferRecords}
	}
	return s.Transfers
}

// Modes lists SOURCE and DESTINATION as far as they apply, the way the API writes connector modes.
func (s *Spec) Modes() []string {
	var modes []string
	if s.CanBeSource {
		modes = append(modes, "SOURCE")
	}
	if s.CanBeDest {
		modes = append(modes, "DESTINATION")
	}
	return modes
}

// Places of a [Setting]: the structures of the API that hold a connector's own members.
const (
	InSource      = "source"
	InDestination = "destination"
	InProfile     = "profile"
	InCredentials = "credentials"
)

// Kind is what a setting's value looks like.
type Kind string

// Kinds of settings.
const (
	Text   Kind = "" // a string
	Number Kind = "number"
	Flag   Kind = "true or false"
	List   Kind = "list of strings"
	Map    Kind = "names with text values"
)

// Setting documents one member of a connector's source, destination or profile structures.
type Setting struct {
	Where       string // [InSource], …
	Name        string // dotted path inside the connector's member
	Description string
	Kind        Kind
	Required    bool     // where the structure around it is given
	Secret      bool     // never shown again
	Values      []string // when it is one of a few, or a list of some of them
	Default     string   // what holds when it is left out
}
