package fake

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Trouble is one way in which calls go wrong. The first that is set of Cut, Truncate, Malform and Status counts; with none
// of them the call is only delayed.
type Trouble struct {
	Path  string // part of the path of the calls that it hits, "" for all but those to get a token
	Times int    // how many calls it hits; 0 means one
	After int    // how many matching calls it lets pass before

	Delay    time.Duration // before the answer
	Cut      bool          // the connection is closed without an answer
	Truncate bool          // the answer ends halfway: what was done stays done
	Malform  bool          // the answer is whole for HTTP, but its body is only the first half

	Status     int    // the answer's
	Code       string // errorCode of the usual body; with Code "" the body is Body alone
	Message    string
	Body       string
	Type       string // Content-Type of Body; "" means text/html
	RetryAfter string // the header; "" for none
}

// The messages that Salesforce gives about limits.
const (
	dailyText      = "TotalRequests Limit exceeded."
	concurrentText = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
)

// The troubles that Salesforce is known for.
var (
	DailyLimit      = Trouble{Status: http.StatusForbidden, Code: "REQUEST_LIMIT_EXCEEDED", Message: dailyText}
	ConcurrentLimit = Trouble{Status: http.StatusForbidden, Code: "REQUEST_LIMIT_EXCEEDED", Message: concurrentText}
	TooMany         = Trouble{Status: http.StatusTooManyRequests}
	TooManyFor      = Trouble{Status: http.StatusTooManyRequests, RetryAfter: "1"}
	Unavailable     = Trouble{Status: http.StatusServiceUnavailable, Code: "SERVER_UNAVAILABLE", Message: "Server Unavailable"}
	UnavailableFor  = Trouble{Status: http.StatusServiceUnavailable, Code: "SERVER_UNAVAILABLE", Message: "Server Unavailable", RetryAfter: "1"}
	Unknown         = Trouble{Status: http.StatusInternalServerError, Code: "UNKNOWN_EXCEPTION", Message: "An unexpected error occurred. Please include this ErrorId if you contact support: 1523-4711 (1)"}
	Gateway         = Trouble{Status: http.StatusBadGateway, Body: "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"}
	QueryTimeout    = Trouble{Path: "/query", Status: http.StatusBadRequest, Code: "QUERY_TIMEOUT", Message: "Your query request was running for too long."}
	// NotForREST and NotAttached look like an ended session, and no new token helps.
	NotForREST  = Trouble{Status: http.StatusUnauthorized, Code: "INVALID_SESSION_ID", Message: "This session is not valid for use with the REST API"}
	NotAttached = Trouble{Status: http.StatusUnauthorized, Code: "INVALID_SESSION_ID", Message: "Connected app is not attached to Agent"}
	APIDisabled = Trouble{Status: http.StatusForbidden, Code: "API_DISABLED_FOR_ORG", Message: "The REST API is not enabled for this Organization."}
)

// moods is how the org feels; its mu guards it.
type moods struct {
	troubles       []*Trouble
	mode           Mode
	locks          int  // how many records yet to be written are locked
	refreshRefused bool // no token by a refresh token
	bulkFails      int  // how many bulk jobs yet to be finished fail
	bulkReason     string
	ingestStops    int // after how many rows the next ingest job fails; -1 when it does not
	modeCalls      int
	written        int // in the mode Locking
}

// Next makes calls go wrong, after those that earlier troubles hit.
func (o *Org) Next(t Trouble) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t.Times = max(t.Times, 1)
	o.troubles = append(o.troubles, &t)
}

// Calm forgets all troubles and moods.
func (o *Org) Calm() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moods = moods{ingestStops: -1}
}

// LockRows refuses the next records that are written with UNABLE_TO_LOCK_ROW.
func (o *Org) LockRows(n int) { o.mood(func(m *moods) { m.locks = n }) }

// RefuseRefresh refuses refresh tokens, as after the user has revoked the app, or takes them again.
func (o *Org) RefuseRefresh(refuse bool) { o.mood(func(m *moods) { m.refreshRefused = refuse }) }

// FailJobs ends the next bulk jobs as Failed, with this errorMessage.
func (o *Org) FailJobs(n int, reason string) {
	o.mood(func(m *moods) { m.bulkFails, m.bulkReason = n, reason })
}

