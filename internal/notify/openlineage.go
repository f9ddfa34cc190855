package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// OpenLineage posts run events (https://openlineage.io/docs/spec/object-model): what a run read and wrote, which columns,
// and which of them came from which.
type OpenLineage struct {
	name, address, key string
	version            string
	http               *http.Client
}

// NewOpenLineage makes a receiver for a URL, for instance that of Marquez, http://host:5000/api/v1/lineage. A key is sent
// as a bearer token; an empty one is not sent.
func NewOpenLineage(address, key, version string, client *http.Client) (*OpenLineage, error) {
	if err := checkAddress("--openlineage", address); err != nil {
		return nil, err
	}
	return &OpenLineage{name: nameOf("openlineage", address), address: address, key: key, version: version, http: client}, nil
}

// Name implements [Receiver].
func (o *OpenLineage) Name() string { return o.name }

// Wants implements [Receiver].
func (o *OpenLineage) Wants(kind Kind) bool { return kind.isRun() }

// WantsLineage makes a book add [Lineage].
func (o *OpenLineage) WantsLineage() bool { return true }

// AtOnce implements [Receiver].
func (o *OpenLineage) AtOnce() int { return 8 }

// Deliver implements [Receiver].
func (o *OpenLineage) Deliver(ctx context.Context, facts []Fact) []error {
	errs := make([]error, len(facts))
	var all sync.WaitGroup
	for i := range facts {
		all.Go(func() { errs[i] = o.post(ctx, &facts[i]) })
	}
	all.Wait()
	return errs
}

func (o *OpenLineage) post(ctx context.Context, f *Fact) error {
	body, err := json.Marshal(o.event(f))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing a lineage event of flow %q", f.Flow.Name)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if o.key != "" {
		header.Set("Authorization", "Bearer "+o.key)
	}
	return post(ctx, o.http, o.address, header, body)
}

// Where the specification's schemas are. Every facet names its producer and its schema.
const (
	producer   = "https://weir.dev/weir"
	schemaRoot = "https://openlineage.io/spec/"
)

// The event and its facets, as far as they are used here.
type (
	runEvent struct {
		EventType string      `json:"eventType"`
		EventTime time.Time   `json:"eventTime"`
		Producer  string      `json:"producer"`
		SchemaURL string      `json:"schemaURL"`
		Run       lineageRun  `json:"run"`
		Job       lineageJob  `json:"job"`
		Inputs    []inputSet  `json:"inputs"`
		Outputs   []outputSet `json:"outputs"`
	}
	lineageRun struct {
		ID     string         `json:"runId"`
		Facets map[string]any `json:"facets,omitzero"`
	}
	lineageJob struct {
		Namespace string         `json:"namespace"`
		Name      string         `json:"name"`
		Facets    map[string]any `json:"facets,omitzero"`
	}
	dataset struct {
		Namespace string         `json:"namespace"`
		Name      string         `json:"name"`
		Facets    map[string]any `json:"facets,omitzero"`
	}
	inputSet struct {
		dataset
		InputFacets map[string]any `json:"inputFacets,omitzero"`
	}
	outputSet struct {
		dataset
		OutputFacets map[string]any `json:"outputFacets,omitzero"`
	}
	schemaField struct {
		Name        string `json:"name"`
		Type        string `json:"type,omitzero"`
		Description string `json:"description,omitzero"`
	}
	inputField struct {
		Namespace       string           `json:"namespace"`
		Name            string           `json:"name"`
		Field           string           `json:"field"`
		Transformations []transformation `json:"transformations"`
	}
	transformation struct {
		Type      string `json:"type"`
		Subtype   string `json:"subtype"`
		IsMasking bool   `json:"masking,omitzero"`
	}
)

// facet is a facet's members with what every facet has.
func facet(schema string, members map[string]any) map[string]any {
	members["_producer"], members["_schemaURL"] = producer, schemaRoot+schema
	return members
}

// eventTypes are the run's states in OpenLineage's words.
var eventTypes = map[flow.ExecutionStatus]string{
	flow.ExecutionInProgress: "START", flow.ExecutionSuccessful: "COMPLETE", flow.ExecutionError: "FAIL", flow.ExecutionCanceled: "ABORT",
}

