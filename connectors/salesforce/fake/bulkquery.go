package fake

import (
	"net/http"
	"strconv"
	"strings"
)

// queryJob is a bulk query. It keeps which records it found, not what they hold.
type queryJob struct {
	bulkJob
	query string
	plan  *plan
	rows  []int32
}

func (o *Org) bulkQueryRoutes(api apiRoute) {
	for _, end := range []string{"", "/{$}"} {
		api("POST", "/jobs/query"+end, (*call).createQueryJob)
		api("GET", "/jobs/query"+end, (*call).listQueryJobs)
		api("GET", "/jobs/query/{id}"+end, (*call).queryJob)
		api("PATCH", "/jobs/query/{id}"+end, (*call).abortQueryJob)
		api("DELETE", "/jobs/query/{id}"+end, (*call).deleteQueryJob)
		api("GET", "/jobs/query/{id}/results"+end, (*call).queryResults)
		api("GET", "/jobs/query/{id}/resultPages"+end, (*call).resultPages)
	}
}

func (c *call) createQueryJob() {
	var body struct{ Operation, Query, ContentType, ColumnDelimiter, LineEnding string }
	if !c.body(&body) || !c.form(&body.ContentType, &body.ColumnDelimiter, &body.LineEnding) {
		return
	}
	if body.Operation != "query" && body.Operation != "queryAll" {
		c.fail(http.StatusBadRequest, "INVALIDJOB", "Invalid job operation: "+body.Operation)
		return
	}
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.queryJobs >= o.opts.DailyQueryJobs {
		c.fail(http.StatusBadRequest, "LIMIT_EXCEEDED", "You've exceeded the daily limit of "+strconv.Itoa(o.opts.DailyQueryJobs)+" query jobs.")
		return
	}
	p, bad := o.prepare(body.Query)
	if bad == nil {
		bad = bulkRefusal(p)
	}
	if bad != nil {
		c.fail(http.StatusBadRequest, bad.code, bad.message)
		return
	}
	j := &queryJob{query: body.Query, plan: p, bulkJob: bulkJob{
		id: o.nextID("750"), operation: body.Operation, object: p.t.object.Name, state: stateUploaded, version: c.version,
		made: o.now(), changed: o.now(), delimiter: body.ColumnDelimiter, ending: body.LineEnding,
	}}
	o.queries[j.id] = j
	o.queryJobs++
	c.answer(http.StatusOK, c.shown(&j.bulkJob))
}

// bulkRefusal says why a query that REST would run is none for the Bulk API.
func bulkRefusal(p *plan) *refusal {
	switch {
	case p.t.object.NoBulk:
		return refuse("INVALIDENTITY", "Entity '"+p.t.object.Name+"' is not supported by the Bulk API.")
	case p.query.count || p.query.all:
		return refuse("FEATURENOTENABLED", "Aggregate functions and FIELDS() are not supported in Bulk Query")
	case p.query.offset > 0:
		return refuse("FEATURENOTENABLED", "OFFSET is not supported in Bulk Query")
	}
	for _, col := range p.columns {
		if col.f.compound() {
			return refuse("FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query")
		}
		if col.f.Type == "base64" {
			return refuse("FUNCTIONALITY_NOT_ENABLED", "Binary fields are not supported in Bulk Query: "+col.f.Name)
		}
	}
	return nil
}

// job finds a query job; mu is held. It answers when there is none.
func (c *call) job() *queryJob {
	full, _ := fullID(c.r.PathValue("id"))
	j := c.o.queries[full]
	if j == nil {
		c.notFound()
	}
	return j
}

func (c *call) queryJob() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	j := c.job()
	if j == nil {
		return
	}
	o.advance(&j.bulkJob, func() { j.rows = j.plan.run(j.operation == "queryAll") })
	c.answer(http.StatusOK, c.shownQuery(j))
}

func (c *call) shownQuery(j *queryJob) Record {
	out := c.shown(&j.bulkJob)
	out["jobType"], out["retries"], out["totalProcessingTime"] = "V2Query", 0, j.asked*100
	out["numberRecordsProcessed"] = len(j.rows)
	out["isPkChunkingSupported"] = len(j.plan.order) == 0 && j.plan.query.limit < 0 && !strings.HasSuffix(j.object, "History")
	return out
}

func (c *call) listQueryJobs() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	list := []Record{}
	for _, j := range o.queries {
		list = append(list, c.shownQuery(j))
	}
	c.answerJobs(list)
}

func (c *call) abortQueryJob() {
	var body struct{ State string }
	if !c.body(&body) {
		return
	}
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	j := c.job()
	switch {
	case j == nil:
	case body.State != stateAborted:
		c.fail(http.StatusBadRequest, "INVALIDJOBSTATE", "Invalid job state transition to "+body.State)
	case j.state != stateUploaded && j.state != stateInProgress:
		c.fail(http.StatusBadRequest, "INVALIDJOBSTATE", "Aborting already "+j.state+" Job not allowed")
	default:
		j.state, j.changed = stateAborted, o.now()
		c.answer(http.StatusOK, c.shown(&j.bulkJob))
	}
}

func (c *call) deleteQueryJob() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	j := c.job()
	switch {
	case j == nil:
	case j.state == stateUploaded || j.state == stateInProgress:
		c.fail(http.StatusBadRequest, "API_ERROR", "Unable to delete job "+j.id+" as it is not in a final state")
	default:
		delete(o.queries, j.id)
		c.w.WriteHeader(http.StatusNoContent)
	}
}
