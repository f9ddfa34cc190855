// Package manifest runs connectors that are written as data: YAML that says where a REST API's entities are, how its pages
// lead on, how it authenticates, what its errors mean and how it is written to. One engine reads them all.
//
// A manifest holds no code. Its templates name values ("{from}") and do nothing else with them, and every value is escaped
// by the place it goes to: a path segment, a parameter of a query, a JSON document. A manifest can reach one host, the
// profile's, with the profile's credentials.
//
//	Parse            text → Manifest, or every problem with its line and column
//	New              Manifest + Spec → connector.Connector
//	Schema           the JSON schema that editors complete and check manifests with
package manifest

import (
	"slices"
	"time"

	"weir.dev/weir/flow"
)

// Manifest is one vendor. The tags are what [Parse] reads, [Schema] writes and the documentation shows.
type Manifest struct {
	Name    string `yaml:"name" required:"true" doc:"The vendor's name, as people write it."`
	Summary string `yaml:"summary" doc:"One sentence that says what the connector moves."`
	Owner   string `yaml:"owner" doc:"Who wrote the manifest."`
	Version string `yaml:"version" doc:"The manifest's own version."`
	Docs    string `yaml:"docs" doc:"Address of the vendor's API documentation, beginning with https://."`
	Base    string `yaml:"base" required:"true" doc:"Where the API is: an address, or {instanceUrl} for the profile's, and perhaps a path behind it."`
	Auth    Auth   `yaml:"auth" required:"true" doc:"How profiles authenticate."`
	// Settings are beside instanceUrl, which goes without saying where the base asks for it.
	Settings []Setting         `yaml:"settings" doc:"What each profile has to say in its profileProperties besides."`
	Headers  map[string]string `yaml:"headers" doc:"Headers that every request has, such as a version of the API; braces hold a setting."`
	Rate     Rate              `yaml:"rate" doc:"What the vendor grants one account."`
	Errors   []ErrorRule       `yaml:"errors" doc:"What answers mean where their status does not say it; the first rule that fits counts."`
	// MessageAt replaces the usual places.
	MessageAt []string `yaml:"messageAt" doc:"Paths of the text of an error, the most telling first."`
	Check     *Check   `yaml:"check" doc:"A cheap request that proves a profile."`
	Jobs      []Job    `yaml:"jobs" doc:"Recipes for work that the vendor does in the background."`
	Entities  []Entity `yaml:"entities" required:"true" doc:"What can be read and written."`
}

// Setting is a property of profiles. It is no secret.
type Setting struct {
	Name        string `yaml:"name" required:"true" doc:"Its name in profileProperties."`
	Label       string `yaml:"label" doc:"The name that people read."`
	Description string `yaml:"description" doc:"A sentence about it."`
	Optional    bool   `yaml:"optional" doc:"Whether a profile may leave it out; a header that asks for it is then left out, too."`
}

// Auth is how requests show who sends them.
type Auth struct {
	Kind   string `yaml:"kind" required:"true" enum:"oauth2|apiKey|basic|none" doc:"oauth2 sends the profile's access token, and renews it when it is refused."`
	Scheme string `yaml:"scheme" doc:"The word before an OAuth token in the header Authorization; Bearer when absent."`
	Header string `yaml:"header" doc:"With apiKey: the header that holds the key."`
	Prefix string `yaml:"prefix" doc:"With header: what stands before the key, such as \"Token \"."`
	Query  string `yaml:"query" doc:"With apiKey: the parameter of the query that holds the key."`

	// What follows tells people and clients how to make a profile; each profile names its own token address.
	TokenURL string   `yaml:"tokenUrl" doc:"With oauth2: where tokens are got, shown to those who make a profile."`
	AuthURL  string   `yaml:"authUrl" doc:"With oauth2: the page where a user gives consent."`
	Scopes   []string `yaml:"scopes" doc:"With oauth2: the scopes that the connector needs."`
	Grants   []string `yaml:"grants" doc:"With oauth2: AUTHORIZATION_CODE, CLIENT_CREDENTIALS or JWT_BEARER; the first two when absent."`
}

