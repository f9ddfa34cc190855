package fake

import (
	"slices"
	"strings"
)

// table holds the records of one object. A record's place is its id's sequence less one: first come the generated ones,
// which are made when asked for until something changes them, then what was written. Places are never used again.
type table struct {
	object    Object
	position  map[string]int // of fields, by folded name
	gone      []bool         // fields that were removed keep their position
	generator *generator     // of the first records; nil without any
	generated int
	changed   map[int]*row // generated records that were changed since
	written   []*row
	unique    map[int]map[string]int // by field and folded text: the place of the record that holds it, generated ones aside

	// Where the system fields are; -1 for an object that has none such.
	id, isDeleted, created, createdBy, modified, modifiedBy, stamp, owner int
}

// row is one record. Values may be fewer than fields: those added later are null.
type row struct {
	values  []value
	deleted bool // in the recycle bin
	purged  bool // gone for good
}

// generator makes records without keeping them. Both functions are pure: the same place gives the same value.
type generator struct {
	value func(place, field int) value
	find  func(field int, text string) (place int, ok bool) // by a unique field
}

func newTable(object Object) *table {
	t := &table{object: object, position: map[string]int{}, changed: map[int]*row{}, unique: map[int]map[string]int{}}
	t.object.Fields = slices.Clone(object.Fields)
	t.index()
	return t
}

func (t *table) index() {
	clear(t.position)
	t.gone = append(t.gone, make([]bool, len(t.object.Fields)-len(t.gone))...)
	for i, f := range t.object.Fields {
		if !t.gone[i] {
			t.position[strings.ToLower(f.Name)] = i
		}
		if f.Unique && t.unique[i] == nil {
			t.unique[i] = map[string]int{}
		}
	}
	at := func(name string) int {
		if i, ok := t.position[strings.ToLower(name)]; ok {
			return i
		}
		return -1
	}
	t.id, t.isDeleted, t.created, t.createdBy = at("Id"), at("IsDeleted"), at("CreatedDate"), at("CreatedById")
	t.modified, t.modifiedBy, t.stamp, t.owner = at("LastModifiedDate"), at("LastModifiedById"), at("SystemModstamp"), at("OwnerId")
}

// field finds a visible field by its name, in any case.
func (t *table) field(name string) (int, *Field) {
	i, ok := t.position[strings.ToLower(name)]
	if !ok || t.object.Fields[i].Hidden {
		return -1, nil
	}
	return i, &t.object.Fields[i]
}

// visible calls yield for the fields that the user sees, in order.
func (t *table) visible(yield func(int, *Field) bool) {
	for i := range t.object.Fields {
		if !t.gone[i] && !t.object.Fields[i].Hidden && !yield(i, &t.object.Fields[i]) {
			return
		}
	}
}

func (t *table) len() int { return t.generated + len(t.written) }

// kept is a record that something has written or changed; nil for one that is as it was generated.
func (t *table) kept(place int) *row {
	if place >= t.generated {
		return t.written[place-t.generated]
	}
	return t.changed[place]
}

// state says whether the record is in the recycle bin, and whether it is gone.
func (t *table) state(place int) (deleted, purged bool) {
	if r := t.kept(place); r != nil {
		return r.deleted, r.purged
	}
	return false, false
}

// get is one field of one record.
func (t *table) get(place, field int) value {
	r := t.kept(place)
	if r == nil {
		return t.generator.value(place, field)
	}
	if field >= len(r.values) {
		return value{}
	}
	return r.values[field]
}

// own returns a record's row for writing; a generated one is kept from now on.
func (t *table) own(place int) *row {
	r := t.kept(place)
	if r == nil {
		r = &row{values: make([]value, len(t.object.Fields))}
		for i := range r.values {
			r.values[i] = t.generator.value(place, i)
		}
		t.changed[place] = r
		for i, index := range t.unique {
			if v := r.values[i]; v.k == text {
				index[strings.ToLower(v.s)] = place
			}
		}
	}
	if n := len(t.object.Fields) - len(r.values); n > 0 {
		r.values = append(r.values, make([]value, n)...)
	}
	return r
}

// holder finds the record that is not deleted and holds a text in a field that tells records apart.
func (t *table) holder(field int, s string) (place int, ok bool) {
	if field == t.id {
		place, problem := t.place(s)
		return place, problem == idFine
	}
	if index, unique := t.unique[field]; unique {
		if place, ok := index[strings.ToLower(s)]; ok {
			return place, true
		}
		if t.generated == 0 {
			return 0, false
		}
		place, ok := t.generator.find(field, s)
		return place, ok && place < t.generated && t.changed[place] == nil
	}
	return 0, false
}

// holders finds all records that hold a text in a field that need not tell records apart.
func (t *table) holders(field int, s string) []int {
	if t.unique[field] != nil || field == t.id {
		if place, ok := t.holder(field, s); ok {
			return []int{place}
		}
		return nil
	}
	var out []int
	for place := range t.len() {
		deleted, purged := t.state(place)
		if v := t.get(place, field); !deleted && !purged && v.k != null && compareFold(string(v.appendText(nil, false)), s) == 0 {
			out = append(out, place)
		}
	}
	return out
}

type idProblem int

const (
	idFine idProblem = iota
	idMalformed
	idOfOther // another object's, or no record's
	idDeleted
)

// place finds a record by its id. For idDeleted it returns the place too.
func (t *table) place(id string) (int, idProblem) {
	full, ok := fullID(id)
	if !ok {
		return 0, idMalformed
	}
	if full[:prefixLen] != t.object.KeyPrefix {
		return 0, idOfOther
	}
	place := sequenceOf(full) - 1
	if place < 0 || place >= t.len() {
		return 0, idOfOther
	}
	deleted, purged := t.state(place)
	switch {
	case purged:
		return place, idOfOther
	case deleted:
		return place, idDeleted
	}
	return place, idFine
}

func (t *table) idOf(place int) string { return makeID(t.object.KeyPrefix, place+1) }

// record is what Go code sees of a record.
func (t *table) record(place int) Record {
	out := Record{}
	for i, f := range t.object.Fields {
		if !t.gone[i] && !f.compound() {
			out[f.Name] = t.get(place, i).goValue()
		}
	}
	return out
}
