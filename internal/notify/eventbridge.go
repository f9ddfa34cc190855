package notify

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"weir.dev/weir/fault"
)

// Limits of one PutEvents
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html): AWS has raised the size since, other
// implementations have not.
const (
	maxEntries      = 10
	maxEntriesBytes = 256_000
)

// EventSource is the source of events unless another is set. AppFlow's own, aws.appflow, is refused by AWS from anybody
// else.
const EventSource = "weir.appflow"

// EventBridge puts AppFlow's events onto an event bus.
type EventBridge struct {
	bus, source string
	client      lazily[*eventbridge.Client]
}

// NewEventBridge makes a receiver for a bus, by name or ARN; the region of an ARN counts. An empty source is
// [EventSource].
func NewEventBridge(bus, source string, load LoadAWS) (*EventBridge, error) {
	if source == "" {
		source = EventSource
	}
	r := &EventBridge{bus: bus, source: source}
	region := ""
	if arn.IsARN(bus) {
		name, err := arn.Parse(bus)
		if err != nil || name.Service != "events" {
			return nil, fault.New(fault.Validation, "--events-bus %q is not the ARN of an event bus", bus)
		}
		region = name.Region
	}
	r.client = lazily[*eventbridge.Client]{load: load, make: func(cfg aws.Config) *eventbridge.Client {
		return eventbridge.NewFromConfig(cfg, func(o *eventbridge.Options) {
			o.RetryMaxAttempts = 2 // the dispatcher tries again by itself
			if region != "" {
				o.Region = region
			}
		})
	}}
	return r, nil
}

// Name implements [Receiver].
func (r *EventBridge) Name() string { return "eventbridge:" + r.bus }

// Wants implements [Receiver].
func (r *EventBridge) Wants(Kind) bool { return true }

// WantsEventRuns keeps the executions of event flows, one a minute, off the bus: AppFlow tells of none either, and reports
// their activity instead.
func (r *EventBridge) WantsEventRuns() bool { return false }

// AtOnce implements [Receiver].
func (r *EventBridge) AtOnce() int { return maxEntries }

// Deliver implements [Receiver]. Each entry is answered by itself: what AWS took is not sent again with what it did not.
func (r *EventBridge) Deliver(ctx context.Context, facts []Fact) []error {
	client, err := r.client.get(ctx)
	if err != nil {
		return sameFor(facts, fault.Temporary(fault.ConnectorServer, err, "reading the AWS settings"))
	}
	errs := make([]error, len(facts))
	var entries []types.PutEventsRequestEntry
	var of []int // entry to fact
	bytes := 0
	send := func() {
		if len(entries) > 0 {
			r.put(ctx, client, entries, of, errs)
		}
		entries, of, bytes = nil, nil, 0
	}
	for i := range facts {
		e, size, err := r.entry(&facts[i])
		if err != nil {
			errs[i] = err
			continue
		}
		if bytes+size > maxEntriesBytes {
			send()
		}
		entries, of, bytes = append(entries, e), append(of, i), bytes+size
	}
	send()
	return errs
}

func (r *EventBridge) entry(f *Fact) (types.PutEventsRequestEntry, int, error) {
	body, err := detailOf(f)
	if err != nil {
		return types.PutEventsRequestEntry{}, 0, err
	}
	e := types.PutEventsRequestEntry{
		EventBusName: &r.bus, Source: &r.source, DetailType: aws.String(detailTypes[f.Kind]), Detail: aws.String(string(body)),
		Time: &f.At, Resources: []string{f.ARN()},
	}
	const timeSize = 14
	return e, timeSize + len(*e.Source) + len(*e.DetailType) + len(body) + len(e.Resources[0]), nil
}

func (r *EventBridge) put(ctx context.Context, client *eventbridge.Client, entries []types.PutEventsRequestEntry, of []int, errs []error) {
	out, err := client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err == nil && len(out.Entries) != len(entries) {
		err = fault.Temporary(fault.ConnectorServer, nil, "putting events: %d entries were sent and %d answered", len(entries), len(out.Entries))
	} else {
		err = classifyAWS(err, "putting events")
	}
	for i, fact := range of {
		if errs[fact] = err; err == nil {
			errs[fact] = refusal(out.Entries[i])
		}
	}
}

// broken are the codes that say that the event itself is wrong. All others can pass: an access that is missing today may
// be granted tomorrow.
var broken = []string{"MalformedDetail", "InvalidArgument", "RedactionFailure"}

func refusal(answer types.PutEventsResultEntry) error {
	code := aws.ToString(answer.ErrorCode)
	switch {
	case code == "":
		return nil
	case slices.Contains(broken, code):
		return fault.New(fault.ConnectorServer, "putting an event: AWS answered %s", code)
	}
	return fault.Temporary(fault.ConnectorServer, nil, "putting an event: AWS answered %s", code)
}
