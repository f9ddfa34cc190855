package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/formattest"
)

// filesSource reads CSV files that lie in memory, one after the other, as one split: real chunks, real parsing.
type filesSource struct {
	files []formattest.File
	pool  *batch.Pool
	// onPage is asked before a page is fetched, decoding runs before one is decoded. Pages count over the source's life.
	onPage   func(ctx context.Context, page int) error
	decoding func(page int)
	pages    int
	closed   int
}

var _ connector.Reader = (*filesSource)(nil)

func (s *filesSource) Describe(context.Context, flow.Properties) (flow.Schema, error) {
	return flow.Schema{}, errors.New("not needed")
}

func (s *filesSource) Splits(context.Context, connector.ReadRequest, int) ([]connector.Split, error) {
	return nil, errors.New("not needed")
}

type filesCursor struct {
	File int             `json:"file"`
	At   format.Position `json:"at"`
}

func (s *filesSource) Read(_ context.Context, req connector.ReadRequest, _ connector.Split, from connector.Cursor) (connector.Pages, error) {
	p := &filesPages{source: s, req: req}
	if from != nil {
		if err := json.Unmarshal(from, &p.at); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type filesPages struct {
	source *filesSource
	req    connector.ReadRequest
	at     filesCursor
	r      format.Reader
}

func (p *filesPages) Next(ctx context.Context) (connector.Page, error) {
	number := p.source.pages
	p.source.pages++
	if p.source.onPage != nil {
		if err := p.source.onPage(ctx, number); err != nil {
			return nil, err
		}
	}
	for p.at.File < len(p.source.files) {
		if p.r == nil {
			opts := format.ReadOptions{From: p.at.At, ChunkBytes: p.req.ChunkBytes, Pool: p.source.pool}
			for _, f := range p.req.Fields {
				opts.Columns = append(opts.Columns, format.ReadColumn{Name: f, Kind: batch.Kind{Type: batch.Text}})
			}
			r, err := csv.NewReader(ctx, p.source.files[p.at.File], opts)
			if err != nil {
				return nil, err
			}
			p.r = r
		}
		c, err := p.r.Next(ctx)
		if err == nil {
			records := c.End().Record - p.at.At.Record
			p.at.At = c.End()
			cursor, _ := json.Marshal(p.at)
			object := p.source.files[p.at.File].Label
			if n := p.at.File; n > 0 && p.source.files[n-1].Label == object { // one file, read several times
				object += fmt.Sprint(" again ", n)
			}
			return &filesPage{Chunk: c, cursor: cursor, object: object, number: number, source: p.source, records: records}, nil
		}
		p.r.Close()
		p.r = nil
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		p.at = filesCursor{File: p.at.File + 1}
	}
	return nil, io.EOF
}

func (p *filesPages) Close() error {
	p.source.closed++
	if p.r != nil {
		return p.r.Close()
	}
	return nil
}

type filesPage struct {
	format.Chunk
	cursor connector.Cursor
	object string
	number int
	source *filesSource

	records int64
}

func (p *filesPage) Records() int64 { return p.records }

func (p *filesPage) Decode() (*batch.Batch, error) {
	if p.source.decoding != nil {
		p.source.decoding(p.number)
	}
	return p.Chunk.Decode()
}
func (p *filesPage) Cursor() connector.Cursor { return p.cursor }
func (p *filesPage) Object() string           { return p.object }

// crmFiles are files of generated contacts with these numbers of rows.
func crmFiles(t testing.TB, rows ...int) (files []formattest.File) {
	t.Helper()
	for i, n := range rows {
		var buf bytes.Buffer
		require.NoError(t, formattest.CRM{Seed: uint64(i + 1), Rows: n}.WriteCSV(&buf))
		files = append(files, formattest.File{Label: "contacts-" + string(rune('a'+i)) + ".csv", Data: buf.Bytes()})
	}
	return files
}
