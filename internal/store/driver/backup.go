package driver

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Backup writes everything that the transaction sees. Memory does not grow with the number of rows.
func (t *Tx) Backup(ctx context.Context, dialect Dialect, now time.Time, w io.Writer) error {
	frame, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return doing(err, "backing up")
	}
	lines := bufio.NewWriterSize(frame, 1<<16)
	err = t.writeArchive(ctx, dialect, now, lines)
	if err == nil {
		err = lines.Flush()
	}
	if err != nil {
		return doing(err, "backing up") // the frame stays open: a torn archive must not look whole
	}
	return doing(frame.Close(), "backing up")
}

func (t *Tx) writeArchive(ctx context.Context, dialect Dialect, now time.Time, w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err := enc.Encode(archiveHeader{archiveFormat, archiveFormatVersion, dialect.SchemaVersion, micro(now)})
	if err != nil {
		return err
	}
	trailer := archiveTrailer{End: true}
	for _, table := range tables {
		n, err := t.writeTable(ctx, table, enc)
		if err != nil {
			return doing(err, "table %s", table.name)
		}
		trailer.Rows += n
	}
	if _, err = t.row(ctx, "CountersGet", nil, &trailer.LeaseToken, &trailer.AuditID); err != nil {
		return err
	}
	return enc.Encode(trailer)
}

func (t *Tx) writeTable(ctx context.Context, table table, enc *json.Encoder) (int64, error) {
	names := table.columnNames()
	if err := enc.Encode(archiveSection{table.name, names}); err != nil {
		return 0, err
	}
	var n int64
	query := fmt.Sprintf("SELECT %s FROM %s ORDER BY %s", strings.Join(names, ", "), table.name, table.key)
	err := t.conn.Rows(ctx, query, nil, func(scan func(dest ...any) error) error {
		dest := make([]any, len(table.columns))
		for i, c := range table.columns {
			dest[i] = c.kind.dest()
		}
		if err := scan(dest...); err != nil {
			return err
		}
		values := make([]any, len(dest))
		for i := range dest {
			values[i] = archived(dest[i])
		}
		n++
		return enc.Encode(values)
	})
	return n, err
}

func (t table) columnNames() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// documentText receives a JSON column, so that archived can tell it from bytes.
type documentText struct{ sql.Null[[]byte] }

func (k kind) dest() any {
	switch k {
	case kindInteger:
		return new(int64)
	case kindBoolean:
		return new(bool)
	case kindInstant:
		return new(Instant)
	case kindBytes:
		return new([]byte)
	case kindDocument, kindDocumentOrNull:
		return new(documentText)
	}
	return new(string)
}

func archived(dest any) any {
	switch v := dest.(type) {
	case *Instant:
		return v.UnixMicro()
	case *documentText:
		return rawOrNil(v.Null)
	case *[]byte:
		return bytesOrEmpty(*v)
	}
	return dest
}