// Rate is a budget of calls, kept for each profile.
type Rate struct {
	Group       string        `yaml:"group" doc:"Of an endpoint's rate: the name of the budget that it shares with others."`
	Concurrency int           `yaml:"concurrency" doc:"Calls at the same time."`
	Calls       int           `yaml:"calls" doc:"Calls in each period."`
	Every       time.Duration `yaml:"every" doc:"The period, such as 1m."`
	Daily       int           `yaml:"daily" doc:"Calls of a day, counted in UTC."`
}

// ErrorRule is what an answer means.
type ErrorRule struct {
	Status []int  `yaml:"status" doc:"Statuses that the rule is about."`
	At     string `yaml:"at" doc:"Path of a code in the answer."`
	Code   string `yaml:"code" doc:"The code that stands there; any when absent."`
	Text   string `yaml:"text" doc:"A part of the answer's text."`
	Means  string `yaml:"means" required:"true" enum:"auth|forbidden|missing|throttled|transient|fatal" doc:"auth renews the token; transient and throttled try again."`
	Hint   string `yaml:"hint" doc:"What the user can do about it."`
}

// Check is a request whose good answer proves the credentials.
type Check struct {
	Path   string `yaml:"path" required:"true" doc:"Path below the base."`
	Expect string `yaml:"expect" doc:"Path of a value that a signed-in profile gets; null or absent then means refused."`
}

// Entity is one object of the vendor.
type Entity struct {
	Name        string    `yaml:"name" required:"true" doc:"The name that flows give as object."`
	Aliases     []string  `yaml:"aliases" doc:"Other names that flows may give."`
	Label       string    `yaml:"label" doc:"The name that people read."`
	Description string    `yaml:"description" doc:"A sentence about it."`
	Fields      []Field   `yaml:"fields" required:"true" doc:"What its records hold."`
	Open        bool      `yaml:"open" doc:"Whether records may hold fields that are not listed; they can be asked for by name."`
	Discover    *Discover `yaml:"discover" doc:"Where an account's own fields are listed."`
	Keyed       *Keyed    `yaml:"keyed" doc:"The list of a record that holds the account's own fields, where they are no members."`
	Read        *Endpoint `yaml:"read" doc:"Where all records are."`
	Incremental *Endpoint `yaml:"incremental" doc:"Where the records are that have changed since some time."`
	Write       *Write    `yaml:"write" doc:"How records are written."`
}

// Field is one attribute.
type Field struct {
	Name        string   `yaml:"name" required:"true" doc:"The name; dots lead into objects."`
	At          string   `yaml:"at" doc:"Where it stands in a record, when that is not its name."`
	Type        string   `yaml:"type" enum:"string|text|json|boolean|integer|long|double|decimal|date|time|datetime" doc:"What it holds; string when absent."`
	Label       string   `yaml:"label" doc:"The name that people read."`
	Description string   `yaml:"description" doc:"A sentence about it."`
	Form        string   `yaml:"form" enum:"iso|epoch|millis" doc:"How a datetime is written; iso when absent."`
	Key         bool     `yaml:"key" doc:"Whether it identifies records."`
	Timestamp   bool     `yaml:"timestamp" doc:"Whether incremental flows may go by it."`
	ReadOnly    bool     `yaml:"readOnly" doc:"Whether the vendor alone sets it."`
	WriteOnly   bool     `yaml:"writeOnly" doc:"Whether it can be written and not read."`
	Values      []string `yaml:"values" doc:"What it can be."`
}

// Keyed is a list of objects, each with a field's key and its value: {id: 7, value: red}.
type Keyed struct {
	At    string `yaml:"at" required:"true" doc:"Name of the list in a record."`
	Key   string `yaml:"key" required:"true" doc:"Name of the key in an item of the list."`
	Value string `yaml:"value" required:"true" doc:"Name of the value."`
}

