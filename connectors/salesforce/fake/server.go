package fake

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The versions of the API that the org knows.
const (
	oldestVersion = 31
	newestVersion = 67
)

// maxHead is how long the address and the headers of a call may be together.
const maxHead = 16_384

// maxBody bounds what is read of a call; ingest uploads have a bound of their own.
const maxBody = 8 << 20

var versionPath = regexp.MustCompile(`^/services/data/v([0-9]+)\.0(/|$)`)

func (o *Org) routes() {
	o.mux = http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) { o.mux.Handle(pattern, h) }
	handle("GET /services/data", o.listVersions)
	handle("GET /services/data/{$}", o.listVersions)
	o.oauthRoutes(handle)

	api := func(method, path string, h func(c *call)) {
		handle(method+" /services/data/{version}"+path, func(w http.ResponseWriter, r *http.Request) {
			h(&call{o: o, w: w, r: r, version: r.PathValue("version")})
		})
	}
	api("GET", "", (*call).resources)
	api("GET", "/{$}", (*call).resources)
	api("GET", "/limits", (*call).limits)
	api("GET", "/limits/recordCount", (*call).recordCount)
	o.objectRoutes(api)
	o.queryRoutes(api)
	o.collectionRoutes(api)
	o.bulkQueryRoutes(api)
	o.ingestRoutes(api)
	handle("/", o.nothing)
}

// nothing answers calls to what there is not, or not with this method.
func (o *Org) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := o.mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		fail(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "HTTP Method '"+r.Method+"' not allowed. Allowed are "+strings.Join(allowed, ","))
		return
	}
	fail(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
}

// Handle serves another interface of the org at a pattern of http.ServeMux. Calls to it are not checked: see Authorized.
func (o *Org) Handle(pattern string, h http.Handler) { o.mux.Handle(pattern, h) }

// ServeHTTP answers as Salesforce would.
func (o *Org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o.opts.Latency > 0 {
		select {
		case <-time.After(o.opts.Latency):
		case <-r.Context().Done():
			return
		}
	}
	if len(r.RequestURI) > maxHead {
		w.WriteHeader(http.StatusRequestURITooLong)
		return
	}
	if headSize(r) > maxHead {
		w.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	o.mu.Lock()
	trouble := o.trouble(r.URL.Path)
	o.mu.Unlock()
	serve := http.Handler(http.HandlerFunc(o.serve))
	if trouble != nil {
		o.suffer(trouble, w, r, serve)
		return
	}
	serve.ServeHTTP(w, r)
}

func headSize(r *http.Request) int {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}

// serve checks the token of calls to the API, counts them, and hands the call on.
func (o *Org) serve(w http.ResponseWriter, r *http.Request) {
	if m := versionPath.FindStringSubmatch(r.URL.Path); m != nil {
		if n, err := strconv.Atoi(m[1]); err != nil || n < oldestVersion || n > newestVersion {
			fail(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
			return
		}
		if !o.admit(w, r) {
			return
		}
	}
	if r.Header.Get("Content-Encoding") == "gzip" && r.ContentLength != 0 { // some say so of no body, too
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			fail(w, http.StatusBadRequest, "INVALID_CONTENT_ENCODING", "the body is no gzip")
			return
		}
		r.Body = body
	}
	if o.opts.Gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		z := &zipped{ResponseWriter: w}
		defer z.close()
		w = z
	}
	o.mux.ServeHTTP(w, r)
}

// zipped compresses an answer, if it has a body.
type zipped struct {
	http.ResponseWriter
	z      *gzip.Writer // nil until the head is written, and for answers without a body
	headed bool
}

func (z *zipped) WriteHeader(status int) {
	z.headed = true
	if z.Header().Get("Content-Type") != "" { // every answer with a body says what it is
		z.Header().Set("Content-Encoding", "gzip")
		z.z, _ = gzip.NewWriterLevel(z.ResponseWriter, gzip.BestSpeed) // a level that it has
	}
	z.ResponseWriter.WriteHeader(status)
}

func (z *zipped) Write(text []byte) (int, error) {
	if !z.headed {
		z.WriteHeader(http.StatusOK)
	}
	if z.z == nil {
		return z.ResponseWriter.Write(text)
	}
	return z.z.Write(text)
}

