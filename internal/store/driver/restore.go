package driver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"weir.dev/weir/fault"
)

const (
	restoreRows      = 500      // inserted together
	restoreBytes     = 8 << 20  // or fewer, when they are large
	maxRestoreWindow = 64 << 20 // of the decoder; [Tx.Backup] writes far smaller ones
)

// Restore fills the tables from an archive. The caller commits only when it returns nil.
func (t *Tx) Restore(ctx context.Context, dialect Dialect, r io.Reader) error {
	if err := t.checkEmpty(ctx); err != nil {
		return doing(err, "restoring")
	}
	frame, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxRestoreWindow))
	if err != nil {
		return doing(err, "restoring")
	}
	defer frame.Close()
	a := &archiveReader{lines: bufio.NewReaderSize(frame, 1<<16)}
	if err := t.readArchive(ctx, dialect, a); err != nil {
		return doing(err, "restoring")
	}
	return nil
}

// checkEmpty looks at leases too: a server that is at work holds some.
func (t *Tx) checkEmpty(ctx context.Context) error {
	names := []string{"leases"}
	for _, table := range tables {
		names = append(names, table.name)
	}
	for _, name := range names {
		var one int64
		found, err := t.conn.Row(ctx, fmt.Sprintf("SELECT 1 FROM %s LIMIT 1", name), nil, &one)
		if err != nil {
			return err
		}
		if found {
			return fault.New(fault.Conflict, "the store is not empty: it has %s", strings.ReplaceAll(name, "_", " "))
		}
	}
	return nil
}

func (t *Tx) readArchive(ctx context.Context, dialect Dialect, a *archiveReader) error {
	if err := a.header(dialect.SchemaVersion); err != nil {
		return err
	}
	for _, table := range tables {
		if err := a.section(table); err != nil {
			return err
		}
		if err := t.readTable(ctx, dialect, table, a); err != nil {
			return doing(err, "table %s", table.name)
		}
	}
	trailer, err := a.trailer()
	if err != nil {
		return err
	}
	if err := t.raise(ctx, "LeaseTokenRaise", trailer.LeaseToken); err != nil {
		return err
	}
	return t.raise(ctx, "AuditIDRaise", trailer.AuditID)
}

// raise lifts a counter to at least a value, so that it does not give the archive's numbers out again.
func (t *Tx) raise(ctx context.Context, query string, atLeast int64) error {
	if atLeast <= 0 {
		return nil
	}
	var value int64
	_, err := t.row(ctx, query, []any{atLeast}, &value)
	return err
}

func (t *Tx) readTable(ctx context.Context, dialect Dialect, table table, a *archiveReader) error {
	names := table.columnNames()
	placeholders := make([]string, len(names))
	for i := range names {
		placeholders[i] = dialect.Placeholder(i + 1)
	}
	query := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)",
		table.name, strings.Join(names, ", "), strings.Join(placeholders, ", "))
	for {
		rows, err := a.rows(table)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		if err := t.conn.ExecMany(ctx, query, rows); err != nil {
			return err
		}
	}
}

// archiveReader takes an archive apart, line by line, trusting nothing in it.
type archiveReader struct {
	lines    *bufio.Reader
	rowsRead int64
}

func damaged(format string, args ...any) error {
	return fault.New(fault.Validation, "the archive is damaged: "+format, args...)
}

// line returns the next line without its end. The slice is valid until the next call.
func (a *archiveReader) line() ([]byte, error) {
	var long []byte
	for {
		part, err := a.lines.ReadSlice('\n')
		if len(long)+len(part) > maxArchiveLine {
			return nil, damaged("a line is longer than %d bytes", maxArchiveLine)
		}
		switch {
		case err == nil && long == nil:
			return part[:len(part)-1], nil
		case err == nil:
			return append(long, part[:len(part)-1]...), nil
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, damaged("it ends early")
		default:
			return nil, readFailed(err)
		}
	}
}