// Discover reads fields from the account.
type Discover struct {
	Path    string            `yaml:"path" required:"true" doc:"Path below the base."`
	Records string            `yaml:"records" doc:"Path of the list in the answer."`
	Paging  Paging            `yaml:"paging" doc:"How the list goes on."`
	Name    string            `yaml:"name" required:"true" doc:"Template of the field's name, such as user_fields.{key}; the braces hold a path in the list's item."`
	Label   string            `yaml:"label" doc:"Path of the label in the item."`
	Key     string            `yaml:"key" doc:"With keyed: path of the field's key in the item."`
	If      string            `yaml:"if" doc:"Path of a flag in the item; fields whose flag is false are none of the account's own."`
	TypeAt  string            `yaml:"typeAt" doc:"Path of the vendor's type in the item."`
	Types   map[string]string `yaml:"types" doc:"The vendor's types and what they come to; string when not listed."`
}

// Endpoint is a list of records.
type Endpoint struct {
	Path    string            `yaml:"path" required:"true" doc:"Path below the base."`
	Query   map[string]string `yaml:"query" doc:"Parameters. {from} and {to} stand for the times of since."`
	Records string            `yaml:"records" doc:"Path of the records in the answer; absent when the answer is the list."`
	Paging  Paging            `yaml:"paging" doc:"How the list goes on."`
	Since   *Since            `yaml:"since" doc:"What {from} and {to} are."`
	Filters []Filter          `yaml:"filters" doc:"Conditions that the vendor can apply. All conditions are applied again afterwards."`
	Rate    Rate              `yaml:"rate" doc:"A budget that these calls have besides, with other endpoints of its group."`
	Dedup   []string          `yaml:"dedup" doc:"Fields that tell records apart, where a page may repeat records of the one before."`
}

// Paging is how a list goes on.
type Paging struct {
	Kind      string   `yaml:"kind" enum:"link|header|token|offset|number|since" doc:"What leads to the next page; absent when there is one page."`
	Param     string   `yaml:"param" doc:"Parameter that says where a page begins."`
	SizeParam string   `yaml:"sizeParam" doc:"Parameter that says how many records a page may hold."`
	Size      int      `yaml:"size" doc:"How many those are."`
	First     int      `yaml:"first" doc:"Number of the first page, or the first offset."`
	Next      string   `yaml:"next" doc:"Path of the link, token or moment that leads on."`
	More      string   `yaml:"more" doc:"Path of a flag that is false on the last page."`
	End       string   `yaml:"end" doc:"Path of a flag that is true on the last page."`
	Total     string   `yaml:"total" doc:"Path of the number of all records, or of all pages."`
	OnlyFirst []string `yaml:"onlyFirst" doc:"Parameters that only the first request has."`
	ShortEnds bool     `yaml:"shortEnds" doc:"Whether a page that is not full is the last one."`
}

// Since is a span of time as parameters.
type Since struct {
	Fields  []string      `yaml:"fields" required:"true" doc:"Fields of time that the vendor goes by."`
	Format  string        `yaml:"format" enum:"epoch|millis|iso|date" doc:"How the times are written; iso when absent. They are rounded outwards."`
	Default string        `yaml:"default" doc:"What {from} is when everything is wanted."`
	Settle  time.Duration `yaml:"settle" doc:"How long changes take to show. Windows end that long before the vendor's time, so that none is missed."`
}

// Filter is a condition as parameters.
type Filter struct {
	Field     string            `yaml:"field" required:"true" doc:"The field that it is about."`
	Operators []string          `yaml:"operators" required:"true" doc:"The operators that it stands for, such as EQUAL_TO."`
	Query     map[string]string `yaml:"query" required:"true" doc:"The parameters; {value} stands for the value."`
	Quote     string            `yaml:"quote" enum:"none|double|single" doc:"Quotes that are put around the value, with a backslash before those inside; none when absent."`
}

// Write is how records are written, for each operation.
type Write struct {
	Insert *Operation `yaml:"insert" doc:"New records."`
	Update *Operation `yaml:"update" doc:"Changes of records that are there."`
	Upsert *Operation `yaml:"upsert" doc:"Changes of those that are there, new ones for the others."`
	Delete *Operation `yaml:"delete" doc:"Deletions."`
}

