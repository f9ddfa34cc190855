package fake

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// statusOf is the status of a single record's refusal.
func statusOf(code string) int {
	switch code {
	case "NOT_FOUND", "ENTITY_IS_DELETED":
		return http.StatusNotFound
	case "INSUFFICIENT_ACCESS_OR_READONLY":
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

func (c *call) refuse(bad *refusal) {
	fields := bad.fields
	if fields == nil {
		fields = []string{}
	}
	fail(c.w, statusOf(bad.code), bad.code, bad.message, fields...)
}

// target finds the object of a path; mu is held.
func (c *call) target() *table {
	t := c.o.tables[strings.ToLower(c.r.PathValue("object"))]
	if t == nil {
		c.notFound()
	}
	return t
}

// create is POST of one record.
func (c *call) create() {
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
	in, bad := o.assignments(t, members)
	if bad == nil && t.object.Event {
		c.publish(t, in)
		return
	}
	if bad != nil {
		c.refuse(bad)
		return
	}
	w := o.work(originREST)
	place, bad := w.insert(t, in)
	if bad != nil {
		c.refuse(bad)
		return
	}
	w.commit()
	c.answer(http.StatusCreated, Record{"id": t.idOf(place), "success": true, "errors": []any{}})
}

// publish is the writing of a platform event: it goes to the log of changes, and is kept nowhere else.
func (c *call) publish(t *table, in []assignment) {
	body := Record{}
	for _, a := range in {
		if v := a.v.goValue(); v != nil {
			body[t.object.Fields[a.field].Name] = v
		}
	}
	for _, f := range t.object.Fields {
		if f.Required && body[f.Name] == nil {
			c.refuse(refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: ["+f.Name+"]", f.Name))
			return
		}
	}
	o := c.o
	tx := o.begin(originREST)
	body["CreatedDate"], body["CreatedById"], body["EventUuid"] = tx.at.UTC(), o.userID, tx.key
	o.announce(tx, Change{Entity: t.object.Name, Type: Published, Fields: body})
	c.answer(http.StatusCreated, Record{"id": o.nextID(t.object.KeyPrefix), "success": true, "errors": []Record{{"statusCode": "OPERATION_ENQUEUED", "message": tx.key, "fields": []string{}}}})
}

// row finds the record of a path; mu is held. It answers when there is none.
func (c *call) row() (*table, int, bool) {
	t := c.target()
	if t == nil {
		return nil, 0, false
	}
	place, problem := t.place(c.r.PathValue("id"))
	switch problem {
	case idFine:
		return t, place, true
	case idMalformed:
		c.fail(http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+c.r.PathValue("id"))
	case idDeleted:
		c.refuse(refuse("ENTITY_IS_DELETED", "entity is deleted"))
	default:
		c.notFound()
	}
	return nil, 0, false
}

func (c *call) retrieve() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	t, place, ok := c.row()
	if !ok {
		return
	}
	nodes, bad := c.nodes(t, c.r.URL.Query().Get("fields"))
	if bad != nil {
		c.refuse(bad)
		return
	}
	c.send(o.appendRecord(nil, c.base()+"/sobjects/", nodes, t, place))
}

// nodes are the named fields, or all of them.
func (c *call) nodes(t *table, fields string) ([]*node, *refusal) {
	p := &plan{o: c.o, t: t, query: &soqlQuery{}}
	var names []string
	if fields != "" {
		names = strings.Split(fields, ",")
	} else {
		for _, f := range t.visible {
			names = append(names, f.Name)
		}
	}
	for _, name := range names {
		col, bad := p.path(token{kind: wordToken, text: strings.TrimSpace(name)})
		if bad != nil {
			return nil, refuse(bad.code, bad.message)
		}
		p.columns = append(p.columns, col)
	}
	return p.tree(), nil
}

// change is PATCH of one record.
func (c *call) change() {
	var members map[string]json.RawMessage
	if !c.body(&members) {
		return
	}
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	t, place, ok := c.row()
	if !ok {
		return
	}
	for name := range members {
		if strings.EqualFold(name, "Id") {
			c.fail(http.StatusBadRequest, "INVALID_FIELD", "The Id field should not be specified in the sobject data.")
			return
		}
	}
	in, bad := o.assignments(t, members)
	if bad == nil {
		w := o.work(originREST)
		bad = w.update(t, place, in)
		w.commit()
	}
	if bad != nil {
		c.refuse(bad)
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// erase is DELETE of one record.
func (c *call) erase() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	t, place, ok := c.row()
	if !ok {
		return
	}
	w := o.work(originREST)
	if bad := w.remove(t, place, false); bad != nil {
		c.refuse(bad)
		return
	}
	w.commit()
	c.w.WriteHeader(http.StatusNoContent)
}

// blob is GET of a file, or of a record by an external id.
func (c *call) blob() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	t := c.target()
	if t == nil {
		return
	}
	name, last := c.r.PathValue("key"), c.r.PathValue("value")
	if at, f := t.field(last); f != nil && f.Type == "base64" {
		place, problem := t.place(name)
		if problem != idFine {
			c.notFound()
			return
		}
		raw, err := base64.StdEncoding.DecodeString(t.get(place, at).s)
		if err != nil {
			c.notFound()
			return
		}
		c.w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = c.w.Write(raw) // the client may have gone
		return
	}
	key, f := t.field(name)
	if f == nil || !f.ExternalID && !f.Unique && key != t.id {
		c.fail(http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+name)
		return
	}
	place, ok := t.holder(key, last)
	if !ok {
		c.notFound()
		return
	}
	nodes, bad := c.nodes(t, c.r.URL.Query().Get("fields"))
	if bad != nil {
		c.refuse(bad)
		return
	}
	c.send(o.appendRecord(nil, c.base()+"/sobjects/", nodes, t, place))
}
