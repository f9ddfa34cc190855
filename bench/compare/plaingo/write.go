package plaingo

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
)

// groupRows is how many rows go into a row group; DuckDB's default.
const groupRows = 122_880

func createFile(dir, kind string) (file, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return file{}, err
	}
	f, err := os.Create(filepath.Join(dir, "part."+kind))
	return file{f, bufio.NewWriterSize(f, buffer)}, err
}

func createContacts(dir string) (sink[contact], error) {
	out, err := createFile(dir, "parquet")
	return newParquet(out, storeContact), err
}

func createLeads(dir, kind string) (sink[lead], error) {
	out, err := createFile(dir, kind)
	switch kind {
	case "parquet":
		return newParquet(out, storeLead), err
	case "json":
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return &jsonSink{out, enc}, err
	}
	s := &csvSink{file: out, w: csv.NewWriter(out)}
	return s, errors.Join(err, s.w.Write(leadHeader))
}

type file struct {
	f *os.File
	*bufio.Writer
}

func (f file) close() error { return errors.Join(f.Flush(), f.f.Close()) }

// parquetSink writes rows of type T as rows of type S.
type parquetSink[T, S any] struct {
	file
	w      *parquet.GenericWriter[S]
	store  func(*T) S
	stored []S
}

func newParquet[T, S any](out file, store func(*T) S) *parquetSink[T, S] {
	w := parquet.NewGenericWriter[S](out.Writer, parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(groupRows))
	return &parquetSink[T, S]{file: out, w: w, store: store}
}

func (s *parquetSink[T, S]) write(rows []T) error {
	s.stored = s.stored[:0]
	for i := range rows {
		s.stored = append(s.stored, s.store(&rows[i]))
	}
	_, err := s.w.Write(s.stored)
	return err
}

func (s *parquetSink[T, S]) close() error { return errors.Join(s.w.Close(), s.file.close()) }

type jsonSink struct {
	file
	enc *json.Encoder
}

func (s *jsonSink) write(rows []lead) error {
	for i := range rows {
		stored := storeLead(&rows[i])
		if err := s.enc.Encode(&stored); err != nil {
			return err
		}
	}
	return nil
}

type csvSink struct {
	file
	w   *csv.Writer
	rec []string
}

func (s *csvSink) write(rows []lead) error {
	for i := range rows {
		r := &rows[i]
		s.rec = append(s.rec[:0], r.ID, r.Ref, r.Name, r.Email, r.Phone, r.Company, r.Country, r.Segment, r.CreatedAt, r.Weighted)
		if err := s.w.Write(s.rec); err != nil {
			return err
		}
	}
	return nil
}

func (s *csvSink) close() error {
	s.w.Flush()
	return errors.Join(s.w.Error(), s.file.close())
}

// partition is what a folder holds.
type partition struct{ country, segment string }

// partitioned writes each row into the file of its partition. All files stay open.
type partitioned struct {
	dir  string
	open map[partition]sink[lead]
	rows map[partition][]lead
}

// write groups the rows first, because a writer takes many rows faster than one at a time.
func (p *partitioned) write(rows []lead) error {
	if p.rows == nil {
		p.rows = map[partition][]lead{}
	}
	for i := range rows {
		key := partition{rows[i].Country, rows[i].Segment}
		p.rows[key] = append(p.rows[key], rows[i])
	}
	for key, group := range p.rows {
		w, err := p.writer(key)
		if err == nil {
			err = w.write(group)
		}
		if err != nil {
			return err
		}
		p.rows[key] = group[:0]
	}
	return nil
}

func (p *partitioned) writer(key partition) (sink[lead], error) {
	if w := p.open[key]; w != nil {
		return w, nil
	}
	folder := filepath.Join(p.dir, "country="+folderName(key.country), "segment="+folderName(key.segment))
	w, err := createLeads(folder, "parquet")
	if err != nil {
		return nil, err
	}
	p.open[key] = w
	return w, nil
}

func (p *partitioned) close() error {
	var errs []error
	for _, w := range p.open {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

func folderName(value string) string {
	if value == "" {
		return "__HIVE_DEFAULT_PARTITION__"
	}
	return url.PathEscape(value)
}
