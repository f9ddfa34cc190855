// Package fake is a stand-in for a Salesforce org, written from Salesforce's documentation and not from Weir's connector:
// the REST API, the Bulk API 2.0 and the OAuth 2.0 endpoints of https://developer.salesforce.com/docs/apis. It keeps
// records, checks what is written as Salesforce does, answers SOQL, announces changes, and misbehaves when told to.
//
// It holds everything in memory and makes sample records from a seed: the same seed gives the same org. Generated records
// are made when they are asked for, so that a million of them cost no memory.
package fake

import (
	"crypto/rsa"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Options make an org. The zero value is an empty one that takes any client and any token.
type Options struct {
	Seed     uint64           // of the sample records, and of everything else that looks random
	Accounts int              // how many generated accounts there are; the other objects get samples when there are some
	Now      func() time.Time // the org's clock; time.Now when nil

	// Token is an access token that is taken besides those that the token endpoint gives; "" takes any.
	Token string
	// ClientID and ClientSecret are the connected app that gets tokens; empty takes any.
	ClientID, ClientSecret string
	// RedirectURI is the app's callback; empty takes any.
	RedirectURI string
	// Username is the user of all tokens; "" means admin@example.com.
	Username string
	// Key checks the signatures of JWTs; nil takes any signature.
	Key *rsa.PublicKey
	// TokenLife is how long a token lives after its last use, as a session does; 0 means until it is ended.
	TokenLife time.Duration
	// RotateRefresh gives a new refresh token with every refresh, after which the old one is refused.
	RotateRefresh bool
	// ClientCredentials allows that grant.
	ClientCredentials bool
	// InstanceURL is what token answers name; "" means the host that was called.
	InstanceURL string

	// Unordered gives the records of queries without ORDER BY in an order that means nothing, as Salesforce may.
	Unordered bool
	// PageSize bounds the pages of queries whatever the client asks; 0 means Salesforce's 2000.
	PageSize int
	// BulkPageSize is how many rows a page of bulk results holds when the client does not say; 0 means 50,000.
	BulkPageSize int
	// JobAsks is how often a bulk job is asked after before it is done; 0 means twice.
	JobAsks int
	// DailyCalls is how many calls a day allows; 0 means 100,000.
	DailyCalls int
	// DailyQueryJobs is how many bulk query jobs a day allows; 0 means 10,000.
	DailyQueryJobs int
	// KeepChanges is about how many changes are kept for those who ask later; 0 means 50,000. Salesforce keeps three days.
	KeepChanges int
	// HardDelete is the permission to delete for good by the Bulk API.
	HardDelete bool
	// Gzip compresses answers for those who accept it. Salesforce always does; here it costs the time of the tests.
	Gzip bool
	// Latency delays every answer.
	Latency time.Duration
}

// Org is one Salesforce org: an http.Handler, safe for concurrent use.
type Org struct {
	opts   Options
	mux    *http.ServeMux
	orgID  string
	userID string

	mu        sync.Mutex // guards all below
	random    *rand.Rand
	tables    map[string]*table // by folded name
	order     []string          // their names, in describe's order
	schemaAt  time.Time         // when it changed last
	changes   changeLog
	sessions  map[string]*session
	codes     map[string]*grantCode
	refresh   map[string]string // refresh tokens, with their client
	cursors   map[string]*cursor
	queries   map[string]*queryJob
	ingests   map[string]*ingestJob
	serial    int // of ids that are not records'
	calls     int // of the day
	queryJobs int // of the day
	moods
}

var _ http.Handler = (*Org)(nil)

// New makes an org.
func New(opts Options) *Org {
	def := func(n *int, otherwise int) {
		if *n == 0 {
			*n = otherwise
		}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Username == "" {
		opts.Username = "admin@example.com"
	}
	def(&opts.PageSize, 2000)
	def(&opts.BulkPageSize, 50_000)
	def(&opts.JobAsks, 2)
	def(&opts.DailyCalls, 100_000)
	def(&opts.DailyQueryJobs, 10_000)
	def(&opts.KeepChanges, 50_000)
	o := &Org{
		opts: opts, orgID: makeID("00D", 1), userID: makeID("005", 1), random: rand.New(rand.NewPCG(opts.Seed, 0x5f0)),
		tables: map[string]*table{}, sessions: map[string]*session{}, codes: map[string]*grantCode{}, refresh: map[string]string{},
		cursors: map[string]*cursor{}, queries: map[string]*queryJob{}, ingests: map[string]*ingestJob{},
	}
	o.changes.more = make(chan struct{})
	o.ingestStops = -1
	o.schemaAt = opts.Now()
	for _, object := range []Object{
		userObject(), accountObject(), contactObject(), opportunityObject(), leadObject(), taskObject(), attachmentObject(), historyObject(),
		invoiceObject(), eventObject(),
	} {
		o.AddObject(object)
	}
	w := o.work(originREST)
	o.put(w, "User", Record{"Username": opts.Username, "FirstName": "Admin", "LastName": "User", "Email": "admin@example.com"})
	if opts.Accounts > 0 {
		t := o.tables["account"]
		t.generated, t.generator = opts.Accounts, o.accounts(t)
		o.sample(o.random)
	}
	o.routes()
	return o
}

func (o *Org) now() time.Time { return o.opts.Now() }

// OrgID is the org's id, which Pub/Sub calls name as tenantid; 18 characters.
func (o *Org) OrgID() string { return o.orgID }

// UserID is the id of the user that all tokens stand for; 18 characters.
func (o *Org) UserID() string { return o.userID }

// nextID makes an id that is no record's: a job's, a cursor's; mu is held.
func (o *Org) nextID(prefix string) string {
	o.serial++
	return makeID(prefix, o.serial)
}