// StopIngest fails the next ingest job after so many rows, which stay written; the others are unprocessed.
func (o *Org) StopIngest(rows int, reason string) {
	o.mood(func(m *moods) { m.ingestStops, m.bulkReason = rows, reason })
}

// lockedNext says whether the next record to be written is locked.
func (m *moods) lockedNext() bool {
	if m.mode == Locking {
		m.written++
		return m.written%5 == 0
	}
	if m.locks == 0 {
		return false
	}
	m.locks--
	return true
}

func (o *Org) mood(change func(*moods)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.moods)
}

// Mode is a lasting mood, for those who watch a flow by hand.
type Mode string

// Modes.
const (
	Well       Mode = ""           // answers as it should
	Throttling Mode = "throttling" // refuses all calls but each third, as when too many run at once
	Flaky      Mode = "flaky"      // each fourth call is answered by 503, 500, a gateway's page or a cut connection
	Spent      Mode = "spent"      // the day's calls are used up
	LoggedOut  Mode = "loggedout"  // tokens are refused, and so are refresh tokens
	Locking    Mode = "locking"    // each fifth record is locked
	FailedJobs Mode = "failedjobs" // bulk jobs fail
)

// Modes lists the modes.
func Modes() []Mode { return []Mode{Well, Throttling, Flaky, Spent, LoggedOut, Locking, FailedJobs} }

// SetMode changes how the org behaves from now on.
func (o *Org) SetMode(m Mode) error {
	if !slices.Contains(Modes(), m) {
		return fmt.Errorf("setting the mode of the org: there is no mode %q", m)
	}
	o.mood(func(x *moods) { x.mode = m })
	return nil
}

// trouble is what hits a call; nil for none. mu is held.
func (m *moods) trouble(path string) *Trouble {
	token := strings.HasPrefix(path, "/services/oauth2/")
	for i, t := range m.troubles {
		if !strings.Contains(path, t.Path) || t.Path == "" && token {
			continue
		}
		if t.After > 0 {
			t.After--
			continue
		}
		hit := *t
		if t.Times--; t.Times == 0 {
			m.troubles = slices.Delete(m.troubles, i, i+1)
		}
		return &hit
	}
	if token {
		return nil
	}
	m.modeCalls++
	switch {
	case m.mode == Throttling && m.modeCalls%3 != 0:
		return &ConcurrentLimit
	case m.mode == Spent:
		return &DailyLimit
	case m.mode == Flaky && m.modeCalls%4 == 0:
		return []*Trouble{&Unavailable, &Unknown, &Gateway, {Cut: true}}[m.modeCalls/4%4]
	}
	return nil
}

// suffer answers a call that goes wrong; when it is only late, next answers it.
func (o *Org) suffer(t *Trouble, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if t.Delay > 0 {
		select {
		case <-time.After(t.Delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case t.Cut:
		panic(http.ErrAbortHandler) // net/http's way to close a connection without a word
	case t.Truncate || t.Malform:
		kept := &keeper{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(kept, r)
		if t.Truncate {
			w.Header().Set("Content-Length", fmt.Sprint(kept.body.Len()))
		}
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body.Bytes()[:kept.body.Len()/2]) // the client may have gone
		if t.Truncate {
			_ = http.NewResponseController(w).Flush() // what there is arrives before the end
			panic(http.ErrAbortHandler)
		}
	case t.Status > 0:
		if t.RetryAfter != "" {
			w.Header().Set("Retry-After", t.RetryAfter)
		}
		if t.Code != "" {
			fail(w, t.Status, t.Code, t.Message)
			return
		}
		if t.Body != "" {
			w.Header().Set("Content-Type", orDefault(t.Type, "text/html; charset=UTF-8"))
		}
		w.WriteHeader(t.Status)
		_, _ = w.Write([]byte(t.Body)) // the client may have gone
	default:
		next.ServeHTTP(w, r)
	}
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// keeper keeps an answer instead of sending it.
type keeper struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *keeper) Header() http.Header            { return k.header }
func (k *keeper) WriteHeader(status int)         { k.status = status }
func (k *keeper) Write(text []byte) (int, error) { return k.body.Write(text) }
