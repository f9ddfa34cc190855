package fake

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The states of bulk jobs.
const (
	stateOpen       = "Open"
	stateUploaded   = "UploadComplete"
	stateInProgress = "InProgress"
	stateComplete   = "JobComplete"
	stateFailed     = "Failed"
	stateAborted    = "Aborted"
)

// bulkJob is what query and ingest jobs share.
type bulkJob struct {
	id, operation, object string
	state                 string
	version               string // of the API that made it
	made, changed         time.Time
	delimiter, ending     string // their names: COMMA, LF
	asked                 int    // how often it was asked after since its work could begin
	message               string // why it failed
}

// delimiters are the names of column delimiters, with what they stand for.
var delimiters = map[string]byte{"COMMA": ',', "SEMICOLON": ';', "TAB": '\t', "PIPE": '|', "CARET": '^', "BACKQUOTE": '`'}

// form checks how a job's CSV is to look, and fills in what is not said.
func (c *call) form(content, delimiter, ending *string) bool {
	*content, *delimiter, *ending = orDefault(*content, "CSV"), orDefault(*delimiter, "COMMA"), orDefault(*ending, "LF")
	if *content != "CSV" || delimiters[*delimiter] == 0 || *ending != "LF" && *ending != "CRLF" {
		c.fail(http.StatusBadRequest, "INVALIDJOB", "Unsupported contentType, columnDelimiter or lineEnding")
		return false
	}
	return true
}

// shown is a job as answers show it.
func (c *call) shown(j *bulkJob) Record {
	stamp := func(t time.Time) string { return string(momentValue(t.Truncate(time.Second)).appendText(nil, true)) }
	out := Record{
		"id": j.id, "operation": j.operation, "object": j.object, "createdById": c.o.userID, "createdDate": stamp(j.made), "systemModstamp": stamp(j.changed),
		"state": j.state, "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": json.Number(strings.TrimPrefix(j.version, "v")), "lineEnding": j.ending, "columnDelimiter": j.delimiter,
	}
	if j.message != "" {
		out["errorMessage"] = j.message
	}
	return out
}

// advance moves a job on: the first question finds it waiting, the last finds it done; mu is held.
func (o *Org) advance(j *bulkJob, work func()) {
	if j.state != stateUploaded && j.state != stateInProgress {
		return
	}
	j.asked++
	j.changed = o.now()
	if j.asked < o.opts.JobAsks {
		j.state = stateInProgress
		return
	}
	if o.bulkFails > 0 || o.mode == FailedJobs {
		o.bulkFails = max(o.bulkFails-1, 0)
		j.state, j.message = stateFailed, orDefault(o.bulkReason, "InternalServerError : Retried more than fifteen times")
		return
	}
	j.state = stateComplete
	work()
}

func (c *call) answerJobs(list []Record) {
	slices.SortFunc(list, func(a, b Record) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	c.answer(http.StatusOK, Record{"done": true, "nextRecordsUrl": nil, "records": list})
}
