package fake

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxUpload    = 150 << 20 / 4 * 3 // what becomes 150 MB in base64
	maxMultipart = 100_000           // characters
	maxHeader    = 32_000            // characters of a CSV's first line
)

// ingestJob is a bulk job that writes.
type ingestJob struct {
	bulkJob
	key      string // externalIdFieldName
	data     []byte
	uploaded bool

	header      []string
	columns     []column
	succeeded   []ingestRow
	failed      []ingestRow
	unprocessed [][]string
}

// ingestRow is one row of a result file.
type ingestRow struct {
	id      string
	created bool
	err     string
	cells   []string
}

func (o *Org) ingestRoutes(api apiRoute) {
	for _, end := range []string{"", "/{$}"} {
		api("POST", "/jobs/ingest"+end, (*call).createIngest)
		api("GET", "/jobs/ingest"+end, (*call).listIngests)
		api("GET", "/jobs/ingest/{id}"+end, (*call).ingestJob)
		api("PATCH", "/jobs/ingest/{id}"+end, (*call).closeIngest)
		api("DELETE", "/jobs/ingest/{id}"+end, (*call).deleteIngest)
		api("PUT", "/jobs/ingest/{id}/batches"+end, (*call).upload)
		api("GET", "/jobs/ingest/{id}/successfulResults"+end, func(c *call) { c.ingestResults("sf__Id", "sf__Created") })
		api("GET", "/jobs/ingest/{id}/failedResults"+end, func(c *call) { c.ingestResults("sf__Id", "sf__Error") })
		api("GET", "/jobs/ingest/{id}/unprocessedrecords"+end, func(c *call) { c.ingestResults() })
		api("GET", "/jobs/ingest/{id}/unprocessedRecords"+end, func(c *call) { c.ingestResults() })
	}
}

type ingestBody struct {
	Object, Operation, ContentType, ColumnDelimiter, LineEnding string
	ExternalIDFieldName                                         string `json:"externalIdFieldName"`
	AssignmentRuleID                                            string `json:"assignmentRuleId"`
}

// createIngest makes a job; the multipart form brings its data at once.
func (c *call) createIngest() {
	var body ingestBody
	var data []byte
	multipart := strings.HasPrefix(c.r.Header.Get("Content-Type"), "multipart/form-data")
	if multipart {
		var ok bool
		if data, ok = c.multipart(&body); !ok {
			return
		}
	} else if !c.body(&body) {
		return
	}
	if !c.form(&body.ContentType, &body.ColumnDelimiter, &body.LineEnding) {
		return
	}
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if bad := o.ingestRefusal(&body); bad != nil {
		c.fail(http.StatusBadRequest, bad.code, bad.message)
		return
	}
	j := &ingestJob{key: body.ExternalIDFieldName, data: data, uploaded: multipart, bulkJob: bulkJob{
		id: o.nextID("750"), operation: body.Operation, object: o.tables[strings.ToLower(body.Object)].object.Name, state: stateOpen, version: c.version,
		made: o.now(), changed: o.now(), delimiter: body.ColumnDelimiter, ending: body.LineEnding,
	}}
	if multipart {
		j.state = stateUploaded
	}
	o.ingests[j.id] = j
	out := c.shown(&j.bulkJob)
	out["contentUrl"] = strings.TrimPrefix(c.base(), "/") + "/jobs/ingest/" + j.id + "/batches"
	if j.key != "" {
		out["externalIdFieldName"] = j.key
	}
	c.answer(http.StatusOK, out)
}

// multipart reads the parts job and content.
func (c *call) multipart(body *ingestBody) (data []byte, ok bool) {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	reader, err := c.r.MultipartReader()
	for err == nil {
		part, perr := reader.NextPart()
		if perr != nil {
			break
		}
		text, rerr := io.ReadAll(part)
		if err = rerr; err != nil {
			break
		}
		switch part.FormName() {
		case "job":
			err = json.Unmarshal(text, body)
		case "content":
			data, ok = text, true
		}
	}
	switch {
	case err != nil || !ok:
		c.fail(http.StatusBadRequest, "CLIENTINPUTERROR", "the multipart body needs the parts job and content")
	case utf8.RuneCount(data) > maxMultipart:
		c.fail(http.StatusBadRequest, "CLIENTINPUTERROR", "the content of a multipart job is at most 100,000 characters")
	default:
		return data, true
	}
	return nil, false
}

func (o *Org) ingestRefusal(body *ingestBody) *refusal {
	t := o.tables[strings.ToLower(body.Object)]
	switch {
	case t == nil || t.object.Event:
		return refuse("INVALIDENTITY", "Entity '"+body.Object+"' is not supported by the Bulk API.")
	case t.object.NoBulk || t.object.ReadOnly:
		return refuse("INVALIDENTITY", "Entity '"+t.object.Name+"' is not supported by the Bulk API.")
	case !slices.Contains([]string{"insert", "update", "upsert", "delete", "hardDelete"}, body.Operation):
		return refuse("INVALIDJOB", "Invalid job operation: "+body.Operation)
	case body.Operation == "hardDelete" && !o.opts.HardDelete:
		return refuse("FEATURENOTENABLED", "hardDelete operation requires special user profile permission, please contact your system administrator")
	case body.Operation != "upsert" && body.ExternalIDFieldName != "":
		return refuse("INVALIDJOB", "External ID is not valid for "+body.Operation)
	case body.Operation != "upsert":
		return nil
	}
	key, f := t.field(body.ExternalIDFieldName)
	if f == nil || !f.ExternalID && key != t.id {
		return refuse("INVALIDJOB", "InvalidJob : Field name provided, '"+body.ExternalIDFieldName+"' does not match an External ID, Salesforce Id, or indexed field for "+t.object.Name)
	}
	return nil
}

