package engine

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

// tasksPlan maps ten fields to columns of the same names, or, with tasks, to others, of which two are masked, and leaves
// out two fifths of the rows.
func tasksPlan(typ flow.FileType, tasks bool) *plan.Plan {
	p := crmPlan(flow.FileOutput{Type: typ, SingleFile: true})
	p.Source.Read.ChunkBytes = 0
	p.Source.Read.Fields, p.Program.Input, p.Program.Outputs = nil, nil, nil
	for _, name := range []string{"id", "external_id", "first_name", "last_name", "email", "phone", "company", "country", "created_at", "score"} {
		p.Source.Read.Fields = append(p.Source.Read.Fields, name)
		p.Program.Input = append(p.Program.Input, plan.Column{Name: name, Type: flow.TypeText})
		out := plan.Output{Field: name, Name: name}
		if tasks {
			out.Name = "contact_" + name
		}
		p.Program.Outputs = append(p.Program.Outputs, out)
	}
	if tasks {
		p.Program.Filters = []plan.Filter{{Field: "score", Operator: flow.OpGreaterThan, Compare: flow.CompareNumber, Values: []string{"0.4"}}}
		p.Program.Edits = []plan.Edit{
			{Field: "phone", Mask: flow.OpMaskLastN, Length: 4, With: "*"},
			{Field: "email", Mask: flow.OpMaskAll, With: "*"},
		}
	}
	return p
}

// BenchmarkRun_TasksAgainstNone moves the same columns with masks, maps and a filter, and without any, in turns, and
// reports the one's processor time in times the other's. It should stay below 1.3, also without the filter, which saves
// more than it costs.
func BenchmarkRun_TasksAgainstNone(b *testing.B) {
	files := crmFiles(b, 400_000)
	run := func(e *Engine, pool *batch.Pool, p *plan.Plan) time.Duration {
		target := connector.Target{Bucket: nowhere{}, Name: "nowhere", Output: *p.Dest.Files}
		before := cpuTime(b)
		_, err := e.Run(context.Background(), Transfer{Plan: p, Source: &filesSource{files: files, pool: pool}, Target: &target}, forget{})
		require.NoError(b, err)
		return cpuTime(b) - before
	}
	for _, typ := range []flow.FileType{flow.FileCSV, flow.FileJSON, flow.FileParquet} {
		for _, filter := range []bool{true, false} {
			name := string(typ) + "/filter=" + map[bool]string{true: "yes", false: "no"}[filter]
			b.Run(name, func(b *testing.B) {
				pool := &batch.Pool{}
				e := New(Options{Threads: 2, Pool: pool, TempDir: b.TempDir()})
				with := tasksPlan(typ, true)
				if !filter {
					with.Program.Filters = nil
				}
				var none, tasks time.Duration
				for b.Loop() {
					none += run(e, pool, tasksPlan(typ, false))
					tasks += run(e, pool, with)
				}
				b.ReportMetric(float64(tasks)/float64(none), "times-none")
			})
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
