package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/store"
)

func ptr[T any](v T) *T { return &v }

var began = time.Date(2024, 10, 1, 13, 45, 7, 250_000_000, time.UTC)

// sample is a fact of a run from a custom connector into S3.
func sample(kind Kind, status flow.ExecutionStatus) Fact {
	d := &flow.Definition{
		Trigger: flow.Trigger{Type: flow.TriggerScheduled},
		Source: flow.Source{
			Connector: flow.CustomConnector, ProfileName: ptr("erp"), Properties: flow.Properties(`{"entityName":"sales.orders"}`),
		},
		Destinations: []flow.Destination{{Connector: flow.S3, Properties: flow.Properties(`{"bucketName":"out-bkt","bucketPrefix":"lake/"}`)}},
	}
	f := newFact("5e8f1a5c-7d1b-5b0e-9c53-1f2e3d4c5b6a", kind, began.Add(2*time.Second), d)
	f.Account, f.Region, f.Flow.Name, f.Flow.CreatedBy = "111122223333", "eu-west-1", "orders", "arn:aws:iam::111122223333:user/alice"
	f.Execution = &Execution{ID: "3d2b2f0a-5f0c-4c8e-9d70-8a0f2e2f5a11", Status: status, StartedAt: began}
	if kind == KindStart {
		return f
	}
	f.Execution.EndedAt = began.Add(1751 * time.Millisecond)
	f.Execution.Totals = flow.Totals{Read: 120, Filtered: 3, Rejected: 4, Written: 113, PutFailures: 1, BytesRead: 48213, BytesWritten: 100}
	f.Execution.Message = "the bucket is gone"
	return f
}

const common = `"flow-name":"orders","flow-arn":"arn:aws:appflow:eu-west-1:111122223333:flow/orders",
	"created-by":"arn:aws:iam::111122223333:user/alice","source":"CUSTOMCONNECTOR/erp","source-object":"sales.orders",
	"destination":"S3","destination-object":"s3://out-bkt/lake","trigger-type":"SCHEDULED"`

const ended = `"execution-id":"3d2b2f0a-5f0c-4c8e-9d70-8a0f2e2f5a11","start-time":"2024-10-01T13:45:07.250Z[UTC]",
	"end-time":"2024-10-01T13:45:09.001Z[UTC]","num-of-records-processed":"120","num-of-records-filtered":"3",
	"num-of-record-failures":"1","num-of-documents-processed":"0","data-processed":"48213"`

func TestDetail_IsAppFlows(t *testing.T) {
	t.Parallel()
	incremental := sample(KindStart, flow.ExecutionInProgress)
	incremental.Execution.Window = &flow.Window{From: began.Add(-time.Hour), To: began}
	deactivated := sample(KindDeactivate, flow.ExecutionError)
	deactivated.Reason = "deactivated after 3 failed runs in a row"
	report := eventFact(&flow.Flow{Name: "orders"}, KindEventReport, began)
	report.Account, report.Region = "111122223333", "eu-west-1"
	report.Activity = &store.EventReport{
		From: began.Add(-5 * time.Minute), To: began, State: store.ListenerRetrying, Message: "the vendor is away", Waiting: 2,
		Counts: store.EventCounts{Received: 12, Delivered: 10, Gaps: 1},
	}
	for name, c := range map[string]struct {
		fact Fact
		want string
	}{
		"report": {report, `{"flow-name":"orders","flow-arn":"arn:aws:appflow:eu-west-1:111122223333:flow/orders","source":"","source-object":"",
			"destination":"","destination-object":"","trigger-type":"","status-report":"retrying; from 2024-10-01T13:40:07.250Z[UTC] to 2024-10-01T13:45:07.250Z[UTC]: 12 events received, 10 delivered, 2 waiting, 1 gaps in which events may be missing; the vendor is away"}`},
		"start": {incremental, `{` + common + `,"execution-id":"3d2b2f0a-5f0c-4c8e-9d70-8a0f2e2f5a11","start-time":"2024-10-01T13:45:07.250Z[UTC]",
			"incremental-transfer-time-range":"[2024-10-01T12:45:07.250Z[UTC], 2024-10-01T13:45:07.250Z[UTC])"}`},
		"success":  {sample(KindEnd, flow.ExecutionSuccessful), `{` + common + `,` + ended + `,"status":"Execution Successful"}`},
		"failure":  {sample(KindEnd, flow.ExecutionError), `{` + common + `,` + ended + `,"status":"Execution Failed","error":"the bucket is gone"}`},
		"canceled": {sample(KindEnd, flow.ExecutionCanceled), `{` + common + `,` + ended + `,"status":"Execution Canceled","error":"the bucket is gone"}`},
		"deactivated": {deactivated, `{` + common + `,"deactivation-reason":"deactivated after 3 failed runs in a row",
			"deactivation-time":"2024-10-01T13:45:09.250Z[UTC]"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := detailOf(&c.fact)
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(got))
		})
	}
}

func TestDetail_LongErrorsAreCut(t *testing.T) {
	t.Parallel()
	f := sample(KindEnd, flow.ExecutionError)
	f.Execution.Message = strings.Repeat("ä", 5000)
	raw, err := detailOf(&f)
	require.NoError(t, err)
	var d detail
	require.NoError(t, json.Unmarshal(raw, &d))
	require.Len(t, []rune(d.Error), maxError)
}

// traced is a plan with a projection of every kind.
func traced() *plan.Plan {
	return &plan.Plan{
		Source: plan.Source{Read: connector.ReadRequest{
			Schema:  flow.Schema{Fields: []flow.Field{{Name: "id", Type: flow.TypeLong, Description: "the order's number"}}},
			Filters: []connector.Filter{{Field: "day"}},
		}},
		Program: plan.Program{
			Input:       []plan.Column{{Name: "id", Type: flow.TypeLong}, {Name: "a", Type: flow.TypeDouble}, {Name: "card", Type: flow.TypeString}},
			Filters:     []plan.Filter{{Field: "a", Values: []string{"a secret literal"}}, {Field: "a"}},
			Validations: []plan.Validation{{Field: "id"}},
			Derived:     []plan.Derived{{Name: "id,a", Fields: []string{"id", "a", "id"}}},
			Edits:       []plan.Edit{{Field: "card", Mask: flow.OpMaskAll}},
			Outputs:     []plan.Output{{Field: "id", Name: "ID"}, {Field: "id,a", Name: "sum", Type: flow.TypeDecimal}, {Field: "card", Name: "card"}},
		},
		Dest: plan.Dest{Files: &flow.FileOutput{Type: flow.FileCSV}},
	}
}

func TestLineage_SaysWhatCameFromWhat(t *testing.T) {
	t.Parallel()
	l := LineageOf(traced())
	require.Equal(t, &Lineage{
		Inputs: []Column{{"id", flow.TypeLong, "the order's number"}, {"a", flow.TypeDouble, ""}, {"card", flow.TypeString, ""}},
		Outputs: []Output{
			{Column: Column{Name: "ID", Type: flow.TypeLong}, From: []string{"id"}},
			{Column: Column{Name: "sum", Type: flow.TypeDecimal}, From: []string{"id", "a"}, IsEdited: true},
			{Column: Column{Name: "card", Type: flow.TypeString}, From: []string{"card"}, IsEdited: true, IsMasked: true},
		},
		Filters: []string{"a", "day", "id"},
		Files:   &FileInfo{Type: flow.FileCSV},
	}, l)
	raw, err := json.Marshal(l)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "secret")
}
