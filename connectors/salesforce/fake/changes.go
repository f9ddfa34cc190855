package fake

import (
	"fmt"
	"slices"
	"time"
)

// ChangeType is what happened to the records of a change.
type ChangeType string

// Change types, as change data capture names them. A gap says that something happened and not what.
const (
	Create      ChangeType = "CREATE"
	Update      ChangeType = "UPDATE"
	Delete      ChangeType = "DELETE"
	Undelete    ChangeType = "UNDELETE"
	GapCreate   ChangeType = "GAP_CREATE"
	GapUpdate   ChangeType = "GAP_UPDATE"
	GapDelete   ChangeType = "GAP_DELETE"
	GapUndelete ChangeType = "GAP_UNDELETE"
	GapOverflow ChangeType = "GAP_OVERFLOW"
	// Published is a platform event: a message of its own and no record's change. Its Entity ends with __e.
	Published ChangeType = ""
)

// Change is one change notification: what ChangeEventHeader tells, and the event's body. Changes are never altered once
// they are in the log; whoever reads one must not either.
type Change struct {
	Position       int64 // in the log: the first is 1, and there are no holes
	Entity         string
	RecordIDs      []string // 18 characters each; several when one call wrote the same to them
	Type           ChangeType
	Origin         string    // the interface that it came by, as com/salesforce/api/rest/58.0
	TransactionKey string    // the same for all changes of one transaction
	Sequence       int       // within the transaction, from 1
	CommitTime     time.Time // whole milliseconds
	CommitNumber   int64     // grows from transaction to transaction, beyond what a float64 holds
	CommitUser     string
	Changed        []string // of an update: the fields that changed, in the object's order; SystemModstamp is never among them
	Nulled         []string // those of Changed that hold nothing now
	Fields         Record   // CREATE and UNDELETE: all fields that hold something; UPDATE: those of Changed; else empty
}

// changeLog keeps the changes of an org, oldest first. The org's mu guards it.
type changeLog struct {
	kept        []Change
	last        int64 // the position of the newest change ever; kept may be shorter
	transaction int64
	more        chan struct{} // closed and replaced when a change comes
}

// Changes returns the kept changes after a position, the position to go on from, and a channel that is closed when there
// is more. Position 0 is before the first; -1 asks for none of the kept ones, to begin with the next. When changes after
// the position have been forgotten, lost is true and the answer begins with the oldest kept one.
func (o *Org) Changes(after int64) (changes []Change, next int64, lost bool, more <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := &o.changes
	if after < 0 {
		return nil, l.last, false, l.more
	}
	oldest := l.last - int64(len(l.kept)) // the position before the oldest kept one
	lost = after < oldest
	at := min(max(after-oldest, 0), int64(len(l.kept)))
	return slices.Clone(l.kept[at:]), l.last, lost, l.more
}

// Publish adds a change that no write made: a gap, or a platform event. What the log gives out itself is filled in where it
// is empty, and the position always. It returns the position.
func (o *Org) Publish(c Change) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.begin(originREST)
	o.announce(t, c)
	return o.changes.last
}

// ForgetChanges drops the kept changes, as Salesforce does after 72 hours: whoever has not read them has lost them.
func (o *Org) ForgetChanges() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changes.kept = nil
}

// The interfaces that changes come by.
const (
	originREST = "com/salesforce/api/rest/58.0"
	originBulk = "com/salesforce/api/bulk/58.0"
)

// transaction is what the changes of one commit share. mu is held while it lives.
type transaction struct {
	at       time.Time // when it is committed
	key      string
	number   int64
	origin   string
	sequence int
}

// commitBase makes commit numbers that a float64 cannot hold.
const commitBase = 9_007_199_254_740_993

// begin starts a transaction; mu is held.
func (o *Org) begin(origin string) *transaction {
	o.changes.transaction++
	n := o.changes.transaction
	return &transaction{at: o.now(), key: fmt.Sprintf("%08x-%04x-4000-8000-%012x", o.opts.Seed&0xffffffff, n>>16&0xffff, n), number: commitBase + 2*n, origin: origin}
}

// announce adds a change to the log and wakes who waits; mu is held.
func (o *Org) announce(t *transaction, c Change) {
	l := &o.changes
	l.last++
	t.sequence++
	c.Position, c.Sequence = l.last, t.sequence
	if c.TransactionKey == "" {
		c.TransactionKey = t.key
	}
	if c.CommitTime.IsZero() {
		c.CommitTime = t.at.UTC().Truncate(time.Millisecond)
	}
	if c.CommitNumber == 0 {
		c.CommitNumber = t.number
	}
	if c.CommitUser == "" {
		c.CommitUser = o.userID
	}
	if c.Origin == "" {
		c.Origin = t.origin
	}
	if c.Fields == nil {
		c.Fields = Record{}
	}
	if l.kept = append(l.kept, c); len(l.kept) > o.opts.KeepChanges*5/4 {
		l.kept = slices.Clone(l.kept[len(l.kept)-o.opts.KeepChanges:])
	}
	close(l.more)
	l.more = make(chan struct{})
}
