package fake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const maxBulk = 100

// job is a bulk job. It is done at once, and says so when it has been asked after a few times.
type job struct {
	id, kind string
	total    int
	asked    int
	results  []Record
	failed   bool
}

func (a *Account) writeRoutes() {
	handle := func(pattern string, h http.HandlerFunc) { a.mux.HandleFunc(pattern, a.guard(h)) }
	handle("POST /api/v2/{resource}/create_many", a.bulk("create", a.create))
	handle("PUT /api/v2/{resource}/update_many", a.bulk("update", a.update))
	handle("POST /api/v2/{resource}/create_or_update_many", a.bulk("create_or_update", a.createOrUpdate))
	handle("DELETE /api/v2/{resource}/destroy_many", a.destroyMany)
	handle("POST /api/v2/{resource}/create_or_update", a.one)
	handle("POST /api/v2/{resource}", a.one)
}

// bulk takes a list of records for a job.
func (a *Account) bulk(kind string, do func(resource string, index int, r Record) Record) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		resource := r.PathValue("resource")
		var body map[string]json.RawMessage
		var list []Record
		if json.NewDecoder(http.MaxBytesReader(w, r.Body, 10<<20)).Decode(&body) != nil || decode(body[resource], &list) != nil || len(list) == 0 {
			refuse(w, http.StatusBadRequest, "BadRequest", "Required parameter missing: "+resource)
			return
		}
		if len(list) > maxBulk {
			refuse(w, http.StatusUnprocessableEntity, "TooManyValues", fmt.Sprintf("Too many %s, the limit is %d", resource, maxBulk))
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		switch {
		case a.mode == BusyJobs:
			w.Header().Set("Retry-After", "30")
			answer(w, http.StatusTooManyRequests, Record{"error": "TooManyJobs", "description": "You have too many jobs running"})
			return
		case a.mode == BulkDenied && resource == "users" && kind != "update":
			refuse(w, http.StatusForbidden, "Forbidden", "Bulk imports are not enabled for this account")
			return
		}
		j := a.start(kind+" "+resource, len(list))
		if a.mode == FailedJobs {
			j.failed = true
		} else {
			for i, record := range list {
				j.results = append(j.results, do(resource, i, record))
			}
		}
		answer(w, http.StatusOK, Record{"job_status": j.show(r, false)})
	}
}

// decode keeps numbers whole.
func decode(raw json.RawMessage, into any) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	return d.Decode(into)
}

func (a *Account) start(kind string, total int) *job {
	a.jobSeq++
	j := &job{id: fmt.Sprintf("V3-%08x", a.jobSeq*7919), kind: "Bulk " + kind, total: total}
	a.jobs[j.id] = j
	return j
}

func (j *job) show(r *http.Request, done bool) Record {
	out := Record{
		"id": j.id, "job_type": j.kind, "url": origin(r) + "/api/v2/job_statuses/" + j.id + ".json",
		"total": j.total, "progress": nil, "status": "queued", "message": nil, "results": nil,
	}
	switch {
	case done && j.failed:
		out["status"], out["message"] = "failed", "Failed at 2024-01-01 00:00:01 +0000"
	case done:
		out["status"], out["progress"], out["message"], out["results"] = "completed", j.total, "Completed at 2024-01-01 00:00:01 +0000", j.results
	case j.asked > 0:
		out["status"], out["progress"] = "working", 0
	}
	return out
}

func (a *Account) jobStatus(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	j := a.jobs[r.PathValue("id")]
	if j == nil {
		refuse(w, http.StatusNotFound, "RecordNotFound", "Not found")
		return
	}
	j.asked++
	answer(w, http.StatusOK, Record{"job_status": j.show(r, j.asked >= a.o.JobAsks)})
}

// create makes one record; mu is held.
func (a *Account) create(resource string, index int, r Record) Record {
	if why := wrong(resource, r); why != "" {
		return Record{"index": index, "error": createError(resource), "details": why, "success": false}
	}
	if resource == "users" && a.search(resource, "email", r["email"]) >= 0 {
		return Record{"index": index, "error": "UserCreateError", "details": "Email: is already being used by another user", "success": false}
	}
	id := a.put(resource, written(resource, r))
	return Record{"index": index, "id": id, "status": "Created", "success": true}
}

