package engine

import (
	"errors"
	"io"
	"math"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
)

// noColumns is the encoder of a run whose source had no fields when it was planned: files of nothing but empty lines, or
// empty arrays. It makes no file, because no row comes, and fails when one does.
type noColumns struct{ flow string }

func (e noColumns) Encode([]*batch.Batch) (*format.Block, error) {
	return nil, fault.New(fault.Validation, "writing files of flow %q: the source had no fields in the files that were looked at first, and has records in others; "+
		"map the fields by name, or remove the files without any", e.flow)
}

func (noColumns) BlockRows() int { return math.MaxInt }

func (noColumns) BlockBytes() int64 { return 1 << 20 }

func (noColumns) NewFile() format.File { return noFile{} }

// noFile is a file that is never written.
type noFile struct{}

var errNoColumns = errors.New("a file without columns")

func (noFile) Append(io.Writer, *format.Block) error { return errNoColumns }

func (noFile) Finish(io.Writer) error { return errNoColumns }

func (noFile) Size() int64 { return 0 }
