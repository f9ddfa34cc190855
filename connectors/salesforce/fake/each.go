package fake

import (
	"encoding/json"
	"slices"
	"strings"
)

// each writes one record of a collection.
type each func(c *call, w *work, t *table, record map[string]json.RawMessage, in []assignment, seen map[string]bool) result

func (c *call) insertEach(w *work, t *table, record map[string]json.RawMessage, in []assignment, _ map[string]bool) result {
	if hasID(record) {
		return result{bad: refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")}
	}
	place, bad := w.insert(t, in)
	if bad != nil {
		return result{bad: bad}
	}
	return result{id: t.idOf(place)}
}

func hasID(record map[string]json.RawMessage) bool { return idIn(record) != "" }

func idIn(record map[string]json.RawMessage) string {
	for name, raw := range record {
		var id string
		if strings.EqualFold(name, "id") && json.Unmarshal(raw, &id) == nil {
			return id
		}
	}
	return ""
}

func (c *call) updateEach(w *work, t *table, record map[string]json.RawMessage, in []assignment, seen map[string]bool) result {
	id := idIn(record)
	if id == "" {
		return result{bad: refuse("MISSING_ARGUMENT", "Id not specified in an update call")}
	}
	return updateByID(w, t, id, in, seen)
}

func updateByID(w *work, t *table, id string, in []assignment, seen map[string]bool) result {
	place, problem := t.place(id)
	if bad := idRefusal(t, id, problem); bad != nil {
		return result{bad: bad}
	}
	full := t.idOf(place)
	if seen[full] {
		return result{bad: refuse("DUPLICATE_VALUE", "duplicate id specified: "+full)}
	}
	seen[full] = true
	if bad := w.update(t, place, in); bad != nil {
		return result{bad: bad}
	}
	return result{id: full}
}

func idRefusal(t *table, id string, problem idProblem) *refusal {
	switch problem {
	case idMalformed:
		return refuse("MALFORMED_ID", t.object.Label+" ID: id value of incorrect type: "+id, "Id")
	case idOfOther:
		return refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
	case idDeleted:
		return refuse("ENTITY_IS_DELETED", "entity is deleted")
	}
	return nil
}

// upsertEach finds the record by the key among the values, and updates it or makes one. Two of one call with one key are
// both refused by Salesforce; here the second is, and the first is written.
func upsertEach(w *work, t *table, key int, in []assignment, seen map[string]bool) result {
	f := &t.object.Fields[key]
	at := slices.IndexFunc(in, func(a assignment) bool { return a.field == key })
	created := true
	if key == t.id {
		place, bad := w.insert(t, in)
		if bad != nil {
			return result{bad: bad, created: new(bool)}
		}
		return result{id: t.idOf(place), created: &created}
	}
	if at < 0 || in[at].v.k == null {
		return result{bad: refuse("MISSING_ARGUMENT", f.Name+" not specified"), created: new(bool)}
	}
	v := string(in[at].v.appendText(nil, false))
	if seen[strings.ToLower(v)] {
		return result{bad: refuse("DUPLICATE_VALUE", "Duplicate external id specified: "+v, f.Name), created: new(bool)}
	}
	seen[strings.ToLower(v)] = true
	places := t.holders(key, v)
	if len(places) > 1 {
		return result{bad: refuse("DUPLICATE_EXTERNAL_ID", "More than one record found for external id field: "+v, f.Name), created: new(bool)}
	}
	if len(places) == 1 {
		if bad := w.update(t, places[0], in); bad != nil {
			return result{bad: bad, created: new(bool)}
		}
		return result{id: t.idOf(places[0]), created: new(bool)}
	}
	place, bad := w.insert(t, in)
	if bad != nil {
		return result{bad: bad, created: new(bool)}
	}
	return result{id: t.idOf(place), created: &created}
}

func deleteByID(w *work, id string, seen map[string]bool, hard bool) result {
	full, _ := fullID(id)
	t, place, problem := w.o.find(id)
	switch {
	case seen[full]:
		return result{bad: refuse("DUPLICATE_VALUE", "duplicate id specified: "+full)}
	case problem == idMalformed:
		return result{bad: refuse("MALFORMED_ID", "malformed id "+id)}
	case problem == idDeleted:
		return result{bad: refuse("ENTITY_IS_DELETED", "entity is deleted")}
	case problem != idFine:
		return result{bad: refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")}
	}
	if bad := w.remove(t, place, hard); bad != nil {
		return result{bad: bad}
	}
	seen[full] = true
	return result{id: full}
}
