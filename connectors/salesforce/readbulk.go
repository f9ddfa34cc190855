package salesforce

import (
	"net/http"
	"net/url"
	"strconv"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
)

const (
	// resultBytes is about how much a page of results is asked to hold, by the width of the records in the page before.
	resultBytes  = 8 << 20
	mostRecords  = 100_000
	leastRecords = 50
	// firstRecords is how many records the first page holds, unless they may be so wide that it would hold more than
	// firstBytes.
	firstRecords = 2_000
	firstBytes   = 64 << 20
)

// firstSize is how many records the first page is asked to hold.
func firstSize(fields []flow.Field, names []string) int {
	width := 1.0
	for _, name := range names {
		if f := findFold(fields, name); f != nil && f.LengthRange != nil && f.LengthRange.Max != nil {
			width += *f.LengthRange.Max
		}
	}
	return min(max(int(firstBytes/width), leastRecords), firstRecords)
}

// work is what a split has Salesforce do in bulk.
type work struct {
	isPlanned bool
	cuts      []string // ids at which the jobs that are still to come begin
	running   string   // the job that is waited for
	ahead     string   // one that was submitted early, for the ids from the first cut on
	known     string   // a job that is complete
}

// bulk reads one job to its end, from where reading stands.
func (p *pages) bulk() error {
	resumed := p.at.Job != ""
	if !resumed {
		ok, err := p.begin()
		if err != nil || !ok {
			return err
		}
	}
	err := p.complete()
	for err == nil && p.at.Job != "" {
		err = p.results()
	}
	if resumed && fault.Is(err, fault.NotFound) && (p.q.isKeyed || p.at.Records == 0) {
		// The job has been deleted since, or aborted. Another one reads what comes behind the last record.
		p.at.Job, p.at.To, p.at.Next, p.at.Size, p.at.In = "", "", "", 0, format.Position{}
		return nil
	}
	if fault.Is(err, fault.NotFound) { // no resource of AppFlow's
		return fault.Wrap(fault.ConnectorServer, err, "the job that reads %q is gone", p.slice.Object)
	}
	return err
}

// begin makes sure that there is a job for the next ids. It reports false when the object is to be read by REST instead.
func (p *pages) begin() (bool, error) {
	if err := p.divide(); err != nil {
		return false, err
	}
	to := p.next()
	job := p.work.ahead
	p.work.ahead = ""
	if job == "" {
		var err error
		job, err = p.submit(p.at.Span, to)
		if fault.Is(err, fault.NotFound) && p.isFree && p.at.Records == 0 {
			p.at.API = apiREST
			return false, nil
		}
		if err != nil {
			return false, p.explain(err)
		}
	}
	p.at.Job, p.at.To, p.at.Size = job, to, p.firstSize
	return true, nil
}

// explain is what a refusal to do an object comes to where there is no other way.
func (p *pages) explain(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Wrap(fault.ConnectorServer, err, "the Bulk API does not read %q, set dataTransferApi to REST_SYNC", p.slice.Object)
	}
	return err
}

// divide plans the jobs of what is left, once.
func (p *pages) divide() error {
	if p.work.isPlanned || !p.q.isKeyed {
		return nil
	}
	total := p.slice.Count
	if total < 0 || p.at.Records > 0 {
		var err error
		if total, err = p.c.count(p.ctx, p.q, p.at.Span); err != nil {
			return err
		}
	}
	cuts, _, err := p.c.divide(p.ctx, p.q, p.at.Span, total, p.c.connector.jobRecords)
	p.work.cuts, p.work.isPlanned = cuts, err == nil
	return err
}

// next is where the ids of the next job end.
func (p *pages) next() string {
	if len(p.work.cuts) == 0 {
		return p.at.Span.To
	}
	to := p.work.cuts[0]
	p.work.cuts = p.work.cuts[1:]
	return to
}

func (p *pages) submit(s span, to string) (string, error) {
	s.To = to
	return p.c.submitQuery(p.ctx, p.slice.Object, p.q.byID(s), p.q.all)
}

// complete waits for the job, and then has Salesforce begin with the one behind it.
func (p *pages) complete() error {
	if p.work.known != p.at.Job {
		p.work.running = p.at.Job
		state, said, err := p.c.awaitQuery(p.ctx, p.slice.Object, p.at.Job)
		if fault.Is(err, fault.Canceled) {
			return err // the job still runs: Close ends it
		}
		p.work.running = ""
		switch {
		case err != nil:
			return err
		case state == jobFailed:
			return fault.New(fault.ConnectorServer, "the job that reads %q failed: %s", p.slice.Object, said)
		case state == jobAborted:
			return fault.New(fault.NotFound, "the job that reads %q was aborted in Salesforce", p.slice.Object)
		}
		p.work.known = p.at.Job
	}
	if p.work.ahead == "" && p.at.To != p.at.Span.To && p.work.isPlanned {
		to := p.at.Span.To
		if len(p.work.cuts) > 0 {
			to = p.work.cuts[0]
		}
		ahead, err := p.submit(span{From: p.at.To}, to)
		if err != nil {
			return p.explain(err)
		}
		p.work.ahead = ahead
	}
	return nil
}

// results takes the next page of a job's results and hands it out in pieces.
func (p *pages) results() error {
	at := p.at
	query := url.Values{"maxRecords": {strconv.Itoa(at.Size)}}
	if at.Next != "" {
		query.Set("locator", at.Next)
	}
	var list []*page
	var end place
	_, err := p.c.client.Do(p.ctx, &rest.Request{
		Doing: "taking the results of the job that reads \"" + p.slice.Object + "\"", Path: queryJobsPath + "/" + at.Job + "/results", Query: query,
		Header: http.Header{"Accept": {"text/csv"}},
		Accept: func(a *rest.Answer) (err error) {
			list, end, err = p.pieces(a)
			return err
		},
	})
	if err != nil {
		return err
	}
	p.at = end
	if err := p.hand(list); err != nil {
		return err
	}
	if end.Job == "" {
		p.c.deleteQuery(p.ctx, at.Job)
	}
	return nil
}

// abandon ends what Salesforce still does for a split that nobody reads any more.
func (p *pages) abandon() {
	for _, job := range []string{p.work.running, p.work.ahead} {
		if job != "" {
			p.c.abortQuery(p.ctx, job)
		}
	}
}
