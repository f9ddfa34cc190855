package fake

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// resources are the lists, with the key that their records stand under.
var resources = map[string]string{
	"tickets": "tickets", "users": "users", "organizations": "organizations", "groups": "groups", "group_memberships": "group_memberships",
	"organization_memberships": "organization_memberships", "satisfaction_ratings": "satisfaction_ratings", "ticket_fields": "ticket_fields",
	"user_fields": "user_fields", "organization_fields": "organization_fields", "ticket_forms": "ticket_forms", "brands": "brands",
	"macros": "macros", "views": "views", "triggers": "triggers", "automations": "automations", "ticket_metrics": "ticket_metrics",
	"ticket_metric_events": "ticket_metric_events", "ticket_audits": "audits",
}

// archiveAge is how old a closed ticket is when it leaves the list; the export still has it.
const archiveAge = 120 * 24 * time.Hour

func (a *Account) routes() {
	a.mux = http.NewServeMux()
	get := func(path string, h http.HandlerFunc) { a.mux.HandleFunc("GET /api/v2/"+path, a.guard(h)) }
	get("users/me", a.me)
	get("{resource}", a.list)
	get("incremental/{resource}/cursor", a.cursorExport)
	get("incremental/{resource}", a.timeExport)
	get("job_statuses/{id}", a.jobStatus)
	a.writeRoutes()
	a.mux.HandleFunc("POST /oauth/tokens", a.grant)
	a.mux.HandleFunc("/", a.guard(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, Record{"error": Record{"title": "No help desk at this address", "message": "InvalidEndpoint"}})
	}))
}

// me answers everybody: without a token, as nobody.
func (a *Account) me(w http.ResponseWriter, r *http.Request) {
	user := Record{"id": nil, "role": "end-user", "name": "Anonymous user"}
	if r.Header.Get("Authorization") != "" {
		user = Record{"id": 20_978_392, "role": "admin", "name": "Agent Smith", "email": "agent@example.com"}
	}
	answer(w, http.StatusOK, Record{"user": user})
}

// list pages through a resource: by cursor when page[size] is there, else by page and per_page.
func (a *Account) list(w http.ResponseWriter, r *http.Request) {
	resource := r.PathValue("resource")
	key, ok := resources[resource]
	if !ok {
		refuse(w, http.StatusNotFound, "InvalidEndpoint", "Not found")
		return
	}
	q := r.URL.Query()
	records := a.listed(resource, q)
	if !q.Has("page[size]") && resource != "ticket_audits" {
		a.offsetPage(w, r, key, records)
		return
	}
	size, err := strconv.Atoi(cmp.Or(q.Get("page[size]"), "100"))
	if err != nil || size < 1 || size > 100 {
		refuse(w, http.StatusBadRequest, "InvalidPaginationParameter", "page[size] must be between 1 and 100")
		return
	}
	size = min(size, a.o.PageSize)
	from, err := decodeCursor(q.Get("page[after]"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidPaginationParameter", "page[after] is not a cursor")
		return
	}
	from = min(from, len(records))
	to := min(from+size, len(records))
	more := to < len(records)
	body := Record{key: records[from:to], "meta": Record{"has_more": more, "after_cursor": nil, "before_cursor": nil}, "links": Record{"next": nil, "prev": nil}}
	if more {
		after := encodeCursor(to)
		next := url.Values{}
		for name := range q {
			next[name] = q[name]
		}
		next.Set("page[after]", after)
		body["meta"] = Record{"has_more": true, "after_cursor": after, "before_cursor": nil}
		body["links"] = Record{"next": origin(r) + r.URL.Path + ".json?" + next.Encode(), "prev": nil}
	}
	answer(w, http.StatusOK, body)
}

func (a *Account) offsetPage(w http.ResponseWriter, r *http.Request, key string, records []Record) {
	q := r.URL.Query()
	page, err1 := strconv.Atoi(cmp.Or(q.Get("page"), "1"))
	size, err2 := strconv.Atoi(cmp.Or(q.Get("per_page"), "100"))
	if err1 != nil || err2 != nil || page < 1 || size < 1 || page > 100 {
		refuse(w, http.StatusBadRequest, "InvalidPaginationParameter", "Invalid page parameters")
		return
	}
	size = min(size, 100, a.o.PageSize)
	from := min((page-1)*size, len(records))
	to := min(from+size, len(records))
	var next any
	if to < len(records) {
		next = fmt.Sprintf("%s%s.json?page=%d&per_page=%d", origin(r), r.URL.Path, page+1, size)
	}
	answer(w, http.StatusOK, Record{key: records[from:to], "count": len(records), "next_page": next, "previous_page": nil})
}

// listed are the records that a list shows: archived and deleted tickets are not among them.
func (a *Account) listed(resource string, q url.Values) []Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.o.Now()
	out := []Record{}
	for _, r := range a.tables[resource] {
		if resource == "tickets" && (r["status"] == "deleted" || r["status"] == "closed" && now.Unix()-changed(r, now) > int64(archiveAge.Seconds())) {
			continue
		}
		if resource == "tickets" && q.Has("external_id") && r["external_id"] != q.Get("external_id") {
			continue
		}
		if s, err := strconv.ParseInt(q.Get("start_time"), 10, 64); err == nil && changed(r, now) < s {
			continue
		}
		shown := clone(r)
		delete(shown, "generated_timestamp")
		delete(shown, "keep_generated")
		out = append(out, shown)
	}
	return out
}

