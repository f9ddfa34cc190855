package plaingo

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
)

// groupRows is how many rows go into a row group; DuckDB's default.
const groupRows = 122_880

// create opens the file dir/name.kind for rows of type T: any for Parquet, leads for the others.
func create[T any](dir, name, kind string) (sink[T], error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, name+"."+kind))
	if err != nil {
		return nil, err
	}
	out := file{f, bufio.NewWriterSize(f, buffer)}
	if kind == "parquet" {
		return &parquetSink[T]{out, parquet.NewGenericWriter[T](out.Writer, parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(groupRows))}, nil
	}
	var w sink[lead]
	if kind == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		w = &jsonSink{out, enc}
	} else {
		c := &csvSink{file: out, w: csv.NewWriter(out), rec: make([]string, len(leadHeader))}
		if err := c.w.Write(leadHeader); err != nil {
			return nil, err
		}
		w = c
	}
	s, ok := w.(sink[T])
	if !ok {
		return nil, fmt.Errorf("writing %s is for leads only", kind)
	}
	return s, nil
}

type file struct {
	f *os.File
	*bufio.Writer
}

func (f file) close() error { return errors.Join(f.Flush(), f.f.Close()) }

type parquetSink[T any] struct {
	file
	w *parquet.GenericWriter[T]
}

func (s *parquetSink[T]) write(rows []T) error { _, err := s.w.Write(rows); return err }
func (s *parquetSink[T]) close() error         { return errors.Join(s.w.Close(), s.file.close()) }

type jsonSink struct {
	file
	enc *json.Encoder
}

func (s *jsonSink) write(rows []lead) error {
	for i := range rows {
		r := &rows[i]
		err := s.enc.Encode(&jsonLead{
			present(&r.ID), present(&r.Ref), present(&r.Name), present(&r.Email), present(&r.Phone), present(&r.Company),
			present(&r.Country), present(&r.Segment), present(&r.CreatedAt), present(&r.Weighted),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func present(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
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
	w, err := create[lead](folder, "part", "parquet")
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
