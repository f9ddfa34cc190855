package fake

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// refusal is why one record was not written.
type refusal struct {
	code, message string
	fields        []string
}

func refuse(code, message string, fields ...string) *refusal {
	return &refusal{code: code, message: message, fields: fields}
}

// assignment gives one field of a record a value; a null clears it.
type assignment struct {
	field int
	v     value
}

// work is one transaction that writes: what it did so far can be undone, and its changes are announced when it is
// committed. mu is held while it lives.
type work struct {
	*transaction
	o       *Org
	undo    []func()
	pending []Change
}

func (o *Org) work(origin string) *work { return &work{transaction: o.begin(origin), o: o} }

// rollBack undoes what was done since a mark, which is a count of undo steps and one of changes.
func (w *work) rollBack(steps, changes int) {
	for i := len(w.undo) - 1; i >= steps; i-- {
		w.undo[i]()
	}
	w.undo, w.pending = w.undo[:steps], w.pending[:changes]
}

// commit announces the changes. Alike ones that follow each other become one change of several records.
func (w *work) commit() {
	for i := 0; i < len(w.pending); {
		c := w.pending[i]
		i++
		for i < len(w.pending) && alike(c, w.pending[i]) {
			c.RecordIDs = append(c.RecordIDs, w.pending[i].RecordIDs...)
			i++
		}
		w.o.announce(w.transaction, c)
	}
	w.pending, w.undo = nil, nil
}

func alike(a, b Change) bool {
	return a.Type != Create && a.Type == b.Type && a.Entity == b.Entity && slices.Equal(a.Changed, b.Changed) && reflect.DeepEqual(a.Fields, b.Fields)
}

func (w *work) note(t *table, c Change) {
	if t.object.Replicates {
		c.Entity = t.object.Name
		w.pending = append(w.pending, c)
	}
}

// moment is when the transaction writes, as records keep it: whole seconds.
func (w *work) moment() value { return momentValue(w.at.Truncate(time.Second)) }

