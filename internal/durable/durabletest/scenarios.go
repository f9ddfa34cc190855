package durabletest

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/engine"
)

// Plain are the scenarios that need no more of the data path than [PlainMover]: they are about engines.
func Plain() []Scenario {
	mover := func() durable.Mover { return PlainMover{} }
	files := Folder(flow.FileOutput{Prefix: "lake", Type: flow.FileJSON})
	window := &flow.Window{From: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)}
	return []Scenario{
		{
			Name: "Files", Objects: []Object{{2, 3}, {1, 4}, {0, 0}}, Dest: files, Window: window, Mover: mover,
			Want: flow.ExecutionSuccessful, Message: "Successfully processed 10 records",
		},
		{
			Name: "Rows", Objects: []Object{{2, 3}, {1, 4}}, Dest: flow.Destination{Connector: Rows}, Mover: mover,
			Want: flow.ExecutionSuccessful, Message: "Successfully processed 10 records",
		},
		{
			Name: "Nothing", Dest: files, Mover: mover, Window: window,
			Want: flow.ExecutionSuccessful, Message: "Successfully processed 0 records",
		},
		{
			Name: "Refused", Objects: []Object{{2, 3}, {2, 4}}, Dest: files, Mover: mover, Window: window, Trouble: refuses,
			Want: flow.ExecutionError, Message: `reading "object-1": record 5 is broken`,
		},
		{
			Name: "Unsteady", Objects: []Object{{2, 3}, {1, 4}}, Dest: files, Mover: mover, Trouble: unsteady,
			Want: flow.ExecutionSuccessful, Message: "Successfully processed 10 records",
		},
		{
			Name: "Postponed", Objects: []Object{{2, 3}, {2, 2}}, Dest: flow.Destination{Connector: Rows}, Mover: mover, Trouble: recovers,
			Tags: map[string]string{flow.TagRetries: "2/10m"}, Want: flow.ExecutionSuccessful, Message: "Successfully processed 10 records",
		},
	}
}

// Real are the scenarios that move rows with the real data path.
func Real() []Scenario {
	mover := func() durable.Mover { return engine.New(engine.Options{Threads: 2}) }
	base := Scenario{
		Objects: []Object{{3, 40}, {1, 25}, {2, 30}}, Mover: mover,
		Want: flow.ExecutionSuccessful, Message: "Successfully processed 205 records",
	}
	with := func(name string, out flow.FileOutput, tasks ...flow.Task) Scenario {
		sc := base
		out.Prefix = "lake"
		sc.Name, sc.Dest, sc.Tasks = name, Folder(out), tasks
		return sc
	}
	task := func(kind flow.TaskType, op flow.Operator, field string, props map[string]string) flow.Task {
		t := flow.Task{Type: kind, Operators: map[string]flow.Operator{string(Rows): op}, Properties: props}
		if field != "" {
			t.SourceFields = []string{field}
		}
		return t
	}
	fewer := func(sc Scenario) Scenario { // many files make many calls
		sc.Objects, sc.Message = []Object{{2, 4}, {1, 5}}, "Successfully processed 13 records"
		return sc
	}
	named := task(flow.TaskValidate, flow.OpValidateNonNull, "name", map[string]string{flow.PropValidationAction: flow.ActionDropRecord})
	byName := task(flow.TaskPartition, flow.OpNoOp, "", map[string]string{flow.PropOrderedPartitionKeysList: `["name"]`})
	rows := base
	rows.Name, rows.Dest, rows.Tasks = "RowsToRows", flow.Destination{Connector: Rows}, []flow.Task{named}
	// Error files lie in the output's own bucket and folder, where the two could get into each other's way.
	errors := func(sc Scenario, name string) Scenario {
		sc.Name, sc.Tags = name, map[string]string{flow.TagErrors: "out/lake"}
		return sc
	}
	ended := errors(with("", flow.FileOutput{Type: flow.FileCSV, SingleFile: true},
		task(flow.TaskValidate, flow.OpValidateNonNull, "name", map[string]string{flow.PropValidationAction: flow.ActionDropDataset})), "EndedErrorFiles")
	ended.Want, ended.Message = flow.ExecutionError, "DropDataset"
	return []Scenario{
		with("JSON", flow.FileOutput{Type: flow.FileJSON}),
		with("CSVSingleFile", flow.FileOutput{Type: flow.FileCSV, SingleFile: true}),
		with("ParquetTargetSize", flow.FileOutput{Type: flow.FileParquet, SingleFile: true, TargetFileSize: 1500}),
		fewer(with("CSVPartitions", flow.FileOutput{Type: flow.FileCSV, ExecutionID: true}, byName)),
		with("JSONRejects", flow.FileOutput{Type: flow.FileJSON, PrefixType: flow.PrefixPath, PrefixFormat: flow.PrefixDay}, named),
		rows,
		errors(rows, "RowsErrorFiles"),
		errors(with("", flow.FileOutput{Type: flow.FileJSON}, named), "JSONErrorFiles"),
		errors(with("", flow.FileOutput{Type: flow.FileCSV, SingleFile: true}, named), "SingleFileErrorFiles"),
		ended,
	}
}

// Folder is a destination of files in the world's bucket.
func Folder(out flow.FileOutput) flow.Destination {
	props, err := json.Marshal(out)
	if err != nil {
		panic(err) // a struct of strings
	}
	return flow.Destination{Connector: Files, Properties: props}
}

// refuses has a broken record that no repetition mends.
func refuses() func(context.Context, int, int) error {
	return func(_ context.Context, object, page int) error {
		if object == 1 && page == 1 {
			return fault.New(fault.ConnectorServer, `reading "object-1": record 5 is broken`)
		}
		return nil
	}
}

// recovers fails twice in a way that ends a run, and is well after that.
func recovers() func(context.Context, int, int) error {
	var visits atomic.Int32
	return func(_ context.Context, object, page int) error {
		if object == 1 && page == 1 && visits.Add(1) <= 2 {
			return fault.New(fault.ConnectorServer, "the application is being maintained")
		}
		return nil
	}
}

// unsteady fails three times before every page: with a torn connection, with a request to slow down, and again.
func unsteady() func(context.Context, int, int) error {
	type page struct{ object, page int }
	var mu sync.Mutex
	failed := map[page]int{} // guarded by mu
	return func(_ context.Context, object, n int) error {
		mu.Lock()
		defer mu.Unlock()
		at := page{object, n}
		if failed[at] == 3 {
			return nil
		}
		failed[at]++
		if failed[at] == 2 {
			return &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, RetryAfter: time.Minute, Message: "slow down"}
		}
		return fault.Temporary(fault.ConnectorServer, nil, "the connection was torn")
	}
}