// Operation is one kind of write.
type Operation struct {
	Method string `yaml:"method" enum:"POST|PUT|PATCH|DELETE" doc:"POST when absent."`
	Path   string `yaml:"path" doc:"Path below the base. With batch 1, {id} and other braces hold fields of the record."`
	// Query replaces the body of a DELETE.
	Query map[string]string `yaml:"query" doc:"Parameters; braces hold a field of the record, or with a batch those of all, with commas between. One with an empty value is left out."`
	// Lookup is for vendors without a call of their own for it.
	Lookup  *Lookup           `yaml:"lookup" doc:"For upsert: how a record is looked for; one that is found goes by update, any other by insert."`
	Batch   int               `yaml:"batch" doc:"Records in a request; 1 when absent."`
	Wrap    string            `yaml:"wrap" doc:"Name of the member that holds the records, or the record; absent when they are the body."`
	Set     map[string]string `yaml:"set" doc:"Members that every record has with the same text, such as a type; dots lead into objects that are written."`
	IDs     []string          `yaml:"ids" doc:"Fields of which one finds the record; they are what idFieldNames can be."`
	Job     string            `yaml:"job" doc:"The recipe by which the answer is waited for."`
	Results *Results          `yaml:"results" doc:"Where the answer says what became of each record; absent when it is all or nothing."`
	// Repeatable vendors know a record that comes twice.
	Repeatable bool `yaml:"repeatable" doc:"Whether sending a record twice changes nothing more. Updates, upserts and deletions by a key are."`
}

// Lookup finds out whether a record is there.
type Lookup struct {
	Path    string            `yaml:"path" required:"true" doc:"Path below the base."`
	Query   map[string]string `yaml:"query" required:"true" doc:"Parameters; braces hold fields of the record."`
	Records string            `yaml:"records" doc:"Path of those that are found."`
	ID      string            `yaml:"id" required:"true" doc:"Field by which update finds records, and its path in what is found."`
}

// Results is where an answer says what became of each record.
type Results struct {
	At    string   `yaml:"at" required:"true" doc:"Path of the list."`
	Index string   `yaml:"index" doc:"Path of the record's number in the request, from 0; absent when the list has the same order."`
	Match []string `yaml:"match" doc:"Paths of ids that are those of the records, where there is no number."`
	OK    string   `yaml:"ok" doc:"Path of a flag that is false for a refused record."`
	Error []string `yaml:"error" required:"true" doc:"Paths of why a record was refused. Without ok, a record that has any of them was."`
}

// Job is a recipe: the answer names a job, which is asked after until it is done.
type Job struct {
	Name    string        `yaml:"name" required:"true" doc:"What operations call it."`
	ID      string        `yaml:"id" required:"true" doc:"Path of the job's id in the first answer."`
	Path    string        `yaml:"path" required:"true" doc:"Where its state is; {id} stands for the id."`
	State   string        `yaml:"state" required:"true" doc:"Path of the state."`
	Done    []string      `yaml:"done" required:"true" doc:"States of a job whose results can be read."`
	Failed  []string      `yaml:"failed" doc:"States of a job that came to nothing."`
	Message string        `yaml:"message" doc:"Path of why."`
	Every   time.Duration `yaml:"every" doc:"How long to wait between two questions; 1s when absent, and longer for long jobs."`
	Within  time.Duration `yaml:"within" doc:"How long a job may take; 10m when absent."`
}

// find is the entity of a name, or nil.
func (m *Manifest) find(name string) *Entity {
	for i := range m.Entities {
		if m.Entities[i].Name == name || slices.Contains(m.Entities[i].Aliases, name) {
			return &m.Entities[i]
		}
	}
	return nil
}

func (f *Field) kind() flow.Type {
	if f.Type == "" {
		return flow.TypeString
	}
	return flow.Type(f.Type)
}