func createError(resource string) string {
	if resource == "tickets" {
		return "TicketCreateError"
	}
	return "InvalidRecord"
}

// wrong is what Zendesk has against a new record.
func wrong(resource string, r Record) string {
	text := func(v any) string { s, _ := v.(string); return s }
	switch resource {
	case "tickets":
		comment, _ := r["comment"].(map[string]any)
		if text(comment["body"]) == "" {
			return "Description: cannot be blank"
		}
	case "users", "organizations", "groups":
		switch name := text(r["name"]); { //nolint:staticcheck // the conditions have nothing in common
		case name == "":
			return "Name: is too short (minimum is 1 character)"
		case name == Refused:
			return "Name: is not allowed"
		}
	}
	if r["subject"] == Refused || r["external_id"] == Refused {
		return "Subject: is not allowed"
	}
	return ""
}

// Refused is a name, subject or external id that no record may have; for tests of refused records.
const Refused = "refuse me"

// written is a record as it is kept: a ticket's first comment is its description.
func written(resource string, r Record) Record {
	r = clone(r)
	if comment, ok := r["comment"].(map[string]any); ok && resource == "tickets" {
		if r["description"] == nil {
			r["description"] = comment["body"]
		}
		delete(r, "comment")
	}
	for _, name := range []string{"created_at", "updated_at", "url", "generated_timestamp"} {
		delete(r, name) // the account's own
	}
	return r
}

// update changes one record, found by its id or external id; mu is held.
func (a *Account) update(resource string, index int, r Record) Record {
	at := a.find(resource, r)
	id, hasID := number(r["id"])
	result := Record{"index": index, "action": "update", "status": "Updated", "success": true}
	if hasID {
		result["id"] = id
	} else if r["external_id"] != nil {
		result["external_id"] = r["external_id"]
	}
	if at < 0 {
		result["success"], result["status"] = false, "Failed"
		result["error"], result["details"] = strings.ToUpper(resource[:1])+strings.TrimSuffix(resource[1:], "s")+"NotFound", "The record was not found"
		return result
	}
	if r["name"] == Refused || r["subject"] == Refused {
		result["success"], result["status"], result["error"], result["details"] = false, "Failed", "RecordInvalid", "Name: is not allowed"
		return result
	}
	change := written(resource, r)
	change["id"] = a.tables[resource][at]["id"]
	if given, ok := change["custom_fields"].([]any); ok {
		change["custom_fields"] = merged(a.tables[resource][at]["custom_fields"], given)
	}
	result["id"] = a.put(resource, change)
	return result
}

// merged are a ticket's custom fields after some of them have been set: the others keep their values.
func merged(before any, given []any) []Record {
	var list []Record
	switch before := before.(type) {
	case []Record:
		list = slices.Clone(before)
	case []any:
		for _, f := range before {
			if m, ok := f.(map[string]any); ok {
				list = append(list, m)
			}
		}
	}
	for _, f := range given {
		field, _ := f.(map[string]any)
		id, _ := number(field["id"])
		if at := slices.IndexFunc(list, func(r Record) bool { known, _ := number(r["id"]); return known == id }); at >= 0 {
			list[at] = Record{"id": id, "value": field["value"]}
			continue
		}
		list = append(list, Record{"id": id, "value": field["value"]})
	}
	return list
}

// createOrUpdate finds a record by external id or email, else makes it; mu is held.
func (a *Account) createOrUpdate(resource string, index int, r Record) Record {
	for _, field := range []string{"external_id", "email"} {
		if at := a.search(resource, field, r[field]); at >= 0 {
			if why := wrong(resource, r); why != "" {
				return Record{"index": index, "error": "InvalidRecord", "details": why, "success": false}
			}
			change := written(resource, r)
			change["id"] = a.tables[resource][at]["id"]
			return Record{"index": index, "id": a.put(resource, change), "action": "update", "status": "Updated", "success": true}
		}
	}
	return a.create(resource, index, r)
}

func (a *Account) find(resource string, r Record) int {
	if id, ok := number(r["id"]); ok {
		return slices.IndexFunc(a.tables[resource], func(x Record) bool { return x["id"] == id })
	}
	return a.search(resource, "external_id", r["external_id"])
}

