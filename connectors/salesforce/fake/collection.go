package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// maxCollection is how many records one call of sObject Collections takes.
const maxCollection = 200

func (o *Org) collectionRoutes(api apiRoute) {
	for _, end := range []string{"", "/{$}"} {
		api("POST", "/composite/sobjects"+end, func(c *call) { c.collection((*call).insertEach) })
		api("PATCH", "/composite/sobjects"+end, func(c *call) { c.collection((*call).updateEach) })
		api("DELETE", "/composite/sobjects"+end, (*call).deleteCollection)
		api("POST", "/composite"+end, (*call).composite)
		api("POST", "/composite/batch"+end, (*call).batch)
	}
	api("PATCH", "/composite/sobjects/{object}/{key}", (*call).upsertCollection)
	api("PATCH", "/composite/sobjects/{object}/{key}/{$}", (*call).upsertCollection)
	api("GET", "/composite/sobjects/{object}", (*call).retrieveCollection)
	api("POST", "/composite/sobjects/{object}", (*call).retrieveCollection)
}

type collectionBody struct {
	AllOrNone bool                         `json:"allOrNone"`
	Records   []map[string]json.RawMessage `json:"records"`
}

// result is one record's part of an answer.
type result struct {
	id      string
	created *bool // of upserts
	bad     *refusal
}

func (r result) body() Record {
	out := Record{"success": r.bad == nil, "errors": []any{}}
	if r.id != "" {
		out["id"] = r.id
	}
	if r.created != nil && r.bad == nil {
		out["created"] = *r.created
	}
	if r.bad != nil {
		fields := r.bad.fields
		if fields == nil {
			fields = []string{}
		}
		out["errors"] = []Record{{"statusCode": r.bad.code, "message": r.bad.message, "fields": fields}}
	}
	return out
}

// collection reads a body of records and writes them in order; one with errors is left out, or with allOrNone takes back
// all. A body that is wrong in itself is refused as a whole.
func (c *call) collection(write each) {
	var body collectionBody
	if !c.body(&body) || !c.fits(len(body.Records)) {
		return
	}
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	tables := make([]*table, len(body.Records))
	values := make([][]assignment, len(body.Records))
	chunks, previous := 0, ""
	for i, record := range body.Records {
		name := typeOf(record)
		if tables[i] = c.o.tables[strings.ToLower(name)]; tables[i] == nil {
			c.fail(http.StatusBadRequest, "INVALID_TYPE", "sObject type '"+name+"' is not supported.")
			return
		}
		if tables[i].object.Name != previous {
			previous = tables[i].object.Name
			chunks++
		}
		in, bad := c.o.assignments(tables[i], record, "id")
		if bad != nil {
			c.fail(http.StatusBadRequest, bad.code, bad.message)
			return
		}
		values[i] = in
	}
	if chunks > 10 {
		c.fail(http.StatusBadRequest, "INVALID_OPERATION", "Too many chunks of different types: at most 10 are allowed")
		return
	}
	c.writeAll(body.AllOrNone, len(body.Records), func(w *work, i int, seen map[string]bool) result {
		return write(c, w, tables[i], body.Records[i], values[i], seen)
	})
}

func typeOf(record map[string]json.RawMessage) string {
	var attributes struct{ Type string }
	if json.Unmarshal(record["attributes"], &attributes) != nil {
		return ""
	}
	return attributes.Type
}

func (c *call) fits(n int) bool {
	if n > maxCollection {
		c.fail(http.StatusBadRequest, "EXCEEDED_ID_LIMIT", fmt.Sprintf("record limit reached. cannot submit more than %d records into this call", maxCollection))
	}
	return n <= maxCollection
}

// writeAll writes records one by one and answers with their results in order; mu is held.
func (c *call) writeAll(allOrNone bool, n int, write func(w *work, i int, seen map[string]bool) result) {
	w := c.o.work(originREST)
	seen := map[string]bool{}
	results := make([]result, n)
	failed := false
	for i := range n {
		results[i] = write(w, i, seen)
		failed = failed || results[i].bad != nil
	}
	if failed && allOrNone {
		w.rollBack(0, 0)
		for i, r := range results {
			if r.bad == nil {
				results[i] = result{bad: refuse("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid and the request was using AllOrNone header")}
			}
		}
	}
	w.commit()
	out := make([]Record, n)
	for i, r := range results {
		out[i] = r.body()
	}
	c.answer(http.StatusOK, out)
}

func (c *call) upsertCollection() {
	c.o.mu.Lock()
	t := c.target()
	if t == nil {
		c.o.mu.Unlock()
		return
	}
	key, f := t.field(c.r.PathValue("key"))
	c.o.mu.Unlock()
	if f == nil || !f.ExternalID && key != t.id {
		c.fail(http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+c.r.PathValue("key"))
		return
	}
	c.collection(func(c *call, w *work, of *table, record map[string]json.RawMessage, in []assignment, seen map[string]bool) result {
		if of != t {
			return result{bad: refuse("INVALID_TYPE", "all records must be of the type in the address: "+t.object.Name)}
		}
		if key == t.id {
			if id := idIn(record); id != "" {
				r := updateByID(w, t, id, in, seen)
				r.created = new(bool)
				return r
			}
		} else if hasID(record) {
			return result{bad: refuse("INVALID_FIELD", "cannot specify both an external ID reference and a salesforce id: "+f.Name)}
		}
		return upsertEach(w, t, key, in, seen)
	})
}

func (c *call) deleteCollection() {
	q := c.r.URL.Query()
	ids := strings.Split(q.Get("ids"), ",")
	if q.Get("ids") == "" {
		c.fail(http.StatusBadRequest, "MISSING_ARGUMENT", "ids are required")
		return
	}
	if !c.fits(len(ids)) {
		return
	}
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	c.writeAll(q.Get("allOrNone") == "true", len(ids), func(w *work, i int, seen map[string]bool) result {
		return deleteByID(w, ids[i], seen, false)
	})
}

// retrieveCollection is GET with ids and fields in the address, or POST with them in the body.
func (c *call) retrieveCollection() {
	var body struct{ IDs, Fields []string }
	if c.r.Method == http.MethodPost {
		if !c.body(&body) {
			return
		}
	} else {
		q := c.r.URL.Query()
		body.IDs, body.Fields = strings.Split(q.Get("ids"), ","), strings.Split(q.Get("fields"), ",")
	}
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	t := c.target()
	if t == nil {
		return
	}
	nodes, bad := c.nodes(t, strings.Join(body.Fields, ","))
	if bad != nil {
		c.refuse(bad)
		return
	}
	out := []byte{'['}
	for i, id := range body.IDs {
		if i > 0 {
			out = append(out, ',')
		}
		if place, problem := t.place(id); problem == idFine {
			out = o.appendRecord(out, c.base()+"/sobjects/", nodes, t, place)
		} else {
			out = append(out, "null"...)
		}
	}
	c.send(append(out, ']'))
}
