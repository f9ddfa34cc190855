package fake

import (
	"fmt"
	"strings"
)

// Put adds a record, or changes the one whose Id is given, and returns its id. It is checked
// as a call is, and what would be refused panics; but read-only fields may be given, and SystemModstamp is then what it
// says. The change is announced.
func (o *Org) Put(object string, r Record) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.work(originREST)
	id := o.put(w, object, r)
	w.commit()
	return id
}

// put is Put; mu is held.
func (o *Org) put(w *work, object string, r Record) string {
	t := o.tables[strings.ToLower(object)]
	if t == nil {
		panic("putting a record: there is no object " + object)
	}
	var in, forced []assignment
	place := -1
	for name, given := range r {
		at, ok := t.position[strings.ToLower(name)]
		if !ok {
			panic(fmt.Sprintf("putting a record: %s has no field %s", object, name))
		}
		v, ok := parseGo(kindOf(t.object.Fields[at].Type), given)
		if !ok {
			panic(fmt.Sprintf("putting a record: %v is no value of %s.%s", given, object, name))
		}
		switch {
		case at == t.id:
			if place, _ = t.place(v.s); place >= t.len() || place < 0 {
				panic(fmt.Sprintf("putting a record: %s has no %s", object, v.s))
			}
		case t.object.Fields[at].ReadOnly:
			forced = append(forced, assignment{at, v})
		default:
			in = append(in, assignment{at, v})
		}
	}
	var bad *refusal
	if place < 0 {
		place, bad = w.insert(t, in)
	} else {
		bad = w.update(t, place, in)
	}
	if bad != nil {
		panic(fmt.Sprintf("putting a record: %s: %s", bad.code, bad.message))
	}
	for _, a := range forced {
		t.own(place).values[a.field] = a.v
	}
	return t.idOf(place)
}

// Delete puts a record into the recycle bin; Purge takes it away for good; Undelete brings it back. They return whether
// there was such a record.
func (o *Org) Delete(id string) bool { return o.removed(id, false) }

// Purge deletes a record for good, whether it is in the recycle bin or not.
func (o *Org) Purge(id string) bool { return o.removed(id, true) }

func (o *Org) removed(id string, hard bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, place, problem := o.find(id)
	if problem != idFine && (!hard || problem != idDeleted) {
		return false
	}
	w := o.work(originREST)
	bad := w.remove(t, place, hard)
	if problem == idDeleted {
		w.pending = nil // it was announced when it was deleted
	}
	w.commit()
	return bad == nil
}

// Undelete takes a record out of the recycle bin.
func (o *Org) Undelete(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, place, problem := o.find(id)
	if problem != idDeleted {
		return false
	}
	w := o.work(originREST)
	w.restore(t, place)
	w.commit()
	return true
}

// find finds a record of any object by its id; mu is held.
func (o *Org) find(id string) (*table, int, idProblem) {
	full, ok := fullID(id)
	if !ok {
		return nil, 0, idMalformed
	}
	for _, name := range o.order {
		if t := o.tables[name]; t.object.KeyPrefix == full[:prefixLen] {
			place, problem := t.place(full)
			return t, place, problem
		}
	}
	return nil, 0, idOfOther
}

// Records are an object's, by their ids; those in the recycle bin are among them, with IsDeleted. It makes all of the
// generated ones.
func (o *Org) Records(object string) []Record {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.tables[strings.ToLower(object)]
	if t == nil {
		return nil
	}
	out := []Record{}
	for place := range t.len() {
		if _, purged := t.state(place); !purged {
			out = append(out, t.record(place))
		}
	}
	return out
}

// Record is one record, by its id of 15 or 18 characters.
func (o *Org) Record(id string) (Record, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, place, problem := o.find(id)
	if problem != idFine && problem != idDeleted {
		return nil, false
	}
	return t.record(place), true
}
