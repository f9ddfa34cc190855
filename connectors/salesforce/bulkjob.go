package salesforce

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// Jobs of the Bulk API 2.0 that read. A job is submitted, asked after until it is done, its results are taken page by
// page, and it is deleted. A job that was left behind by a process that died is cleared away by Salesforce after seven
// days.

const (
	queryJobsPath = dataPath + "/jobs/query"
	// longestQueryWait is the longest wait between two questions after a job.
	longestQueryWait = 30 * time.Second
	// partingTime bounds what is done for tidiness.
	partingTime = 10 * time.Second
)

// jobState is where a job stands.
type jobState string

const (
	jobComplete jobState = "JobComplete"
	jobFailed   jobState = "Failed"
	jobAborted  jobState = "Aborted"
)

// submitQuery makes a job. NotFound when the Bulk API does not do the object.
func (c *connection) submitQuery(ctx context.Context, object, soql string, all bool) (string, error) {
	operation := "query"
	if all {
		operation = "queryAll"
	}
	body, err := json.Marshal(map[string]string{
		"operation": operation, "query": soql, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF",
	})
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "writing the query of a job")
	}
	e, err := c.ask(ctx, &rest.Request{Doing: "submitting a job that reads \"" + object + "\"", Method: http.MethodPost, Path: queryJobsPath, Body: body})
	if err != nil {
		return "", err
	}
	id := e.Text("id")
	if !idText.MatchString(id) {
		return "", fault.New(fault.ConnectorServer, "submitting a job that reads %q: the answer names no job", object)
	}
	return id, nil
}

// awaitQuery asks after a job until it has ended, with waits that grow. NotFound when there is no such job any more.
func (c *connection) awaitQuery(ctx context.Context, object, job string) (jobState, string, error) {
	for wait := c.connector.o.Poll; ; wait = min(wait+wait/2, longestQueryWait) {
		e, err := c.ask(ctx, &rest.Request{Doing: "asking after the job that reads \"" + object + "\"", Path: queryJobsPath + "/" + job})
		if err != nil {
			return "", "", err
		}
		if state := jobState(e.Text("state")); slices.Contains([]jobState{jobComplete, jobFailed, jobAborted}, state) {
			return state, c.client.Hide(e.Text("errorMessage")), nil
		}
		if err := pauseFor(ctx, wait); err != nil {
			return "", "", fault.Wrap(fault.Canceled, err, "waiting for the job that reads %q", object)
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// deleteQuery deletes a job whose results have been taken. It may fail: then Salesforce does it after seven days.
func (c *connection) deleteQuery(ctx context.Context, job string) {
	_, _ = c.client.Do(ctx, &rest.Request{Doing: "deleting a job", Method: http.MethodDelete, Path: queryJobsPath + "/" + job})
}

// abortQuery stops a job that nobody waits for any more, whatever has become of the context.
func (c *connection) abortQuery(ctx context.Context, job string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTime)
	defer cancel()
	_, _ = c.client.Do(ctx, &rest.Request{
		Doing: "aborting a job", Method: http.MethodPatch, Path: queryJobsPath + "/" + job, Body: []byte(`{"state":"Aborted"}`), Once: true,
	})
}
