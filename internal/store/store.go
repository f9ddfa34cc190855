// Package store remembers: flows, executions and their ledger, profiles, access keys, audit events. It is one interface over two
// databases, SQLite (embedded) and PostgreSQL (fleet), with one suite that both pass; see storetest.
//
// All access goes through two closures, Read and Write, each of which is one transaction. A Write is durable when it
// returns (SQLite: WAL with FULL sync). Times come in as arguments or inside values, never from the database's clock,
// and are kept to the microsecond in UTC. The store runs nothing and decides nothing.
package store

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"weir.dev/weir/flow"
)

// Store is an open database. Safe for concurrent use, by many processes too where the database allows it.
type Store interface {
	// Read runs fn in a read-only snapshot. It may run fn again when what fn has read so far no longer belongs to one
	// snapshot, so fn must set its results, not add to them. Neither closure may begin another transaction.
	Read(ctx context.Context, fn func(ReadTx) error) error
	// Write runs fn in a transaction and commits it unless fn fails. A transaction that loses a race is run again, so fn
	// must have no effects of its own.
	Write(ctx context.Context, fn func(Tx) error) error
	// BudgetChange reads the document of a name, nil when there is none, and keeps what change makes of it, a JSON value,
	// in a transaction of its own that no other change of that name comes between: they take turns. Nil keeps what is
	// there; an error of change's ends it without a change. Change may be called several times, and must have no effects of
	// its own. Where other machines keep the database, what was kept may be lost with one that fails within a second.
	BudgetChange(ctx context.Context, name string, change func(document []byte) ([]byte, error)) error
	// Ping reports whether the database answers.
	Ping(ctx context.Context) error
	// Backup writes a consistent copy of everything, in a form that Restore reads into an empty store of either kind.
	Backup(ctx context.Context, w io.Writer) error
	// Restore fills an empty store, wholly or not at all; it fails with Conflict when the store holds anything. Leases are
	// not part of a backup, and no fence of the store it was taken from is honoured by the new one.
	Restore(ctx context.Context, r io.Reader) error
	Close() error
}

