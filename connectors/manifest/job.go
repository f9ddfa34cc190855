package manifest

import (
	"context"
	"net/url"
	"slices"
	"time"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// longestPause is between two questions after a job.
const longestPause = 15 * time.Second

// await asks after a job until it is done, and returns the answer that says so. The waits grow with the job's age.
func (w *writer) await(ctx context.Context, j *Job, first *rest.Envelope) (*rest.Envelope, error) {
	id := first.Text(j.ID)
	if id == "" {
		return nil, fault.New(fault.ConnectorServer, "%s: the answer names no job at %q", w.doing(), j.ID)
	}
	escaped, ok := pathEscape(id)
	if !ok {
		return nil, fault.New(fault.ConnectorServer, "%s: the job's id is no name", w.doing())
	}
	r := &rest.Request{Doing: w.doing(), Path: fill(j.Path, func(string) string { return escaped }), Query: url.Values{}}
	var e *rest.Envelope
	r.Accept = func(a *rest.Answer) (err error) {
		e, err = rest.ParseEnvelope(a.Body)
		return err
	}
	every, within := j.Every, j.Within
	if every <= 0 {
		every = time.Second
	}
	if within <= 0 {
		within = 10 * time.Minute
	}
	for waited := time.Duration(0); ; {
		if _, err := w.client.Do(ctx, r); err != nil {
			return nil, err
		}
		switch state := e.Text(j.State); {
		case slices.Contains(j.Done, state):
			return e, nil
		case slices.Contains(j.Failed, state):
			return nil, fault.New(fault.ConnectorServer, "%s: the vendor's job failed: %s", w.doing(), w.client.Hide(e.Text(j.Message)))
		case waited >= within:
			return nil, fault.New(fault.ConnectorServer, "%s: the vendor's job is not done after %s; its state is %q", w.doing(), within, w.client.Hide(state))
		}
		wait := min(max(every, waited/4), longestPause)
		waited += wait
		if err := pause(ctx, wait); err != nil {
			return nil, fault.Wrap(fault.Canceled, err, "%s", w.doing())
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