func (z *zipped) close() {
	if z.z != nil {
		_ = z.z.Close() // the client may have gone
	}
}

// admit answers the calls that may not be made.
func (o *Org) admit(w http.ResponseWriter, r *http.Request) bool {
	if !o.Authorized(bearer(r)) {
		fail(w, http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
		return false
	}
	o.mu.Lock()
	over := o.calls >= o.opts.DailyCalls
	if !over {
		o.calls++
	}
	used := o.calls
	o.mu.Unlock()
	w.Header().Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/%d", used, o.opts.DailyCalls))
	if over {
		fail(w, http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", dailyText)
	}
	return !over
}

// Calls is how many calls to the API were counted; ResetCalls begins a new day.
func (o *Org) Calls() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls
}

// ResetCalls begins a new day for the limits of calls and of jobs.
func (o *Org) ResetCalls() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls, o.queryJobs = 0, 0
}

// bearer is the token that a call brings.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "OAuth") {
		return token
	}
	return ""
}

// call is one call to the API.
type call struct {
	o       *Org
	w       http.ResponseWriter
	r       *http.Request
	version string // as in the path: v58.0
}

// base is the path of the version.
func (c *call) base() string { return "/services/data/" + c.version }

// body decodes JSON, numbers as they are written; it answers what is none.
func (c *call) body(into any) bool {
	d := json.NewDecoder(io.LimitReader(c.r.Body, maxBody))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		c.fail(http.StatusBadRequest, "JSON_PARSER_ERROR", "Unexpected character or end of input: "+err.Error())
		return false
	}
	return true
}

func (c *call) answer(status int, body any) { answer(c.w, status, body) }

func (c *call) fail(status int, code, message string) { fail(c.w, status, code, message) }

func (c *call) notFound() {
	c.fail(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have gone
}

// fail answers as the REST API does: with a list of errors.
func fail(w http.ResponseWriter, status int, code, message string, fields ...string) {
	e := Record{"message": message, "errorCode": code}
	if fields != nil {
		e["fields"] = fields
	}
	answer(w, status, []Record{e})
}

func (o *Org) listVersions(w http.ResponseWriter, _ *http.Request) {
	var out []Record
	for n := oldestVersion; n <= newestVersion; n++ {
		season := []string{"Winter", "Spring", "Summer"}[n%3]
		out = append(out, Record{"label": fmt.Sprintf("%s '%d", season, 14+(n-oldestVersion+1)/3), "url": fmt.Sprintf("/services/data/v%d.0", n), "version": fmt.Sprintf("%d.0", n)})
	}
	answer(w, http.StatusOK, out)
}

func (c *call) resources() {
	out := Record{}
	for _, name := range []string{"limits", "query", "queryAll", "sobjects", "composite", "jobs"} {
		out[name] = c.base() + "/" + name
	}
	out["identity"] = c.o.identity(c.r)
	c.answer(http.StatusOK, out)
}

func (c *call) limits() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	limit := func(limit, used int) Record { return Record{"Max": limit, "Remaining": limit - used} }
	c.answer(http.StatusOK, Record{
		"DailyApiRequests":                  limit(o.opts.DailyCalls, o.calls),
		"DailyBulkApiBatches":               limit(15_000, 0),
		"DailyBulkV2QueryJobs":              limit(o.opts.DailyQueryJobs, o.queryJobs),
		"DailyBulkV2QueryFileStorageMB":     limit(976_562, 0),
		"DataStorageMB":                     limit(1024, 1),
		"ConcurrentAsyncGetReportInstances": limit(200, 0),
		"DailyDeliveredPlatformEvents":      limit(50_000, 0),
	})
}

func (c *call) recordCount() {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	asked := strings.Split(c.r.URL.Query().Get("sObjects"), ",")
	list := []Record{}
	for _, name := range c.o.order {
		t := c.o.tables[name]
		if asked[0] == "" || slices.ContainsFunc(asked, func(s string) bool { return strings.EqualFold(s, name) }) {
			list = append(list, Record{"name": t.object.Name, "count": t.len()})
		}
	}
	c.answer(http.StatusOK, Record{"sObjects": list})
}