// ReadTx is what a transaction can read. Missing things are fault.NotFound.
type ReadTx interface {
	FlowGet(ctx context.Context, name string) (*flow.Flow, error)
	// FlowList returns up to limit flows in name order, the first one after the given name.
	FlowList(ctx context.Context, after string, limit int) ([]*flow.Flow, error)
	FlowCount(ctx context.Context) (int, error)
	// FlowVersionList returns up to limit versions of a flow, the newest first, each as it was when its version was new.
	FlowVersionList(ctx context.Context, name string, limit int) ([]*flow.Flow, error)

	ExecutionGet(ctx context.Context, id string) (*flow.Execution, error)
	// ExecutionList returns up to limit executions of a flow, the newest first; those older than the position when one is
	// given.
	ExecutionList(ctx context.Context, flowName string, after *ExecutionPosition, limit int) ([]*flow.Execution, error)
	// ExecutionUnfinished returns the executions of all flows that are not done, the oldest first.
	ExecutionUnfinished(ctx context.Context) ([]*flow.Execution, error)
	// ExecutionUnfinishedOf is the same for one flow.
	ExecutionUnfinishedOf(ctx context.Context, flowName string) ([]*flow.Execution, error)
	// ExecutionUnheld returns the ids of up to limit executions that are not done and whose lease nobody holds at that
	// time, the oldest first. The name of an execution's lease is its id after the prefix.
	ExecutionUnheld(ctx context.Context, leasePrefix string, now time.Time, limit int) ([]string, error)

	// PlanGet returns the frozen plan of an execution; NotFound before it is prepared.
	PlanGet(ctx context.Context, executionID string) (json.RawMessage, error)
	SplitList(ctx context.Context, executionID string) ([]*Split, error)
	SplitGet(ctx context.Context, executionID string, index int) (*Split, error)
	// ReceiptList returns an execution's receipts by split and sequence.
	ReceiptList(ctx context.Context, executionID string) ([]*Receipt, error)
	// RejectList returns up to limit samples of an execution's rejected records, by split in the order they came. No more
	// than [MaxRejectSamples] are kept.
	RejectList(ctx context.Context, executionID string, limit int) ([]flow.Reject, error)
	// RejectCount returns how many rejects of an execution were saved with its splits, those without a sample included.
	RejectCount(ctx context.Context, executionID string) (int64, error)
	WatermarkGet(ctx context.Context, flowName string) (*flow.Watermark, error)
	TimetableGet(ctx context.Context, flowName string) (*flow.Timetable, error)
	// TimetableDue returns the names of up to limit flows whose timetable is due by now, the most overdue first.
	TimetableDue(ctx context.Context, now time.Time, limit int) ([]string, error)
	// ListenerGet returns a flow's listener; NotFound before its first activation.
	ListenerGet(ctx context.Context, flowName string) (*Listener, error)
	// ListenerList returns up to limit listeners in order of their flows' names, the first one after the given name.
	ListenerList(ctx context.Context, after string, limit int) ([]*Listener, error)
	// InboxGet sums up what waits of a flow's events; the empty inbox when nothing does.
	InboxGet(ctx context.Context, flowName string) (Inbox, error)
	// InboxList returns up to limit chunks of [from, to) in order.
	InboxList(ctx context.Context, flowName string, from, to int64, limit int) ([]*EventChunk, error)
	// EventIDHas reports whether the id of an event is remembered.
	EventIDHas(ctx context.Context, flowName, id string) (bool, error)
	// EventIDList returns up to limit remembered ids in order, the first one after the given id.
	EventIDList(ctx context.Context, flowName, after string, limit int) ([]string, error)
	// OutboxDue returns up to limit letters that are to be delivered by now, the earliest due first.
	OutboxDue(ctx context.Context, now time.Time, limit int) ([]*Letter, error)

	ProfileGet(ctx context.Context, name string) (*Profile, error)
	// ProfileList returns the profiles that satisfy all of the query, in name order.
	ProfileList(ctx context.Context, query ProfileQuery) ([]*Profile, error)
	ProfileCount(ctx context.Context) (int, error)
	// ProfileUsers returns up to limit names of flows whose source or destination uses the profile, in name order; see
	// [flow.Definition.Profiles].
	ProfileUsers(ctx context.Context, name string, limit int) ([]string, error)

	RegistrationGet(ctx context.Context, label string) (*flow.Registration, error)
	// RegistrationList returns up to limit registrations in order of their labels, the first one after the given label.
	RegistrationList(ctx context.Context, after string, limit int) ([]*flow.Registration, error)
	RegistrationCount(ctx context.Context) (int, error)
	// RegistrationUsers returns up to limit names of profiles with the label, in name order.
	RegistrationUsers(ctx context.Context, label string, limit int) ([]string, error)

	// TokenGet returns what an idempotency token stands for.
	TokenGet(ctx context.Context, operation, token string) (*Token, error)
	KeyGet(ctx context.Context, id string) (*AccessKey, error)
	KeyList(ctx context.Context) ([]*AccessKey, error)
	// AuditList returns up to limit events in order of their ids, those after the id when one is given. Two events that
	// are written at the same moment may become visible in either order.
	AuditList(ctx context.Context, afterID int64, limit int) ([]*AuditEvent, error)
	// AuditScan returns up to q.Limit events of a range, in order of their ids.
	AuditScan(ctx context.Context, q AuditQuery) ([]*AuditEvent, error)
	// SettingGet returns a small named value of this installation, such as its id.
	SettingGet(ctx context.Context, name string) (string, error)
}

