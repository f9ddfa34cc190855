package fake

import (
	"encoding/json"
	"net/http"
	"strings"
)

// upsertOne is PATCH by an external id. The key's own value comes from the path alone.
func (c *call) upsertOne() {
	var members map[string]json.RawMessage
	if !c.body(&members) {
		return
	}
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	t := c.target()
	if t == nil {
		return
	}
	name, v := c.r.PathValue("key"), c.r.PathValue("value")
	key, f := t.field(name)
	if f == nil || !f.ExternalID && key != t.id {
		c.fail(http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+name)
		return
	}
	for given := range members {
		if strings.EqualFold(given, f.Name) || strings.EqualFold(given, "Id") {
			c.fail(http.StatusBadRequest, "INVALID_FIELD", "The "+f.Name+" field should not be specified in the sobject data.")
			return
		}
	}
	in, bad := o.assignments(t, members)
	if bad != nil {
		c.refuse(bad)
		return
	}
	c.upsert(t, key, v, in)
}

func (c *call) upsert(t *table, key int, v string, in []assignment) {
	o := c.o
	places := t.holders(key, v)
	if len(places) > 1 {
		list := []string{}
		for _, place := range places {
			list = append(list, c.base()+"/sobjects/"+t.object.Name+"/"+t.idOf(place))
		}
		c.answer(http.StatusMultipleChoices, list)
		return
	}
	w := o.work(originREST)
	var bad *refusal
	place, created := 0, len(places) == 0
	if !created {
		place = places[0]
		bad = w.update(t, place, in)
	} else if key == t.id {
		c.notFound()
		return
	} else {
		given, _ := parseText(kindOf(t.object.Fields[key].Type), v) // a key that is no value finds and makes nothing
		place, bad = w.insert(t, append(in, assignment{key, given}))
	}
	if bad != nil {
		c.refuse(bad)
		return
	}
	w.commit()
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	c.answer(status, Record{"id": t.idOf(place), "success": true, "errors": []any{}, "created": created})
}

// upsertID is POST to /sobjects/X/Id, which always makes a record.
func (c *call) upsertID() {
	if !strings.EqualFold(c.r.PathValue("key"), "Id") {
		c.fail(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed. Allowed are HEAD,GET,PATCH,DELETE")
		return
	}
	c.create()
}
