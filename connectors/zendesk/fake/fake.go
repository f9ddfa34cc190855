// Package fake is a stand-in for a Zendesk account, written from Zendesk's API reference and not from Weir's connector:
// https://developer.zendesk.com/api-reference/. It keeps records, changes them, exports what has changed, runs bulk jobs
// and misbehaves as Zendesk does when told to.
//
// It holds everything in memory, and serves sample records made from a seed: the same seed gives the same account.
package fake

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options make an account. The zero value is an empty one that takes every token.
type Options struct {
	Seed    uint64           // of the sample records
	Records int              // how many tickets the samples hold; 0 for an empty account
	Now     func() time.Time // the account's clock; time.Now when nil
	// Token is the access token that is taken; "" takes any.
	Token string
	// ClientID and ClientSecret are the OAuth application that gets tokens; empty takes any.
	ClientID, ClientSecret string
	// PageSize bounds what list pages hold, whatever is asked for; 0 means Zendesk's 100.
	PageSize int
	// JobAsks is how often a job is asked after before it is done; 0 means twice.
	JobAsks int
	// ExportSize bounds what export pages hold; 0 means Zendesk's 1000.
	ExportSize int
}

// Mode is a way to misbehave.
type Mode string

// Modes.
const (
	Well        Mode = ""            // answers as it should
	Throttling  Mode = "throttling"  // 429 with Retry-After for every call but each third
	Maintenance Mode = "maintenance" // 503 with a web page
	Locked      Mode = "locked"      // 401: the token is refused
	NotAdmin    Mode = "notadmin"    // 403 for exports
	BusyJobs    Mode = "busyjobs"    // 429: too many bulk jobs
	FailedJobs  Mode = "failedjobs"  // jobs end as failed
	BulkDenied  Mode = "bulkdenied"  // 403 for user imports, until Zendesk's support allows them
)

// Modes lists the modes.
func Modes() []Mode {
	return []Mode{Well, Throttling, Maintenance, Locked, NotAdmin, BusyJobs, FailedJobs, BulkDenied}
}

// Record is one object, as JSON shows it.
type Record = map[string]any

// Account is one Zendesk account. It is an http.Handler, safe for concurrent use.
type Account struct {
	o   Options
	mux *http.ServeMux

	mu      sync.Mutex // guards all below
	tables  map[string][]Record
	nextID  int64
	jobs    map[string]*job
	jobSeq  int
	mode    Mode
	calls   int
	tokens  map[string]bool // granted by the token endpoint
	refresh string
}

var _ http.Handler = (*Account)(nil)

// New makes an account.
func New(o Options) *Account {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.JobAsks == 0 {
		o.JobAsks = 2
	}
	if o.PageSize == 0 {
		o.PageSize = 100
	}
	if o.ExportSize == 0 {
		o.ExportSize = 1000
	}
	a := &Account{o: o, tables: map[string][]Record{}, nextID: 35_000_000_000_000, jobs: map[string]*job{}, tokens: map[string]bool{}}
	for name := range resources {
		a.tables[name] = []Record{}
	}
	a.routes()
	if o.Records > 0 {
		a.sample(rand.New(rand.NewPCG(o.Seed, 0x5eed)))
	}
	return a
}

// SetMode changes how the account behaves from now on.
func (a *Account) SetMode(m Mode) error {
	if !slices.Contains(Modes(), m) {
		return fmt.Errorf("setting the mode of the account: there is no mode %q", m)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mode = m
	return nil
}

// Put adds a record, or changes the one of the same id, and returns its id. What Zendesk sets itself is filled in.
func (a *Account) Put(resource string, r Record) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.put(resource, r)
}

// Records are a resource's, in the order in which they were made.
func (a *Account) Records(resource string) []Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Record, len(a.tables[resource]))
	for i, r := range a.tables[resource] {
		out[i] = clone(r)
	}
	return out
}

func clone(r Record) Record {
	out := make(Record, len(r))
	for k, v := range r {
		out[k] = v
	}
	return out
}

// put is Put; mu is held.
func (a *Account) put(resource string, r Record) int64 {
	now := a.o.Now().UTC().Truncate(time.Second)
	stamp := now.Format(time.RFC3339)
	r = clone(r)
	id, hasID := number(r["id"])
	table := a.tables[resource]
	if at := slices.IndexFunc(table, func(x Record) bool { return hasID && x["id"] == id }); at >= 0 {
		merged := clone(table[at])
		for k, v := range r {
			merged[k] = v
		}
		merged["id"] = id
		if r["updated_at"] == nil {
			merged["updated_at"] = stamp
		}
		merged["generated_timestamp"] = seconds(merged, now)
		table[at] = merged
		return id
	}
	if !hasID {
		a.nextID += 17
		id = a.nextID
	}
	r["id"] = id
	r["url"] = fmt.Sprintf("https://account.zendesk.test/api/v2/%s/%d.json", resource, id)
	for _, name := range []string{"created_at", "updated_at"} {
		if r[name] == nil {
			r[name] = stamp
		}
	}
	if resource == "tickets" {
		r["generated_timestamp"] = seconds(r, now)
	}
	a.tables[resource] = append(table, r)
	return id
}

// seconds is when the export counts a record as changed: never before its own time.
func seconds(r Record, now time.Time) int64 {
	if s, ok := number(r["generated_timestamp"]); ok && r["keep_generated"] != nil {
		return s
	}
	return changed(r, now)
}

// changed is a record's time of change in seconds.
func changed(r Record, otherwise time.Time) int64 {
	text, _ := r["updated_at"].(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return otherwise.Unix()
	}
	return t.Unix()
}

func number(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		return int64(v), true
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}

// ServeHTTP answers as Zendesk would.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.URL.Path = strings.TrimSuffix(r.URL.Path, ".json") // optional everywhere
	a.mux.ServeHTTP(w, r)
}

// guard refuses what the mode and the token refuse.
func (a *Account) guard(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		mode, calls := a.mode, a.calls
		a.calls++
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		known := a.o.Token == "" || token == a.o.Token || a.tokens[token]
		a.mu.Unlock()
		w.Header().Set("X-Request-Id", fmt.Sprintf("req-%08d", calls))
		w.Header().Set("X-Rate-Limit", "700")
		w.Header().Set("X-Rate-Limit-Remaining", "699")
		switch {
		case mode == Maintenance:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "<html><body>We are down for maintenance</body></html>")
		case mode == Throttling && calls%3 != 2:
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusTooManyRequests, "APIRateLimitExceeded", "Number of allowed API requests per minute exceeded")
		case token != "" && (mode == Locked || !known):
			answer(w, http.StatusUnauthorized, Record{
				"error":             "invalid_token",
				"error_description": "The access token provided is expired, revoked, malformed or invalid for other reasons.",
			})
		case token == "" && r.URL.Path != "/api/v2/users/me":
			answer(w, http.StatusUnauthorized, Record{"error": "Couldn't authenticate you"})
		case mode == NotAdmin && strings.HasPrefix(r.URL.Path, "/api/v2/incremental/"):
			answer(w, http.StatusForbidden, Record{"error": Record{"title": "Forbidden", "message": "You do not have access to this page. Please contact the account owner of this help desk for further help."}})
		default:
			next(w, r)
		}
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone
}

func refuse(w http.ResponseWriter, status int, code, description string) {
	answer(w, status, Record{"error": code, "description": description})
}
