package driver

import "time"

// An archive is one zstd frame of JSON lines:
//
//	{"format":"weir-backup","formatVersion":1,"schemaVersion":1,"createdAt":"…"}
//	{"table":"flows","columns":["name",…]}      for each table, parents before children,
//	["orders","Active",…]                       followed by its rows
//	{"end":true,"rows":123,"leaseToken":45,"auditId":67}
//
// Times are microseconds since 1970, bytes are base64, documents are themselves. The last line and the frame's checksum
// tell a whole archive from a torn one.
const (
	archiveFormat        = "weir-backup"
	archiveFormatVersion = 1
	// maxArchiveLine bounds one row. The largest rows are plans and checkpoints.
	maxArchiveLine = 256 << 20
)

type archiveHeader struct {
	Format        string    `json:"format"`
	FormatVersion int       `json:"formatVersion"`
	SchemaVersion int64     `json:"schemaVersion"`
	CreatedAt     time.Time `json:"createdAt"`
}

type archiveSection struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

type archiveTrailer struct {
	End        bool  `json:"end"`
	Rows       int64 `json:"rows"`
	LeaseToken int64 `json:"leaseToken"` // the last one given out: no fence up to it may be honoured again
	AuditID    int64 `json:"auditId"`    // likewise
}

// kind is a column's type in both databases and in the archive.
type kind int

const (
	kindText kind = iota
	kindInteger
	kindBoolean
	kindInstant
	kindBytes
	kindDocument
	kindDocumentOrNull
)

type column struct {
	name string
	kind kind
}

type table struct {
	name    string
	key     string // the columns its rows are ordered by
	columns []column
}

// tables are all tables whose rows are data, parents before children. Leases are not: they are about live processes. A
// test of SQLite's compares this list with the database's own.
var tables = []table{
	{"settings", "name", []column{{"name", kindText}, {"value", kindText}}},
	{"access_keys", "id", []column{
		{"id", kindText}, {"name", kindText}, {"sealed_secret", kindBytes}, {"policy", kindDocumentOrNull},
		{"disabled", kindBoolean}, {"created_at", kindInstant}, {"expires_at", kindInstant},
	}},
	{"flows", "name", []column{
		{"name", kindText}, {"status", kindText}, {"version", kindInteger}, {"updated_at", kindInstant},
		{"document", kindDocument},
	}},
	{"flow_versions", "flow_name, version", []column{
		{"flow_name", kindText}, {"version", kindInteger}, {"document", kindDocument},
	}},
	{"watermarks", "flow_name", []column{
		{"flow_name", kindText}, {"changed_until", kindInstant}, {"execution_id", kindText}, {"edit", kindDocumentOrNull},
	}},
	{"executions", "id", []column{
		{"id", kindText}, {"flow_name", kindText}, {"started_at", kindInstant}, {"done", kindBoolean},
		{"document", kindDocument},
	}},
	{"plans", "execution_id", []column{{"execution_id", kindText}, {"document", kindDocument}}},
	{"splits", "execution_id, split", []column{
		{"execution_id", kindText}, {"split", kindInteger}, {"data", kindDocument}, {"progress", kindDocument},
		{"rejects", kindInteger},
	}},
	{"receipts", "execution_id, split, sequence", []column{
		{"execution_id", kindText}, {"split", kindInteger}, {"sequence", kindInteger}, {"data", kindDocument},
	}},
	{"rejects", "execution_id, split, number", []column{
		{"execution_id", kindText}, {"split", kindInteger}, {"number", kindInteger}, {"document", kindDocument},
	}},
	{"profiles", "name", []column{
		{"name", kindText}, {"connector", kindText}, {"label", kindText}, {"revision", kindInteger},
		{"sealed_credentials", kindBytes}, {"document", kindDocument},
	}},
	{"flow_profiles", "profile_name, flow_name", []column{{"profile_name", kindText}, {"flow_name", kindText}}},
	{"registrations", "label", []column{{"label", kindText}, {"document", kindDocument}}},
	{"timetables", "flow_name", []column{{"flow_name", kindText}, {"next_at", kindInstant}, {"document", kindDocument}}},
	{"listeners", "flow_name", []column{{"flow_name", kindText}, {"document", kindDocument}}},
	{"inbox", "flow_name, sequence", []column{
		{"flow_name", kindText}, {"sequence", kindInteger}, {"received_at", kindInstant}, {"events", kindInteger},
		{"bytes", kindInteger}, {"sealed", kindBytes},
	}},
	{"event_ids", "flow_name, id", []column{{"flow_name", kindText}, {"id", kindText}, {"kept_until", kindInstant}}},
	{"budgets", "name", []column{{"name", kindText}, {"document", kindDocument}}},
	{"outbox", "id", []column{{"id", kindText}, {"due_at", kindInstant}, {"document", kindDocument}}},
	{"tokens", "operation, token", []column{
		{"operation", kindText}, {"token", kindText}, {"request_hash", kindText}, {"response", kindDocument},
		{"created_at", kindInstant},
	}},
	{"audit", "id", []column{{"id", kindInteger}, {"at", kindInstant}, {"document", kindDocument}}},
}

// Dialect is what a backup must know of a database.
type Dialect struct {
	SchemaVersion int64                   // of the newest migration; both databases number theirs alike
	Placeholder   func(number int) string // of a query's argument, counted from 1
}