func (o *OpenLineage) event(f *Fact) *runEvent {
	x := f.Execution
	e := &runEvent{
		EventType: eventTypes[x.Status], EventTime: f.At, Producer: producer, SchemaURL: schemaRoot + "2-0-2/OpenLineage.json#/$defs/RunEvent",
		Run: lineageRun{ID: x.ID, Facets: o.runFacets(x)},
		Job: lineageJob{Namespace: "weir://" + f.Account + "/" + f.Region, Name: f.Flow.Name, Facets: jobFacets(f)},
	}
	in, out := inputSet{dataset: setOf(f.Flow.Source)}, outputSet{dataset: setOf(f.Flow.Destination)}
	if f.Kind == KindEnd {
		in.InputFacets = map[string]any{"inputStatistics": facet("facets/1-0-0/InputStatisticsInputDatasetFacet.json", map[string]any{
			"rowCount": x.Totals.Read, "size": x.Totals.BytesRead,
		})}
		out.OutputFacets = map[string]any{"outputStatistics": facet("facets/1-0-2/OutputStatisticsOutputDatasetFacet.json", map[string]any{
			"rowCount": x.Totals.Written, "size": x.Totals.BytesWritten,
		})}
	}
	if f.Lineage != nil {
		in.Facets, out.Facets = columnFacets(f.Lineage, in.dataset)
	}
	e.Inputs, e.Outputs = []inputSet{in}, []outputSet{out}
	return e
}

func (o *OpenLineage) runFacets(x *Execution) map[string]any {
	facets := map[string]any{"processing_engine": facet("facets/1-1-1/ProcessingEngineRunFacet.json", map[string]any{"name": "Weir", "version": o.version})}
	if w := x.Window; w != nil {
		facets["nominalTime"] = facet("facets/1-0-1/NominalTimeRunFacet.json", map[string]any{"nominalStartTime": w.From.UTC(), "nominalEndTime": w.To.UTC()})
	}
	if x.Status == flow.ExecutionError {
		facets["errorMessage"] = facet("facets/1-0-1/ErrorMessageRunFacet.json", map[string]any{"message": x.Message, "programmingLanguage": "Go"})
	}
	return facets
}

func jobFacets(f *Fact) map[string]any {
	facets := map[string]any{"jobType": facet("facets/2-0-3/JobTypeJobFacet.json", map[string]any{
		"processingType": "BATCH", "integration": "WEIR", "jobType": "FLOW",
	})}
	if f.Flow.Description != "" {
		facets["documentation"] = facet("facets/1-0-1/DocumentationJobFacet.json", map[string]any{"description": f.Flow.Description})
	}
	return facets
}

// setOf names a dataset (https://openlineage.io/docs/spec/naming): buckets as everybody does, vendors by their connection.
func setOf(e End) dataset {
	if e.Bucket != "" {
		return dataset{Namespace: "s3://" + e.Bucket, Name: orText(strings.Trim(e.Prefix, "/"), "/")}
	}
	return dataset{Namespace: strings.ToLower(string(e.Connector)) + "://" + orText(e.Profile, "default"), Name: orText(e.Object, "default")}
}

// columnFacets are the schemas of both ends, and the column lineage of the output.
func columnFacets(l *Lineage, source dataset) (in, out map[string]any) {
	read, written := []schemaField{}, []schemaField{}
	for _, c := range l.Inputs {
		read = append(read, schemaField{c.Name, string(c.Type), c.Description})
	}
	fields := map[string]any{}
	for _, o := range l.Outputs {
		written = append(written, schemaField{o.Name, string(o.Type), o.Description})
		how := transformation{Type: "DIRECT", Subtype: "IDENTITY", IsMasking: o.IsMasked}
		if o.IsEdited {
			how.Subtype = "TRANSFORMATION"
		}
		from := []inputField{}
		for _, name := range o.From {
			from = append(from, inputField{source.Namespace, source.Name, name, []transformation{how}})
		}
		fields[o.Name] = map[string]any{"inputFields": from}
	}
	lineage := map[string]any{"fields": fields}
	var deciding []inputField
	for _, name := range l.Filters {
		deciding = append(deciding, inputField{source.Namespace, source.Name, name, []transformation{{Type: "INDIRECT", Subtype: "FILTER"}}})
	}
	if deciding != nil {
		lineage["dataset"] = deciding
	}
	const schema = "facets/1-1-1/SchemaDatasetFacet.json"
	in = map[string]any{"schema": facet(schema, map[string]any{"fields": read})}
	out = map[string]any{
		"schema":        facet(schema, map[string]any{"fields": written}),
		"columnLineage": facet("facets/1-2-0/ColumnLineageDatasetFacet.json", lineage),
	}
	return in, out
}
