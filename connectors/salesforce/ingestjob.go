package salesforce

import (
	"context"
	"net/http"
	"strings"
	"time"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

const (
	jobsPath = dataPath + "/jobs/ingest"
	// longestPoll is between two questions after a job.
	longestPoll = 20 * time.Second
	// jobPatience is how long a job may stand still.
	jobPatience = 2 * time.Hour
	// abortTime bounds the cleaning up after a run that has ended.
	abortTime = 20 * time.Second
)

// giveUp aborts a job that nobody waits for any more. What it has written by then, the next attempt finds out.
func (s *sending) giveUp(ctx context.Context, st *step) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	s.abort(ctx, st.Job)
}

// abort ends a job, as well as it can: one that is forgotten in spite of it is closed by Salesforce within a day, and one
// that has ended needs no aborting.
func (w *writer) abort(ctx context.Context, id string) {
	_, _ = w.conn.client.Do(ctx, &rest.Request{Doing: w.doing(), Method: http.MethodPatch, Path: jobsPath + "/" + id, Body: []byte(`{"state":"Aborted"}`)})
	w.open = ""
}

// run starts a job whose rows are there, and waits until it has ended.
func (s *sending) run(ctx context.Context, st *step, found bool) (job, error) {
	path := jobsPath + "/" + st.Job
	isOpen := !found
	if found {
		j, err := s.look(ctx, path)
		if fault.Is(err, fault.NotFound) {
			return j, fault.New(fault.ConnectorServer, "%s: Salesforce no longer knows job %s of an attempt before, which may have written %d records", s.doing(), st.Job, s.progress.Rows)
		}
		if err != nil {
			return j, err
		}
		isOpen = j.state == "Open"
	}
	if isOpen {
		s.open = st.Job
		_, err := s.conn.client.Do(ctx, &rest.Request{Doing: s.doing(), Method: http.MethodPatch, Path: path, Body: []byte(`{"state":"UploadComplete"}`)})
		if err != nil { // it may have arrived all the same
			if j, lerr := s.look(ctx, path); lerr != nil || j.state == "Open" {
				return j, err
			}
		}
		s.open = ""
	}
	return s.await(ctx, path)
}

// await asks after a job until it has ended.
func (s *sending) await(ctx context.Context, path string) (job, error) {
	wait := s.conn.connector.o.Poll
	before, still := job{}, time.Duration(0)
	for {
		if err := sleep(ctx, wait, s.doing()); err != nil {
			return job{}, err
		}
		j, err := s.look(ctx, path)
		if err != nil {
			return j, err
		}
		if j.hasEnded() {
			return j, nil
		}
		if still += wait; j != before {
			before, still = j, 0
		}
		if still > jobPatience {
			return j, fault.Temporary(fault.ConnectorServer, nil, "%s: Salesforce's job is still in state %q after %s", s.doing(), j.state, jobPatience)
		}
		wait = min(wait+wait/2, longestPoll)
	}
}

// job is how a job stands.
type job struct {
	state             string
	processed, failed int64
	message           string
}

func (j *job) hasEnded() bool {
	return j.state == "JobComplete" || j.state == "Failed" || j.state == "Aborted"
}

func (s *sending) look(ctx context.Context, path string) (job, error) {
	e, err := s.conn.ask(ctx, &rest.Request{Doing: s.doing(), Path: path})
	if err != nil {
		return job{}, err
	}
	j := job{state: e.Text("state"), message: e.Text("errorMessage")}
	j.processed, _ = e.Number("numberRecordsProcessed")
	j.failed, _ = e.Number("numberRecordsFailed")
	return j, nil
}

// said is what Salesforce says of a job, for a message.
func (s *sending) said(j job) string {
	if j.message == "" {
		return ""
	}
	return ": " + s.conn.client.Hide(j.message)
}

// uploadTries is how many jobs are made for one upload: a job takes one, and one whose fate is unknown makes it useless.
const uploadTries = 3

// upload makes a job that has the rows, and does not start it.
func (s *sending) upload(ctx context.Context, p *part) (id string, err error) {
	for try := 1; ; try++ {
		if id, err = s.create(ctx); err != nil {
			return "", err
		}
		s.open = id
		_, err = s.conn.client.Do(ctx, &rest.Request{
			Doing: s.doing(), Method: http.MethodPut, Path: jobsPath + "/" + id + "/batches", Body: p.csv, Once: true,
			Header: http.Header{"Content-Type": {"text/csv; charset=UTF-8"}},
		})
		if err == nil {
			return id, nil
		}
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
		s.abort(cleanup, id)
		cancel()
		if class, _ := fault.RetryOf(err); class != fault.Transient || try == uploadTries {
			return "", err
		}
		if err := sleep(ctx, time.Second<<(try-1), s.doing()); err != nil {
			return "", err
		}
	}
}

// create makes a job.
func (s *sending) create(ctx context.Context) (id string, err error) {
	body := `{"object":"` + s.aim.object.Name + `","operation":"` + strings.ToLower(s.aim.operation) + `","contentType":"CSV","lineEnding":"LF","columnDelimiter":"COMMA"`
	if s.aim.operation == opUpsert {
		body += `,"externalIdFieldName":"` + s.aim.key.Name + `"`
	}
	e, err := s.conn.ask(ctx, &rest.Request{Doing: s.doing(), Method: http.MethodPost, Path: jobsPath, Body: []byte(body + "}")})
	if fault.Is(err, fault.NotFound) {
		return "", noBulkError{err}
	}
	if err != nil {
		return "", err
	}
	id = e.Text("id")
	if !isID(id) {
		return "", fault.New(fault.ConnectorServer, "%s: the answer names no job", s.doing())
	}
	return id, nil
}

// isID reports whether a text has the form of an id, which goes into paths.
func isID(s string) bool {
	return len(s) >= 15 && len(s) <= 18 && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	}) < 0
}

// noBulkError marks what the Bulk API does not take, and the REST API may.
type noBulkError struct{ error }

func (e noBulkError) Unwrap() error { return e.error }

func isNoBulk(err error) bool {
	_, ok := err.(noBulkError) //nolint:errorlint // nobody wraps it
	return ok
}