// Tx is a transaction that can write too. Methods that take a [Fence] fail with fault.Fenced when its lease has passed
// to a newer owner.
type Tx interface {
	ReadTx

	// FlowPut creates or replaces a flow by name. A Version that is new to the flow is kept for FlowVersionList. The
	// definition may only change together with the Version: ProfileUsers goes by the definition that came with it.
	FlowPut(ctx context.Context, f *flow.Flow) error
	// FlowDelete removes a flow with its history: versions, executions, ledger, watermark. NotFound when there is none.
	FlowDelete(ctx context.Context, name string) error

	// ExecutionPut creates or replaces an execution. NotFound when its flow is gone, as for WatermarkPut.
	ExecutionPut(ctx context.Context, x *flow.Execution) error
	// ExecutionPrune forgets up to limit of the oldest executions that are done and were started before the time, with
	// their ledgers, and returns how many. The newest of each flow, as many as keep says and at least one, stay whatever their age.
	ExecutionPrune(ctx context.Context, before time.Time, keep, limit int) (int, error)
	// PlanPut freezes an execution's plan with its splits. Putting the same ones again changes nothing and keeps the
	// checkpoints made since; another plan is a Conflict. NotFound when there is no such execution.
	PlanPut(ctx context.Context, fence Fence, executionID string, plan json.RawMessage, splits []*Split) error
	// SplitSave replaces a split's state (all but Data) and adds receipts and samples of rejects in the same stroke: a
	// checkpoint. An existing receipt of the same split and sequence is replaced. NotFound when there is no such split.
	SplitSave(ctx context.Context, fence Fence, s *Split, receipts []*Receipt, rejects []flow.Reject) error
	// FenceCheck fails with fault.Fenced when the lease has passed on; for effects outside the store.
	FenceCheck(ctx context.Context, fence Fence) error
	WatermarkPut(ctx context.Context, w *flow.Watermark) error
	// TimetablePut creates or replaces a flow's timetable. NotFound when the flow is gone; it goes with the flow.
	TimetablePut(ctx context.Context, t *flow.Timetable) error
	// TimetableDelete removes a timetable; a no-op when there is none.
	TimetableDelete(ctx context.Context, flowName string) error
	// ListenerPut creates or replaces a flow's listener. NotFound when the flow is gone; it goes with the flow, and so do
	// chunks and ids.
	ListenerPut(ctx context.Context, l *Listener) error
	// InboxAppend adds chunks. Conflict when one of their sequences is there already, NotFound when the flow is gone.
	InboxAppend(ctx context.Context, chunks []*EventChunk) error
	// InboxReseal replaces the content of a chunk, which another key seals; a no-op when the chunk is gone.
	InboxReseal(ctx context.Context, flowName string, sequence int64, sealed []byte) error
	// InboxDelete removes the chunks before a sequence.
	InboxDelete(ctx context.Context, flowName string, before int64) error
	// EventIDPut remembers ids, until a later time if they are remembered already. NotFound when the flow is gone.
	EventIDPut(ctx context.Context, ids []EventID) error
	// EventIDDelete forgets one id.
	EventIDDelete(ctx context.Context, flowName, id string) error
	// EventIDPrune forgets the ids whose time has passed.
	EventIDPrune(ctx context.Context, now time.Time) error
	// OutboxPut adds a letter, or replaces it: with a later DueAt after a failed delivery.
	OutboxPut(ctx context.Context, l *Letter) error
	// OutboxDelete removes a letter; a no-op when there is none.
	OutboxDelete(ctx context.Context, id string) error

	// LeaseAcquire takes the named lease for owner until now+ttl, when it is free, expired, or owner's already. The token
	// rises with every change of owner, also after the lease was given back. It fails with Conflict when another owner
	// holds it.
	LeaseAcquire(ctx context.Context, name, owner string, now time.Time, ttl time.Duration) (Fence, error)
	// LeaseRenew extends a lease; Fenced when it has passed on.
	LeaseRenew(ctx context.Context, fence Fence, now time.Time, ttl time.Duration) error
	// LeaseRelease gives a lease back early; a no-op when it has passed on. From then on its fence is refused.
	LeaseRelease(ctx context.Context, fence Fence) error

	// ProfilePut creates or replaces a profile by name, its credentials too, and sets its Revision.
	ProfilePut(ctx context.Context, p *Profile) error
	// ProfileSaveCredentials replaces a profile's credentials alone, as they rotate. It fails with Conflict when the
	// profile is not at that revision any more, with NotFound when it is gone.
	ProfileSaveCredentials(ctx context.Context, name string, revision int64, sealed []byte) error
	// ProfileDelete removes a profile with its credentials, whoever uses it. NotFound when there is none.
	ProfileDelete(ctx context.Context, name string) error
	RegistrationPut(ctx context.Context, r *flow.Registration) error
	RegistrationDelete(ctx context.Context, label string) error

	// TokenPut remembers an idempotency token, replacing an earlier one of the same name.
	TokenPut(ctx context.Context, t *Token) error
	// TokenPrune forgets tokens created before the time.
	TokenPrune(ctx context.Context, before time.Time) error
	KeyPut(ctx context.Context, k *AccessKey) error
	KeyDelete(ctx context.Context, id string) error
	AuditAppend(ctx context.Context, e *AuditEvent) error
	// AuditPrune forgets up to limit of the oldest events from before the time, and returns how many. Their ids are not
	// given out again.
	AuditPrune(ctx context.Context, before time.Time, limit int) (int, error)
	SettingPut(ctx context.Context, name, value string) error
}

// MaxRejectSamples is how many samples of rejects an execution keeps; the count goes on.
const MaxRejectSamples = 1000

// ExecutionPosition is where a page of executions ended.
type ExecutionPosition struct {
	StartedAt time.Time `json:"startedAt"`
	ID        string    `json:"id"`
}

// SplitState is how far a split has come.
type SplitState string

// Split states.
const (
	SplitPending SplitState = "pending" // not finished; Cursor says where to go on
	SplitDone    SplitState = "done"
)

