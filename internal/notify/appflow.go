package notify

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// detailTypes are AppFlow's own names
// (https://docs.aws.amazon.com/appflow/latest/userguide/flow-notifications.html).
var detailTypes = map[Kind]string{
	KindStart:      "AppFlow Start Flow Run Report",
	KindEnd:        "AppFlow End Flow Run Report",
	KindDeactivate: "AppFlow Scheduled Flow Deactivated",

	KindEventReport:     "AppFlow Event Flow Report",
	KindEventDeactivate: "AppFlow Event Flow Deactivated",
}

// detail is what AppFlow puts into an event's detail. Every number is a string, as in AppFlow's events.
type detail struct {
	FlowName          string  `json:"flow-name"`
	FlowARN           string  `json:"flow-arn"`
	CreatedBy         string  `json:"created-by,omitzero"`
	Source            string  `json:"source"`
	SourceObject      string  `json:"source-object"`
	Destination       string  `json:"destination"`
	DestinationObject string  `json:"destination-object"`
	TriggerType       string  `json:"trigger-type"`
	ExecutionID       string  `json:"execution-id,omitzero"`
	StartTime         string  `json:"start-time,omitzero"`
	TimeRange         string  `json:"incremental-transfer-time-range,omitzero"`
	EndTime           string  `json:"end-time,omitzero"`
	Processed         *string `json:"num-of-records-processed,omitzero"`
	Filtered          *string `json:"num-of-records-filtered,omitzero"`
	Failures          *string `json:"num-of-record-failures,omitzero"`
	Documents         *string `json:"num-of-documents-processed,omitzero"`
	DataProcessed     *string `json:"data-processed,omitzero"`
	Status            string  `json:"status,omitzero"`
	Error             string  `json:"error,omitzero"`
	Reason            string  `json:"deactivation-reason,omitzero"`
	DeactivatedAt     string  `json:"deactivation-time,omitzero"`
	Report            string  `json:"status-report,omitzero"`
}

// statuses are AppFlow's words for how a run ended. Of canceled runs nothing is published; the third follows the others.
var statuses = map[flow.ExecutionStatus]string{
	flow.ExecutionSuccessful: "Execution Successful",
	flow.ExecutionError:      "Execution Failed",
	flow.ExecutionCanceled:   "Execution Canceled",
}

// maxError is the longest error text in an event, in characters: as long as the API's.
const maxError = 2048

// detailOf writes a fact the way AppFlow does.
func detailOf(f *Fact) ([]byte, error) {
	d := detail{
		FlowName: f.Flow.Name, FlowARN: f.ARN(), CreatedBy: f.Flow.CreatedBy,
		Source: endName(f.Flow.Source), SourceObject: objectName(f.Flow.Source),
		Destination: endName(f.Flow.Destination), DestinationObject: objectName(f.Flow.Destination),
		TriggerType: strings.ToUpper(string(f.Flow.Trigger)),
	}
	switch x := f.Execution; f.Kind {
	case KindEventReport:
		d.Report = clip(activityText(f.Activity), maxError)
	case KindDeactivate, KindEventDeactivate:
		d.Reason, d.DeactivatedAt = clip(f.Reason, maxError), stamp(f.At)
	case KindEnd:
		t := x.Totals
		d.EndTime, d.Status = stamp(x.EndedAt), statuses[x.Status]
		d.Processed, d.Filtered, d.Failures = number(t.Read), number(t.Filtered), number(t.PutFailures)
		d.Documents, d.DataProcessed = number(0), number(t.BytesRead)
		if x.Status != flow.ExecutionSuccessful {
			d.Error = clip(x.Message, maxError)
		}
		fallthrough
	case KindStart:
		d.ExecutionID, d.StartTime = x.ID, stamp(x.StartedAt)
		if w := x.Window; w != nil {
			d.TimeRange = "[" + stamp(w.From) + ", " + stamp(w.To) + ")"
		}
	}
	raw, err := json.Marshal(&d)
	return raw, fault.Wrap(fault.Internal, err, "writing an event of flow %q", f.Flow.Name)
}

// activityText is a report in one line. What AppFlow writes there is not documented.
func activityText(a *store.EventReport) string {
	if a == nil {
		return ""
	}
	text := fmt.Sprintf("%s; from %s to %s: %d events received, %d delivered, %d waiting", a.State, stamp(a.From), stamp(a.To), a.Counts.Received, a.Counts.Delivered, a.Waiting)
	if a.Counts.Gaps > 0 {
		text += fmt.Sprintf(", %d gaps in which events may be missing", a.Counts.Gaps)
	}
	if a.Message != "" {
		text += "; " + a.Message
	}
	return text
}

// endName is TYPE, or TYPE/profile.
func endName(e End) string {
	name := strings.ToUpper(string(e.Connector))
	if e.Profile != "" {
		name += "/" + e.Profile
	}
	return name
}

// objectName is the object as people chose it; a place in a bucket is a URL.
func objectName(e End) string {
	if e.Bucket == "" {
		return e.Object
	}
	name := "s3://" + e.Bucket
	if prefix := strings.Trim(e.Prefix, "/"); prefix != "" {
		name += "/" + prefix
	}
	return name
}

// stamp is a time in UTC as AppFlow prints it, with Java's name of the zone.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") + "[UTC]" }

func number(n int64) *string {
	s := strconv.FormatInt(n, 10)
	return &s
}

func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