// ingest finds an ingest job; mu is held. It answers when there is none.
func (c *call) ingest() *ingestJob {
	full, _ := fullID(c.r.PathValue("id"))
	j := c.o.ingests[full]
	if j == nil {
		c.notFound()
	}
	return j
}

func (c *call) upload() {
	o := c.o
	data, err := io.ReadAll(io.LimitReader(c.r.Body, maxUpload+1))
	if err != nil {
		return // the client has gone
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	j := c.ingest()
	switch {
	case j == nil:
	case !strings.HasPrefix(c.r.Header.Get("Content-Type"), "text/csv"):
		c.fail(http.StatusBadRequest, "INVALIDJOB", "The Content-Type of an upload is text/csv")
	case j.state != stateOpen:
		c.fail(http.StatusBadRequest, "INVALIDJOBSTATE", "Job is not in the Open state: "+j.state)
	case j.uploaded:
		c.fail(http.StatusBadRequest, "CLIENTINPUTERROR", "Found multiple contents for job: <"+j.id+">, please 'Close' / 'Abort' / 'Delete' the current Job then create a new Job and make sure you only do 'PUT' once on a given Job.")
	case len(data) > maxUpload:
		c.fail(http.StatusRequestEntityTooLarge, "CLIENTINPUTERROR", "The upload is larger than 150 MB in base64")
	default:
		j.data, j.uploaded = data, true
		c.w.WriteHeader(http.StatusCreated)
	}
}

func (c *call) closeIngest() {
	var body struct{ State string }
	if !c.body(&body) {
		return
	}
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	j := c.ingest()
	switch {
	case j == nil:
	case body.State == stateUploaded && j.state == stateOpen:
		if !j.uploaded {
			c.fail(http.StatusBadRequest, "INVALIDJOBSTATE", "A job without data cannot be closed")
			return
		}
		j.state, j.changed = stateUploaded, o.now()
		c.answer(http.StatusOK, c.shown(&j.bulkJob))
	case body.State == stateAborted && (j.state == stateOpen || j.state == stateUploaded || j.state == stateInProgress):
		j.state, j.changed = stateAborted, o.now()
		c.answer(http.StatusOK, c.shown(&j.bulkJob))
	default:
		c.fail(http.StatusBadRequest, "INVALIDJOBSTATE", "Invalid job state transition from "+j.state+" to "+body.State)
	}
}

func (c *call) ingestJob() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	j := c.ingest()
	if j == nil {
		return
	}
	if j.uploaded {
		o.advance(&j.bulkJob, func() { o.load(j) })
	}
	c.answer(http.StatusOK, c.shownIngest(j))
}

func (c *call) shownIngest(j *ingestJob) Record {
	out := c.shown(&j.bulkJob)
	out["jobType"], out["retries"], out["totalProcessingTime"] = "V2Ingest", 0, j.asked*100
	out["apiActiveProcessingTime"], out["apexProcessingTime"] = j.asked*80, 0
	out["numberRecordsProcessed"], out["numberRecordsFailed"] = len(j.succeeded)+len(j.failed), len(j.failed)
	out["contentUrl"] = strings.TrimPrefix(c.base(), "/") + "/jobs/ingest/" + j.id + "/batches"
	if j.key != "" {
		out["externalIdFieldName"] = j.key
	}
	return out
}

func (c *call) listIngests() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	list := []Record{}
	for _, j := range o.ingests {
		list = append(list, c.shownIngest(j))
	}
	c.answerJobs(list)
}

func (c *call) deleteIngest() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	j := c.ingest()
	switch {
	case j == nil:
	case j.state == stateOpen || j.state == stateInProgress:
		c.fail(http.StatusBadRequest, "INVALIDJOBSTATE", "Unable to delete job "+j.id+" in the state "+j.state)
	default:
		delete(o.ingests, j.id)
		c.w.WriteHeader(http.StatusNoContent)
	}
}

// ingestResults sends one of the three files. Their order is not that of the upload: here it is turned round.
func (c *call) ingestResults(extra ...string) {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	j := c.ingest()
	if j == nil {
		return
	}
	if j.state != stateComplete && j.state != stateFailed && j.state != stateAborted {
		c.fail(http.StatusBadRequest, "INVALIDJOBSTATE", "The results of a job in the state "+j.state+" cannot be read")
		return
	}
	delimiter, ending := delimiters[j.delimiter], "\n"
	if j.ending == "CRLF" {
		ending = "\r\n"
	}
	var out []byte
	line := func(cells ...string) {
		for i, cell := range cells {
			if i > 0 {
				out = append(out, delimiter)
			}
			out = textValue(cell).appendCSV(out)
		}
		out = append(out, ending...)
	}
	line(append(slices.Clone(extra), j.header...)...)
	switch {
	case len(extra) == 0:
		for _, cells := range slices.Backward(j.unprocessed) {
			line(cells...)
		}
	case extra[1] == "sf__Created":
		for _, r := range slices.Backward(j.succeeded) {
			line(append([]string{r.id, boolText(r.created)}, r.cells...)...)
		}
	default:
		for _, r := range slices.Backward(j.failed) {
			line(append([]string{r.id, r.err}, r.cells...)...)
		}
	}
	c.w.Header().Set("Content-Type", "text/csv; charset=UTF-8")
	_, _ = c.w.Write(out) // the client may have gone
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