// readFailed tells a bad archive from a source that cannot be read.
func readFailed(err error) error {
	for _, bad := range []error{
		zstd.ErrMagicMismatch, zstd.ErrCRCMismatch, zstd.ErrWindowSizeExceeded, zstd.ErrReservedBlockType,
		zstd.ErrCompressedSizeTooBig, zstd.ErrBlockTooSmall, zstd.ErrUnexpectedBlockSize, zstd.ErrDecoderSizeExceeded,
		zstd.ErrUnknownDictionary, zstd.ErrFrameSizeExceeded, zstd.ErrFrameSizeMismatch, zstd.ErrWindowSizeTooSmall,
	} {
		if errors.Is(err, bad) {
			return damaged("%v", err)
		}
	}
	return fault.Wrap(fault.Validation, err, "reading the archive")
}

func (a *archiveReader) header(schemaVersion int64) error {
	line, err := a.line()
	if err != nil {
		return err
	}
	var h archiveHeader
	if json.Unmarshal(line, &h) != nil || h.Format != archiveFormat {
		return damaged("it does not begin like a backup")
	}
	if h.FormatVersion != archiveFormatVersion {
		return fault.New(fault.Validation, "the archive has format version %d, this program reads %d",
			h.FormatVersion, archiveFormatVersion)
	}
	if h.SchemaVersion != schemaVersion {
		return fault.New(fault.Validation, "the archive has schema version %d, this program has %d: "+
			"restore it with the release that wrote it, then upgrade", h.SchemaVersion, schemaVersion)
	}
	return nil
}

func (a *archiveReader) section(want table) error {
	line, err := a.line()
	if err != nil {
		return err
	}
	var s archiveSection
	if json.Unmarshal(line, &s) != nil || s.Table != want.name {
		return damaged("table %s is missing", want.name)
	}
	if !slices.Equal(s.Columns, want.columnNames()) {
		return damaged("table %s has other columns", want.name)
	}
	return nil
}

// rows returns the next rows of the current table as arguments of its insert; none at its end.
func (a *archiveReader) rows(table table) ([][]any, error) {
	var rows [][]any
	size := 0
	for len(rows) < restoreRows && size < restoreBytes {
		if next, err := a.lines.Peek(1); err != nil || next[0] != '[' {
			break // the next line says what is wrong, if anything is
		}
		line, err := a.line()
		if err != nil {
			return nil, err
		}
		row, err := table.parse(line)
		if err != nil {
			return nil, err
		}
		rows, size = append(rows, row), size+len(line)
	}
	a.rowsRead += int64(len(rows))
	return rows, nil
}

func (t table) parse(line []byte) ([]any, error) {
	var values []json.RawMessage
	if err := json.Unmarshal(line, &values); err != nil || len(values) != len(t.columns) {
		return nil, damaged("a row is not a list of %d values", len(t.columns))
	}
	row := make([]any, len(values))
	for i, c := range t.columns {
		v, err := c.kind.parse(values[i])
		if err != nil {
			return nil, damaged("a row's %s is not what it should be", c.name)
		}
		row[i] = v
	}
	return row, nil
}

func (k kind) parse(value json.RawMessage) (any, error) {
	isNull := bytes.Equal(value, []byte("null"))
	switch k {
	case kindDocumentOrNull:
		if isNull {
			return nil, nil
		}
		return document(value)
	case kindDocument:
		return document(value)
	}
	if isNull {
		return nil, errors.New("null")
	}
	switch k {
	case kindInteger:
		return parseAs[int64](value)
	case kindBoolean:
		return parseAs[bool](value)
	case kindBytes:
		return parseAs[[]byte](value)
	case kindInstant:
		us, err := parseAs[int64](value)
		if err != nil {
			return nil, err
		}
		return time.UnixMicro(us.(int64)).UTC(), nil
	}
	return parseAs[string](value)
}

func parseAs[T any](value json.RawMessage) (any, error) {
	var v T
	err := json.Unmarshal(value, &v)
	return v, err
}

// trailer reads the last line, and to the end of the frame: only then is its checksum compared.
func (a *archiveReader) trailer() (*archiveTrailer, error) {
	line, err := a.line()
	if err != nil {
		return nil, err
	}
	var t archiveTrailer
	if json.Unmarshal(line, &t) != nil || !t.End {
		return nil, damaged("it has a line out of place")
	}
	if t.Rows != a.rowsRead {
		return nil, damaged("it has %d rows of %d", a.rowsRead, t.Rows)
	}
	switch _, err := a.lines.ReadByte(); {
	case err == nil:
		return nil, damaged("something follows its end")
	case !errors.Is(err, io.EOF):
		return nil, readFailed(err)
	}
	return &t, nil
}
