package engine

import (
	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/jsonl"
	"weir.dev/weir/format/parquet"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform"
)

// parquetBlock is the text of a row group. With the headers of its cells such a block pins about 40 MiB, so that two
// can be encoded while a third is collected within the default memory.
const parquetBlock = 16 << 20

// encoderOf makes the encoder of the plan's files.
func encoderOf(p *plan.Plan, pool *batch.Pool) (format.Encoder, error) {
	cols := make([]format.Column, len(p.Program.Outputs))
	for i, o := range p.Program.Outputs {
		cols[i] = format.Column{Name: o.Name, Out: transform.KindOf(o.Type, o.Dec)}
	}
	switch t := p.Dest.Files.Type; t {
	case flow.FileCSV:
		return csv.NewEncoder(cols)
	case flow.FileJSON, "":
		return jsonl.NewEncoder(cols) // values keep the type they have in the source
	case flow.FileParquet:
		for i := range cols {
			if cols[i].Out == (batch.Kind{}) { // a file has one type for a column, whatever the source delivers
				cols[i].Out = batch.Kind{Type: batch.String}
			}
		}
		return parquet.NewEncoder(cols, parquet.Options{BlockBytes: parquetBlock, Pool: pool})
	default:
		return nil, fault.New(fault.Validation, "writing files of flow %q: unknown file type %q", p.FlowName, t)
	}
}