// insert adds a record.
func (w *work) insert(t *table, in []assignment) (place int, bad *refusal) {
	if bad := w.locked(t, ""); bad != nil {
		return 0, bad
	}
	r := &row{values: make([]value, len(t.object.Fields))}
	given := map[int]bool{}
	for _, a := range in {
		if f := &t.object.Fields[a.field]; f.ReadOnly || f.compound() {
			return 0, readOnly(f)
		}
		r.values[a.field], given[a.field] = a.v, true
	}
	place = t.len()
	var missing []string
	for i, f := range t.object.Fields {
		if t.gone[i] {
			continue
		}
		if f.Default != nil && !given[i] {
			r.values[i], _ = parseGo(kindOf(f.Type), f.Default) // a default is of its field's type
		}
		if f.Type == "boolean" && r.values[i].k == null {
			r.values[i] = boolValue(false)
		}
		if f.AutoNumber != "" {
			r.values[i] = textValue(autoNumber(f.AutoNumber, place+1))
		}
		if f.Required && r.values[i].k == null {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		return 0, refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: ["+strings.Join(missing, ", ")+"]", missing...)
	}
	now, user := w.moment(), textValue(w.o.userID)
	for at, v := range map[int]value{t.id: textValue(t.idOf(place)), t.created: now, t.modified: now, t.stamp: now, t.createdBy: user, t.modifiedBy: user} {
		if at >= 0 {
			r.values[at] = v
		}
	}
	if t.owner >= 0 && r.values[t.owner].k == null {
		r.values[t.owner] = user
	}
	if bad := w.check(t, r, place, in); bad != nil {
		return 0, bad
	}
	t.written = append(t.written, r)
	t.hold(r, place)
	w.undo = append(w.undo, func() {
		t.release(r, place)
		r.purged = true // the place stays taken, as ids do
	})
	w.note(t, Change{Type: Create, RecordIDs: []string{t.idOf(place)}, Fields: t.held(r)})
	return place, nil
}

// update changes a record.
func (w *work) update(t *table, place int, in []assignment) *refusal {
	if bad := w.locked(t, t.idOf(place)); bad != nil {
		return bad
	}
	r := t.own(place)
	before := slices.Clone(r.values)
	restore := func() { r.values = before }
	for _, a := range in {
		f := &t.object.Fields[a.field]
		if a.field == t.id {
			continue
		}
		if f.ReadOnly || f.compound() {
			restore()
			return readOnly(f)
		}
		if a.v.k == null && f.Required {
			restore()
			return refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: ["+f.Name+"]", f.Name)
		}
		r.values[a.field] = a.v
	}
	for i, f := range t.object.Fields {
		if f.Type == "boolean" && r.values[i].k == null && !t.gone[i] {
			r.values[i] = boolValue(false)
		}
	}
	for at, v := range map[int]value{t.modified: w.moment(), t.stamp: w.moment(), t.modifiedBy: textValue(w.o.userID)} {
		if at >= 0 {
			r.values[at] = v
		}
	}
	if bad := w.check(t, r, place, in); bad != nil {
		restore()
		return bad
	}
	after := r.values
	old := &row{values: before}
	t.release(old, place)
	t.hold(r, place)
	w.undo = append(w.undo, func() {
		t.release(r, place)
		r.values = before
		t.hold(r, place)
	})
	c := Change{Type: Update, RecordIDs: []string{t.idOf(place)}, Fields: Record{}}
	for i, f := range t.object.Fields {
		if t.gone[i] || !f.announced() || i == t.stamp || after[i] == before[i] {
			continue
		}
		c.Changed = append(c.Changed, f.Name)
		c.Fields[f.Name] = after[i].goValue()
		if after[i].k == null {
			c.Nulled = append(c.Nulled, f.Name)
		}
	}
	w.note(t, c)
	return nil
}

// remove puts a record into the recycle bin, or away for good.
func (w *work) remove(t *table, place int, hard bool) *refusal {
	if bad := w.locked(t, t.idOf(place)); bad != nil {
		return bad
	}
	if t.object.ReadOnly {
		return refuse("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
	}
	r := t.own(place)
	before := *r
	before.values = slices.Clone(r.values)
	t.release(r, place)
	r.deleted, r.purged = true, hard
	w.mark(t, r, true)
	w.undo = append(w.undo, func() {
		*r = before
		t.hold(r, place)
	})
	w.note(t, Change{Type: Delete, RecordIDs: []string{t.idOf(place)}})
	return nil
}

// restore takes a record out of the recycle bin.
func (w *work) restore(t *table, place int) {
	r := t.own(place)
	r.deleted = false
	w.mark(t, r, false)
	t.hold(r, place)
	w.note(t, Change{Type: Undelete, RecordIDs: []string{t.idOf(place)}, Fields: t.held(r)})
}

func (w *work) mark(t *table, r *row, deleted bool) {
	for at, v := range map[int]value{t.isDeleted: boolValue(deleted), t.modified: w.moment(), t.stamp: w.moment(), t.modifiedBy: textValue(w.o.userID)} {
		if at >= 0 {
			r.values[at] = v
		}
	}
}

// held is what a record holds, as changes show it.
func (t *table) held(r *row) Record {
	out := Record{}
	for i, f := range t.object.Fields {
		if !t.gone[i] && f.announced() && r.values[i].k != null && i != t.id && i != t.stamp && i != t.isDeleted {
			out[f.Name] = r.values[i].goValue()
		}
	}
	return out
}

// hold and release keep the index of unique fields.
func (t *table) hold(r *row, place int) {
	for i, index := range t.unique {
		if v := r.values[i]; v.k == text {
			index[strings.ToLower(v.s)] = place
		}
	}
}

func (t *table) release(r *row, place int) {
	for i, index := range t.unique {
		if v := r.values[i]; v.k == text && index[strings.ToLower(v.s)] == place {
			delete(index, strings.ToLower(v.s))
		}
	}
}

// autoNumber fills a form such as INV-{00000}.
func autoNumber(form string, n int) string {
	from, to := strings.IndexByte(form, '{'), strings.IndexByte(form, '}')
	if from < 0 || to < from {
		return form
	}
	return fmt.Sprintf("%s%0*d%s", form[:from], to-from-1, n, form[to+1:])
}
