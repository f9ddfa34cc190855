package engine

import (
	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/format/compress"
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
		cols[i] = format.Column{Name: o.Name, Path: o.Path, Out: transform.KindOf(o.Type, o.Dec)}
	}
	if len(cols) == 0 {
		return noColumns{flow: p.FlowName}, nil
	}
	how := p.Dest.Files.Compression
	switch t := p.Dest.Files.Type; t {
	case flow.FileCSV:
		e, err := csv.NewEncoder(cols)
		return compressed(e, err, how, pool)
	case flow.FileJSON, "":
		e, err := jsonl.NewEncoder(cols) // values keep the type they have in the source
		return compressed(e, err, how, pool)
	case flow.FileParquet:
		for i := range cols {
			if cols[i].Out == (batch.Kind{}) { // a file has one type for a column, whatever the source delivers
				cols[i].Out = batch.Kind{Type: batch.String}
			}
		}
		return parquet.NewEncoder(cols, parquet.Options{Codec: codecs[how], BlockBytes: parquetBlock, Pool: pool})
	default:
		return nil, fault.New(fault.Validation, "writing files of flow %q: unknown file type %q", p.FlowName, t)
	}
}

// codecs are the compressions inside Parquet files. Snappy is the zero value, and what a flow gets that names none.
var codecs = map[flow.Compression]parquet.Codec{
	flow.CompressionNone: parquet.None, flow.CompressionGzip: parquet.Gzip, flow.CompressionZstd: parquet.Zstd,
}

// compressed puts a compression around an encoder of text, unless the encoder could not be made.
func compressed(e format.Encoder, err error, how flow.Compression, pool *batch.Pool) (format.Encoder, error) {
	if err != nil {
		return nil, err
	}
	switch how {
	case "", flow.CompressionNone:
		return e, nil
	case flow.CompressionGzip:
		return compress.NewEncoder(e, compress.Gzip, pool)
	case flow.CompressionZstd:
		return compress.NewEncoder(e, compress.Zstd, pool)
	}
	return nil, fault.New(fault.Validation, "writing text files: compression %q is for Parquet", how)
}
