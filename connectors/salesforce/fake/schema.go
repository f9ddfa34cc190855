package fake

import "strings"

// AddObject adds an object, or replaces one with all its records.
func (o *Org) AddObject(object Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := strings.ToLower(object.Name)
	if o.tables[name] == nil {
		o.order = append(o.order, name)
	}
	o.tables[name] = newTable(object)
	o.schemaAt = o.now()
}

// Object is what describe tells of an object, fields that are hidden or removed left out. A name that ends with
// ChangeEvent gives the object of the notifications. ok is false when there is none.
func (o *Org) Object(name string) (object Object, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.described(name)
}

// described is Object; mu is held.
func (o *Org) described(name string) (Object, bool) {
	if t := o.tables[strings.ToLower(name)]; t != nil {
		out := t.object
		out.Fields = nil
		for _, f := range t.visible {
			out.Fields = append(out.Fields, *f)
		}
		return out, true
	}
	for _, of := range o.order {
		if t := o.tables[of]; t.object.Replicates {
			plain, _ := o.described(of)
			if e := changeEvent(plain); strings.EqualFold(e.Name, name) {
				return e, true
			}
		}
	}
	return Object{}, false
}

// AddField adds a field to an object, whose records hold nothing in it yet.
func (o *Org) AddField(object string, f Field) {
	o.schema(object, func(t *table) {
		t.object.Fields = append(t.object.Fields, f)
		t.index()
	})
}

// RemoveField takes a field away from an object, with what it held.
func (o *Org) RemoveField(object, field string) {
	o.schema(object, func(t *table) {
		if i, ok := t.position[strings.ToLower(field)]; ok {
			t.gone[i] = true
			t.index()
		}
	})
}

// HideField hides a field from the user, or shows it again, as field-level security does.
func (o *Org) HideField(object, field string, hidden bool) {
	o.schema(object, func(t *table) {
		if i, ok := t.position[strings.ToLower(field)]; ok {
			t.object.Fields[i].Hidden = hidden
		}
	})
}

func (o *Org) schema(object string, change func(*table)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t := o.tables[strings.ToLower(object)]; t != nil {
		change(t)
		o.schemaAt = o.now()
	}
}