func (a *Account) search(resource, field string, value any) int {
	if value == nil || value == "" {
		return -1
	}
	return slices.IndexFunc(a.tables[resource], func(x Record) bool { return x[field] == value })
}

// one makes, or makes or changes, a single record and answers with it.
func (a *Account) one(w http.ResponseWriter, r *http.Request) {
	resource := r.PathValue("resource")
	single := strings.TrimSuffix(resource, "s")
	var body map[string]json.RawMessage
	var record Record
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body) != nil || decode(body[single], &record) != nil || record == nil {
		refuse(w, http.StatusBadRequest, "BadRequest", "Required parameter missing: "+single)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	do := a.create
	if strings.HasSuffix(r.URL.Path, "/create_or_update") {
		do = a.createOrUpdate
	}
	result := do(resource, 0, record)
	if result["success"] == false {
		answer(w, http.StatusUnprocessableEntity, Record{
			"error": "RecordInvalid", "description": "Record validation errors",
			"details": Record{"base": []Record{{"description": result["details"], "error": cmp.Or(result["error"], "Invalid")}}},
		})
		return
	}
	id, _ := number(result["id"])
	at := slices.IndexFunc(a.tables[resource], func(x Record) bool { return x["id"] == id })
	status := http.StatusOK
	if result["status"] == "Created" {
		status = http.StatusCreated
	}
	answer(w, status, Record{single: a.tables[resource][at]})
}

// destroyMany deletes: tickets leave a trace in the export, everything else is gone.
func (a *Account) destroyMany(w http.ResponseWriter, r *http.Request) {
	resource := r.PathValue("resource")
	ids := strings.Split(r.URL.Query().Get("ids"), ",")
	if len(ids) > maxBulk {
		refuse(w, http.StatusUnprocessableEntity, "TooManyValues", "Too many ids")
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	j := a.start("delete "+resource, len(ids))
	for i, text := range ids {
		id, err := strconv.ParseInt(text, 10, 64)
		at := slices.IndexFunc(a.tables[resource], func(x Record) bool { return err == nil && x["id"] == id })
		if at < 0 {
			j.results = append(j.results, Record{"index": i, "id": id, "action": "delete", "success": false, "status": "Failed", "error": "NotFound", "details": "The record was not found"})
			continue
		}
		if resource == "tickets" {
			a.put(resource, Record{"id": id, "status": "deleted", "subject": "SCRUBBED", "description": "SCRUBBED"})
		} else {
			a.tables[resource] = slices.Delete(a.tables[resource], at, at+1)
		}
		j.results = append(j.results, Record{"index": i, "id": id, "action": "delete", "success": true, "status": "Deleted"})
	}
	answer(w, http.StatusOK, Record{"job_status": j.show(r, false)})
}

// grant is the token endpoint: every code is good, and refresh tokens rotate.
func (a *Account) grant(w http.ResponseWriter, r *http.Request) {
	params := map[string]string{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		_ = json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&params) // what is missing is refused below
	} else {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		if r.ParseForm() == nil {
			for name := range r.PostForm {
				params[name] = r.PostForm.Get(name)
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	bad := a.o.ClientID != "" && (params["client_id"] != a.o.ClientID || params["client_secret"] != a.o.ClientSecret)
	switch {
	case bad:
		answer(w, http.StatusUnauthorized, Record{"error": "invalid_client", "error_description": "Client authentication failed"})
		return
	case params["grant_type"] == "refresh_token" && params["refresh_token"] != a.refresh, params["grant_type"] == "authorization_code" && params["code"] == "":
		answer(w, http.StatusBadRequest, Record{"error": "invalid_grant", "error_description": "The provided authorization grant is invalid, expired or revoked."})
		return
	}
	clear(a.tokens) // the old ones die at once
	a.jobSeq++
	token := fmt.Sprintf("access-%d-%d", a.o.Seed, a.jobSeq)
	a.refresh = fmt.Sprintf("refresh-%d-%d", a.o.Seed, a.jobSeq)
	a.tokens[token] = true
	answer(w, http.StatusOK, Record{
		"access_token": token, "token_type": "bearer", "scope": "read write", "refresh_token": a.refresh, "expires_in": 172_800, "refresh_token_expires_in": 7_776_000,
	})
}