// exported are the records that have changed at or after a moment, in the order of change. What is younger than a minute
// is not there yet.
func (a *Account) exported(resource string, start int64, withDeleted bool) []Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.o.Now()
	out := []Record{}
	for _, r := range a.tables[resource] {
		at := exportTime(r, now)
		if at < start || at > now.Unix()-60 || !withDeleted && r["status"] == "deleted" {
			continue
		}
		shown := clone(r)
		delete(shown, "keep_generated")
		out = append(out, shown)
	}
	slices.SortStableFunc(out, func(x, y Record) int { return cmp.Compare(exportTime(x, now), exportTime(y, now)) })
	return out
}

func exportTime(r Record, now time.Time) int64 {
	if s, ok := number(r["generated_timestamp"]); ok {
		return s
	}
	return changed(r, now)
}

// startTime reads start_time, which has to be a minute old.
func (a *Account) startTime(w http.ResponseWriter, text string) (int64, bool) {
	start, err := strconv.ParseInt(text, 10, 64)
	if err != nil || start < 0 {
		refuse(w, http.StatusBadRequest, "InvalidParameter", "start_time must be an integer")
		return 0, false
	}
	if start > a.o.Now().Unix()-60 {
		refuse(w, http.StatusBadRequest, "StartTimeTooRecent", "Too recent start_time. Use a start_time older than 60 seconds")
		return 0, false
	}
	return start, true
}

func (a *Account) exportSize(q url.Values) int {
	size, err := strconv.Atoi(cmp.Or(q.Get("per_page"), "1000"))
	if err != nil || size < 1 {
		size = 1000
	}
	return min(size, 1000, a.o.ExportSize)
}

// cursorExport is the export of tickets and users: start_time on the first call, the cursor from then on. The cursor
// holds the moment and how many records of it came already.
func (a *Account) cursorExport(w http.ResponseWriter, r *http.Request) {
	resource, q := r.PathValue("resource"), r.URL.Query()
	if resource != "tickets" && resource != "users" {
		refuse(w, http.StatusNotFound, "InvalidEndpoint", "Not found")
		return
	}
	var start int64
	skip := 0
	if text := q.Get("cursor"); text != "" {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		n, serr := fmt.Sscanf(string(raw), "%d/%d", &start, &skip)
		if err != nil || serr != nil || n != 2 || q.Has("start_time") {
			refuse(w, http.StatusBadRequest, "InvalidParameter", "the cursor is invalid")
			return
		}
	} else {
		var ok bool
		if start, ok = a.startTime(w, q.Get("start_time")); !ok {
			return
		}
	}
	records := a.exported(resource, start, q.Get("exclude_deleted") != "true")
	records = records[min(skip, len(records)):]
	size := a.exportSize(q)
	end := len(records) <= size
	records = records[:min(size, len(records))]
	for i := len(records) - 1; i >= 0; i-- {
		if at := exportTime(records[i], a.o.Now()); i == len(records)-1 {
			if at > start {
				start, skip = at, 0
			}
			skip++
		} else if at == start {
			skip++
		}
	}
	after := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d/%d", start, skip))
	answer(w, http.StatusOK, Record{
		resource: records, "after_cursor": after, "after_url": origin(r) + r.URL.Path + ".json?cursor=" + after,
		"before_url": nil, "before_cursor": nil, "end_of_stream": end,
	})
}

// timeExport is the older export: each page begins at the moment in which the one before ended.
func (a *Account) timeExport(w http.ResponseWriter, r *http.Request) {
	resource, q := r.PathValue("resource"), r.URL.Query()
	if _, ok := resources[resource]; !ok {
		refuse(w, http.StatusNotFound, "InvalidEndpoint", "Not found")
		return
	}
	start, ok := a.startTime(w, q.Get("start_time"))
	if !ok {
		return
	}
	records := a.exported(resource, start, true)
	size := a.exportSize(q)
	end := len(records) <= size
	records = records[:min(size, len(records))]
	endTime := start
	if len(records) > 0 {
		endTime = exportTime(records[len(records)-1], a.o.Now())
	}
	answer(w, http.StatusOK, Record{
		resource: records, "count": len(records), "end_time": endTime, "end_of_stream": end,
		"next_page": fmt.Sprintf("%s%s.json?start_time=%d", origin(r), r.URL.Path, endTime),
	})
}

func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.URL.Scheme == "https" || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func encodeCursor(at int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "o%d", at))
}

func decodeCursor(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimPrefix(string(raw), "o"))
}