// Split is a row of the ledger: one slice of an execution's work, with its last checkpoint.
type Split struct {
	ExecutionID string          `json:"executionId"`
	Index       int             `json:"index"`
	Data        json.RawMessage `json:"data"` // the connector's split
	State       SplitState      `json:"state"`
	Checkpoint  json.RawMessage `json:"checkpoint,omitzero"` // what a retry resumes from; nil at the start
	Totals      flow.Totals     `json:"totals"`              // up to the checkpoint
	Attempts    int             `json:"attempts"`
	Message     string          `json:"message,omitzero"` // why the last attempt ended early
}

// Receipt is proof of one staged file or accepted write, as the engine wrote it.
type Receipt struct {
	ExecutionID string          `json:"executionId"`
	Split       int             `json:"split"`
	Sequence    int64           `json:"sequence"`
	Data        json.RawMessage `json:"data"`
}

// Fence is the proof of a lease: the token rises with every change of owner, and an effect of an older one is refused.
type Fence struct {
	Lease string `json:"lease"`
	Token int64  `json:"token"`
	// Within is the fence of a larger lease that this one is part of, as a split's is of its execution's: an effect needs
	// both. Renewing and releasing are about the one lease alone. Nil for a lease that stands by itself.
	Within *Fence `json:"within,omitzero"`
}

// Profile is a connector profile with its credentials. They are sealed; the store never sees them in clear.
type Profile struct {
	flow.Profile
	SealedCredentials []byte `json:"sealedCredentials,omitzero"`
	// Revision rises by one with each change. It begins at the time of creation in microseconds, so that a profile that is
	// made anew does not pass for its namesake from before. Set by the store.
	Revision int64 `json:"revision"`
}

// ProfileQuery says which profiles to list. Zero members do not restrict, but for Limit.
type ProfileQuery struct {
	Names     []string
	Connector flow.ConnectorType
	Label     string
	After     string // the name that the last page ended with
	Limit     int
}

// Token is an idempotency token (clientToken) with what it led to.
type Token struct {
	Operation   string          `json:"operation"`
	Token       string          `json:"token"`
	RequestHash string          `json:"requestHash"` // of the request without the token
	Response    json.RawMessage `json:"response"`
	CreatedAt   time.Time       `json:"createdAt"`
}

// AccessKey is a key that signs requests. The secret is sealed; the store never sees it in clear.
type AccessKey struct {
	ID           string          `json:"id"`
	Name         string          `json:"name"` // of whom or what it stands for; the user part of its ARN
	SealedSecret []byte          `json:"sealedSecret"`
	Policy       json.RawMessage `json:"policy,omitzero"` // IAM-style; nil allows everything
	Disabled     bool            `json:"disabled,omitzero"`
	CreatedAt    time.Time       `json:"createdAt"`
	ExpiresAt    time.Time       `json:"expiresAt,omitzero"` // when it stops working; zero means never
}

// AuditQuery is a range of the audit trail. Zero members do not restrict, but for Limit.
type AuditQuery struct {
	AfterID, BeforeID int64     // both exclusive
	Since, Until      time.Time // Until is exclusive
	NewestFirst       bool
	Limit             int
}

// Letter is a message to others that is still to be delivered: a notification, written with what it is about in one
// transaction, so that it is neither lost nor sent of something that did not happen. Body holds no secrets.
type Letter struct {
	ID       string          `json:"id"` // a UUID; receivers tell repetitions by it
	Kind     string          `json:"kind"`
	To       string          `json:"to"` // which of the configured receivers
	At       time.Time       `json:"at"`
	DueAt    time.Time       `json:"dueAt"`
	Attempts int             `json:"attempts,omitzero"`
	Body     json.RawMessage `json:"body"`
}

// AuditEvent records one mutating call. Request holds no secrets.
type AuditEvent struct {
	ID        int64           `json:"id"` // set by the store, rising
	At        time.Time       `json:"at"`
	Operation string          `json:"operation"`
	Principal string          `json:"principal"`
	KeyID     string          `json:"keyId"`
	SourceIP  string          `json:"sourceIp"`
	UserAgent string          `json:"userAgent"`
	RequestID string          `json:"requestId"`
	Region    string          `json:"region"`
	Resource  string          `json:"resource"`
	ErrorCode string          `json:"errorCode,omitzero"`
	Message   string          `json:"message,omitzero"`
	Request   json.RawMessage `json:"request,omitzero"`
	Response  json.RawMessage `json:"response,omitzero"`
}
